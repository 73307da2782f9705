/* Batch: BATCH_BEGIN | table, delete table, table, chains, rules | BATCH_END. Each message starts with struct
 * nfgenmsg; numbers in attributes are big-endian, data that is compared with a register is in the register's
 * own order. A rule is a list of expressions, each a name and its data; a comparison that fails ends the
 * rule. The first NEWTABLE makes the deletion succeed where there was no table. */
#include "net/nft.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "net/nlmsg.h"

#define TABLE "sealtap"
#define FORWARD "forward"
#define POSTROUTING "postrouting"
#define PRIORITY_FILTER 0
#define PRIORITY_SRCNAT 100
#define IPV4_DST_OFFSET 16 /* RFC 791: destination address */

struct batch {
	struct buf *b; /* borrowed */
	uint32_t seq;
};

static size_t begin(struct batch *t, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	size_t mark = nlmsg_begin(t->b, type, flags, t->seq++);
	buf_u8(t->b, family);
	buf_u8(t->b, NFNETLINK_V0);
	buf_be16(t->b, resource);
	return mark;
}

static size_t begin_nft(struct batch *t, uint16_t command, uint16_t flags)
{
	return begin(t, NFNL_SUBSYS_NFTABLES << 8 | command, flags | NLM_F_ACK, NFPROTO_INET, 0);
}

