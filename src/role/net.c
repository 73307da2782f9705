#include "role/net.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/ethtool.h"
#include "role/backoff.h"
#include "role/canary.h"
#include "role/devices.h"
#include "role/gateway.h"
#include "role/lease.h"
#include "role/linkwatch.h"
#include "role/names.h"
#include "role/report.h"
#include "role/ruleset.h"
#include "role/timekeeper.h"

/* What is to be done, in this order; a task that fails holds up those behind it and is tried again. Closing
 * never waits. */
enum task { TASK_FORWARD, TASK_LIST, TASK_PREPARE, TASK_LEASE, TASK_CONFIGURE, TASK_COUNT };

static struct {
	struct loop loop;
	struct peer init, keys, upload;
	struct gateway gateway;
	struct gateway_links links;
	struct lease lease;
	struct names names;
	struct canary canary;
	struct msg_config config;
	bool listed, configured, has_config;
	uint32_t device[2]; /* places in links: outside, inside; once configured */
	uint32_t forward;   /* as init wants it */
	bool open;          /* it is done */
	bool todo[TASK_COUNT];
	struct loop_timer retry;
	struct backoff backoff;
	struct loop_watch events;
	struct linkwatch linkwatch;
	struct ruleset_watch filter;
	struct loop_timer look;
	struct report report;
} g = {.backoff = {.base_ms = 500, .cap_ms = 10000}, .linkwatch = {.read = ethtool_counters}};

/* ---- telling init */

static uint32_t leased_ifindex(void)
{
	return g.lease.link[g.lease.current].ifindex;
}

static const struct rtnl_link *leased_link(void)
{
	uint32_t i = devices_by_ifindex(&g.links, leased_ifindex());
	ASSERT(i < g.links.count);
	return &g.links.link[i];
}

/* The link of a device number, once configured. */
static const struct rtnl_link *device_link(uint32_t number)
{
	return &g.links.link[g.device[number]];
}

/* All links in the kernel's order, or outside and inside once they are known. */
static void send_links(enum msg_type type)
{
	struct msg_links m = {.count = g.configured ? 2 : g.links.count};
	bool held = lease_held(&g.lease);
	const struct dhcp_lease *lease = &g.lease.client.lease;
	for (uint32_t i = 0; i < m.count; i++) {
		const struct rtnl_link *link = g.configured ? device_link(i) : &g.links.link[i];
		const struct msg_link *imds = g.configured ? devices_described(&g.config.links, link) : NULL;
		devices_message(link, held && link->ifindex == leased_ifindex() ? lease : NULL, imds,
				&m.link[i]);
		m.link[i].speed_bps = ethtool_speed_bps(link->name);
	}
	if (held)
		memcpy(m.dns, lease->dns, sizeof(m.dns));
	peer_send(&g.init, type, &m);
}

/* ---- tasks */

static enum err kernel_refused(enum err e)
{
	report_verdict(&g.report, VERDICT_LINK, false,
		       "%s; it takes CAP_NET_ADMIN and a kernel with nftables", g.gateway.failed);
	return e;
}

static enum err task_list(void)
{
	enum err e = gateway_list(&g.gateway, &g.links);
	if (e)
		return kernel_refused(e);
	if (g.links.count < 2) {
		report_verdict(&g.report, VERDICT_LINK, false,
			       "%u Ethernet link found, two are needed: attach the inside network interface",
			       g.links.count);
		return ERR_MISSING;
	}
	devices_log(&g.links);
	g.listed = true;
	send_links(MSG_LINKS);
	return ERR_OK;
}

static enum err task_prepare(void)
{
	enum err e = gateway_prepare(&g.gateway, &g.links, g.forward);
	if (e)
		return kernel_refused(e);
	struct lease_link candidate[MSG_MAX_LINKS];
	for (uint32_t i = 0; i < g.links.count; i++) {
		candidate[i].ifindex = g.links.link[i].ifindex;
		memcpy(candidate[i].mac, g.links.link[i].mac, sizeof(candidate[i].mac));
	}
	lease_start(&g.lease, candidate, g.links.count);
	return ERR_OK;
}

static enum err apply_lease(const struct dhcp_lease *l)
{
	struct rtnl_addr addr = {leased_ifindex(), l->addr, l->prefix_len};
	struct gateway_outside o = {leased_ifindex(), l->addr, l->router, l->mtu};
	/* a size that the driver refuses is in the log; what it has serves as well */
	if (gateway_set_mtu(&g.gateway, o.ifindex, l->mtu))
		o.mtu = 0;
	TRY(gateway_set_address(&g.gateway, &addr));
	return gateway_set_routes(&g.gateway, &o);
}

