/* A rule is a list of expressions, each a name and its data. Data flows through registers: one expression
 * loads, the next compares. Numbers in attributes are big-endian, what is compared with a register is in the
 * register's own order. */
#include "net/nft_expr.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <string.h>

#include "net/nlmsg.h"

#define IPV4_SRC_OFFSET 12 /* RFC 791 */
#define IPV6_SRC_OFFSET 8  /* RFC 8200 */
#define TCP_FLAGS_OFFSET 13
#define ICMP_CHECKSUM_OFFSET 2
#define TCP_SYN_RST 6
#define TCP_SYN 2
#define TCP_OPTION_MSS 2
#define TCP_OPTION_MSS_AT 2

struct expression {
	size_t element, data;
};

static struct expression expression_in(struct buf *b, uint16_t type, const char *name)
{
	struct expression x;
	x.element = nlmsg_nest(b, type);
	nlmsg_attr_str(b, NFTA_EXPR_NAME, name);
	x.data = nlmsg_nest(b, NFTA_EXPR_DATA);
	return x;
}

static struct expression expression_begin(struct buf *b, const char *name)
{
	return expression_in(b, NFTA_LIST_ELEM, name);
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

static void mask_register(struct buf *b, struct span mask)
{
	static const uint8_t zero[16];
	ASSERT(mask.len <= sizeof(zero));
	struct expression x = expression_begin(b, "bitwise");
	nlmsg_attr_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_BITWISE_LEN, (uint32_t)mask.len);
	data_value(b, NFTA_BITWISE_MASK, mask);
	data_value(b, NFTA_BITWISE_XOR, span_of(zero, mask.len));
	expression_end(b, &x);
}

static void load_payload_to(struct buf *b, uint32_t reg, uint32_t base, uint32_t offset, uint32_t len)
{
	struct expression x = expression_begin(b, "payload");
	nlmsg_attr_be32(b, NFTA_PAYLOAD_DREG, reg);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_BASE, base);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	nlmsg_attr_be32(b, NFTA_PAYLOAD_LEN, len);
	expression_end(b, &x);
}

static void load_payload(struct buf *b, uint32_t base, uint32_t offset, uint32_t len)
{
	load_payload_to(b, NFT_REG_1, base, offset, len);
}

/* A register from a number of the kernel's: both attributes are numbers of it. */
static void load_keyed(struct buf *b, const char *name, uint16_t key_attr, uint32_t key, uint16_t reg_attr)
{
	struct expression x = expression_begin(b, name);
	nlmsg_attr_be32(b, key_attr, key);
	nlmsg_attr_be32(b, reg_attr, NFT_REG_1);
	expression_end(b, &x);
}

static void match_meta(struct buf *b, uint32_t key, struct span value)
{
	load_keyed(b, "meta", NFTA_META_KEY, key, NFTA_META_DREG);
	compare(b, NFT_CMP_EQ, value);
}

void nft_link(struct nft_rule *r, uint32_t key, uint32_t ifindex)
{
	match_meta(r->b, key, span_of(&ifindex, sizeof(ifindex)));
}

void nft_family(struct nft_rule *r, unsigned family)
{
	uint8_t protocol = family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	match_meta(r->b, NFT_META_NFPROTO, span_of(&protocol, sizeof(protocol)));
}

void nft_protocol(struct nft_rule *r, uint8_t protocol)
{
	match_meta(r->b, NFT_META_L4PROTO, span_of(&protocol, sizeof(protocol)));
}

static uint32_t address_offset(enum nft_end end, unsigned family)
{
	return family == 4 ? IPV4_SRC_OFFSET + 4 * (uint32_t)end : IPV6_SRC_OFFSET + 16 * (uint32_t)end;
}

/* Only the bytes that the prefix reaches into are looked at. */
void nft_net(struct nft_rule *r, enum nft_end end, uint32_t op, const struct ip_net *n)
{
	bool v4 = ip_net_is_v4(n);
	uint32_t bits = v4 ? n->prefix_len - 96 : n->prefix_len, len = (bits + 7) / 8;
	if (bits == 0)
		return;
	load_payload(r->b, NFT_PAYLOAD_NETWORK_HEADER, address_offset(end, v4 ? 4 : 6), len);
	if (bits % 8) {
		uint8_t mask[16];
		memset(mask, 0xff, len);
		mask[len - 1] = (uint8_t)(0xff00 >> bits % 8);
		mask_register(r->b, span_of(mask, len));
	}
	compare(r->b, op, span_of(n->addr.bytes + (v4 ? 12 : 0), len));
}

