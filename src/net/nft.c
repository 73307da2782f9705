/* Batch: table | counters | sets | chains | rules, by net/nft_msg and net/nft_expr. What is there already
 * stays as it is, but for the rules, so that counters and limits go on when the rules are replaced. */
#include "net/nft.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include "base/text.h"
#include "net/nft_expr.h"
#include "net/nft_msg.h"

#define PRIORITY_RAW (-300)
#define PRIORITY_DSTNAT (-100)
#define PRIORITY_FILTER 0
#define PRIORITY_SRCNAT 100
#define RATE_FORGET_MS 10000 /* a source that begins no flow for so long starts anew */
#define PROTOCOL_ICMPV6 58
#define DHCP_CLIENT_PORT 68
#define STATES_OF_A_FLOW (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))

static const struct {
	const char *name, *type; /* type NULL: only reached from others */
	uint32_t hook;
	int32_t priority;
	uint32_t policy;
} chains[] = {
	{"sources", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW, NF_ACCEPT},
	{"translate", "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT, NF_ACCEPT},
	{"tracked", "filter", NF_INET_PRE_ROUTING, PRIORITY_FILTER, NF_ACCEPT},
	{"forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, NF_DROP},
	{"postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, NF_ACCEPT},
	{"input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER, NF_DROP},
	{"output", "filter", NF_INET_LOCAL_OUT, PRIORITY_FILTER, NF_DROP},
	{"unrouted", NULL, 0, 0, 0},
	{"begin", NULL, 0, 0, 0},
	{"publish", NULL, 0, 0, 0},
	{"out", NULL, 0, 0, 0},
	{"in", NULL, 0, 0, 0},
	{"new", NULL, 0, 0, 0},
};

static const char *const reasons[NFT_REASONS] = {
#define X(name, text) [name] = (text),
	NFT_REASON_LIST(X)
#undef X
};

/* family, name; the place is the id */
static const struct {
	unsigned family;
	const char *flows, *rate;
} sets[] = {{4, "flows4", "rate4"}, {6, "flows6", "rate6"}};

#define FAMILIES (sizeof(sets) / sizeof(sets[0]))
#define OWN_SETS (2 * FAMILIES + 1) /* the first id behind them */

/* What a flow's source port becomes, or an echo's identifier; the first that matches decides. As through
 * plain Linux it stays as it is where that is free, and privileged if it was; but it is never the appliance's
 * own: the DHCP client's answers would be forwarded, and who has one of the range is cut in the recording.
 * From there it is by offset: a flow that was forgotten goes on if it has the same port again. */
static const struct {
	struct conf_ports from;
	struct nft_source_ports to;
} source_ports[] = {
	{{1, DHCP_CLIENT_PORT - 1}, {{1, DHCP_CLIENT_PORT - 1}, false}},
	{{DHCP_CLIENT_PORT, 511}, {{DHCP_CLIENT_PORT + 1, 1023}, false}},
	{{512, 1023}, {{512, 1023}, false}},
	{{NFT_PORT_LAST + 1, UINT16_MAX}, {{NFT_PORT_FIRST, NFT_PORT_LAST}, true}},
	{{0, 0}, {{NFT_PORT_FIRST, NFT_PORT_LAST}, false}},
};

const char *nft_reason_name(enum nft_reason r)
{
	ASSERT(r < NFT_REASONS);
	return reasons[r];
}

struct name {
	char s[24];
};

/* KIND-LINE */
static struct name rule_name(const char *kind, uint32_t line)
{
	struct name n;
	struct buf b = buf_over((uint8_t *)n.s, sizeof(n.s) - 1);
	buf_str(&b, kind);
	buf_u8(&b, '-');
	text_u64(&b, line);
	ASSERT(!b.overflow);
	n.s[b.len] = 0;
	return n;
}

static struct name forward_name(const struct conf_forward *r)
{
	return rule_name(r->allow ? "allow" : "deny", r->line);
}

/* ---- short rules */

static void go(struct nft_rule *r, const char *chain)
{
	nft_verdict(r, (uint32_t)NFT_GOTO, chain);
	nft_rule_end(r);
}

static void jump(struct nft_rule *r, const char *chain)
{
	nft_verdict(r, (uint32_t)NFT_JUMP, chain);
	nft_rule_end(r);
}

static void accept(struct nft_rule *r)
{
	nft_verdict(r, NF_ACCEPT, NULL);
	nft_rule_end(r);
}

static struct nft_rule rule_of_family(struct nft_batch *t, const char *chain, unsigned family)
{
	struct nft_rule r = nft_rule_begin(t, chain);
	nft_family(&r, family);
	return r;
}

static struct nft_rule rule_from(struct nft_batch *t, const char *chain, uint32_t ifindex)
{
	struct nft_rule r = nft_rule_begin(t, chain);
	nft_link(&r, NFT_META_IIF, ifindex);
	return r;
}

/* Of packets that go from one link to another. */
static struct nft_rule rule_between(struct nft_batch *t, const char *chain, uint32_t from, uint32_t to)
{
	struct nft_rule r = rule_from(t, chain, from);
	nft_link(&r, NFT_META_OIF, to);
	return r;
}

static void reason_rule(struct nft_batch *t, enum nft_reason reason)
{
	struct nft_rule r = nft_rule_begin(t, reasons[reason]);
	nft_count(&r, reasons[reason]);
	nft_log(&r, reasons[reason], NFT_LOG_GROUP, NFT_LOG_BYTES);
	nft_verdict(&r, reason < NFT_TOO_BIG ? NF_DROP : NF_ACCEPT, NULL);
	nft_rule_end(&r);
}

/* ---- the evidence link */

/* It carries what the appliance itself asked for, and nothing from or to anybody else. */
static void evidence_rules(struct nft_batch *t, uint32_t link)
{
	struct nft_rule r = rule_from(t, "sources", link);
	nft_no_way_back(&r, 0);
	/* of DHCP and neighbour discovery, which are of no flow */
	nft_destination_type(&r, 0, NFT_CMP_NEQ, RTN_BROADCAST);
	nft_destination_type(&r, 0, NFT_CMP_NEQ, RTN_MULTICAST);
	go(&r, reasons[NFT_EVIDENCE]);
	r = rule_from(t, "forward", link);
	go(&r, reasons[NFT_EVIDENCE]);
	r = nft_rule_begin(t, "forward");
	nft_link(&r, NFT_META_OIF, link);
	go(&r, reasons[NFT_EVIDENCE]);
}

/* ---- closed */

static void closed_rules(struct nft_batch *t)
{
	static const struct ip_net neighbours = {{{0xfe, 0x80}}, 10};
	struct nft_rule r = rule_of_family(t, "tracked", 6);
	nft_net(&r, NFT_DESTINATION, NFT_CMP_EQ, &neighbours);
	accept(&r);
	/* a DHCP answer may come to the address that it offers */
	r = rule_of_family(t, "tracked", 4);
	nft_protocol(&r, CONF_UDP);
	nft_ports(&r, NFT_DESTINATION, &(struct conf_ports){DHCP_CLIENT_PORT, DHCP_CLIENT_PORT});
	accept(&r);
	r = nft_rule_begin(t, "tracked");
	nft_destination_type(&r, 0, NFT_CMP_EQ, RTN_UNICAST);
	go(&r, reasons[NFT_STOPPED]);
	r = nft_rule_begin(t, "forward");
	go(&r, reasons[NFT_STOPPED]);
}

/* ---- open */

/* An address of the outside link, of packets from inside. */
static void match_outside_address(struct nft_rule *r)
{
	nft_family(r, 4);
	nft_destination_type(r, 0, NFT_CMP_EQ, RTN_LOCAL);
	nft_destination_type(r, NFTA_FIB_F_IIF, NFT_CMP_NEQ, RTN_LOCAL);
}

/* What comes by this link from a source that no route leads back to by it. */
static void no_way_back(struct nft_batch *t, uint32_t link, const char *chain)
{
	struct nft_rule r = rule_from(t, "sources", link);
	nft_no_way_back(&r, 0);
	go(&r, chain);
}

static void source_rules(struct nft_batch *t, const struct nft_gateway *g)
{
	static const struct ip_net neighbours = {{{0xfe, 0x80}}, 10};
	const struct ip_net no_host = {ip_from_v4(224u << 24), 96 + 3}, nobody = {ip_from_v4(0), 96 + 8};
	const struct ip_net all = {ip_from_v4(UINT32_MAX), 128};
	struct nft_rule r = rule_of_family(t, "sources", 6);
	nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, &neighbours);
	accept(&r);
	r = rule_of_family(t, "sources", 4);
	nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, &no_host);
	go(&r, reasons[NFT_SPOOFED]);
	r = rule_of_family(t, "sources", 4);
	nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, &nobody);
	nft_net(&r, NFT_DESTINATION, NFT_CMP_NEQ, &all);
	go(&r, reasons[NFT_SPOOFED]);
	no_way_back(t, g->inside, "unrouted");
	no_way_back(t, g->outside, reasons[NFT_SPOOFED]);
	/* from its outside address the appliance would answer hosts inside outside: asked without it */
	r = nft_rule_begin(t, "unrouted");
	nft_set_mark(&r, NFT_MARK_BY_MAIN);
	nft_no_way_back(&r, NFTA_FIB_F_MARK);
	go(&r, reasons[NFT_SPOOFED]);
}

static void publish_rules(struct nft_batch *t, const struct nft_gateway *g)
{
	const struct conf_gateway *c = g->conf;
	if (c->publish_count == 0)
		return;
	struct nft_rule r = rule_from(t, "translate", g->outside);
	nft_family(&r, 4);
	nft_destination_type(&r, NFTA_FIB_F_IIF, NFT_CMP_EQ, RTN_LOCAL);
	jump(&r, "publish");
	r = rule_from(t, "translate", g->inside);
	match_outside_address(&r);
	jump(&r, "publish");
	for (uint32_t i = 0; i < c->publish_count; i++) {
		const struct conf_publish *p = &c->publish[i];
		r = nft_rule_begin(t, "publish");
		nft_protocol(&r, (uint8_t)p->protocol);
		nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, &p->from);
		nft_ports(&r, NFT_DESTINATION, &p->ports);
		nft_count(&r, rule_name("publish", p->line).s);
		nft_dnat(&r, p->to, p->to_ports.first);
		nft_rule_end(&r);
	}
}

