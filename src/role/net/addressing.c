#include "role/net/addressing.h"

#include "net/nft.h"
#include "role/net/devices.h"

/* Through an internet gateway nothing longer passes, so a link of jumbo frames leads out by this. */
#define DEFAULT_ROUTE_MTU 1500u
#define TABLE_OUTSIDE 100u /* and inside, evidence: the next */
#define RULE_PRIORITY 1000u
#define RULE_PRIORITY_USERS 900u /* before those by address: nobody evades them by choosing his own */
#define RULE_PRIORITY_MARK 950u
#define SERVICE(last) (169u << 24 | 254u << 16 | 169u << 8 | (last))

/* IMDS, DNS, NTP. */
static const uint32_t services[] = {SERVICE(254), SERVICE(253), SERVICE(123)};

static const struct ip none;

static bool is_some(const struct ip *a)
{
	return !ip_eq(a, &none);
}

static void add_addr(struct rtnl_addr *out, uint32_t *count, uint32_t ifindex, struct ip addr,
		     unsigned prefix_len)
{
	for (uint32_t i = 0; i < *count; i++)
		if (ip_eq(&out[i].addr, &addr))
			return;
	ASSERT(*count < ADDRESSING_ADDRS);
	out[(*count)++] = (struct rtnl_addr){ifindex, addr, prefix_len, false};
}

uint32_t addressing_own(const struct imds_link *imds, const struct dhcp_lease *lease, uint32_t ifindex,
			struct rtnl_addr out[ADDRESSING_ADDRS])
{
	uint32_t count = 0;
	_Static_assert(1 + IMDS_ADDRS_MAX + IMDS_ADDRS6_MAX <= ADDRESSING_ADDRS, "all fit");
	if (lease)
		add_addr(out, &count, ifindex, ip_from_v4(lease->addr), lease->prefix_len);
	for (uint32_t i = 0; imds && imds->prefix_len && i < imds->addr_count; i++)
		add_addr(out, &count, ifindex, ip_from_v4(imds->addr[i]), imds->prefix_len);
	for (uint32_t i = 0; imds && i < imds->addr6_count; i++)
		add_addr(out, &count, ifindex, imds->addr6[i], 128);
	return count;
}

/* ---- routes */

/* What the routes of one side have in common. */
struct way {
	const struct addressing_side *side;
	struct ip own4, own6;       /* first of each; all zeros: none */
	struct ip router4, router6; /* all zeros: none */
	uint32_t default_mtu;
	uint32_t table; /* of its own */
	bool alone;     /* nothing of it in the main table */
};

static void add_route(struct addressing *a, const struct way *w, uint32_t table, const struct ip_net *dst,
		      bool by_router, uint32_t mtu)
{
	bool v4 = ip_is_v4(&dst->addr);
	const struct ip *own = v4 ? &w->own4 : &w->own6, *router = v4 ? &w->router4 : &w->router6;
	if (!is_some(own) || (by_router && !is_some(router)) || !w->side->up)
		return;
	struct rtnl_route r = {
		.dst = dst->addr,
		.prefix_len = v4 ? dst->prefix_len - 96 : dst->prefix_len,
		.gateway = by_router ? *router : none,
		.ifindex = w->side->ifindex,
		.source = *own,
		.mtu = mtu,
		.table = table,
	};
	for (uint32_t i = 0; i < a->route_count; i++)
		if (a->route[i].table == table && a->route[i].prefix_len == r.prefix_len &&
		    ip_eq(&a->route[i].dst, &r.dst))
			return; /* who comes first has it */
	ASSERT(a->route_count < ADDRESSING_ROUTES);
	a->route[a->route_count++] = r;
}

/* To both tables: what is spoken from an address of this link goes that way, too. */
static void add_both(struct addressing *a, const struct way *w, const struct ip_net *dst, bool by_router,
		     uint32_t mtu)
{
	if (!w->alone)
		add_route(a, w, RTNL_TABLE_MAIN, dst, by_router, mtu);
	add_route(a, w, w->table, dst, by_router, mtu);
}