static void look_at_links(void *arg)
{
	static struct gateway_links now;
	struct cloudwatch_sample counted;
	(void)arg;
	loop_timer_in(&g.loop, &g.look, LINKWATCH_NS);
	if (!g.configured)
		return;
	/* a kernel that lists no links has none, as far as anybody can say */
	if (gateway_list(&g.gateway, &now))
		now.count = 0;
	const uint32_t ifindex[2] = {device_link(DEVICE_OUTSIDE)->ifindex,
				     device_link(DEVICE_INSIDE)->ifindex};
	linkwatch_look(&g.linkwatch, &now, ifindex, g.open, &counted);
	ruleset_look(&g.gateway, &g.filter);
	peer_send(&g.upload, MSG_COUNTERS, &counted);
}

static enum err task_lease(void)
{
	const struct dhcp_lease *l = &g.lease.client.lease;
	if (!lease_held(&g.lease)) {
		enum err e =
			gateway_set_address(&g.gateway, &(struct rtnl_addr){.ifindex = leased_ifindex()});
		return e ? kernel_refused(e) : ERR_OK;
	}
	/* the rings' filter must know an address before it is spoken from; the first one, when all else is
	 * ready */
	if (g.configured)
		send_links(MSG_ADDRESSED);
	enum err e = apply_lease(l);
	if (e)
		return kernel_refused(e);
	names_servers(&g.names, l->dns);
	report_verdict(&g.report, VERDICT_DHCP, true, "%s has %s/%u from %s", leased_link()->name,
		       report_ip(l->addr).s, l->prefix_len, report_ip(l->server).s);
	if (!g.configured)
		send_links(MSG_ADDRESSED);
	g.todo[TASK_CONFIGURE] = g.has_config && !g.configured;
	return ERR_OK;
}

static struct nft_gateway rules(bool open)
{
	return ruleset(&g.config.settings, device_link(DEVICE_OUTSIDE)->ifindex,
		       device_link(DEVICE_INSIDE)->ifindex, open);
}

static enum err find_devices(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		g.device[i] = devices_by_number(&g.links, &g.config.links, i);
		if (g.device[i] < g.links.count)
			continue;
		report_verdict(&g.report, VERDICT_LINK, false,
			       "no link here is the interface with device number %u: attach it, then reboot",
			       i);
		return ERR_MISSING;
	}
	return ERR_OK;
}

/* DHCP goes to the outside link, where another one was quicker to answer. */
static enum err move_lease(const struct rtnl_link *outside)
{
	struct lease_link only = {.ifindex = outside->ifindex};
	memcpy(only.mac, outside->mac, sizeof(only.mac));
	log_event(LOG_INFO, "dhcp-moves", "to", outside->name);
	enum err e = gateway_set_address(&g.gateway, &(struct rtnl_addr){.ifindex = leased_ifindex()});
	if (e)
		return kernel_refused(e);
	lease_start(&g.lease, &only, 1);
	return ERR_OK;
}

static enum err set_up_inside(void)
{
	const struct rtnl_link *link = device_link(DEVICE_INSIDE);
	const struct msg_link *c = devices_described(&g.config.links, link);
	if (c->own_addr == 0 || c->prefix_len == 0 || c->prefix_len > 32) {
		report_verdict(&g.report, VERDICT_LINK, false,
			       "IMDS gives no IPv4 address or subnet for %s (%s): assign one, then reboot",
			       link->name, report_mac(link->mac).s);
		return ERR_MISSING;
	}
	/* both ENIs are in one VPC: what DHCP says of the MTU outside holds inside */
	if (gateway_set_mtu(&g.gateway, link->ifindex, g.lease.client.lease.mtu))
		log_event(LOG_WARN, "mtu-kept", "link", link->name);
	struct nft_gateway now = rules(g.forward);
	enum err e = gateway_set_address(&g.gateway,
					 &(struct rtnl_addr){link->ifindex, c->own_addr, c->prefix_len});
	if (!e)
		e = gateway_set_rules(&g.gateway, &now);
	return e ? kernel_refused(e) : ERR_OK;
}