static void forward_rules(struct nft_batch *t, const struct nft_gateway *g)
{
	static const struct ip_net services6 = {{{0xfd, 0x00, 0x0e, 0xc2}}, 32};
	const struct ip_net services4 = {ip_from_v4(169u << 24 | 254u << 16), 96 + 16};
	struct nft_rule r = nft_rule_begin(t, "tracked");
	nft_conntrack(&r, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
	go(&r, reasons[NFT_INVALID]);
	r = rule_of_family(t, "forward", 4);
	nft_net(&r, NFT_DESTINATION, NFT_CMP_EQ, &services4);
	go(&r, reasons[NFT_LINK_LOCAL]);
	r = rule_of_family(t, "forward", 6);
	nft_net(&r, NFT_DESTINATION, NFT_CMP_EQ, &services6);
	go(&r, reasons[NFT_LINK_LOCAL]);
	/* what was translated outward is answered outside; an error has a true source, so that passed */
	r = rule_between(t, "forward", g->inside, g->inside);
	nft_conntrack(&r, NFT_CT_DIRECTION, NFT_DIRECTION_REPLY);
	nft_no_conntrack(&r, NFT_CT_STATUS, IPS_DST_NAT);
	go(&r, reasons[NFT_SPOOFED]);
	r = nft_rule_begin(t, "forward");
	nft_clamp_mss(&r);
	nft_rule_end(&r);
	r = nft_rule_begin(t, "forward");
	nft_conntrack(&r, NFT_CT_STATE, STATES_OF_A_FLOW);
	accept(&r);
	/* nobody answered yet, but its first packet passed all that follows */
	r = nft_rule_begin(t, "forward");
	nft_conntrack(&r, NFT_CT_STATUS, IPS_CONFIRMED);
	accept(&r);
	r = rule_between(t, "forward", g->inside, g->outside);
	go(&r, "out");
	r = rule_between(t, "forward", g->outside, g->inside);
	go(&r, "in");
	r = rule_between(t, "forward", g->inside, g->inside);
	nft_conntrack(&r, NFT_CT_STATUS, IPS_DST_NAT);
	go(&r, "new");
	r = nft_rule_begin(t, "forward");
	go(&r, reasons[NFT_DENIED]);
}

/* One line of the configuration, for one family; 0: both. */
static void configured_rule(struct nft_batch *t, const struct conf_forward *f, unsigned family)
{
	struct nft_rule r = nft_rule_begin(t, f->direction == CONF_OUT ? "out" : "in");
	if (family)
		nft_family(&r, family);
	if (f->protocol)
		nft_protocol(&r, f->protocol == CONF_ICMP && family == 6 ? PROTOCOL_ICMPV6
									 : (uint8_t)f->protocol);
	nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, &f->from);
	nft_net(&r, NFT_DESTINATION, NFT_CMP_EQ, &f->to);
	nft_ports(&r, NFT_SOURCE, &f->from_ports);
	nft_ports(&r, NFT_DESTINATION, &f->to_ports);
	nft_count(&r, forward_name(f).s);
	go(&r, f->allow ? "new" : reasons[NFT_DENIED]);
}

