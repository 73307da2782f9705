/* nflog: packets that a rule of the packet filter logs, as the kernel hands them over (NFLOG), and how a
 * socket asks for them.
 *
 * A rule names its group and gives a prefix, here the reason why the packet is not forwarded. A gap in the
 * sequence numbers is packets that found the socket full. Sources: linux/netfilter/nfnetlink_log.h,
 * nfnetlink.h.
 */
#ifndef SEALTAP_NET_NFLOG_H
#define SEALTAP_NET_NFLOG_H

#include "net/nlmsg.h"

#define NFLOG_PREFIX_MAX 32 /* with terminator; a longer one is cut */

struct nflog_packet {
	char reason[NFLOG_PREFIX_MAX]; /* the rule's prefix without blanks around; printable ASCII, others are
					  '?' */
	uint32_t in, out;              /* ifindex; 0: none */
	uint64_t ns;                   /* real time; 0: not told */
	uint32_t seq;
	bool has_seq;
	uint16_t ether_type; /* of the payload; 0: not told */
	uint8_t mac[6];      /* who sent it, as the link says; zeros: not told */
	struct span payload; /* borrowed: the packet from its IP header on, perhaps cut */
};

/* ERR_UNSUPPORTED: another message; ERR_SYNTAX. */
enum err nflog_read(const struct nlmsg *m, struct nflog_packet *p) MUST_USE;

/* Binds the socket to a group, with at most copy_bytes of each packet and with sequence numbers; two
 * messages, seq and seq + 1, each acknowledged. */
void nflog_bind(struct buf *b, uint32_t seq, uint16_t group, uint32_t copy_bytes);

#endif