/* Their MTU may have changed. */
static enum err refresh_links(void)
{
	static struct gateway_links now;
	enum err e = gateway_list(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	devices_take_mtus(&g.links, &now);
	return ERR_OK;
}

static enum err task_configure(void)
{
	TRY(find_devices());
	const struct rtnl_link *outside = device_link(DEVICE_OUTSIDE);
	if (leased_ifindex() != outside->ifindex)
		return move_lease(outside);
	lease_pin(&g.lease);
	if (!lease_held(&g.lease))
		return ERR_OK; /* the lease asks for this task again */
	TRY(set_up_inside());
	TRY(refresh_links());
	g.configured = true;
	ruleset_check(&g.gateway, &g.config.settings, outside->ifindex);
	log_begin(LOG_INFO, "configured");
	log_str("outside", device_link(DEVICE_OUTSIDE)->name);
	log_str("inside", device_link(DEVICE_INSIDE)->name);
	ruleset_log(&g.config.settings);
	log_end();
	send_links(MSG_CONFIGURED);
	look_at_links(NULL);
	return ERR_OK;
}

static enum err task_forward(void)
{
	struct msg_forwarding done = {.on = g.forward};
	struct nft_gateway r = {.open = false};
	if (g.configured)
		r = rules(g.forward);
	enum err e = gateway_set_rules(&g.gateway, &r);
	enum err counted = ERR_OK;
	for (uint32_t d = 0; !e && g.configured && d < 2; d++)
		if (gateway_count(&g.gateway, device_link(d)->ifindex, &done.rx_packets[d],
				  &done.rx_dropped[d]))
			counted = ERR_NOT_FOUND;
	done.counted = g.configured && !counted;
	g.open = g.forward && !e && !counted;
	/* a link that is gone keeps forwarding from opening, never from closing */
	if (e || (counted && g.forward))
		return kernel_refused(e ? e : counted);
	if (counted)
		log_event(LOG_WARN, "counters-missing", "reason", g.gateway.failed);
	look_at_links(NULL);
	peer_send(&g.init, MSG_FORWARDING, &done);
	canary_on(&g.canary, g.forward);
	return ERR_OK;
}

static enum err (*const tasks[TASK_COUNT])(void) = {
	[TASK_FORWARD] = task_forward, [TASK_LIST] = task_list,           [TASK_PREPARE] = task_prepare,
	[TASK_LEASE] = task_lease,     [TASK_CONFIGURE] = task_configure,
};

/* When no task is left that fails. */
static void report_links(void)
{
	for (uint32_t d = 0; g.configured && d < 2; d++) {
		const struct rtnl_link *link = device_link(d);
		if (link->up && link->carrier)
			continue;
		report_verdict(&g.report, VERDICT_LINK, false, "%s is down: check the interface's attachment",
			       link->name);
		return;
	}
	if (g.listed)
		report_verdict(&g.report, VERDICT_LINK, true, "%u Ethernet links", g.links.count);
}

static void work(void *arg)
{
	(void)arg;
	loop_timer_stop(&g.loop, &g.retry);
	for (int i = 0; i < TASK_COUNT; i++) {
		if (!g.todo[i])
			continue;
		if (tasks[i]()) {
			loop_timer_in(&g.loop, &g.retry, backoff_next_ns(&g.backoff));
			return;
		}
		g.todo[i] = false;
	}
	backoff_reset(&g.backoff);
	report_links();
}

static void begin_task(enum task t)
{
	g.todo[t] = true;
	work(NULL);
}

/* ---- DHCP and DNS */

static void lease_changed(void *arg, enum dhcp_event event)
{
	(void)arg;
	lease_log(&g.lease, event, leased_link()->name);
	if (event == DHCP_RENEWED)
		return;
	if (event == DHCP_LOST)
		report_verdict(&g.report, VERDICT_DHCP, false,
			       "the lease of %s on %s ended: check the network's DHCP; asking on",
			       report_ip(g.lease.client.lease.addr).s, leased_link()->name);
	begin_task(TASK_LEASE);
}

static void dhcp_silent(void *arg)
{
	enum err refused = g.lease.client.refused;
	const struct rtnl_link *link = leased_link();
	(void)arg;
	report_verdict(&g.report, VERDICT_DHCP, false,
		       "%s on %s (%s): check that the interface's subnet has DHCP; asking on",
		       refused ? "no usable DHCP answer" : "no DHCP answer", link->name,
		       report_mac(link->mac).s);
	if (refused)
		log_event(LOG_WARN, "dhcp-answer-unusable", "reason", err_text(refused));
}

static void resolved(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	(void)arg;
	names_report(&g.report, name, a, server);
	peer_send(asker, MSG_RESOLVED, a);
}

static void on_asker(void *arg, uint32_t index, const struct chan_msg *m)
{
	struct msg_name name;
	(void)index;
	if (m->type == MSG_TIME_SERVERS) {
		timekeeper_servers((const void *)m->payload);
		return;
	}
	ASSERT(m->type == MSG_RESOLVE);
	memcpy(&name, m->payload, sizeof(name));
	names_ask(&g.names, arg, &name);
}

/* ---- the kernel's events */

static void link_changed(struct rtnl_link *known, const struct rtnl_link *link, bool gone)
{
	bool was = known->up && known->carrier, is = link->up && link->carrier && !gone;
	known->up = link->up && !gone;
	known->carrier = link->carrier && !gone;
	if (was == is)
		return;
	log_begin(is ? LOG_INFO : LOG_ALARM, is ? "link-up" : gone ? "link-gone" : "link-down");
	log_str("link", known->name);
	log_end();
	if (is && g.lease.count) {
		lease_hurry(&g.lease, known->ifindex);
		/* a link that was down has lost its routes */
		g.todo[TASK_LEASE] |= lease_held(&g.lease) && known->ifindex == leased_ifindex();
	}
	work(NULL);
	look_at_links(NULL);
}

static void on_link(void *arg, const struct rtnl_link *link, bool gone)
{
	uint32_t i = devices_by_ifindex(&g.links, link->ifindex);
	(void)arg;
	if (!g.listed)
		work(NULL);
	else if (i < g.links.count)
		link_changed(&g.links.link[i], link, gone);
	else if (!gone && link->ethernet)
		log_event(LOG_WARN, "link-ignored-until-reboot", "link", link->name);
}

static void on_addr(void *arg, const struct rtnl_addr *addr, bool gone)
{
	(void)arg;
	if (g.configured)
		devices_log_address(&g.links, addr, gone);
}

static void on_events(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	gateway_events(&g.gateway, on_link, on_addr, NULL);
}

/* ---- init's messages */

static void on_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	struct msg_flag flag;
	(void)arg;
	(void)index;
	switch (m->type) {
	case MSG_PEER:
		peer_join(peer_role(m) == ROLE_KEYS ? &g.keys : &g.upload, m);
		return;
	case MSG_LINKS_UP:
		ASSERT(g.listed && g.lease.count == 0);
		begin_task(TASK_PREPARE);
		return;
	case MSG_SETTINGS:
		ASSERT(g.lease.count && !g.has_config);
		memcpy(&g.config, m->payload, sizeof(g.config));
		ASSERT(g.config.links.count <= MSG_MAX_LINKS);
		g.has_config = true;
		begin_task(TASK_CONFIGURE);
		return;
	case MSG_FORWARD:
		memcpy(&flag, m->payload, sizeof(flag));
		ASSERT(g.configured || !flag.on);
		g.forward = flag.on != 0;
		begin_task(TASK_FORWARD);
		return;
	default:
		trap();
	}
}

