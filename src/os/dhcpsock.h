/* dhcpsock: the packet socket of the DHCP client: IPv4 packets to UDP port 68 on any link, from any address,
 * also before the link has one.
 *
 * AF_PACKET, SOCK_DGRAM: datagrams begin at their IP header. Opened by init, which alone may, and used by
 * net. Source: packet(7), RFC 2131 section 4.1.
 */
#ifndef SEALTAP_OS_DHCPSOCK_H
#define SEALTAP_OS_DHCPSOCK_H

#include "base/buf.h"

/* *fd is the caller's. ERR_SYSTEM. */
enum err dhcpsock_open(int *fd) MUST_USE;

struct dhcpsock_origin {
	uint32_t ifindex;
	bool checksum_ready; /* false: the sender's kernel left it to hardware that was not there */
};

/* To the link's broadcast address. ERR_SYSTEM. */
enum err dhcpsock_broadcast(int fd, uint32_t ifindex, struct span datagram) MUST_USE;
/* The next datagram that came in, into b, cut at its capacity. ERR_MORE: none now; ERR_SYSTEM. */
enum err dhcpsock_receive(int fd, struct buf *b, struct dhcpsock_origin *from) MUST_USE;

#endif
