#include "role/net/routing.h"

#include <string.h>

#include "os/netlink.h"

#define LIST_TRIES 5
#define ADDRS_MAX 64
#define ROUTES_MAX 256
#define RULES_MAX 128

/* One kind of thing, as the kernel lists it. */
struct list {
	enum rtnl_what what;
	uint32_t ifindex; /* of addresses and routers */
	uint32_t count;
	union {
		struct rtnl_addr addr[ADDRS_MAX];
		struct rtnl_route route[ROUTES_MAX];
		struct rtnl_rule rule[RULES_MAX];
		struct rtnl_router router[ADDRS_MAX];
	};
};

static struct list list;

static void take(struct list *l, const struct nlmsg *m)
{
	bool gone = false;
	switch (l->what) {
	case RTNL_ADDRS:
		if (l->count < ADDRS_MAX && !rtnl_read_addr(m, &l->addr[l->count], &gone) && !gone)
			l->count += l->addr[l->count].ifindex == l->ifindex && !l->addr[l->count].link_local;
		return;
	case RTNL_ROUTES:
		if (l->count < ROUTES_MAX)
			l->count += !rtnl_read_route(m, &l->route[l->count]);
		return;
	case RTNL_RULES:
		if (l->count < RULES_MAX)
			l->count += !rtnl_read_rule(m, &l->rule[l->count]);
		return;
	default:
		if (l->count < ADDRS_MAX && !rtnl_read_router(m, &l->router[l->count], &gone) && !gone)
			l->count += l->router[l->count].ifindex == l->ifindex;
	}
}

static void add(void *arg, struct span message)
{
	struct nlmsg m;
	if (nlmsg_next(&message, &m) == ERR_OK)
		take(arg, &m);
}

static enum err read_list(struct gateway *g, enum rtnl_what what, uint32_t ifindex)
{
	uint8_t bytes[64];
	enum err e = ERR_CONFLICT;
	for (int i = 0; e == ERR_CONFLICT && i < LIST_TRIES; i++) {
		struct buf b = BUF_OF(bytes);
		list.what = what;
		list.ifindex = ifindex;
		list.count = 0;
		rtnl_dump(&b, 1, what);
		TRY(buf_err(&b));
		e = netlink_dump(g->route, buf_span(&b), add, &list);
	}
	return e ? gateway_fail(g, e, "list", "addresses, routes and rules") : ERR_OK;
}

