#include "role/net/addressing.h"

#include "check.h"

#define OUT 0x0a000004u /* 10.0.0.4/24 */
#define IN 0x0a000105u  /* 10.0.1.5/24 */
#define EVI 0x0a000007u /* 10.0.0.7/24: in the outside subnet, which it may be */

static struct addressing a;
static struct imds_link imds[ADDRESSING_SIDES];
static struct dhcp_lease lease;
static struct settings s;
static struct addressing_side side[ADDRESSING_SIDES];

static struct ip_net net(const char *text)
{
	struct ip_net n;
	CHECK(!ip_net_read(span_str(text), &n));
	return n;
}

static void set_up(void)
{
	lease = (struct dhcp_lease){
		.addr = OUT, .prefix_len = 24, .router = 0x0a000001, .dns = {0x0a000002, 0x0a010002}};
	imds[0] = (struct imds_link){.addr_count = 2, .addr = {OUT, OUT + 1}, .prefix_len = 24};
	imds[1] = (struct imds_link){.addr_count = 2, .addr = {IN, IN + 1}, .prefix_len = 24};
	imds[1].vpc_count = 2;
	imds[1].vpc_net[0] = net("10.0.0.0/16");
	imds[1].vpc_net[1] = net("10.0.0.0/24"); /* the outside subnet */
	s = (struct settings){.inside_route_count = 1};
	s.inside_route[0] = net("192.0.2.0/24");
	side[0] = (struct addressing_side){3, true, 9001, &imds[0], &lease, {{0}}};
	side[1] = (struct addressing_side){5, true, 9001, &imds[1], NULL, {{0}}};
	side[2] = (struct addressing_side){.ifindex = 0};
}

static void set_up_evidence(void)
{
	set_up();
	s.evidence = CONF_EVIDENCE_ENI;
	imds[2] = (struct imds_link){.addr_count = 1, .addr = {EVI}, .prefix_len = 24};
	side[2] = (struct addressing_side){9, true, 9001, &imds[2], NULL, {{0}}};
}

static const struct rtnl_route *route(uint32_t table, const char *dst)
{
	struct ip_net n = net(dst);
	uint32_t len = ip_net_is_v4(&n) ? n.prefix_len - 96 : n.prefix_len;
	for (uint32_t i = 0; i < a.route_count; i++)
		if (a.route[i].table == table && a.route[i].prefix_len == len &&
		    ip_eq(&a.route[i].dst, &n.addr))
			return &a.route[i];
	return NULL;
}

static bool leads(uint32_t table, const char *dst, uint32_t ifindex, uint32_t gateway, uint32_t mtu)
{
	const struct rtnl_route *r = route(table, dst);
	return r && r->ifindex == ifindex && r->mtu == mtu && ip_to_v4(&r->gateway) == gateway;
}

static void plans_both(void)
{
	set_up();
	addressing_plan(side, &s, &a);
	CHECK(a.of[0].count == 2 && a.of[1].count == 2 && a.rule_count == 5);
	CHECK(ip_to_v4(&a.of[1].addr[1].addr) == IN + 1 && a.rule[4].table == 101 && a.rule[1].table == 100);
	CHECK(a.rule[0].mark == 1 && a.rule[0].table == 254 && a.rule[0].priority < a.rule[1].priority);
	CHECK(leads(254, "0.0.0.0/0", 3, 0x0a000001, 1500) && leads(100, "0.0.0.0/0", 3, 0x0a000001, 1500));
	CHECK(leads(101, "0.0.0.0/0", 5, 0x0a000101, 0));
	CHECK(leads(254, "10.0.0.0/16", 5, 0x0a000101, 0) && leads(254, "192.0.2.0/24", 5, 0x0a000101, 0));
	CHECK(!route(254, "10.0.0.0/24")); /* the kernel's own */
	CHECK(route(254, "169.254.169.254")->ifindex == 3 && route(100, "169.254.169.254"));
	CHECK(!route(254, "10.0.0.2") && leads(254, "10.1.0.2", 3, 0x0a000001, 1500)); /* DNS servers */
}

static void nothing_for_a_link_that_is_down(void)
{
	set_up();
	side[1].up = false;
	addressing_plan(side, &s, &a);
	CHECK(a.of[1].count == 2 && a.rule_count == 3);
	for (uint32_t i = 0; i < a.route_count; i++)
		CHECK(a.route[i].ifindex == 3);
}

static void plans_ipv6(void)
{
	struct ip gateway = {{0xfe, 0x80, [15] = 1}};
	set_up();
	imds[0].addr6_count = imds[0].subnet6_count = 1;
	imds[0].addr6[0] = net("2001:db8::4").addr;
	imds[0].subnet6[0] = net("2001:db8::/64");
	addressing_plan(side, &s, &a);
	CHECK(a.of[0].ipv6 && !a.of[1].ipv6 && a.of[0].count == 3 && a.of[0].addr[2].prefix_len == 128);
	CHECK(route(254, "2001:db8::/64")->ifindex == 3 && !route(254, "::/0")); /* no router yet */
	side[0].router6 = gateway;
	addressing_plan(side, &s, &a);
	CHECK(route(254, "::/0") && ip_eq(&route(254, "::/0")->gateway, &gateway));
	CHECK(route(254, "::/0")->mtu == 1500 && !route(101, "::/0"));
}

