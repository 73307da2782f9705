#include "role/net.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/ethtool.h"
#include "role/addressing.h"
#include "role/canary.h"
#include "role/devices.h"
#include "role/gateway.h"
#include "role/lease.h"
#include "role/linkwatch.h"
#include "role/names.h"
#include "role/report.h"
#include "role/todo.h"

/* What is to be done, in this order; a task that fails is tried again, and holds up those behind it but for
 * FORWARD and REPLACE. Closing never waits. */
enum task {
	TASK_FORWARD,
	TASK_LIST,
	TASK_PREPARE,
	TASK_LEASE,
	TASK_CONFIGURE,
	TASK_REPLACE, /* once configured: a link is gone, is there another one for its device? */
	TASK_SETTLE,  /* the rings admit that one: set it up */
	TASK_COUNT
};

static struct {
	struct loop loop;
	struct peer init, keys, upload;
	struct gateway gateway;
	struct gateway_links links; /* all there are; once configured: outside, inside */
	struct lease lease;
	struct names names;
	struct canary canary;
	struct msg_config config;
	struct msg_described described; /* count 0: not known */
	bool listed, prepared, configured, has_config;
	uint32_t fresh[2]; /* once configured: the index of a link that came back and is to be set up */
	uint32_t untold;   /* LINKS that init has not answered yet */
	uint32_t forward;  /* as init wants it */
	bool open;         /* it is done */
	struct todo todo;
	struct loop_watch events;
	struct linkwatch linkwatch;
	struct loop_timer look;
	struct report report;
} g = {.todo.backoff = {.base_ms = 500, .cap_ms = 10000}, .linkwatch = {.read = ethtool_counters}};

/* ---- telling init */

static uint32_t leased_ifindex(void)
{
	return g.lease.count ? g.lease.link[g.lease.current].ifindex : 0;
}

static bool is_there(uint32_t ifindex)
{
	return devices_by_ifindex(&g.links, ifindex) < g.links.count;
}

static const char *leased_name(void)
{
	uint32_t i = devices_by_ifindex(&g.links, leased_ifindex());
	return i < g.links.count ? g.links.link[i].name : "a link that is gone";
}

/* The link of a device number, once configured. */
static struct rtnl_link *device_link(uint32_t number)
{
	ASSERT(g.configured && number < 2);
	return &g.links.link[number];
}

/* All links in the kernel's order, or outside and inside once they are known. */
static void send_links(enum msg_type type)
{
	struct msg_links m;
	devices_messages(&g.links, lease_held(&g.lease) ? &g.lease.client.lease : NULL, leased_ifindex(),
			 g.configured ? &g.described : NULL, &m);
	for (uint32_t i = 0; i < m.count; i++)
		m.link[i].speed_bps = ethtool_speed_bps(m.link[i].name);
	g.untold += type == MSG_LINKS;
	peer_send(&g.init, type, &m);
}

/* ---- tasks */

static enum err kernel_refused(enum err e)
{
	report_verdict(&g.report, VERDICT_LINK, false,
		       "%s; it takes CAP_NET_ADMIN and a kernel with nftables", g.gateway.failed);
	return e;
}