/* It may be gone already, with its link or its address. */
static enum err remove_it(struct gateway *g, const struct buf *request, const char *what, const char *of)
{
	enum err e = gateway_transact(g, g->route, request, what, of);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- addresses */

static bool has_addr(const struct rtnl_addr *addrs, uint32_t count, const struct rtnl_addr *a)
{
	for (uint32_t i = 0; i < count; i++)
		if (ip_eq(&addrs[i].addr, &a->addr) && addrs[i].prefix_len == a->prefix_len)
			return true;
	return false;
}

static enum err set_addresses(struct gateway *g, uint32_t ifindex, const struct rtnl_addr *want,
			      uint32_t count, bool keep)
{
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	TRY(read_list(g, RTNL_ADDRS, ifindex));
	for (uint32_t i = 0; !keep && i < list.count; i++) {
		if (has_addr(want, count, &list.addr[i]))
			continue;
		buf_reset(&b);
		rtnl_addr_delete(&b, 1, &list.addr[i]);
		TRY(remove_it(g, &b, "remove an address from", gateway_index_text(ifindex)));
	}
	for (uint32_t i = 0; i < count; i++) {
		ASSERT(want[i].ifindex == ifindex);
		buf_reset(&b);
		rtnl_addr_set(&b, 1, &want[i]);
		TRY(gateway_transact(g, g->route, &b, "set an address of", gateway_index_text(ifindex)));
	}
	return ERR_OK;
}

/* ---- routes and rules */

static bool same_route(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return a->table == b->table && a->prefix_len == b->prefix_len && ip_eq(&a->dst, &b->dst) &&
	       a->ifindex == b->ifindex && ip_eq(&a->gateway, &b->gateway);
}

static bool has_route(const struct rtnl_route *routes, uint32_t count, const struct rtnl_route *r)
{
	for (uint32_t i = 0; i < count; i++)
		if (same_route(&routes[i], r))
			return true;
	return false;
}

static enum err set_routes(struct gateway *g, const struct rtnl_route *want, uint32_t count, bool keep)
{
	uint8_t bytes[256];
	struct buf b = BUF_OF(bytes);
	/* first what is wanted: what leads elsewhere now is replaced, and never missing */
	for (uint32_t i = 0; i < count; i++) {
		buf_reset(&b);
		rtnl_route_set(&b, 1, &want[i]);
		TRY(gateway_transact(g, g->route, &b, "set a route by", gateway_index_text(want[i].ifindex)));
	}
	TRY(read_list(g, RTNL_ROUTES, 0));
	for (uint32_t i = 0; !keep && i < list.count; i++) {
		if (has_route(want, count, &list.route[i]))
			continue;
		buf_reset(&b);
		rtnl_route_delete(&b, 1, &list.route[i]);
		TRY(remove_it(g, &b, "remove a route by", gateway_index_text(list.route[i].ifindex)));
	}
	return ERR_OK;
}

static bool same_rule(const struct rtnl_rule *a, const struct rtnl_rule *b)
{
	return ip_eq(&a->from, &b->from) && ip_eq(&a->to, &b->to) && a->table == b->table &&
	       a->priority == b->priority && a->uid_first == b->uid_first && a->uid_last == b->uid_last &&
	       a->mark == b->mark;
}

static bool has_rule(const struct rtnl_rule *rules, uint32_t count, const struct rtnl_rule *r)
{
	for (uint32_t i = 0; i < count; i++)
		if (same_rule(&rules[i], r))
			return true;
	return false;
}

/* In their order. A kernel without IPv6 has no rules for it, and sends nothing by it. */
static enum err add_rules(struct gateway *g, const struct rtnl_rule *want, uint32_t count)
{
	uint8_t bytes[128];
	for (uint32_t i = 0; i < count; i++) {
		struct buf b = BUF_OF(bytes);
		if (has_rule(list.rule, list.count, &want[i]))
			continue;
		rtnl_rule_add(&b, 1, &want[i]);
		enum err e = gateway_transact(g, g->route, &b, "add", "a routing rule");
		if (e && !(e == ERR_UNSUPPORTED && want[i].uid_first && !ip_is_v4(&want[i].from)))
			return e;
	}
	return ERR_OK;
}

static enum err set_rules(struct gateway *g, const struct addressing *a, bool keep)
{
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	TRY(read_list(g, RTNL_RULES, 0));
	TRY(add_rules(g, a->rule, a->rule_count));
	for (uint32_t i = 0; !keep && i < list.count; i++) {
		if (has_rule(a->rule, a->rule_count, &list.rule[i]) || (a->unknown && list.rule[i].uid_first))
			continue;
		buf_reset(&b);
		rtnl_rule_delete(&b, 1, &list.rule[i]);
		TRY(remove_it(g, &b, "remove", "a routing rule"));
	}
	return ERR_OK;
}

enum err routing_router(struct gateway *g, uint32_t ifindex, const struct ip *known, struct ip *router)
{
	*router = (struct ip){{0}};
	TRY(read_list(g, RTNL_NEIGHBOURS, ifindex));
	for (uint32_t i = 0; i < list.count; i++)
		if (i == 0 || ip_eq(&list.router[i].addr, known))
			*router = list.router[i].addr;
	return ERR_OK;
}

enum err routing_apply(struct gateway *g, const struct addressing *a,
		       const char *const names[ADDRESSING_SIDES], bool keep)
{
	for (uint32_t d = 0; d < ADDRESSING_SIDES; d++) {
		if (!names[d])
			continue;
		if (a->of[d].ipv6 || !keep)
			TRY(gateway_ipv6(g, names[d], a->of[d].ipv6));
		TRY(set_addresses(g, a->of[d].ifindex, a->of[d].addr, a->of[d].count, keep));
	}
	TRY(set_routes(g, a->route, a->route_count, keep));
	return set_rules(g, a, keep);
}

enum err routing_no_addresses(struct gateway *g, uint32_t ifindex)
{
	return set_addresses(g, ifindex, NULL, 0, false);
}