static struct ip_net host(uint32_t addr)
{
	return (struct ip_net){ip_from_v4(addr), 128};
}

static const struct ip_net everything[2] = {{{{[10] = 0xff, [11] = 0xff}}, 96}, {{{0}}, 0}};

static uint32_t mask(uint32_t prefix_len)
{
	ASSERT(prefix_len <= 32);
	return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

/* The subnet that the kernel makes a route to by itself, in the link's own table; those of IPv6 in both, for
 * addresses there are /128. */
static void add_subnets(struct addressing *a, const struct way *w, uint32_t addr, uint32_t prefix_len)
{
	const struct imds_link *imds = w->side->imds;
	if (is_some(&w->own4))
		add_route(a, w, w->table,
			  &(struct ip_net){ip_from_v4(addr & mask(prefix_len)), 96 + prefix_len}, false, 0);
	for (uint32_t i = 0; imds && i < imds->subnet6_count; i++)
		add_both(a, w, &imds->subnet6[i], false, 0);
}

static void route_outside(struct addressing *a, const struct way *w)
{
	const struct dhcp_lease *lease = w->side->lease;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		struct ip_net service = host(services[i]);
		add_both(a, w, &service, false, 0);
	}
	for (size_t i = 0; lease && i < sizeof(lease->dns) / sizeof(lease->dns[0]); i++) {
		struct ip_net dns = host(lease->dns[i]);
		if (lease->dns[i] && (lease->dns[i] ^ lease->addr) & mask(lease->prefix_len))
			add_both(a, w, &dns, true, w->default_mtu);
	}
	for (size_t i = 0; i < 2; i++)
		add_both(a, w, &everything[i], true, w->default_mtu);
}

/* The kernel has a route there by the link itself. */
static bool is_subnet(const struct addressing *a, const struct ip_net *net)
{
	for (uint32_t d = 0; d < 2; d++)
		for (uint32_t i = 0; i < a->of[d].count; i++) {
			const struct rtnl_addr *own = &a->of[d].addr[i];
			if (ip_is_v4(&own->addr) && net->prefix_len == 96 + own->prefix_len &&
			    ip_net_has(net, &own->addr))
				return true;
		}
	return false;
}

static void route_inside(struct addressing *a, const struct way *w, const struct settings *s)
{
	const struct imds_link *imds = w->side->imds;
	for (uint32_t i = 0; s && i < s->inside_route_count; i++)
		if (!is_subnet(a, &s->inside_route[i]))
			add_route(a, w, RTNL_TABLE_MAIN, &s->inside_route[i], true, 0);
	for (uint32_t i = 0; imds && i < imds->vpc_count; i++)
		if (!is_subnet(a, &imds->vpc_net[i]))
			add_route(a, w, RTNL_TABLE_MAIN, &imds->vpc_net[i], true, 0);
	for (size_t i = 0; i < 2; i++)
		add_route(a, w, w->table, &everything[i], true, 0);
}

static void route_evidence(struct addressing *a, const struct way *w)
{
	for (size_t i = 0; i < 2; i++)
		add_both(a, w, &everything[i], true, w->default_mtu);
}

/* What keys and upload send, in the order in which it may be set: IMDS answers on every link and is asked
 * outside as ever; what finds no way is refused before there is one. */
static void rule_users(struct addressing *a)
{
	const struct ip imds[2] = {ip_from_v4(IMDS_ADDR), IMDS_ADDR6}, any[2] = {ip_from_v4(0), none};
	const struct {
		uint32_t priority, table;
		bool to_imds;
	} rows[] = {{RULE_PRIORITY_USERS, RTNL_TABLE_MAIN, true},
		    {RULE_PRIORITY_USERS + 2, 0, false},
		    {RULE_PRIORITY_USERS + 1, TABLE_OUTSIDE + DEVICE_EVIDENCE, false}};
	for (size_t i = 0; i < ADDRESSING_USER_RULES; i++) {
		size_t row = i / 2, of = i % 2;
		a->rule[a->rule_count++] = (struct rtnl_rule){
			.from = any[of],
			.to = rows[row].to_imds ? imds[of] : none,
			.table = rows[row].table,
			.priority = rows[row].priority,
			.uid_first = UID_KEYS,
			.uid_last = UID_UPLOAD,
		};
	}
}

