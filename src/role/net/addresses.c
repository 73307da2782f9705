#include "role/net/addresses.h"

#include <string.h>

#include "role/net/addressing.h"
#include "role/net/routing.h"

static const char *leased_name(const struct addresses *a, const struct lease *l)
{
	uint32_t i = devices_by_ifindex(a->links, l->count ? l->link[l->current].ifindex : 0);
	return l->count && i < a->links->count ? a->links->link[i].name : "a link that is gone";
}

static void lease_changed(void *arg, enum dhcp_event event)
{
	struct addresses_lease *l = arg;
	lease_say(&l->lease, l->of->report, event, leased_name(l->of, &l->lease));
	if (event != DHCP_RENEWED)
		l->of->changed();
}

static void lease_silent(void *arg)
{
	struct addresses_lease *l = arg;
	lease_say_silent(&l->lease, l->of->report, leased_name(l->of, &l->lease));
}

void addresses_init(struct addresses *a, int socket)
{
	for (uint32_t d = 0; d < DEVICES; d++) {
		struct addresses_lease *l = &a->by[d];
		l->of = a;
		l->lease.loop = a->loop;
		l->lease.arg = l;
		l->lease.changed = lease_changed;
		l->lease.silent = lease_silent;
		if (d == DEVICE_OUTSIDE)
			lease_init(&l->lease, socket);
		else
			lease_share(&l->lease, &a->by[d - 1].lease);
	}
}

static uint32_t ifindex_of(const struct lease *l)
{
	return l->count ? l->link[l->current].ifindex : 0;
}

uint32_t addresses_leased(const struct addresses *a)
{
	return ifindex_of(&a->by[DEVICE_OUTSIDE].lease);
}

bool addresses_held(const struct addresses *a)
{
	return lease_held(&a->by[DEVICE_OUTSIDE].lease);
}

static const struct dhcp_lease *held(const struct lease *l)
{
	return lease_held(l) ? &l->client.lease : NULL;
}

void addresses_messages(const struct addresses *a, struct msg_links *out)
{
	struct devices_lease lease[DEVICES];
	for (uint32_t d = 0; d < DEVICES; d++)
		lease[d] = (struct devices_lease){ifindex_of(&a->by[d].lease), held(&a->by[d].lease)};
	devices_messages(a->links, lease, a->known ? a->described : NULL, out);
}

/* ---- bringing it about */

/* DHCP stands in where IMDS gives a link but the outside one no address, and as long as it does not. */
static void ask_dhcp(struct lease *l, const struct rtnl_link *link, const struct imds_link *imds)
{
	bool needed = !imds || imds->addr_count == 0 || imds->prefix_len == 0;
	if (!needed && l->count)
		lease_stop(l);
	if (needed && ifindex_of(l) != link->ifindex)
		lease_on(l, link, 1);
}

static struct addressing_side side(struct addresses *a, uint32_t d)
{
	uint32_t at = a->known ? d : devices_by_ifindex(a->links, addresses_leased(a));
	if (at >= a->links->count || a->links->link[at].ifindex == 0 || (!a->known && d != DEVICE_OUTSIDE))
		return (struct addressing_side){.ifindex = 0};
	const struct rtnl_link *link = &a->links->link[at];
	const struct imds_link *imds = a->known ? devices_described(a->described, link) : NULL;
	if (d != DEVICE_OUTSIDE)
		ask_dhcp(&a->by[d].lease, link, imds);
	return (struct addressing_side){link->ifindex,         link->up,     link->mtu, imds,
					held(&a->by[d].lease), a->router6[d]};
}

/* All ENIs are in one VPC: what DHCP says of the MTU outside holds for the others. */
static void set_mtus(struct addresses *a, struct addressing_side s[DEVICES])
{
	uint32_t mtu = addresses_held(a) ? a->by[DEVICE_OUTSIDE].lease.client.lease.mtu : 0;
	for (uint32_t d = 0; d < DEVICES; d++) {
		if (s[d].ifindex == 0 || mtu == 0)
			continue;
		/* a size that the driver refuses is in the log; what it has serves as well */
		if (gateway_set_mtu(a->gateway, s[d].ifindex, mtu) == ERR_OK)
			s[d].mtu = mtu;
	}
}

static void say_dhcp(struct addresses *a)
{
	const struct dhcp_lease *l = held(&a->by[DEVICE_OUTSIDE].lease);
	if (!l)
		return;
	names_servers(a->names, l->dns);
	report_verdict(a->report, VERDICT_DHCP, true, "%s has %s/%u from %s",
		       leased_name(a, &a->by[DEVICE_OUTSIDE].lease), report_ip(l->addr).s, l->prefix_len,
		       report_ip(l->server).s);
}

/* Which of them are there to be set up: one that is gone has no name any more. */
static enum err apply(struct addresses *a, const struct addressing *plan, bool keep)
{
	static struct gateway_links now;
	const char *names[DEVICES] = {NULL};
	TRY(gateway_list(a->gateway, &now));
	for (uint32_t d = 0; d < DEVICES; d++) {
		uint32_t at = devices_by_ifindex(&now, plan->of[d].ifindex);
		if (at < now.count)
			names[d] = now.link[at].name;
	}
	return routing_apply(a->gateway, plan, names, keep);
}

enum err addresses_apply(struct addresses *a, bool keep)
{
	static struct addressing plan;
	struct addressing_side s[DEVICES];
	for (uint32_t d = 0; d < DEVICES; d++)
		s[d] = side(a, d);
	set_mtus(a, s);
	addressing_plan(s, a->known ? a->settings : NULL, &plan);
	TRY(apply(a, &plan, keep));
	a->evidence_has_address = plan.of[DEVICE_EVIDENCE].count;
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
	for (uint32_t d = 0; a->known && d < a->links->count; d++) {
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
	for (uint32_t d = 0; d < DEVICES; d++) {
		if (ifindex_of(&a->by[d].lease) != ifindex)
			continue;
		lease_stop(&a->by[d].lease);
		memset(&a->router6[d], 0, sizeof(a->router6[d]));
	}
}

void addresses_link_up(struct addresses *a, uint32_t ifindex)
{
	for (uint32_t d = 0; d < DEVICES; d++)
		lease_hurry(&a->by[d].lease, ifindex);
}

void addresses_report_evidence(const struct addresses *a)
{
	if (!a->known || a->links->count <= DEVICE_EVIDENCE)
		return;
	const struct rtnl_link *link = &a->links->link[DEVICE_EVIDENCE];
	const char *fault = NULL;
	if (link->ifindex == 0 || (!link->up && !link->carrier))
		fault = "no link here is the interface with device number 2: attach it";
	else if (!link->up || !link->carrier)
		fault = "the interface is down: check its attachment";
	else if (!a->evidence_has_address)
		fault = "neither IMDS nor DHCP gives the interface an address: assign one";
	if (fault)
		report_verdict(a->report, VERDICT_EVIDENCE, false, "%s; nothing is shipped until then",
			       fault);
	else
		report_verdict(a->report, VERDICT_EVIDENCE, true, "KMS and S3 are reached by %s", link->name);
}