static uint32_t user_rules(uint32_t table)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < a.rule_count; i++)
		count += a.rule[i].uid_first == 102 && a.rule[i].uid_last == 103 && a.rule[i].table == table;
	return count;
}

static void plans_evidence(void)
{
	set_up();
	addressing_plan(side, &s, &a);
	CHECK(a.of[2].count == 0 && !user_rules(102) && !user_rules(0) && !user_rules(254));
	set_up_evidence();
	addressing_plan(side, &s, &a);
	CHECK(a.of[2].count == 1 && a.of[2].addr[0].prefix_len == 32);
	CHECK(leads(102, "0.0.0.0/0", 9, 0x0a000001, 1500) && route(102, "10.0.0.0/24")->ifindex == 9);
	for (uint32_t i = 0; i < a.route_count; i++)
		CHECK(a.route[i].ifindex != 9 || a.route[i].table == 102);
	CHECK(route(102, "0.0.0.0/0")->source.bytes[15] == 7 && leads(254, "0.0.0.0/0", 3, 0x0a000001, 1500));
	/* of both families: IMDS by the main table, then the link's, then nothing */
	CHECK(user_rules(254) == 2 && user_rules(102) == 2 && user_rules(0) == 2);
	for (uint32_t i = 0; i < a.rule_count; i++) {
		const struct rtnl_rule *r = &a.rule[i];
		uint32_t want = r->table == 254 ? 900 : r->table == 102 ? 901 : 902;
		CHECK(!r->uid_first || r->priority == want);
		CHECK(r->uid_first || r->mark || r->priority >= 1000);
	}
}

static void refuses_without_evidence(void)
{
	set_up_evidence();
	side[2] = (struct addressing_side){.ifindex = 0};
	addressing_plan(side, &s, &a);
	CHECK(!route(102, "0.0.0.0/0") && user_rules(254) == 2 && user_rules(102) == 2 && user_rules(0) == 2);
	CHECK(!a.unknown);
	addressing_plan(side, NULL, &a);
	CHECK(a.unknown && !user_rules(0)); /* those that are there stay */
}

static void no_router_that_is_itself(void)
{
	set_up();
	imds[1].addr[1] = 0x0a000101;
	addressing_plan(side, &s, &a);
	CHECK(!route(101, "0.0.0.0/0") && !route(254, "192.0.2.0/24"));
}

static void as_much_as_there_can_be(void)
{
	set_up_evidence();
	for (uint32_t d = 0; d < ADDRESSING_SIDES; d++) {
		imds[d].addr_count = IMDS_ADDRS_MAX;
		imds[d].addr6_count = IMDS_ADDRS6_MAX;
		imds[d].subnet6_count = imds[d].vpc_count = IMDS_NETS_MAX;
		side[d].router6 = (struct ip){{0xfe, 0x80, [15] = 1}};
		for (uint32_t i = 0; i < IMDS_ADDRS_MAX; i++)
			imds[d].addr[i] = (d == 1 ? IN : OUT) + 10 + 20 * d + i;
		for (uint8_t i = 0; i < IMDS_NETS_MAX; i++) {
			imds[d].addr6[i].bytes[0] = (uint8_t)(1 + i + 16 * d);
			imds[d].subnet6[i] = (struct ip_net){{{0x20, i, (uint8_t)d}}, 64};
			imds[d].vpc_net[i] = (struct ip_net){{{0x30, i}}, 56};
		}
	}
	s.inside_route_count = CONF_INSIDE_ROUTES;
	for (uint8_t i = 0; i < CONF_INSIDE_ROUTES; i++)
		s.inside_route[i] = (struct ip_net){{{0x40, i}}, 64};
	addressing_plan(side, &s, &a);
	CHECK(a.of[0].count == 1 + IMDS_ADDRS_MAX + IMDS_ADDRS6_MAX);
	CHECK(a.route_count <= ADDRESSING_ROUTES && route(254, "401f::/64"));
}

int main(void)
{
	RUN(plans_both,
	    "the default route leads outside, VPC and inside.routes inside, each link answers from itself");
	RUN(nothing_for_a_link_that_is_down, "a link that is down has addresses and no routes");
	RUN(plans_ipv6,
	    "IPv6: addresses alone, the subnet on the link, the default route once a router is known");
	RUN(plans_evidence, "what keys and upload send goes by the evidence link alone, but to IMDS");
	RUN(refuses_without_evidence, "evidence = eni without that link is refused");
	RUN(no_router_that_is_itself, "an own address is nobody's router");
	RUN(as_much_as_there_can_be, "all addresses, networks and routes that there can be fit");
	return check_done();
}