/* By which link a host is that asks the outside's address: what is sent from there has that link's table. */
static void rule_mark(struct addressing *a)
{
	a->rule[a->rule_count++] = (struct rtnl_rule){.from = ip_from_v4(0),
						      .table = RTNL_TABLE_MAIN,
						      .priority = RULE_PRIORITY_MARK,
						      .mark = NFT_MARK_BY_MAIN};
}

static struct ip first_of(const struct rtnl_addr *addr, uint32_t count, bool v4)
{
	for (uint32_t i = 0; i < count; i++)
		if (ip_is_v4(&addr[i].addr) == v4)
			return addr[i].addr;
	return none;
}

static bool has_addr(const struct addressing *a, uint32_t d, struct ip addr)
{
	for (uint32_t i = 0; i < a->of[d].count; i++)
		if (ip_eq(&a->of[d].addr[i].addr, &addr))
			return true;
	return false;
}

static struct way way_of(const struct addressing *a, const struct addressing_side *side, uint32_t d)
{
	struct way w = {
		.side = side,
		.own4 = first_of(a->of[d].addr, a->of[d].count, true),
		.own6 = first_of(a->of[d].addr, a->of[d].count, false),
		.router6 = side->router6,
		.default_mtu = side->mtu > DEFAULT_ROUTE_MTU ? DEFAULT_ROUTE_MTU : 0,
		.table = TABLE_OUTSIDE + d,
		.alone = d == DEVICE_EVIDENCE,
	};
	return w;
}

/* IPv4 ones like those of IPv6: else the kernel makes a route to their subnet in the main table. */
static void make_host_addresses(struct rtnl_addr *addr, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		addr[i].prefix_len = ip_is_v4(&addr[i].addr) ? 32 : addr[i].prefix_len;
}

void addressing_plan(const struct addressing_side side[ADDRESSING_SIDES], const struct settings *s,
		     struct addressing *out)
{
	*out = (struct addressing){.unknown = !s};
	rule_mark(out);
	for (uint32_t d = 0; d < ADDRESSING_SIDES; d++) {
		struct rtnl_addr *addr = out->of[d].addr;
		/* outside all addresses are DHCP's to give; inside DHCP stands in for IMDS */
		const struct dhcp_lease *lease = side[d].lease;
		out->of[d].count = addressing_own(side[d].imds, lease, side[d].ifindex, addr);
		out->of[d].ifindex = side[d].ifindex;
		out->of[d].ipv6 = side[d].imds && side[d].imds->addr6_count;
		struct way w = way_of(out, &side[d], d);
		if (is_some(&w.own4)) {
			uint32_t own = ip_to_v4(&w.own4), len = addr[0].prefix_len;
			uint32_t router = d != DEVICE_OUTSIDE ? (own & mask(len)) + 1
					  : lease             ? lease->router
							      : 0;
			if (router && len < 31 && !has_addr(out, d, ip_from_v4(router)))
				w.router4 = ip_from_v4(router);
			add_subnets(out, &w, own, len);
		} else {
			add_subnets(out, &w, 0, 0);
		}
		if (d == DEVICE_OUTSIDE)
			route_outside(out, &w);
		else if (d == DEVICE_INSIDE)
			route_inside(out, &w, s);
		else
			route_evidence(out, &w);
		if (d == DEVICE_EVIDENCE)
			make_host_addresses(addr, out->of[d].count);
		for (uint32_t i = 0; i < out->of[d].count && side[d].up; i++)
			out->rule[out->rule_count++] = (struct rtnl_rule){.from = addr[i].addr,
									  .table = TABLE_OUTSIDE + d,
									  .priority = RULE_PRIORITY + d};
	}
	if (s && s->evidence == CONF_EVIDENCE_ENI)
		rule_users(out);
}
