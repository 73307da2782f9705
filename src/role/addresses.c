#include "role/addresses.h"

#include <string.h>

#include "role/addressing.h"
#include "role/routing.h"

static const char *leased_name(const struct addresses *a, const struct lease *l)
{
	uint32_t i = devices_by_ifindex(a->links, l->count ? l->link[l->current].ifindex : 0);
	return i < a->links->count ? a->links->link[i].name : "a link that is gone";
}

static void lease_changed(struct addresses *a, struct lease *l, enum dhcp_event event)
{
	lease_say(l, a->report, event, leased_name(a, l));
	if (event != DHCP_RENEWED)
		a->changed();
}

static void outside_changed(void *arg, enum dhcp_event event)
{
	struct addresses *a = arg;
	lease_changed(a, &a->lease[DEVICE_OUTSIDE], event);
}

static void inside_changed(void *arg, enum dhcp_event event)
{
	struct addresses *a = arg;
	lease_changed(a, &a->lease[DEVICE_INSIDE], event);
}

static void outside_silent(void *arg)
{
	struct addresses *a = arg;
	lease_say_silent(&a->lease[DEVICE_OUTSIDE], a->report, leased_name(a, &a->lease[DEVICE_OUTSIDE]));
}

static void inside_silent(void *arg)
{
	struct addresses *a = arg;
	lease_say_silent(&a->lease[DEVICE_INSIDE], a->report, leased_name(a, &a->lease[DEVICE_INSIDE]));
}

enum err addresses_init(struct addresses *a, int socket)
{
	struct lease *outside = &a->lease[DEVICE_OUTSIDE], *inside = &a->lease[DEVICE_INSIDE];
	outside->loop = inside->loop = a->loop;
	outside->arg = inside->arg = a;
	outside->changed = outside_changed;
	outside->silent = outside_silent;
	inside->changed = inside_changed;
	inside->silent = inside_silent;
	TRY(lease_init(outside, socket));
	lease_share(inside, outside);
	return ERR_OK;
}

static uint32_t ifindex_of(const struct lease *l)
{
	return l->count ? l->link[l->current].ifindex : 0;
}

uint32_t addresses_leased(const struct addresses *a)
{
	return ifindex_of(&a->lease[DEVICE_OUTSIDE]);
}

bool addresses_held(const struct addresses *a)
{
	return lease_held(&a->lease[DEVICE_OUTSIDE]);
}

static const struct dhcp_lease *held(const struct lease *l)
{
	return lease_held(l) ? &l->client.lease : NULL;
}

void addresses_messages(const struct addresses *a, struct msg_links *out)
{
	struct devices_lease lease[2];
	for (uint32_t d = 0; d < 2; d++)
		lease[d] = (struct devices_lease){ifindex_of(&a->lease[d]), held(&a->lease[d])};
	devices_messages(a->links, lease, a->known ? a->described : NULL, out);
}

/* ---- bringing it about */

/* DHCP stands in where IMDS gives the inside link no address, and as long as it does not. */
static void ask_inside(struct addresses *a, const struct rtnl_link *link, const struct imds_link *imds)
{
	struct lease *l = &a->lease[DEVICE_INSIDE];
	bool needed = !imds || imds->addr_count == 0 || imds->prefix_len == 0;
	if (!needed && l->count)
		lease_stop(l);
	if (needed && ifindex_of(l) != link->ifindex)
		lease_on(l, link, 1);
}

static struct addressing_side side(struct addresses *a, uint32_t d)
{
	uint32_t at = a->known ? d : devices_by_ifindex(a->links, addresses_leased(a));
	if (at >= a->links->count || (!a->known && d == DEVICE_INSIDE))
		return (struct addressing_side){.ifindex = 0};
	const struct rtnl_link *link = &a->links->link[at];
	const struct imds_link *imds = a->known ? devices_described(a->described, link) : NULL;
	if (d == DEVICE_INSIDE)
		ask_inside(a, link, imds);
	return (struct addressing_side){link->ifindex, link->up,           link->mtu,
					imds,          held(&a->lease[d]), a->router6[d]};
}

