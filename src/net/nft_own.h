/* clang-format off: a rule stands on a line */
/* nft_own: the packet filter for the appliance itself: what may reach it, and what its roles may begin. The
 * same whether forwarding is open or closed. In nft(8)'s words (IN: the inside link, EVI: the evidence link):
 *
 *   chain input { type filter hook input priority filter; policy drop
 *     iif IN ct direction reply fib daddr . iif type != local goto spoofed
 *                                                             who answers the outside's address is outside
 *     ct state established,related accept                     related: ICMP errors, as of the path's MTU
 *     udp sport 67 udp dport 68 drop                          DHCP's answers: a packet socket has had them
 *     icmpv6 type 133-136 accept                              router and neighbour discovery; of 134, router
 *                                                             advertisements, first @th,64,64 set 0
 *     iif EVI goto evidence
 *     tcp dport PORT iif LINK ip|ip6 saddr SOURCE accept      the status port, for each source
 *     tcp dport PORT goto status-port
 *     goto to-appliance }
 *   chain output { type filter hook output priority filter; policy drop
 *     icmp type ... drop | accept | goto too-big|ttl|unreachable
 *     ct state established,related accept
 *     icmpv6 type 133|135|136|143 accept                      143: multicast listeners, for switches
 *     ct state new goto begin
 *     goto from-appliance }
 *   chain begin {
 *     meta skuid UID_NET udp dport 53|123 accept
 *     meta skuid UID_NET tcp dport 53 accept
 *     meta skuid UID_KEYS ip daddr 169.254.169.254 tcp dport 80 accept     and fd00:ec2::254
 *     meta skuid . ip daddr . tcp dport @goals4 accept                     and goals6
 *     goto from-appliance }
 *
 * The kernel has no setting to refuse what a router advertises as its neighbours' times: zeros say nothing.
 * Who may not ask finds nothing, not even a closed port. The ICMP errors are the kernel's own: they are of no
 * user, and mostly of no flow; that there is no such port or protocol here is never said. DHCP's questions
 * leave by a packet socket, where there is no filter.
 */
/* clang-format on */
#ifndef SEALTAP_NET_NFT_OWN_H
#define SEALTAP_NET_NFT_OWN_H

#include "base/conf.h"
#include "net/nft_msg.h"

/* Users of the roles that speak to others. */
#define UID_NET 101
#define UID_KEYS 102
#define UID_UPLOAD 103

struct nft_status {
	uint16_t port;                   /* 0: nothing is served, there are no rules */
	uint32_t ifindex;                /* of the link where it is */
	const struct conf_nets *sources; /* borrowed */
};

/* How long a goal is open, from the last answer on. A role asks for a name before each connection, but for a
 * retry within the five minutes that one is kept (role/https.h). */
#define NFT_GOAL_MS 3600000

/* The sets of goals, by the ids first_id and the next. */
void nft_own_sets(struct nft_batch *t, uint32_t first_id);
/* Of the chains input, output and begin, which are empty. Links by ifindex; 0: there is none, or it is not
 * known. */
void nft_own_rules(struct nft_batch *t, const struct nft_status *s, uint32_t inside, uint32_t evidence);

/* A batch by which the user may begin connections to these addresses at this TCP port, for NFT_GOAL_MS from
 * now on. */
#define NFT_GOALS_MAX 8
#define NFT_GOALS_BYTES 4096
void nft_own_goals(struct buf *b, uint32_t seq, uint32_t uid, const struct ip *addr, uint32_t count,
		   uint16_t port);

#endif