_Noreturn void role_net(int channel)
{
	static struct msg_start start;
	int fds[1];
	log_open(channel, MSG_LOG_LINE, "net");
	peer_start(channel, ROLE_NET, &start, fds, 1);
	loop_init(&g.loop);
	peer_init(&g.init, ROLE_NET, ROLE_INIT, &g.loop, on_init, NULL);
	peer_init(&g.keys, ROLE_NET, ROLE_KEYS, &g.loop, on_asker, NULL);
	g.keys.arg = &g.keys;
	peer_init(&g.upload, ROLE_NET, ROLE_UPLOAD, &g.loop, on_asker, NULL);
	g.upload.arg = &g.upload;
	peer_watch(&g.init, channel);
	g.forward = start.forward;
	g.report.init = &g.init;
	g.retry.fn = work;
	g.look.fn = look_at_links;
	g.names.loop = g.lease.loop = &g.loop;
	g.names.answered = resolved;
	g.lease.changed = lease_changed;
	g.lease.silent = dhcp_silent;
	names_init(&g.names);
	timekeeper_init(&g.loop, &g.keys, &g.report, &start);
	canary_init(&g.canary, &g.loop, &g.keys, &g.names, start.boot, start.life);
	if (gateway_open(&g.gateway) || lease_init(&g.lease, fds[0])) {
		kernel_refused(ERR_SYSTEM);
		_exit(1);
	}
	g.events = (struct loop_watch){.fd = g.gateway.events, .events = POLLIN, .fn = on_events};
	loop_watch(&g.loop, &g.events);
	begin_task(TASK_LIST);
	loop_run(&g.loop);
	trap();
}
