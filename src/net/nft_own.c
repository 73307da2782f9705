#include "net/nft_own.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#include "net/nft.h"
#include "net/nft_expr.h"

#define PROTOCOL_ICMPV6 58
#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DNS_PORT 53
#define NTP_PORT 123
#define HTTP_PORT 80
#define ROUTER_ADVERTISEMENT 134
#define ADVERTISED_TIMES 8      /* reachable time, retransmission timer: 4 bytes each */
#define ROUTER_SOLICITATION 133 /* RFC 4861: up to neighbour advertisement, 136 */
#define NEIGHBOUR_ADVERTISEMENT 136

static const char *const goals[] = {"goals4", "goals6"};

static void end(struct nft_rule *r, uint32_t verdict, const char *chain)
{
	nft_verdict(r, verdict, chain);
	nft_rule_end(r);
}

static void accept(struct nft_rule *r)
{
	end(r, NF_ACCEPT, NULL);
}

static void go(struct nft_rule *r, const char *chain)
{
	end(r, (uint32_t)NFT_GOTO, chain);
}

static void all_go(struct nft_batch *t, const char *chain, enum nft_reason reason)
{
	struct nft_rule r = nft_rule_begin(t, chain);
	go(&r, nft_reason_name(reason));
}

static void flows_pass(struct nft_batch *t, const char *chain)
{
	struct nft_rule r = nft_rule_begin(t, chain);
	nft_conntrack(&r, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	accept(&r);
}

static struct nft_rule rule_of_icmp(struct nft_batch *t, const char *chain, unsigned family,
				    struct span start)
{
	struct nft_rule r = nft_rule_begin(t, chain);
	nft_family(&r, family);
	nft_protocol(&r, family == 4 ? CONF_ICMP : PROTOCOL_ICMPV6);
	nft_transport_starts(&r, start);
	return r;
}

static void match_port(struct nft_rule *r, uint8_t protocol, enum nft_end end, uint16_t port)
{
	nft_protocol(r, protocol);
	nft_ports(r, end, &(struct conf_ports){port, port});
}

/* ---- what may reach it */

static struct nft_rule rule_to_status(struct nft_batch *t, uint16_t port)
{
	struct nft_rule r = nft_rule_begin(t, "input");
	match_port(&r, CONF_TCP, NFT_DESTINATION, port);
	return r;
}

static void status_rules(struct nft_batch *t, const struct nft_status *s)
{
	struct nft_rule r;
	if (s->port == 0)
		return;
	for (uint32_t i = 0; i < s->sources->count; i++) {
		const struct ip_net *from = &s->sources->net[i];
		r = rule_to_status(t, s->port);
		nft_link(&r, NFT_META_IIF, s->ifindex);
		nft_family(&r, ip_net_is_v4(from) ? 4 : 6);
		nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, from);
		accept(&r);
	}
	r = rule_to_status(t, s->port);
	go(&r, nft_reason_name(NFT_STATUS));
}

/* An error about an own flow has a true source: no look at that finds it. */
static void answers_outside_rule(struct nft_batch *t, uint32_t inside)
{
	struct nft_rule r = nft_rule_begin(t, "input");
	nft_link(&r, NFT_META_IIF, inside);
	nft_conntrack(&r, NFT_CT_DIRECTION, NFT_DIRECTION_REPLY);
	nft_destination_type(&r, NFTA_FIB_F_IIF, NFT_CMP_NEQ, RTN_LOCAL);
	go(&r, nft_reason_name(NFT_SPOOFED));
}

static void input_rules(struct nft_batch *t, const struct nft_status *s, uint32_t inside, uint32_t evidence)
{
	if (inside)
		answers_outside_rule(t, inside);
	flows_pass(t, "input");
	struct nft_rule r = nft_rule_begin(t, "input");
	nft_family(&r, 4);
	match_port(&r, CONF_UDP, NFT_SOURCE, DHCP_SERVER_PORT);
	nft_ports(&r, NFT_DESTINATION, &(struct conf_ports){DHCP_CLIENT_PORT, DHCP_CLIENT_PORT});
	end(&r, NF_DROP, NULL);
	for (uint8_t type = ROUTER_SOLICITATION; type <= NEIGHBOUR_ADVERTISEMENT; type++) {
		r = rule_of_icmp(t, "input", 6, span_of(&type, 1));
		if (type == ROUTER_ADVERTISEMENT)
			nft_zero_in_icmp(&r, ADVERTISED_TIMES, 8);
		accept(&r);
	}
	if (evidence) {
		r = nft_rule_begin(t, "input");
		nft_link(&r, NFT_META_IIF, evidence);
		go(&r, nft_reason_name(NFT_EVIDENCE));
	}
	status_rules(t, s);
	all_go(t, "input", NFT_TO_APPLIANCE);
}

/* ---- what it may say */