static void configured_rules(struct nft_batch *t, const struct conf_gateway *c)
{
	bool rest_may_pass = true;
	for (uint32_t i = 0; i < c->forward_count; i++) {
		const struct conf_forward *f = &c->forward[i];
		if (f->direction == CONF_OUT)
			rest_may_pass = !f->allow;
		/* ICMP has another number in each family */
		bool both = f->family == 0 && f->protocol == CONF_ICMP;
		configured_rule(t, f, both ? 4 : f->family);
		if (both)
			configured_rule(t, f, 6);
	}
	struct nft_rule r = nft_rule_begin(t, "out");
	go(&r, rest_may_pass ? "new" : reasons[NFT_DENIED]);
	r = nft_rule_begin(t, "in");
	nft_conntrack(&r, NFT_CT_STATUS, IPS_DST_NAT);
	go(&r, "new");
	r = nft_rule_begin(t, "in");
	go(&r, reasons[NFT_DENIED]);
}

static void limit_rules(struct nft_batch *t, const struct conf_gateway *c)
{
	for (size_t i = 0; i < FAMILIES && c->new_flows_per_second; i++) {
		struct nft_rule r = rule_of_family(t, "new", sets[i].family);
		nft_over_rate(&r, sets[i].rate, sets[i].family, c->new_flows_per_second);
		go(&r, reasons[NFT_LIMIT]);
	}
	for (size_t i = 0; i < FAMILIES && c->flows_per_source; i++) {
		struct nft_rule r = rule_of_family(t, "new", sets[i].family);
		nft_over_flows(&r, sets[i].flows, sets[i].family, (uint32_t)c->flows_per_source);
		go(&r, reasons[NFT_LIMIT]);
	}
	struct nft_rule r = nft_rule_begin(t, "new");
	accept(&r);
}