/* Once configured, which link is which is REPLACE's to see. */
static enum err task_list(void)
{
	static struct gateway_links now;
	if (g.configured)
		return ERR_OK;
	enum err e = gateway_list(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	g.links = now;
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
	enum err e = g.prepared ? ERR_OK : gateway_prepare(&g.gateway, g.forward);
	for (uint32_t i = 0; !e && i < g.links.count; i++)
		e = gateway_prepare_link(&g.gateway, &g.links.link[i]);
	if (e)
		return kernel_refused(e);
	g.prepared = true;
	/* links that came and went meanwhile are no reason to give a lease up */
	if (!lease_held(&g.lease) || !is_there(leased_ifindex()))
		lease_on(&g.lease, g.links.link, g.links.count);
	g.todo.due[TASK_CONFIGURE] |= g.has_config;
	return ERR_OK;
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
	peer_send(&g.upload, MSG_COUNTERS, &counted);
}

static enum err task_lease(void)
{
	const struct dhcp_lease *l = &g.lease.client.lease;
	const struct rtnl_addr none = {.ifindex = leased_ifindex()};
	if (!is_there(leased_ifindex()) || (g.configured && !device_link(DEVICE_OUTSIDE)->up))
		return ERR_OK; /* LIST or REPLACE see to it, or the link's way up */
	if (!lease_held(&g.lease)) {
		enum err e = gateway_set_address(&g.gateway, &none);
		return e ? kernel_refused(e) : ERR_OK;
	}
	/* the rings' filter must know an address before it is spoken from; the first one, when all else is
	 * ready */
	if (g.configured)
		send_links(MSG_ADDRESSED);
	enum err e = addressing_outside(&g.gateway, leased_ifindex(), l);
	if (e)
		return kernel_refused(e);
	names_servers(&g.names, l->dns);
	report_verdict(&g.report, VERDICT_DHCP, true, "%s has %s/%u from %s", leased_name(),
		       report_ip(l->addr).s, l->prefix_len, report_ip(l->server).s);
	if (!g.configured)
		send_links(MSG_ADDRESSED);
	g.todo.due[TASK_CONFIGURE] |= g.has_config && !g.configured;
	return ERR_OK;
}

static struct nft_gateway rules(bool open, const struct rtnl_link *outside, const struct rtnl_link *inside)
{
	return (struct nft_gateway){
		.open = open,
		.masquerade = g.config.settings.nat == CONF_NAT_MASQUERADE,
		.outside = outside->ifindex,
		.inside = inside->ifindex,
		.port_first = 1024,
		.port_last = OWN_PORT_FIRST - 1,
	};
}

static struct nft_gateway rules_now(void)
{
	return rules(g.forward, device_link(DEVICE_OUTSIDE), device_link(DEVICE_INSIDE));
}

/* keys asks IMDS, and DESCRIBED comes. */
static void ask_for_description(void)
{
	peer_send(&g.keys, MSG_DESCRIBE, NULL);
}

/* device: places in links: outside, inside. */
static enum err find_devices(uint32_t device[2])
{
	for (uint32_t i = 0; i < 2; i++) {
		device[i] = devices_by_number(&g.links, &g.described, i);
		if (device[i] < g.links.count)
			continue;
		if (g.described.count)
			report_verdict(&g.report, VERDICT_LINK, false,
				       "no link here is the interface with device number %u: attach it", i);
		ask_for_description();
		return ERR_MISSING;
	}
	return ERR_OK;
}

/* DHCP goes to the outside link, where another one was quicker to answer. */
static enum err move_lease(const struct rtnl_link *outside)
{
	log_event(LOG_INFO, "dhcp-moves", "to", outside->name);
	enum err e = gateway_set_address(&g.gateway, &(struct rtnl_addr){.ifindex = leased_ifindex()});
	if (e)
		return kernel_refused(e);
	lease_on(&g.lease, outside, 1);
	return ERR_OK;
}

static enum err set_up_inside(const struct rtnl_link *link)
{
	const struct imds_link *d = devices_described(&g.described, link);
	enum err e = d ? addressing_inside(&g.gateway, link, d, g.lease.client.lease.mtu) : ERR_MISSING;
	if (e == ERR_MISSING) {
		report_verdict(&g.report, VERDICT_LINK, false,
			       "IMDS gives no IPv4 address or subnet for %s (%s): assign one", link->name,
			       report_mac(link->mac).s);
		ask_for_description();
		return e;
	}
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

static void name_devices(const uint32_t device[2])
{
	const struct rtnl_link link[2] = {g.links.link[device[0]], g.links.link[device[1]]};
	memcpy(g.links.link, link, sizeof(link));
	g.links.count = 2;
	g.configured = true;
	log_begin(LOG_INFO, "configured");
	log_str("outside", link[0].name);
	log_str("inside", link[1].name);
	log_str("nat", g.config.settings.nat == CONF_NAT_MASQUERADE ? "masquerade" : "none");
	log_end();
}

static enum err task_configure(void)
{
	uint32_t device[2];
	if (g.configured)
		return ERR_OK;
	TRY(find_devices(device));
	const struct rtnl_link *outside = &g.links.link[device[DEVICE_OUTSIDE]];
	if (leased_ifindex() != outside->ifindex)
		return move_lease(outside);
	lease_pin(&g.lease);
	if (!lease_held(&g.lease))
		return ERR_OK; /* the lease asks for this task again */
	const struct rtnl_link *inside = &g.links.link[device[DEVICE_INSIDE]];
	TRY(set_up_inside(inside));
	struct nft_gateway now = rules(g.forward, outside, inside);
	enum err e = gateway_set_rules(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	TRY(refresh_links());
	name_devices(device);
	send_links(MSG_CONFIGURED);
	look_at_links(NULL);
	return ERR_OK;
}

/* A link that is gone may have come back, under another index, name or even MAC address: it is the one that
 * IMDS gives the same device number. The rings are told before it goes up. */
static enum err task_replace(void)
{
	static struct gateway_links now;
	enum err e = gateway_list(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	if (devices_replace(&g.links, &now, &g.described, g.fresh))
		send_links(MSG_LINKS);
	if (devices_all_there(&g.links, &now))
		return ERR_OK;
	ask_for_description();
	return ERR_MISSING;
}

/* What it takes depends on which link it is. */
static enum err settle(uint32_t d)
{
	const struct rtnl_link *link = device_link(d);
	enum err e = gateway_prepare_link(&g.gateway, link);
	if (e)
		return kernel_refused(e);
	if (d == DEVICE_OUTSIDE)
		lease_on(&g.lease, link, 1);
	else
		TRY(set_up_inside(link));
	log_event(LOG_WARN, "link-back", "link", link->name);
	return ERR_OK;
}

static enum err task_settle(void)
{
	for (uint32_t d = 0; d < 2; d++) {
		if (g.fresh[d] != device_link(d)->ifindex)
			continue;
		TRY(settle(d));
		g.fresh[d] = 0;
	}
	struct nft_gateway now = rules_now();
	enum err e = gateway_set_rules(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	TRY(refresh_links());
	look_at_links(NULL);
	return ERR_OK;
}

static enum err task_forward(void)
{
	struct msg_forwarding done = {.on = g.forward};
	struct nft_gateway r = {.open = false};
	if (g.configured)
		r = rules_now();
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

static const struct todo_task tasks[TASK_COUNT] = {
	[TASK_FORWARD] = {task_forward, true},      [TASK_LIST] = {task_list, false},
	[TASK_PREPARE] = {task_prepare, false},     [TASK_LEASE] = {task_lease, false},
	[TASK_CONFIGURE] = {task_configure, false}, [TASK_REPLACE] = {task_replace, true},
	[TASK_SETTLE] = {task_settle, false},
};

static void report_links(bool failed)
{
	if (failed && !g.configured)
		return; /* the task has said what it waits for */
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

static void begin_task(enum task t)
{
	todo_begin(&g.todo, t);
}

/* ---- DHCP and DNS */

static void lease_changed(void *arg, enum dhcp_event event)
{
	(void)arg;
	lease_say(&g.lease, &g.report, event, leased_name());
	if (event != DHCP_RENEWED)
		begin_task(TASK_LEASE);
}

static void dhcp_silent(void *arg)
{
	(void)arg;
	lease_say_silent(&g.lease, &g.report, leased_name());
}

static void resolved(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	(void)arg;
	names_say(&g.report, name, a, server);
	peer_send(asker, MSG_RESOLVED, a);
}

static void on_asker(void *arg, uint32_t index, const struct chan_msg *m)
{
	struct msg_name name;
	(void)index;
	if (m->type == MSG_DESCRIBED) {
		struct msg_described d;
		memcpy(&d, m->payload, sizeof(d));
		if (d.count == 0 || d.count > IMDS_LINKS_MAX)
			return;
		g.described = d;
		todo_work(&g.todo); /* something may have waited for it */
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
	if (gone)
		g.todo.due[g.configured ? TASK_REPLACE : TASK_LIST] = true;
	else if (!g.configured && memcmp(known->mac, link->mac, sizeof(link->mac)) != 0)
		g.todo.due[TASK_LIST] = true;
	if (was == is && !gone && !g.todo.due[TASK_LIST])
		return;
	log_event(is ? LOG_INFO : LOG_ALARM,
		  is     ? "link-up"
		  : gone ? "link-gone"
			 : "link-down",
		  "link", known->name);
	if (gone && g.configured && link->ifindex == leased_ifindex())
		lease_stop(&g.lease);
	if (is && g.lease.count) {
		lease_hurry(&g.lease, known->ifindex);
		/* a link that was down has lost its routes */
		g.todo.due[TASK_LEASE] |= lease_held(&g.lease) && known->ifindex == leased_ifindex();
	}
	todo_work(&g.todo);
	look_at_links(NULL);
}

static void on_link(void *arg, const struct rtnl_link *link, bool gone)
{
	uint32_t i = devices_by_ifindex(&g.links, link->ifindex);
	(void)arg;
	if (i < g.links.count && g.listed)
		link_changed(&g.links.link[i], link, gone);
	else if (!gone && link->ethernet && !g.configured)
		begin_task(TASK_LIST);
	else if (!gone && link->ethernet && !link->up && !link->carrier && !g.todo.due[TASK_REPLACE])
		log_event(LOG_WARN, "link-not-needed", "link", link->name);
	else if (!gone && link->ethernet && g.todo.due[TASK_REPLACE])
		todo_work(&g.todo);
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
		ASSERT(g.untold);
		if (--g.untold == 0) /* else the rings do not admit the latest yet */
			begin_task(g.configured ? TASK_SETTLE : TASK_PREPARE);
		return;
	case MSG_SETTINGS:
		ASSERT(g.listed && !g.has_config);
		memcpy(&g.config, m->payload, sizeof(g.config));
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
	g.todo.loop = &g.loop;
	g.todo.tasks = tasks;
	g.todo.count = TASK_COUNT;
	g.todo.worked = report_links;
	todo_init(&g.todo);
	g.look.fn = look_at_links;
	g.names.loop = g.lease.loop = &g.loop;
	g.names.answered = resolved;
	g.lease.changed = lease_changed;
	g.lease.silent = dhcp_silent;
	names_init(&g.names);
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