static void compare_port(struct buf *b, const struct conf_ports *ports)
{
	uint8_t first[2], last[2];
	store_be16(first, ports->first);
	store_be16(last, ports->last);
	bool one = ports->first == ports->last;
	compare(b, one ? NFT_CMP_EQ : NFT_CMP_GTE, span_of(first, sizeof(first)));
	if (!one)
		compare(b, NFT_CMP_LTE, span_of(last, sizeof(last)));
}

void nft_ports(struct nft_rule *r, enum nft_end end, const struct conf_ports *ports)
{
	if (ports->first == 0)
		return;
	load_payload(r->b, NFT_PAYLOAD_TRANSPORT_HEADER, 2 * (uint32_t)end, 2);
	compare_port(r->b, ports);
}

void nft_flow_source_port(struct nft_rule *r, const struct conf_ports *ports)
{
	static const uint8_t original = IP_CT_DIR_ORIGINAL;
	if (ports->first == 0)
		return;
	struct expression x = expression_begin(r->b, "ct");
	nlmsg_attr_be32(r->b, NFTA_CT_KEY, NFT_CT_PROTO_SRC);
	nlmsg_attr_be32(r->b, NFTA_CT_DREG, NFT_REG_1);
	nlmsg_attr(r->b, NFTA_CT_DIRECTION, span_of(&original, 1));
	expression_end(r->b, &x);
	compare_port(r->b, ports);
}

void nft_transport_starts(struct nft_rule *r, struct span bytes)
{
	load_payload(r->b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, (uint32_t)bytes.len);
	compare(r->b, NFT_CMP_EQ, bytes);
}

static void match_conntrack(struct buf *b, uint32_t key, uint32_t bits, uint32_t op)
{
	static const uint32_t zero;
	load_keyed(b, "ct", NFTA_CT_KEY, key, NFTA_CT_DREG);
	mask_register(b, span_of(&bits, sizeof(bits)));
	compare(b, op, span_of(&zero, sizeof(zero)));
}

void nft_conntrack(struct nft_rule *r, uint32_t key, uint32_t bits)
{
	match_conntrack(r->b, key, bits, NFT_CMP_NEQ);
}

void nft_no_conntrack(struct nft_rule *r, uint32_t key, uint32_t bits)
{
	match_conntrack(r->b, key, bits, NFT_CMP_EQ);
}

void nft_user(struct nft_rule *r, uint32_t uid)
{
	match_meta(r->b, NFT_META_SKUID, span_of(&uid, sizeof(uid)));
}