static void translate(struct nft_batch *t, const struct nft_gateway *g, uint32_t to)
{
	for (size_t i = 0; i < sizeof(source_ports) / sizeof(source_ports[0]); i++) {
		struct nft_rule r = rule_between(t, "postrouting", g->inside, to);
		nft_family(&r, 4);
		if (to == g->inside)
			nft_conntrack(&r, NFT_CT_STATUS, IPS_DST_NAT);
		nft_flow_source_port(&r, &source_ports[i].from);
		if (to == g->outside && g->conf->nat == CONF_NAT_SNAT)
			nft_snat(&r, g->conf->snat_addr, &source_ports[i].to);
		else
			nft_masquerade(&r, &source_ports[i].to);
		nft_rule_end(&r);
	}
}

static void translation_rules(struct nft_batch *t, const struct nft_gateway *g)
{
	if (g->conf->nat != CONF_NAT_NONE)
		translate(t, g, g->outside);
	if (g->conf->publish_count)
		translate(t, g, g->inside);
}

/* ---- the rule set */

static void add_objects(struct nft_batch *t, const struct conf_gateway *c)
{
	for (uint32_t i = 0; i < NFT_REASONS; i++) {
		nft_counter_object(t, reasons[i]);
		nft_chain(t, reasons[i]);
	}
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		if (chains[i].type)
			nft_base_chain(t, chains[i].name, chains[i].type, chains[i].hook, chains[i].priority,
				       chains[i].policy);
		else
			nft_chain(t, chains[i].name);
	}
	nft_own_sets(t, OWN_SETS);
	if (!c)
		return;
	for (uint32_t i = 0; i < c->publish_count; i++)
		nft_counter_object(t, rule_name("publish", c->publish[i].line).s);
	for (uint32_t i = 0; i < c->forward_count; i++)
		nft_counter_object(t, forward_name(&c->forward[i]).s);
	for (uint32_t i = 0; i < FAMILIES; i++) {
		if (c->flows_per_source)
			nft_address_set(t, sets[i].flows, 2 * i + 1, sets[i].family, 0);
		if (c->new_flows_per_second)
			nft_address_set(t, sets[i].rate, 2 * i + 2, sets[i].family, RATE_FORGET_MS);
	}
}

void nft_replace(struct buf *b, uint32_t seq, const struct nft_gateway *g)
{
	ASSERT(!g->open || (g->inside && g->outside && g->inside != g->outside && g->conf));
	struct nft_batch t = {b, seq};
	nft_batch_begin(&t);
	nft_table_add(&t);
	if (g->fresh) {
		nft_table_delete(&t);
		nft_table_add(&t);
	}
	nft_table_flush(&t);
	add_objects(&t, g->open ? g->conf : NULL);
	for (uint32_t i = 0; i < NFT_REASONS; i++)
		reason_rule(&t, (enum nft_reason)i);
	nft_own_rules(&t, &g->status, g->inside, g->evidence);
	if (g->inside && g->outside)
		source_rules(&t, g);
	if (g->evidence)
		evidence_rules(&t, g->evidence);
	if (g->open) {
		publish_rules(&t, g);
		forward_rules(&t, g);
		configured_rules(&t, g->conf);
		limit_rules(&t, g->conf);
		translation_rules(&t, g);
	} else {
		closed_rules(&t);
	}
	nft_batch_end(&t);
}

void nft_close(struct buf *b, uint32_t seq)
{
	static const char *const emptied[] = {"translate", "tracked", "forward"};
	struct nft_batch t = {b, seq};
	nft_batch_begin(&t);
	for (size_t i = 0; i < sizeof(emptied) / sizeof(emptied[0]); i++)
		nft_chain_flush(&t, emptied[i]);
	closed_rules(&t);
	nft_batch_end(&t);
}
