/* dhcpsock: the packet socket of the DHCP client: IPv4 packets to UDP port 68 on any link, from any address,
 * also before the link has one.
 *
 * AF_PACKET, SOCK_DGRAM: reads and writes start at the IP header; sendto() names the link. Opened by init,
 * which alone may. Source: packet(7), RFC 2131 section 4.1.
 */
#ifndef SEALTAP_OS_DHCPSOCK_H
#define SEALTAP_OS_DHCPSOCK_H

#include "base/err.h"

/* *fd is the caller's. ERR_SYSTEM. */
enum err dhcpsock_open(int *fd) MUST_USE;

#endif
