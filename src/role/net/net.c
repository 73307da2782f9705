#include "role/net/net.h"

#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/ethtool.h"
#include "role/net/addresses.h"
#include "role/net/canary.h"
#include "role/net/goals.h"
#include "role/net/linkwatch.h"
#include "role/net/routing.h"
#include "role/net/ruleset.h"
#include "role/net/tasks.h"
#include "role/net/timekeeper.h"

/* What is to be done, in this order; a task that fails is tried again, and holds up those behind it but for
 * those that stand alone. Closing never waits. */
enum task {
	TASK_FORWARD,
	TASK_LIST,      /* which links there are, until they are known */
	TASK_PREPARE,   /* the rings admit them: bring them up */
	TASK_LEASE,     /* an address came or went while nobody knows yet which link is which */
	TASK_CONFIGURE, /* which is which */
	TASK_REPLACE,   /* a link is gone: is there another one for its device? */
	TASK_TELL,      /* the rings are to know of links and addresses */
	TASK_SETTLE,    /* they do: set up what is not */
	TASK_ROUTERS,   /* who routes IPv6 */
	TASK_COUNT
};

/* Addresses may be added and taken away at any time; so often IMDS is asked. */
#define DESCRIBE_NS (300 * NS_PER_S)

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, keys, upload, flows;
	struct gateway gateway;
	struct gateway_links links; /* all there are; once configured: outside, inside, evidence */
	struct addresses addresses;
	struct names names;
	struct canary canary;
	struct msg_config config;
	struct msg_described described;          /* count 0: not known */
	bool listed, prepared, has_config, open; /* open: what `forward` says is done */
	bool configured;                         /* which link is which is known */
	bool settled;                            /* and they are set up: init was told */
	uint32_t fresh[DEVICES]; /* once configured: the index of a link that came back and is to be set up */
	uint32_t untold;         /* LINKS that init has not answered yet */
	uint32_t forward;        /* as init wants it */
	struct tasks tasks;
	struct loop_watch events;
	struct linkwatch linkwatch;
	struct ruleset_watch filter;
	struct loop_timer look, describe;
	struct report report;
} g = {.tasks.backoff = {.base_ms = 500, .cap_ms = 10000}, .linkwatch = {.read = ethtool_counters}};

static void begin_task(enum task t)
{
	tasks_begin(&g.tasks, t);
}

/* ---- telling others */

/* The link of a device number, once configured. */
static struct rtnl_link *device_link(uint32_t number)
{
	ASSERT(g.configured && number < g.links.count);
	return &g.links.link[number];
}

/* All links in the kernel's order, or outside and inside once they are known. */
static void send_links(enum msg_type type)
{
	struct msg_links m;
	addresses_messages(&g.addresses, &m);
	g.untold += type == MSG_LINKS;
	peer_send(&g.init, type, &m);
}

/* keys asks IMDS, and DESCRIBED comes. */
static void ask_for_description(void *arg)
{
	(void)arg;
	loop_timer_in(&g.loop, &g.describe, DESCRIBE_NS);
	peer_send(&g.keys, MSG_DESCRIBE, NULL);
}

static enum err kernel_refused(enum err e)
{
	report_verdict(&g.report, VERDICT_LINK, false,
		       "%s; it takes CAP_NET_ADMIN and a kernel with nftables", g.gateway.failed);
	return e;
}

/* ---- until it is known which link is which */

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
	enum err e = g.prepared ? ERR_OK : gateway_prepare(&g.gateway, g.forward, g.start.life == 0);
	for (uint32_t i = 0; !e && i < g.links.count; i++)
		e = gateway_prepare_link(&g.gateway, &g.links.link[i]);
	if (e)
		return kernel_refused(e);
	for (uint32_t i = 0; i < g.links.count; i++)
		g.links.link[i].up = true;
	g.prepared = true;
	/* links that came and went meanwhile are no reason to give a lease up */
	if (!addresses_held(&g.addresses) ||
	    devices_by_ifindex(&g.links, addresses_leased(&g.addresses)) == g.links.count)
		lease_on(&g.addresses.by[DEVICE_OUTSIDE].lease, g.links.link, g.links.count);
	g.tasks.due[TASK_CONFIGURE] |= g.has_config;
	return ERR_OK;
}