static void batch_end_of(struct batch *t, uint16_t type)
{
	nlmsg_end(t->b, begin(t, type, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void table(struct batch *t, uint16_t command, uint16_t flags)
{
	size_t mark = begin_nft(t, command, flags);
	nlmsg_attr_str(t->b, NFTA_TABLE_NAME, TABLE);
	nlmsg_end(t->b, mark);
}

static void chain(struct batch *t, const char *name, const char *type, uint32_t hook, uint32_t priority,
		  uint32_t policy)
{
	size_t mark = begin_nft(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nlmsg_attr_str(t->b, NFTA_CHAIN_TABLE, TABLE);
	nlmsg_attr_str(t->b, NFTA_CHAIN_NAME, name);
	size_t nest = nlmsg_nest(t->b, NFTA_CHAIN_HOOK);
	nlmsg_attr_be32(t->b, NFTA_HOOK_HOOKNUM, hook);
	nlmsg_attr_be32(t->b, NFTA_HOOK_PRIORITY, priority);
	nlmsg_nest_end(t->b, nest);
	nlmsg_attr_be32(t->b, NFTA_CHAIN_POLICY, policy);
	nlmsg_attr_str(t->b, NFTA_CHAIN_TYPE, type);
	nlmsg_end(t->b, mark);
}

/* ---- rules */

struct rule {
	struct buf *b; /* borrowed */
	size_t message, expressions;
};

static struct rule rule_begin(struct batch *t, const char *chain_name)
{
	struct rule r = {.b = t->b};
	r.message = begin_nft(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nlmsg_attr_str(r.b, NFTA_RULE_TABLE, TABLE);
	nlmsg_attr_str(r.b, NFTA_RULE_CHAIN, chain_name);
	r.expressions = nlmsg_nest(r.b, NFTA_RULE_EXPRESSIONS);
	return r;
}

static void rule_end(const struct rule *r)
{
	nlmsg_nest_end(r->b, r->expressions);
	nlmsg_end(r->b, r->message);
}

struct expression {
	size_t element, data;
};

static struct expression expression_begin(struct buf *b, const char *name)
{
	struct expression x;
	x.element = nlmsg_nest(b, NFTA_LIST_ELEM);
	nlmsg_attr_str(b, NFTA_EXPR_NAME, name);
	x.data = nlmsg_nest(b, NFTA_EXPR_DATA);
	return x;
}

static void expression_end(struct buf *b, const struct expression *x)
{
	nlmsg_nest_end(b, x->data);
	nlmsg_nest_end(b, x->element);
}

static void data_value(struct buf *b, uint16_t type, struct span value)
{
	size_t nest = nlmsg_nest(b, type);
	nlmsg_attr(b, NFTA_DATA_VALUE, value);
	nlmsg_nest_end(b, nest);
}

static void compare(struct buf *b, uint32_t op, struct span value)
{
	struct expression x = expression_begin(b, "cmp");
	nlmsg_attr_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_CMP_OP, op);
	data_value(b, NFTA_CMP_DATA, value);
	expression_end(b, &x);
}

static void match_meta(struct buf *b, uint32_t key, struct span value)
{
	struct expression x = expression_begin(b, "meta");
	nlmsg_attr_be32(b, NFTA_META_KEY, key);
	nlmsg_attr_be32(b, NFTA_META_DREG, NFT_REG_1);
	expression_end(b, &x);
	compare(b, NFT_CMP_EQ, value);
}

static void match_link(struct buf *b, uint32_t key, uint32_t ifindex)
{
	match_meta(b, key, span_of(&ifindex, sizeof(ifindex)));
}

static void match_ipv4(struct buf *b)
{
	uint8_t protocol = NFPROTO_IPV4;
	match_meta(b, NFT_META_NFPROTO, span_of(&protocol, sizeof(protocol)));
}

/* The first two bytes of the destination address are a /16. */
static void match_link_local_destination(struct buf *b)
{
	static const uint8_t prefix[2] = {169, 254};
	struct expression x = expression_begin(b, "payload");
	nlmsg_attr_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_OFFSET, IPV4_DST_OFFSET);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_LEN, sizeof(prefix));
	expression_end(b, &x);
	compare(b, NFT_CMP_EQ, span_of(prefix, sizeof(prefix)));
}

static void match_state(struct buf *b, uint32_t states)
{
	static const uint32_t zero;
	struct expression x = expression_begin(b, "ct");
	nlmsg_attr_be32(b, NFTA_CT_DREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_CT_KEY, NFT_CT_STATE);
	expression_end(b, &x);
	x = expression_begin(b, "bitwise");
	nlmsg_attr_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_BITWISE_LEN, sizeof(states));
	data_value(b, NFTA_BITWISE_MASK, span_of(&states, sizeof(states)));
	data_value(b, NFTA_BITWISE_XOR, span_of(&zero, sizeof(zero)));
	expression_end(b, &x);
	compare(b, NFT_CMP_NEQ, span_of(&zero, sizeof(zero)));
}

static void verdict(struct buf *b, uint32_t code)
{
	struct expression x = expression_begin(b, "immediate");
	nlmsg_attr_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = nlmsg_nest(b, NFTA_IMMEDIATE_DATA);
	size_t nest = nlmsg_nest(b, NFTA_DATA_VERDICT);
	nlmsg_attr_be32(b, NFTA_VERDICT_CODE, code);
	nlmsg_nest_end(b, nest);
	nlmsg_nest_end(b, data);
	expression_end(b, &x);
}

static void load_port(struct buf *b, uint32_t reg, uint16_t port)
{
	uint8_t be[2] = {(uint8_t)(port >> 8), (uint8_t)port};
	struct expression x = expression_begin(b, "immediate");
	nlmsg_attr_be32(b, NFTA_IMMEDIATE_DREG, reg);
	data_value(b, NFTA_IMMEDIATE_DATA, span_of(be, sizeof(be)));
	expression_end(b, &x);
}

static void masquerade(struct buf *b, uint16_t port_first, uint16_t port_last)
{
	load_port(b, NFT_REG_1, port_first);
	load_port(b, NFT_REG_2, port_last);
	struct expression x = expression_begin(b, "masq");
	nlmsg_attr_be32(b, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	nlmsg_attr_be32(b, NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_MASQ_REG_PROTO_MAX, NFT_REG_2);
	expression_end(b, &x);
}

/* ---- the rule set */

static uint32_t state_bit(enum ip_conntrack_info info)
{
	return NF_CT_STATE_BIT(info);
}

static void forward_rules(struct batch *t, const struct nft_gateway *g)
{
	struct rule r = rule_begin(t, FORWARD);
	match_link(r.b, NFT_META_IIF, g->inside);
	match_ipv4(r.b);
	match_link_local_destination(r.b);
	verdict(r.b, NF_DROP);
	rule_end(&r);

	r = rule_begin(t, FORWARD);
	match_state(r.b, state_bit(IP_CT_ESTABLISHED) | state_bit(IP_CT_RELATED));
	verdict(r.b, NF_ACCEPT);
	rule_end(&r);

	r = rule_begin(t, FORWARD);
	match_state(r.b, NF_CT_STATE_INVALID_BIT);
	verdict(r.b, NF_DROP);
	rule_end(&r);

	r = rule_begin(t, FORWARD);
	match_link(r.b, NFT_META_IIF, g->inside);
	match_link(r.b, NFT_META_OIF, g->outside);
	match_ipv4(r.b);
	match_state(r.b, state_bit(IP_CT_NEW));
	verdict(r.b, NF_ACCEPT);
	rule_end(&r);
}

static void masquerade_rule(struct batch *t, const struct nft_gateway *g)
{
	struct rule r = rule_begin(t, POSTROUTING);
	match_link(r.b, NFT_META_IIF, g->inside);
	match_link(r.b, NFT_META_OIF, g->outside);
	match_ipv4(r.b);
	masquerade(r.b, g->port_first, g->port_last);
	rule_end(&r);
}

void nft_replace(struct buf *b, uint32_t seq, const struct nft_gateway *g)
{
	ASSERT((g->inside && g->outside && g->inside != g->outside) || (!g->open && !g->masquerade));
	ASSERT(!g->masquerade || (g->port_first > 0 && g->port_first <= g->port_last));
	struct batch t = {b, seq};
	batch_end_of(&t, NFNL_MSG_BATCH_BEGIN);
	table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	table(&t, NFT_MSG_DELTABLE, 0);
	table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	chain(&t, FORWARD, "filter", NF_INET_FORWARD, PRIORITY_FILTER, NF_DROP);
	if (g->open)
		forward_rules(&t, g);
	chain(&t, POSTROUTING, "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, NF_ACCEPT);
	if (g->masquerade)
		masquerade_rule(&t, g);
	batch_end_of(&t, NFNL_MSG_BATCH_END);
}
