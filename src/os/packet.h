/* packet: IPv4 datagrams through a packet socket (AF_PACKET, SOCK_DGRAM) that somebody else opened, on links
 * that may have no address yet.
 *
 * Bytes start at the IP header. Source: packet(7).
 */
#ifndef SEALTAP_OS_PACKET_H
#define SEALTAP_OS_PACKET_H

#include "base/buf.h"

struct packet_origin {
	uint32_t ifindex;
	bool checksum_ready; /* false: the sender's kernel left the transport checksum to hardware that was
				not there */
};

/* Once, before packet_receive(): without it checksum_ready would not be known. */
enum err packet_prepare(int fd) MUST_USE;
/* To the link's broadcast address. */
enum err packet_broadcast(int fd, uint32_t ifindex, struct span datagram) MUST_USE;
/* The next datagram that came in, into b, cut at its capacity. ERR_MORE: none now. */
enum err packet_receive(int fd, struct buf *b, struct packet_origin *from) MUST_USE;

#endif
