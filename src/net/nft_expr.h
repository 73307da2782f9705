/* nft_expr: the expressions of a rule, in order; one that does not match ends the rule. Source:
 * linux/netfilter/nf_tables.h.
 */
#ifndef SEALTAP_NET_NFT_EXPR_H
#define SEALTAP_NET_NFT_EXPR_H

#include <linux/netfilter/nf_tables.h>

#include "base/conf_gateway.h"
#include "net/nft_msg.h"

/* key: NFT_META_IIF, NFT_META_OIF */
void nft_link(struct nft_rule *r, uint32_t key, uint32_t ifindex);
/* 4 or 6 */
void nft_family(struct nft_rule *r, unsigned family);
void nft_protocol(struct nft_rule *r, uint8_t protocol);
/* op: enum nft_cmp_ops. The packet's family must be known to be n's; no bits: nothing is compared. */
enum nft_end { NFT_SOURCE, NFT_DESTINATION };
void nft_net(struct nft_rule *r, enum nft_end end, uint32_t op, const struct ip_net *n);
/* The protocol must be known to have them. */
void nft_ports(struct nft_rule *r, enum nft_end end, const struct conf_ports *ports);
/* The flow's first source port, of whatever protocol has ports; of an echo its identifier. */
void nft_flow_source_port(struct nft_rule *r, const struct conf_ports *ports);
/* The first bytes of what follows the network header. */
void nft_transport_starts(struct nft_rule *r, struct span bytes);
#define NFT_DIRECTION_REPLY 1u /* linux/netfilter/nf_conntrack_tuple_common.h; the other is 0 */
/* key: NFT_CT_STATE, NFT_CT_STATUS, NFT_CT_DIRECTION; any of these bits is set, or none */
void nft_conntrack(struct nft_rule *r, uint32_t key, uint32_t bits);
void nft_no_conntrack(struct nft_rule *r, uint32_t key, uint32_t bits);
/* No route leads back to the source through the link it came by. flags: 0, or NFTA_FIB_F_MARK: as what bears
 * the packet's mark is routed. */
void nft_no_way_back(struct nft_rule *r, uint32_t flags);
/* The destination's type, RTN_*; flags: 0, or NFTA_FIB_F_IIF: as the packet's link sees it. */
void nft_destination_type(struct nft_rule *r, uint32_t flags, uint32_t op, uint32_t type);
/* A packet that opens a TCP connection: its maximum segment size is lowered to what the route holds. */
void nft_clamp_mss(struct nft_rule *r);
/* Whose socket sends it. None whose file is closed: ask only of packets that begin a flow. */
void nft_user(struct nft_rule *r, uint32_t uid);
/* The user of the socket, the destination and its port are in that set of goals; the protocol must be known
 * to have ports. */
void nft_users_goal(struct nft_rule *r, const char *set, unsigned family);
/* The source has more flows, or begins more a second, than that. family: the packet's. */
void nft_over_flows(struct nft_rule *r, const char *set, unsigned family, uint32_t flows);
void nft_over_rate(struct nft_rule *r, const char *set, unsigned family, uint64_t per_second);

void nft_count(struct nft_rule *r, const char *counter);
/* So many bytes from there on of what follows the network header become zeros, and the checksum at 2, where
 * ICMP has it, stays right. A packet without them does not match. */
void nft_zero_in_icmp(struct nft_rule *r, uint32_t offset, uint32_t len);
/* What this machine alone knows of a packet; it bears 0 before. */
void nft_set_mark(struct nft_rule *r, uint32_t mark);
void nft_log(struct nft_rule *r, const char *prefix, uint32_t group, uint32_t snaplen);
/* code: NF_DROP, NF_ACCEPT; or NFT_JUMP, NFT_GOTO with a chain. */
void nft_verdict(struct nft_rule *r, uint32_t code, const char *chain);
/* to: host order; port 0: as it is. */
void nft_dnat(struct nft_rule *r, uint32_t to, uint16_t port);
/* The source port stays as it is where it is in the range and free, else it becomes a random free one of it.
 * By offset: it becomes the first plus its remainder by the range's size, or a later one if that is taken. */
struct nft_source_ports {
	struct conf_ports range;
	bool by_offset;
};
void nft_snat(struct nft_rule *r, uint32_t to, const struct nft_source_ports *ports);
void nft_masquerade(struct nft_rule *r, const struct nft_source_ports *ports);

#endif
