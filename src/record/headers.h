/* headers: how far the headers of a packet reach, and what they say about its flow.
 *
 * Headers are: VLAN tags, IPv4 with options or IPv6 with its extension headers, and the transport's: TCP with
 * options, UDP, SCTP's common header, ICMP's 8 bytes. An ICMP error repeats the packet that it is about:
 * that one's IP header and 8 bytes more belong to it; neighbour discovery and multicast listeners name
 * addresses there: 64 bytes more. Of a transport that is not known its first 8 bytes are kept. A fragment
 * that is not the first has no transport header. Sources: RFC 791, 792, 4443, 4861, 8200, 9293; IEEE 802.1Q.
 */
#ifndef SEALTAP_RECORD_HEADERS_H
#define SEALTAP_RECORD_HEADERS_H

#include "base/err.h"
#include "base/ip.h"
#include "base/span.h"

#define HEADERS_TAGS 4       /* VLAN tags beside the one that the kernel took out */
#define HEADERS_EXTENSIONS 8 /* of IPv6 */
#define HEADERS_TCP 6

struct headers {
	uint32_t len;       /* bytes from the EtherType on, itself included; <= those at hand */
	uint32_t unknown;   /* the last of these: of a transport that is not known */
	bool has_addresses; /* also when the rest could not be read: the next two hold */
	struct ip from, to;
	uint8_t protocol; /* of IP: the last one that was reached */
	bool has_ports;   /* the next three hold */
	uint16_t from_port, to_port;
	bool syn; /* TCP: a connection begins */
};

/* frame: from the EtherType on. ERR_UNSUPPORTED: neither IPv4 nor IPv6. ERR_SYNTAX: a header is cut short,
 * contradicts itself or there are too many. *h has no len then. */
enum err headers_read(struct span frame, struct headers *h) MUST_USE;

#endif