static enum err task_lease(void)
{
	/* the rings' filter must know an address before it is spoken from; of the first one nobody speaks
	 * before ADDRESSED */
	enum err e = g.configured ? ERR_OK : addresses_apply(&g.addresses, g.forward);
	if (e)
		return kernel_refused(e);
	if (g.configured || !addresses_held(&g.addresses))
		return ERR_OK;
	send_links(MSG_ADDRESSED);
	g.tasks.due[TASK_CONFIGURE] |= g.has_config;
	return ERR_OK;
}

/* DHCP goes to the outside link, where another one was quicker to answer. */
static enum err move_lease(const struct rtnl_link *outside)
{
	log_event(LOG_INFO, "dhcp-moves", "to", outside->name);
	enum err e = routing_no_addresses(&g.gateway, addresses_leased(&g.addresses));
	if (e)
		return kernel_refused(e);
	lease_on(&g.addresses.by[DEVICE_OUTSIDE].lease, outside, 1);
	return ERR_OK;
}

static enum err task_configure(void)
{
	uint32_t device[DEVICES];
	if (g.configured)
		return ERR_OK;
	if (devices_find(&g.links, &g.described, &g.report, device)) {
		ask_for_description(NULL);
		return ERR_MISSING;
	}
	const struct rtnl_link *outside = &g.links.link[device[DEVICE_OUTSIDE]];
	if (addresses_leased(&g.addresses) != outside->ifindex)
		return move_lease(outside);
	lease_pin(&g.addresses.by[DEVICE_OUTSIDE].lease);
	if (!addresses_held(&g.addresses))
		return ERR_OK; /* the lease asks for this task again */
	devices_keep(&g.links, device, g.config.settings.evidence == CONF_EVIDENCE_ENI);
	g.configured = g.addresses.known = true;
	g.tasks.due[TASK_REPLACE] = g.tasks.due[TASK_TELL] = true; /* evidence may be missing */
	return ERR_OK;
}

/* ---- from then on */

static void look_at_links(void *arg)
{
	static struct gateway_links now;
	struct cloudwatch_sample counted;
	(void)arg;
	loop_timer_in(&g.loop, &g.look, LINKWATCH_NS);
	if (!g.settled)
		return;
	/* a kernel that lists no links has none, as far as anybody can say */
	if (gateway_list(&g.gateway, &now))
		now.count = 0;
	uint32_t ifindex[DEVICES] = {0};
	for (uint32_t d = 0; d < g.links.count; d++)
		ifindex[d] = device_link(d)->ifindex;
	linkwatch_look(&g.linkwatch, &now, ifindex, g.open, &counted);
	ruleset_look(&g.gateway, &g.filter, &counted);
	peer_send(&g.upload, MSG_COUNTERS, &counted);
	peer_offer(&g.flows, MSG_REFUSED, &g.filter.refused);
}

static void look_again(void *arg)
{
	look_at_links(arg);
	if (g.settled)
		begin_task(TASK_ROUTERS);
}

/* A link that is gone may have come back, under another index, name or even MAC address: it is the one that
 * IMDS gives the same device number. The rings are told before it goes up. */
