/* ring_filter: the classic BPF program on the recorder's socket: which links are recorded, and which packets
 * only by their headers.
 *
 * Everything that arrives on an admitted link is recorded whole, except the appliance's own TCP connections,
 * which are cut to their headers. Own is: untagged, addressed to this host (PACKET_HOST), IPv4 and no later
 * fragment, or IPv6 without extension headers, TCP, to an own address and a port of the reserved range; as
 * long as no own IPv4 address is known, to any of IPv4: what is still sent to this machine's life before it
 * may be an answer of IMDS. Without an own IPv6 address nothing of IPv6 is own. What is too short or too odd
 * to be sure of is recorded whole. No load can miss the packet: the kernel would drop it silently.
 * Sources: Documentation/networking/filter.rst, linux/filter.h, RFC 791, RFC 8200, RFC 9293.
 */
#ifndef SEALTAP_RECORD_RING_FILTER_H
#define SEALTAP_RECORD_RING_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#include "base/ip.h"

#define RING_FILTER_LINKS 8
#define RING_FILTER_ADDRESSES 40  /* of IPv4 */
#define RING_FILTER_ADDRESSES6 20 /* of IPv6 */
#define RING_FILTER_SNAPLEN 262144u

struct ring_filter {
	struct sock_filter program[320];
	uint16_t len; /* instructions */
};

/* ifindex: admitted links; none: nothing is recorded. own: own addresses of either family. Ports in host
 * order, first <= last (else ERR_RANGE). ERR_TOO_LONG: more links or addresses than fit. */
enum err ring_filter_build(const uint32_t *ifindex, uint32_t ifindex_count, const struct ip *own,
			   uint32_t own_count, uint16_t first_port, uint16_t last_port,
			   struct ring_filter *out) MUST_USE;

#endif