/* Both ENIs are in one VPC: what DHCP says of the MTU outside holds inside. */
static void set_mtus(struct addresses *a, struct addressing_side s[2])
{
	uint32_t mtu = addresses_held(a) ? a->lease[DEVICE_OUTSIDE].client.lease.mtu : 0;
	for (uint32_t d = 0; d < 2; d++) {
		if (s[d].ifindex == 0 || mtu == 0)
			continue;
		/* a size that the driver refuses is in the log; what it has serves as well */
		if (gateway_set_mtu(a->gateway, s[d].ifindex, mtu) == ERR_OK)
			s[d].mtu = mtu;
	}
}

static void say_dhcp(struct addresses *a)
{
	const struct dhcp_lease *l = held(&a->lease[DEVICE_OUTSIDE]);
	if (!l)
		return;
	names_servers(a->names, l->dns);
	report_verdict(a->report, VERDICT_DHCP, true, "%s has %s/%u from %s",
		       leased_name(a, &a->lease[DEVICE_OUTSIDE]), report_ip(l->addr).s, l->prefix_len,
		       report_ip(l->server).s);
}

/* Which of the two are there to be set up: one that is gone has no name any more. */
static enum err apply(struct addresses *a, const struct addressing *plan, bool keep)
{
	static struct gateway_links now;
	const char *names[2] = {NULL, NULL};
	TRY(gateway_list(a->gateway, &now));
	for (uint32_t d = 0; d < 2; d++) {
		uint32_t at = devices_by_ifindex(&now, plan->of[d].ifindex);
		if (at < now.count)
			names[d] = now.link[at].name;
	}
	return routing_apply(a->gateway, plan, names, keep);
}

enum err addresses_apply(struct addresses *a, bool keep)
{
	static struct addressing plan;
	struct addressing_side s[2] = {side(a, DEVICE_OUTSIDE), side(a, DEVICE_INSIDE)};
	set_mtus(a, s);
	addressing_plan(s, a->known ? a->settings : NULL, &plan);
	TRY(apply(a, &plan, keep));
	say_dhcp(a);
	if (!a->known || (plan.of[DEVICE_INSIDE].count && ip_is_v4(&plan.of[DEVICE_INSIDE].addr[0].addr)))
		return ERR_OK;
	const struct rtnl_link *link = &a->links->link[DEVICE_INSIDE];
	report_verdict(a->report, VERDICT_LINK, false,
		       "IMDS gives no IPv4 address or subnet for %s (%s), nor does DHCP yet: assign one",
		       link->name, report_mac(link->mac).s);
	return ERR_MISSING;
}

enum err addresses_routers(struct addresses *a)
{
	enum err e = ERR_OK;
	bool changed = false;
	for (uint32_t d = 0; a->known && d < 2; d++) {
		const struct rtnl_link *link = &a->links->link[d];
		const struct imds_link *imds = devices_described(a->described, link);
		struct ip router;
		if (!imds || imds->addr6_count == 0 || !link->up)
			continue;
		TRY(routing_router(a->gateway, link->ifindex, &a->router6[d], &router));
		if (ip_eq(&router, &(struct ip){{0}})) {
			e = ERR_MISSING; /* one that is silent stays what it was */
			continue;
		}
		if (ip_eq(&router, &a->router6[d]))
			continue;
		char text[40];
		struct buf b = BUF_OF(text);
		ip_text(&b, &router);
		log_begin(LOG_INFO, "ipv6-router");
		log_str("link", link->name);
		log_str("router", buf_cstr(&b));
		log_end();
		a->router6[d] = router;
		changed = true;
	}
	if (changed)
		a->changed();
	return e;
}

void addresses_link_gone(struct addresses *a, uint32_t ifindex)
{
	for (uint32_t d = 0; d < 2; d++) {
		if (ifindex_of(&a->lease[d]) != ifindex)
			continue;
		lease_stop(&a->lease[d]);
		memset(&a->router6[d], 0, sizeof(a->router6[d]));
	}
}