static enum err task_replace(void)
{
	static struct gateway_links now;
	enum err e = gateway_list(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	g.tasks.due[TASK_TELL] |= devices_replace(&g.links, &now, &g.described, g.fresh);
	if (devices_all_there(&g.links, &now))
		return ERR_OK;
	ask_for_description(NULL);
	return ERR_MISSING;
}

static enum err task_tell(void)
{
	send_links(MSG_LINKS);
	return ERR_OK;
}

static enum err bring_up(uint32_t d)
{
	struct rtnl_link *link = device_link(d);
	enum err e = gateway_prepare_link(&g.gateway, link);
	if (e)
		return kernel_refused(e);
	link->up = true;
	if (d == DEVICE_OUTSIDE)
		lease_on(&g.addresses.by[d].lease, link, 1);
	log_event(LOG_WARN, "link-back", "link", link->name);
	g.fresh[d] = 0;
	return ERR_OK;
}

/* Addresses and routes of links that are gone or down wait until they are back. */
static enum err task_settle(void)
{
	if (!g.configured || g.untold)
		return ERR_OK; /* the latest LINKS asks for this task again */
	for (uint32_t d = 0; d < g.links.count; d++)
		if (g.fresh[d] && g.fresh[d] == device_link(d)->ifindex)
			TRY(bring_up(d));
	struct nft_gateway now = ruleset(&g.config.settings, &g.links, g.forward);
	enum err e = addresses_apply(&g.addresses, false);
	if (e == ERR_MISSING && !g.settled) {
		ask_for_description(NULL);
		return e;
	}
	if (!e || e == ERR_MISSING)
		e = gateway_set_rules(&g.gateway, &now);
	static struct gateway_links links;
	if (!e)
		e = gateway_list(&g.gateway, &links);
	if (e)
		return kernel_refused(e);
	devices_take_mtus(&g.links, &links);
	names_release(&g.names); /* what keys and upload send goes where it is to go */
	if (!g.settled) {
		struct msg_links m;
		addresses_messages(&g.addresses, &m);
		ruleset_check(&g.config.settings, &m.link[DEVICE_OUTSIDE]);
		send_links(MSG_CONFIGURED);
	}
	g.settled = true;
	look_at_links(NULL);
	g.tasks.due[TASK_ROUTERS] = true;
	return ERR_OK;
}

static enum err task_routers(void)
{
	return addresses_routers(&g.addresses);
}

static enum err task_forward(void)
{
	struct msg_forwarding done = {.on = g.forward};
	struct nft_gateway open = ruleset(&g.config.settings, &g.links, true);
	enum err e = g.forward ? gateway_set_rules(&g.gateway, &open) : gateway_close(&g.gateway);
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

static const struct tasks_row tasks[TASK_COUNT] = {
	[TASK_FORWARD] = {task_forward, true},      [TASK_LIST] = {task_list, false},
	[TASK_PREPARE] = {task_prepare, false},     [TASK_LEASE] = {task_lease, false},
	[TASK_CONFIGURE] = {task_configure, false}, [TASK_REPLACE] = {task_replace, true},
	[TASK_TELL] = {task_tell, false},           [TASK_SETTLE] = {task_settle, false},
	[TASK_ROUTERS] = {task_routers, true},
};

static void report_links(bool failed)
{
	if (failed && !g.settled)
		return; /* the task has said what it waits for */
	if (g.configured)
		devices_report(&g.links, &g.report);
	else if (g.listed)
		report_verdict(&g.report, VERDICT_LINK, true, "%u Ethernet links", g.links.count);
	if (g.settled)
		addresses_report_evidence(&g.addresses);
}

/* ---- what comes from elsewhere */

static void addresses_changed(void)
{
	/* from within a task too: it is the next round's */
	g.tasks.due[g.configured ? TASK_TELL : TASK_LEASE] = true;
	loop_timer_in(&g.loop, &g.tasks.retry, 0);
}

static void resolved(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	(void)arg;
	names_report(&g.report, name, a, server);
	goals_open(&g.gateway, &g.config, asker == &g.keys ? UID_KEYS : UID_UPLOAD, name->host, a);
	peer_send(asker, MSG_RESOLVED, a);
}

static void resolve(struct peer *asker, const void *payload)
{
	names_ask(&g.names, asker, payload);
}

static void time_servers(const void *payload)
{
	timekeeper_servers(payload);
}

static void described(const void *payload)
{
	g.tasks.due[TASK_TELL] |= devices_describe(&g.described, payload) && g.configured;
	tasks_work(&g.tasks); /* something may have waited for it */
}

static void link_changed(struct rtnl_link *known, const struct rtnl_link *link, bool gone)
{
	bool was = known->up && known->carrier, is = link->up && link->carrier && !gone;
	known->up = link->up && !gone;
	known->carrier = link->carrier && !gone;
	if (gone)
		g.tasks.due[g.configured ? TASK_REPLACE : TASK_LIST] = true;
	else if (!g.configured && memcmp(known->mac, link->mac, sizeof(link->mac)) != 0)
		g.tasks.due[TASK_LIST] = true;
	else if (was == is)
		return;
	if (was != is || gone)
		log_event(is ? LOG_INFO : LOG_ALARM,
			  is     ? "link-up"
			  : gone ? "link-gone"
				 : "link-down",
			  "link", known->name);
	if (gone && g.configured)
		addresses_link_gone(&g.addresses, link->ifindex);
	if (is) {
		addresses_link_up(&g.addresses, known->ifindex);
		/* a link that was down has lost its routes */
		g.tasks.due[g.configured ? TASK_SETTLE : TASK_LEASE] |=
			g.configured || known->ifindex == addresses_leased(&g.addresses);
	}
	tasks_work(&g.tasks);
	look_at_links(NULL);
}

static void on_link(void *arg, const struct rtnl_link *link, bool gone)
{
	uint32_t i = devices_by_ifindex(&g.links, link->ifindex);
	(void)arg;
	if (i < g.links.count && g.listed)
		link_changed(&g.links.link[i], link, gone);
	else if (gone || !link->ethernet)
		return;
	else if (!g.configured)
		begin_task(TASK_LIST);
	else if (g.tasks.due[TASK_REPLACE])
		tasks_work(&g.tasks);
	else if (!link->up)
		log_event(LOG_WARN, "link-not-needed", "link", link->name);
}

static void on_events(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	gateway_events(&g.gateway, on_link, devices_log_address, &g.links);
}

/* ---- init's messages */

static void rings_admit(void)
{
	ASSERT(g.untold);
	if (--g.untold == 0) /* else the rings do not admit the latest yet */
		begin_task(g.prepared && g.configured ? TASK_SETTLE : TASK_PREPARE);
}

static void take_settings(const void *payload)
{
	ASSERT(g.listed && !g.has_config);
	memcpy(&g.config, payload, sizeof(g.config));
	g.has_config = true;
	if (g.config.settings.evidence == CONF_EVIDENCE_NONE)
		names_release(&g.names);
	begin_task(TASK_CONFIGURE);
}

static void set_forward(const void *payload)
{
	const struct msg_flag *forward = payload;
	g.forward = forward->on != 0;
	ASSERT(g.settled || !g.forward);
	begin_task(TASK_FORWARD);
}

static void set_up(const int fds[START_FDS])
{
	g.forward = g.start.forward;
	g.report.init = &g.init;
	tasks_init(&g.tasks, &g.loop, tasks, TASK_COUNT, report_links);
	g.look.fn = look_again;
	g.describe.fn = ask_for_description;
	g.names.loop = &g.loop;
	g.names.answered = resolved;
	g.names.held = true; /* until it is known by which link */
	g.addresses = (struct addresses){.loop = &g.loop,
					 .gateway = &g.gateway,
					 .links = &g.links,
					 .described = &g.described,
					 .settings = &g.config.settings,
					 .names = &g.names,
					 .report = &g.report,
					 .changed = addresses_changed};
	names_init(&g.names);
	timekeeper_init(&g.loop, &g.keys, &g.report, &g.start);
	canary_init(&g.canary, &g.loop, &g.keys, &g.names, g.start.boot, g.start.life);
	if (gateway_open(&g.gateway)) {
		kernel_refused(ERR_SYSTEM);
		_exit(1);
	}
	addresses_init(&g.addresses, fds[START_DHCP]);
	g.events = (struct loop_watch){.fd = g.gateway.events, .events = POLLIN, .fn = on_events};
	loop_watch(&g.loop, &g.events);
	begin_task(TASK_LIST);
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_LINKS_UP, .call = rings_admit},      {ROLE_INIT, MSG_SETTINGS, .take = take_settings},
	{ROLE_INIT, MSG_FORWARD, .take = set_forward},       {ROLE_KEYS, MSG_RESOLVE, .take_from = resolve},
	{ROLE_KEYS, MSG_TIME_SERVERS, .take = time_servers}, {ROLE_KEYS, MSG_DESCRIBED, .take = described},
	{ROLE_UPLOAD, MSG_RESOLVE, .take_from = resolve},
};

const struct role role_net = {
	.id = ROLE_NET,
	.spawn = {.uid = UID_NET,
		  .caps = 1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_TIME,
		  .keeps = (const char *const[]){"/proc/sys/net", NULL}},
	.descriptors = START_BIT(START_DHCP),
	.sandbox = &calls_net,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_KEYS] = &g.keys,
		  [ROLE_UPLOAD] = &g.upload,
		  [ROLE_FLOWS] = &g.flows},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