/* ICMP errors; the first that matches decides. Types and codes: RFC 792, RFC 4443. */
static const struct {
	unsigned family;
	uint8_t start[2]; /* type, code */
	uint8_t len;      /* of start: 1: any code */
	int what;         /* enum nft_reason; or: */
} errors[] = {
#define IT_PASSES NFT_REASONS
#define NEVER_SAID (NFT_REASONS + 1) /* about a packet that was for the appliance itself */
	{4, {3, 2}, 2, NEVER_SAID},      {4, {3, 3}, 2, NEVER_SAID},  {4, {3, 4}, 2, NFT_TOO_BIG},
	{4, {3, 0}, 1, NFT_UNREACHABLE}, {4, {11, 0}, 1, NFT_TTL},    {4, {12, 0}, 1, IT_PASSES},
	{6, {1, 4}, 2, NEVER_SAID},      {6, {2, 0}, 1, NFT_TOO_BIG}, {6, {3, 0}, 1, NFT_TTL},
	{6, {1, 0}, 1, NFT_UNREACHABLE}, {6, {4, 0}, 1, IT_PASSES},
};

static void error_rules(struct nft_batch *t)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct nft_rule r =
			rule_of_icmp(t, "output", errors[i].family, span_of(errors[i].start, errors[i].len));
		if (errors[i].what < NFT_REASONS)
			go(&r, nft_reason_name((enum nft_reason)errors[i].what));
		else
			end(&r, errors[i].what == IT_PASSES ? NF_ACCEPT : NF_DROP, NULL);
	}
}

static void output_rules(struct nft_batch *t)
{
	static const uint8_t neighbours[] = {133, 135, 136, 143}; /* RFC 4861, RFC 3810 */
	error_rules(t);
	flows_pass(t, "output");
	for (size_t i = 0; i < sizeof(neighbours); i++) {
		struct nft_rule r = rule_of_icmp(t, "output", 6, span_of(&neighbours[i], 1));
		accept(&r);
	}
	struct nft_rule r = nft_rule_begin(t, "output");
	nft_conntrack(&r, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
	go(&r, "begin");
	all_go(t, "output", NFT_FROM_APPLIANCE);
}

/* net writes these rules: tighter ones, by address, would bind nobody. */
static const struct {
	uint8_t protocol;
	uint16_t port;
} net_speaks[] = {{CONF_UDP, DNS_PORT}, {CONF_TCP, DNS_PORT}, {CONF_UDP, NTP_PORT}};

/* Source: aws/imds.h. */
static const struct ip_net imds[] = {
	{{{[10] = 0xff, 0xff, 169, 254, 169, 254}}, 128},
	{{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}}, 128},
};

static void begin_rules(struct nft_batch *t)
{
	struct nft_rule r;
	for (size_t i = 0; i < sizeof(net_speaks) / sizeof(net_speaks[0]); i++) {
		r = nft_rule_begin(t, "begin");
		nft_user(&r, UID_NET);
		match_port(&r, net_speaks[i].protocol, NFT_DESTINATION, net_speaks[i].port);
		accept(&r);
	}
	for (size_t i = 0; i < 2; i++) {
		r = nft_rule_begin(t, "begin");
		nft_user(&r, UID_KEYS);
		nft_family(&r, i ? 6 : 4);
		nft_net(&r, NFT_DESTINATION, NFT_CMP_EQ, &imds[i]);
		match_port(&r, CONF_TCP, NFT_DESTINATION, HTTP_PORT);
		accept(&r);
	}
	for (size_t i = 0; i < 2; i++) {
		r = nft_rule_begin(t, "begin");
		nft_family(&r, i ? 6 : 4);
		nft_protocol(&r, CONF_TCP);
		nft_users_goal(&r, goals[i], i ? 6 : 4);
		accept(&r);
	}
	all_go(t, "begin", NFT_FROM_APPLIANCE);
}

/* ---- all of it */

void nft_own_sets(struct nft_batch *t, uint32_t first_id)
{
	for (uint32_t i = 0; i < 2; i++)
		nft_goal_set(t, goals[i], first_id + i, i ? 6 : 4, NFT_GOAL_MS);
}

void nft_own_rules(struct nft_batch *t, const struct nft_status *s, uint32_t inside, uint32_t evidence)
{
	input_rules(t, s, inside, evidence);
	output_rules(t);
	begin_rules(t);
}

void nft_own_goals(struct buf *b, uint32_t seq, uint32_t uid, const struct ip *addr, uint32_t count,
		   uint16_t port)
{
	struct nft_batch t = {b, seq};
	ASSERT(count <= NFT_GOALS_MAX);
	nft_batch_begin(&t);
	for (uint32_t i = 0; i < count; i++)
		nft_goal(&t, goals[!ip_is_v4(&addr[i])], uid, &addr[i], port);
	nft_batch_end(&t);
}
