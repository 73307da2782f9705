/* ct: the kernel's connection tracking as ctnetlink tells it: events, and the answer to a dump.
 *
 * A flow has two tuples: `orig` as its first packet came, `reply` as the answers come: where addresses or
 * ports are translated, reply is what the far side sees, turned round. Counters are the kernel's
 * (nf_conntrack_acct): packets, and bytes from the IP header on; fragments count as the one datagram they
 * make, and SYNs that are repeated before an answer are not counted. Times are there with
 * nf_conntrack_timestamp. Sources: linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h,
 * nf_conntrack_tcp.h.
 */
#ifndef SEALTAP_NET_CT_H
#define SEALTAP_NET_CT_H

#include "base/ip.h"
#include "net/nlmsg.h"

#define CT_ICMP 1
#define CT_TCP 6
#define CT_UDP 17
#define CT_ICMPV6 58

struct ct_tuple {
	struct ip src, dst;
	uint16_t sport, dport; /* 0 where the protocol has none */
	uint16_t icmp_id;      /* ICMP and ICMPv6, with the next two; else 0 */
	uint8_t icmp_type, icmp_code;
};

enum ct_way { CT_OUT, CT_IN }; /* as the flow began, and back */

/* enum tcp_conntrack, as far as it matters here. */
enum ct_tcp_state {
	CT_TCP_NONE,
	CT_TCP_FIN_WAIT = 4,
	CT_TCP_CLOSE_WAIT,
	CT_TCP_LAST_ACK,
	CT_TCP_TIME_WAIT,
	CT_TCP_CLOSE
};

#define CT_ANSWERED 0x2u /* enum ip_conntrack_status: IPS_SEEN_REPLY */
#define CT_ASSURED 0x4u
#define CT_SRC_NAT 0x10u
#define CT_DST_NAT 0x20u

struct ct_flow {
	struct ct_tuple orig, reply;
	uint64_t packets[2], bytes[2]; /* by enum ct_way; 0 where the kernel does not say */
	uint64_t start_ns, stop_ns;    /* real time; 0: not told */
	uint32_t id;                   /* the kernel's; tells one life of a tuple from the next */
	uint32_t status;               /* CT_ANSWERED and so on */
	uint32_t timeout_s;            /* what is left; 0: run out, or not told */
	uint8_t proto;                 /* IP's number */
	uint8_t tcp_state;             /* enum tcp_conntrack; CT_TCP_NONE: not told */
};

/* An event, or a part of a dump's answer. gone: the flow is no more. ERR_UNSUPPORTED: another message;
 * ERR_MISSING: without one of both tuples; ERR_SYNTAX. */
enum err ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone) MUST_USE;

/* Asks for all flows; dying: for those that are over, whose last event could not be delivered yet. */
void ct_dump(struct buf *b, uint32_t seq, bool dying);

#endif