/* The key stands in a row of registers of 4 bytes; NFT_REG_1 is the first four of them. */
void nft_users_goal(struct nft_rule *r, const char *set, unsigned family)
{
	uint32_t address = family == 4 ? 4 : 16, reg = NFT_REG32_00 + 1;
	load_keyed(r->b, "meta", NFTA_META_KEY, NFT_META_SKUID, NFTA_META_DREG);
	load_payload_to(r->b, reg, NFT_PAYLOAD_NETWORK_HEADER, address_offset(NFT_DESTINATION, family),
			address);
	load_payload_to(r->b, reg + address / 4, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	struct expression x = expression_begin(r->b, "lookup");
	nlmsg_attr_str(r->b, NFTA_LOOKUP_SET, set);
	nlmsg_attr_be32(r->b, NFTA_LOOKUP_SREG, NFT_REG_1);
	expression_end(r->b, &x);
}

static void load_fib(struct buf *b, uint32_t result, uint32_t flags)
{
	struct expression x = expression_begin(b, "fib");
	nlmsg_attr_be32(b, NFTA_FIB_DREG, NFT_REG_1);
	nlmsg_attr_be32(b, NFTA_FIB_RESULT, result);
	nlmsg_attr_be32(b, NFTA_FIB_FLAGS, flags);
	expression_end(b, &x);
}

void nft_no_way_back(struct nft_rule *r, uint32_t flags)
{
	static const uint8_t no; /* with F_PRESENT the result is a truth value */
	load_fib(r->b, NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT | flags);
	compare(r->b, NFT_CMP_EQ, span_of(&no, sizeof(no)));
}

void nft_destination_type(struct nft_rule *r, uint32_t flags, uint32_t op, uint32_t type)
{
	load_fib(r->b, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR | flags);
	compare(r->b, op, span_of(&type, sizeof(type)));
}

void nft_clamp_mss(struct nft_rule *r)
{
	static const uint8_t flags = TCP_SYN_RST, syn = TCP_SYN, option = TCP_OPTION_MSS;
	nft_protocol(r, CONF_TCP);
	load_payload(r->b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1);
	mask_register(r->b, span_of(&flags, 1));
	compare(r->b, NFT_CMP_EQ, span_of(&syn, 1));
	load_keyed(r->b, "rt", NFTA_RT_KEY, NFT_RT_TCPMSS, NFTA_RT_DREG);
	struct expression x = expression_begin(r->b, "byteorder");
	nlmsg_attr_be32(r->b, NFTA_BYTEORDER_SREG, NFT_REG_1);
	nlmsg_attr_be32(r->b, NFTA_BYTEORDER_DREG, NFT_REG_1);
	nlmsg_attr_be32(r->b, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nlmsg_attr_be32(r->b, NFTA_BYTEORDER_LEN, 2);
	nlmsg_attr_be32(r->b, NFTA_BYTEORDER_SIZE, 2);
	expression_end(r->b, &x);
	x = expression_begin(r->b, "exthdr");
	nlmsg_attr_be32(r->b, NFTA_EXTHDR_SREG, NFT_REG_1);
	nlmsg_attr(r->b, NFTA_EXTHDR_TYPE, span_of(&option, 1));
	nlmsg_attr_be32(r->b, NFTA_EXTHDR_OFFSET, TCP_OPTION_MSS_AT);
	nlmsg_attr_be32(r->b, NFTA_EXTHDR_LEN, 2);
	nlmsg_attr_be32(r->b, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	expression_end(r->b, &x);
}

/* An element for the source address, with the one expression that `inner` writes. */
static void in_set(struct nft_rule *r, const char *set, unsigned family, uint32_t op,
		   void (*inner)(struct buf *b, uint64_t limit), uint64_t limit)
{
	load_payload(r->b, NFT_PAYLOAD_NETWORK_HEADER, address_offset(NFT_SOURCE, family),
		     family == 4 ? 4 : 16);
	struct expression x = expression_begin(r->b, "dynset");
	nlmsg_attr_str(r->b, NFTA_DYNSET_SET_NAME, set);
	nlmsg_attr_be32(r->b, NFTA_DYNSET_OP, op);
	nlmsg_attr_be32(r->b, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
	inner(r->b, limit);
	expression_end(r->b, &x);
}

static void put_connlimit(struct buf *b, uint64_t limit)
{
	struct expression x = expression_in(b, NFTA_DYNSET_EXPR, "connlimit");
	nlmsg_attr_be32(b, NFTA_CONNLIMIT_COUNT, (uint32_t)limit);
	nlmsg_attr_be32(b, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	expression_end(b, &x);
}

/* A second's worth may come at once. */
static void put_limit(struct buf *b, uint64_t limit)
{
	struct expression x = expression_in(b, NFTA_DYNSET_EXPR, "limit");
	nft_attr_be64(b, NFTA_LIMIT_RATE, limit);
	nft_attr_be64(b, NFTA_LIMIT_UNIT, 1);
	nlmsg_attr_be32(b, NFTA_LIMIT_BURST, (uint32_t)limit);
	nlmsg_attr_be32(b, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nlmsg_attr_be32(b, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	expression_end(b, &x);
}

void nft_over_flows(struct nft_rule *r, const char *set, unsigned family, uint32_t flows)
{
	in_set(r, set, family, NFT_DYNSET_OP_ADD, put_connlimit, flows);
}

void nft_over_rate(struct nft_rule *r, const char *set, unsigned family, uint64_t per_second)
{
	in_set(r, set, family, NFT_DYNSET_OP_UPDATE, put_limit, per_second);
}

/* ---- what a rule does */

void nft_count(struct nft_rule *r, const char *counter)
{
	struct expression x = expression_begin(r->b, "objref");
	nlmsg_attr_be32(r->b, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nlmsg_attr_str(r->b, NFTA_OBJREF_IMM_NAME, counter);
	expression_end(r->b, &x);
}

void nft_log(struct nft_rule *r, const char *prefix, uint32_t group, uint32_t snaplen)
{
	uint8_t be[2];
	struct expression x = expression_begin(r->b, "log");
	store_be16(be, (uint16_t)group);
	nlmsg_attr(r->b, NFTA_LOG_GROUP, span_of(be, sizeof(be)));
	nlmsg_attr_str(r->b, NFTA_LOG_PREFIX, prefix);
	nlmsg_attr_be32(r->b, NFTA_LOG_SNAPLEN, snaplen);
	expression_end(r->b, &x);
}

void nft_verdict(struct nft_rule *r, uint32_t code, const char *chain)
{
	struct expression x = expression_begin(r->b, "immediate");
	nlmsg_attr_be32(r->b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = nlmsg_nest(r->b, NFTA_IMMEDIATE_DATA);
	size_t nest = nlmsg_nest(r->b, NFTA_DATA_VERDICT);
	nlmsg_attr_be32(r->b, NFTA_VERDICT_CODE, code);
	if (chain)
		nlmsg_attr_str(r->b, NFTA_VERDICT_CHAIN, chain);
	nlmsg_nest_end(r->b, nest);
	nlmsg_nest_end(r->b, data);
	expression_end(r->b, &x);
}

static void load(struct buf *b, uint32_t reg, struct span value)
{
	struct expression x = expression_begin(b, "immediate");
	nlmsg_attr_be32(b, NFTA_IMMEDIATE_DREG, reg);
	data_value(b, NFTA_IMMEDIATE_DATA, value);
	expression_end(b, &x);
}

void nft_set_mark(struct nft_rule *r, uint32_t mark)
{
	load(r->b, NFT_REG_1, span_of(&mark, sizeof(mark)));
	load_keyed(r->b, "meta", NFTA_META_KEY, NFT_META_MARK, NFTA_META_SREG);
}

void nft_zero_in_icmp(struct nft_rule *r, uint32_t offset, uint32_t len)
{
	static const uint8_t zeros[16];
	ASSERT(len <= sizeof(zeros));
	load(r->b, NFT_REG_1, span_of(zeros, len));
	struct expression x = expression_begin(r->b, "payload");
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_SREG, NFT_REG_1);
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_OFFSET, offset);
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_LEN, len);
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	nlmsg_attr_be32(r->b, NFTA_PAYLOAD_CSUM_OFFSET, ICMP_CHECKSUM_OFFSET);
	expression_end(r->b, &x);
}

static void load_address(struct buf *b, uint32_t reg, uint32_t addr)
{
	uint8_t be[4];
	store_be32(be, addr);
	load(b, reg, span_of(be, sizeof(be)));
}

static void load_port(struct buf *b, uint32_t reg, uint16_t port)
{
	uint8_t be[2];
	store_be16(be, port);
	load(b, reg, span_of(be, sizeof(be)));
}

static uint32_t range_flags(bool by_offset)
{
	return NF_NAT_RANGE_PROTO_SPECIFIED | (by_offset ? NF_NAT_RANGE_PROTO_OFFSET : 0);
}

/* ports.first 0: as they are */
static void translate(struct buf *b, uint32_t type, uint32_t to, const struct conf_ports *ports,
		      bool by_offset)
{
	load_address(b, NFT_REG_1, to);
	if (ports->first) {
		load_port(b, NFT_REG_2, ports->first);
		load_port(b, NFT_REG_3, ports->last);
	}
	struct expression x = expression_begin(b, "nat");
	nlmsg_attr_be32(b, NFTA_NAT_TYPE, type);
	nlmsg_attr_be32(b, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nlmsg_attr_be32(b, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (ports->first) {
		nlmsg_attr_be32(b, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
		nlmsg_attr_be32(b, NFTA_NAT_REG_PROTO_MAX, NFT_REG_3);
		nlmsg_attr_be32(b, NFTA_NAT_FLAGS, range_flags(by_offset));
	}
	expression_end(b, &x);
}

void nft_dnat(struct nft_rule *r, uint32_t to, uint16_t port)
{
	translate(r->b, NFT_NAT_DNAT, to, &(struct conf_ports){port, port}, false);
}

void nft_snat(struct nft_rule *r, uint32_t to, const struct nft_source_ports *ports)
{
	translate(r->b, NFT_NAT_SNAT, to, &ports->range, ports->by_offset);
}

void nft_masquerade(struct nft_rule *r, const struct nft_source_ports *ports)
{
	load_port(r->b, NFT_REG_1, ports->range.first);
	load_port(r->b, NFT_REG_2, ports->range.last);
	struct expression x = expression_begin(r->b, "masq");
	nlmsg_attr_be32(r->b, NFTA_MASQ_FLAGS, range_flags(ports->by_offset));
	nlmsg_attr_be32(r->b, NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1);
	nlmsg_attr_be32(r->b, NFTA_MASQ_REG_PROTO_MAX, NFT_REG_2);
	expression_end(r->b, &x);
}
