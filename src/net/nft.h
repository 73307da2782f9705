/* clang-format off: a rule stands on a line */
/* nft: the gateway's whole nftables rule set as one netlink batch that takes effect at once or not at all.
 *
 * Open, the table `inet sealtap` holds, in nft(8)'s words (OUT, IN: the links, by index, as the rings' filter
 * has it: a link that comes back under an old name is not forwarded before it is recorded):
 *
 *   chain sources { type filter hook prerouting priority raw
 *     ip6 saddr fe80::/10 accept                              never forwarded; neighbours need it
 *     ip saddr 224.0.0.0/3 goto spoofed
 *     ip saddr 0.0.0.0/8 ip daddr != 255.255.255.255 goto spoofed
 *     iif IN fib saddr . iif oif missing goto unrouted
 *     iif OUT fib saddr . iif oif missing goto spoofed }
 *   chain unrouted                                            to the outside's address, perhaps: what is sent
 *     meta mark set NFT_MARK_BY_MAIN                          from there to hosts inside leaves outside
 *     fib saddr . mark . iif oif missing goto spoofed
 *   chain translate { type nat hook prerouting priority dstnat
 *     iif OUT ip fib daddr . iif type local jump publish
 *     iif IN ip fib daddr type local fib daddr . iif type != local jump publish }
 *   chain publish
 *     { for each: PROTOCOL [ip saddr FROM] dport PORTS counter dnat ip to ADDRESS[:PORT] }
 *   chain tracked { type filter hook prerouting priority filter
 *     ct state invalid goto invalid }
 *   chain forward { type filter hook forward priority filter; policy drop
 *     ip daddr 169.254.0.0/16 goto link-local
 *     ip6 daddr fd00:ec2::/32 goto link-local
 *     iif IN oif IN ct direction reply ct status & dnat == 0 goto spoofed
 *                                                             who answers what went outward is outside
 *     tcp flags syn / syn,rst tcp option maxseg size set rt mtu
 *     ct state established,related accept
 *     ct status confirmed accept                              a flow without an answer yet
 *     iif IN oif OUT goto out
 *     iif OUT oif IN goto in
 *     iif IN oif IN ct status dnat goto new
 *     goto denied }
 *   chain out { the configuration's `out` lines: MATCH counter goto new|denied; goto new|denied }
 *   chain in { the configuration's `in` lines; ct status dnat goto new; goto denied }
 *   chain new {                                               for each family, where configured:
 *     update @rate { saddr limit rate over N/second } goto limit
 *     add @flows { saddr ct count over N } goto limit
 *     accept }
 *   chain postrouting { type nat hook postrouting priority srcnat
 *     iif IN oif OUT ip PORTS                                 nothing, without NAT
 *     iif IN oif IN ip ct status dnat PORTS }                 so that the answer comes back here
 *   PORTS, with `snat ip to ADDRESS:` for `masquerade to :` towards OUT where it is configured:
 *     ct original proto-src 1-67 masquerade to :1-67
 *     ct original proto-src 68-511 masquerade to :69-1023
 *     ct original proto-src 512-1023 masquerade to :512-1023
 *     ct original proto-src 64512-65535 masquerade to :1024-64511    by offset; nft(8) has no word for it
 *     masquerade to :1024-64511
 *   chains input, output, begin: see net/nft_own.h; the same when closed
 *
 * A lookup of a route costs more than all the rest that a packet of a known flow meets. Each has one, for its
 * source, before conntrack, whose state no spoofed packet may touch; only what is sent from inside to the
 * outside's address has two.
 *
 * With an evidence link (EVI) `sources` ends with the first of these, and `forward` begins with the others:
 *
 *     iif EVI fib saddr . iif oif missing fib daddr type != { broadcast, multicast } goto evidence
 *     iif EVI goto evidence
 *     oif EVI goto evidence
 *
 * Closed, `tracked` sends to `stopped` what is not for the appliance itself, and `forward` all; `sources` is
 * the same once the links are known. Each reason is a chain: counter, log to NFT_LOG_GROUP, drop (accept for
 * errors: they go out). No host may reach the link-local services of EC2 through here: IMDS answers with the
 * appliance's credentials. Invalid packets end before they could reach the appliance's own TCP, which would
 * reset flows that are not its own. An echo's identifier is a port, too. Source: linux/netfilter/nf_tables.h.
 */
/* clang-format on */
#ifndef SEALTAP_NET_NFT_H
#define SEALTAP_NET_NFT_H

#include "base/conf_gateway.h"
#include "net/nft_own.h"

/* Why a packet was not let through; a chain, a counter and a log prefix have this name. The last three are of
 * ICMP errors that the appliance sends: they hold the beginning of that packet. */
#define NFT_REASON_LIST(X)                                                             \
	X(NFT_DENIED, "denied")                 /* by the configuration */             \
	X(NFT_LIMIT, "limit")                   /* its source has too many flows */    \
	X(NFT_SPOOFED, "spoofed")               /* its source can't come from there */ \
	X(NFT_STOPPED, "stopped")               /* forwarding is closed */             \
	X(NFT_INVALID, "invalid")               /* it belongs to no flow */            \
	X(NFT_LINK_LOCAL, "link-local")         /* to a link-local service */          \
	X(NFT_STATUS, "status-port")            /* to it, not of status.sources */     \
	X(NFT_EVIDENCE, "evidence")             /* by the evidence link */             \
	X(NFT_TO_APPLIANCE, "to-appliance")     /* which did not ask for it */         \
	X(NFT_FROM_APPLIANCE, "from-appliance") /* which is not to speak so */         \
	X(NFT_TOO_BIG, "too-big")               /* for the next link */                \
	X(NFT_TTL, "ttl")                       /* its hop limit ended here */         \
	X(NFT_UNREACHABLE, "unreachable")       /* no route, or no neighbour */

enum nft_reason {
#define X(name, text) name,
	NFT_REASON_LIST(X)
#undef X
		NFT_REASONS
};

const char *nft_reason_name(enum nft_reason r);

#define NFT_LOG_GROUP 5
#define NFT_LOG_BYTES 128 /* of each packet */

/* Source ports of translated flows, apart from the appliance's own; privileged ones stay so. */
#define NFT_PORT_FIRST 1024
#define NFT_PORT_LAST CONF_PORT_MAX

/* What bears it is routed by the main table, whatever it is sent from: a rule must say so. */
#define NFT_MARK_BY_MAIN 1u

struct nft_gateway {
	bool fresh; /* counters begin at 0; else what the table counted before goes on */
	bool open;
	struct nft_status status;
	uint32_t evidence;               /* ifindex; 0: there is none */
	uint32_t outside, inside;        /* ifindex; 0: not known, only when closed */
	const struct conf_gateway *conf; /* borrowed; only when open */
};

/* Bytes that always suffice. */
#define NFT_CLOSE_BYTES 2048
#define NFT_BATCH_BYTES 163840

/* Messages are numbered from seq on; the last before the batch's end asks for an acknowledgement. */
void nft_replace(struct buf *b, uint32_t seq, const struct nft_gateway *g);
/* Nothing is forwarded any more; what is for the appliance itself, and from it, stays as it was, and the look
 * at sources. The kernel refuses it where there is no rule set yet. */
void nft_close(struct buf *b, uint32_t seq);

/* Of its counters: the reasons, "publish-LINE", "allow-LINE", "deny-LINE". */
#define NFT_COUNTERS_MAX (NFT_REASONS + CONF_PUBLISHED + CONF_FORWARD_RULES)

#endif
