#include "role/net.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "os/netlink.h"
#include "role/backoff.h"
#include "role/gateway.h"
#include "role/lease.h"
#include "role/names.h"
#include "role/peer.h"

#define DEVICE_UNKNOWN UINT32_MAX
#define OUTSIDE 0
#define INSIDE 1

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
	struct msg_config config;
	bool listed, configured, has_config;
	uint32_t device[2]; /* places in links: outside, inside; once configured */
	uint32_t forward;   /* as init wants it */
	bool todo[TASK_COUNT];
	struct loop_timer retry;
	struct backoff backoff;
	struct loop_watch events;
	bool verdict_ok[VERDICT_COUNT];
} g;

/* ---- telling init */

__attribute__((format(printf, 3, 4))) static void verdict(enum verdict_code code, bool ok, const char *format,
							  ...)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	va_list args;
	if (ok && g.verdict_ok[code])
		return;
	g.verdict_ok[code] = ok;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	peer_verdict(&g.init, code, ok, text);
}

struct ip_text {
	char s[16];
};

static struct ip_text ip(uint32_t addr)
{
	struct ip_text t = {""};
	struct buf b = buf_over(t.s, sizeof(t.s) - 1);
	text_ipv4(&b, addr);
	return t;
}

struct mac_text {
	char s[18];
};

static struct mac_text mac(const uint8_t addr[6])
{
	struct mac_text t = {""};
	struct buf b = buf_over(t.s, sizeof(t.s) - 1);
	text_mac(&b, addr);
	return t;
}

static uint32_t link_of(uint32_t ifindex)
{
	uint32_t i = 0;
	while (i < g.links.count && g.links.link[i].ifindex != ifindex)
		i++;
	return i;
}

static uint32_t leased_ifindex(void)
{
	return g.lease.link[g.lease.current].ifindex;
}

static const struct rtnl_link *leased_link(void)
{
	uint32_t i = link_of(leased_ifindex());
	ASSERT(i < g.links.count);
	return &g.links.link[i];
}

static void describe(const struct rtnl_link *link, struct msg_link *out)
{
	*out = (struct msg_link){.ifindex = link->ifindex, .device_number = DEVICE_UNKNOWN};
	memcpy(out->name, link->name, sizeof(out->name));
	memcpy(out->mac, link->mac, sizeof(out->mac));
	out->mtu = link->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)link->mtu;
	if (g.lease.count && lease_held(&g.lease) && link->ifindex == leased_ifindex()) {
		out->own_addr = g.lease.client.lease.addr;
		out->prefix_len = g.lease.client.lease.prefix_len;
	}
}

/* What IMDS says of this link, or NULL. */
static const struct msg_link *configured_link(const struct rtnl_link *link)
{
	for (uint32_t i = 0; g.has_config && i < g.config.links.count; i++)
		if (memcmp(g.config.links.link[i].mac, link->mac, sizeof(link->mac)) == 0)
			return &g.config.links.link[i];
	return NULL;
}

static void describe_device(uint32_t device, struct msg_link *out)
{
	const struct rtnl_link *link = &g.links.link[g.device[device]];
	const struct msg_link *c = configured_link(link);
	describe(link, out);
	out->device_number = device;
	memcpy(out->eni, c->eni, sizeof(out->eni));
	if (device == INSIDE) {
		out->own_addr = c->own_addr;
		out->prefix_len = c->prefix_len;
	}
}

/* All links in the kernel's order, or outside and inside once they are known. */
static void send_links(enum msg_type type)
{
	struct msg_links m = {.count = g.configured ? 2 : g.links.count};
	for (uint32_t i = 0; i < m.count; i++) {
		if (g.configured)
			describe_device(i, &m.link[i]);
		else
			describe(&g.links.link[i], &m.link[i]);
	}
	if (g.lease.count && lease_held(&g.lease))
		memcpy(m.dns, g.lease.client.lease.dns, sizeof(m.dns));
	peer_send(&g.init, type, &m);
}

/* ---- tasks */

static enum err kernel_refused(enum err e)
{
	verdict(VERDICT_LINK, false, "%s; the image's kernel and this role's rights must match",
		g.gateway.failed);
	return e;
}

static enum err task_list(void)
{
	enum err e = gateway_list(&g.gateway, &g.links);
	if (e)
		return kernel_refused(e);
	if (g.links.count < 2) {
		verdict(VERDICT_LINK, false,
			"%u Ethernet link found, two are needed: attach the inside network interface",
			g.links.count);
		return ERR_MISSING;
	}
	for (uint32_t i = 0; i < g.links.count; i++) {
		log_begin(LOG_INFO, "link");
		log_str("name", g.links.link[i].name);
		log_str("mac", mac(g.links.link[i].mac).s);
		log_u64("mtu", g.links.link[i].mtu);
		log_end();
	}
	g.listed = true;
	send_links(MSG_LINKS);
	return ERR_OK;
}

static enum err task_prepare(void)
{
	enum err e = gateway_prepare(&g.gateway, &g.links);
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
	verdict(VERDICT_DHCP, true, "%s has %s/%u from %s", leased_link()->name, ip(l->addr).s, l->prefix_len,
		ip(l->server).s);
	if (!g.configured)
		send_links(MSG_ADDRESSED);
	g.todo[TASK_CONFIGURE] = g.has_config && !g.configured;
	return ERR_OK;
}

/* The link whose MAC IMDS gives for this device number; links.count when there is none. */
static uint32_t find_device(uint32_t device)
{
	for (uint32_t i = 0; i < g.links.count; i++) {
		const struct msg_link *c = configured_link(&g.links.link[i]);
		if (c && c->device_number == device)
			return i;
	}
	return g.links.count;
}

static struct nft_gateway rules(bool open)
{
	return (struct nft_gateway){
		.open = open,
		.masquerade = g.config.settings.nat == CONF_NAT_MASQUERADE,
		.outside = g.links.link[g.device[OUTSIDE]].ifindex,
		.inside = g.links.link[g.device[INSIDE]].ifindex,
		.port_first = 1024,
		.port_last = OWN_PORT_FIRST - 1,
	};
}

static enum err find_devices(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		g.device[i] = find_device(i);
		if (g.device[i] < g.links.count)
			continue;
		verdict(VERDICT_LINK, false,
			"IMDS describes no interface with device number %u that is a link here: attach it, then reboot",
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
	const struct rtnl_link *link = &g.links.link[g.device[INSIDE]];
	const struct msg_link *c = configured_link(link);
	if (c->own_addr == 0 || c->prefix_len == 0 || c->prefix_len > 32) {
		verdict(VERDICT_LINK, false,
			"IMDS gives no IPv4 address or subnet for %s (%s): assign one, then reboot",
			link->name, mac(link->mac).s);
		return ERR_MISSING;
	}
	/* both ENIs are in one VPC: what DHCP says of the MTU outside holds inside */
	if (gateway_set_mtu(&g.gateway, link->ifindex, g.lease.client.lease.mtu))
		log_event(LOG_WARN, "mtu-kept", "link", link->name);
	struct nft_gateway closed = rules(false);
	enum err e = gateway_set_address(&g.gateway,
					 &(struct rtnl_addr){link->ifindex, c->own_addr, c->prefix_len});
	if (!e)
		e = gateway_set_rules(&g.gateway, &closed);
	return e ? kernel_refused(e) : ERR_OK;
}

static enum err task_configure(void)
{
	TRY(find_devices());
	const struct rtnl_link *outside = &g.links.link[g.device[OUTSIDE]];
	if (leased_ifindex() != outside->ifindex)
		return move_lease(outside);
	lease_pin(&g.lease);
	if (!lease_held(&g.lease))
		return ERR_OK; /* the lease asks for this task again */
	TRY(set_up_inside());
	uint32_t mtu_known = g.links.count;
	enum err e = gateway_list(&g.gateway, &g.links);
	if (e || g.links.count != mtu_known)
		return kernel_refused(e ? e : ERR_CONFLICT);
	g.configured = true;
	log_begin(LOG_INFO, "configured");
	log_str("outside", g.links.link[g.device[OUTSIDE]].name);
	log_str("inside", g.links.link[g.device[INSIDE]].name);
	log_str("nat", g.config.settings.nat == CONF_NAT_MASQUERADE ? "masquerade" : "none");
	log_end();
	send_links(MSG_CONFIGURED);
	return ERR_OK;
}

static enum err task_forward(void)
{
	static struct gateway_links now;
	struct msg_forwarding done = {.on = g.forward};
	struct nft_gateway r = {.open = false};
	if (g.configured)
		r = rules(g.forward);
	enum err e = gateway_set_rules(&g.gateway, &r);
	if (!e)
		e = gateway_list(&g.gateway, &now);
	if (e)
		return kernel_refused(e);
	for (uint32_t d = 0; g.configured && d < 2; d++) {
		for (uint32_t i = 0; i < now.count; i++) {
			if (now.link[i].ifindex != g.links.link[g.device[d]].ifindex)
				continue;
			done.rx_packets[d] = now.link[i].rx_packets;
			done.rx_dropped[d] = now.link[i].rx_dropped;
		}
	}
	peer_send(&g.init, MSG_FORWARDING, &done);
	return ERR_OK;
}

static enum err (*const tasks[TASK_COUNT])(void) = {
	[TASK_FORWARD] = task_forward, [TASK_LIST] = task_list,           [TASK_PREPARE] = task_prepare,
	[TASK_LEASE] = task_lease,     [TASK_CONFIGURE] = task_configure,
};

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
	if (g.listed)
		verdict(VERDICT_LINK, true, "%u Ethernet links", g.links.count);
}

static void begin_task(enum task t)
{
	g.todo[t] = true;
	work(NULL);
}

/* ---- DHCP and DNS */

static void lease_changed(void *arg, enum dhcp_event event)
{
	const struct dhcp_lease *l = &g.lease.client.lease;
	(void)arg;
	log_begin(event == DHCP_LOST ? LOG_WARN : LOG_INFO, event == DHCP_LOST ? "lease-lost" : "lease");
	log_str("link", leased_link()->name);
	log_str("address", ip(l->addr).s);
	log_str("router", ip(l->router).s);
	log_str("server", ip(l->server).s);
	log_u64("mtu", l->mtu);
	log_u64("seconds", l->lease_s);
	log_end();
	if (event == DHCP_RENEWED)
		return;
	if (event == DHCP_LOST)
		verdict(VERDICT_DHCP, false,
			"the lease of %s on %s ended: check the network's DHCP; asking on", ip(l->addr).s,
			leased_link()->name);
	begin_task(TASK_LEASE);
}

static void dhcp_silent(void *arg)
{
	enum err refused = g.lease.client.refused;
	const struct rtnl_link *link = leased_link();
	(void)arg;
	verdict(VERDICT_DHCP, false, "%s on %s (%s): check that the interface's subnet has DHCP; asking on",
		refused ? "no usable DHCP answer" : "no DHCP answer", link->name, mac(link->mac).s);
	if (refused)
		log_event(LOG_WARN, "dhcp-answer-unusable", "reason", err_text(refused));
}

static void resolved(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	enum err e = (enum err)a->error;
	(void)arg;
	if (e == ERR_NOT_FOUND)
		verdict(VERDICT_DNS, false,
			"%.90s has no IPv4 address, says %s: check region and bucket name", name->host,
			ip(server).s);
	else if (e)
		verdict(VERDICT_DNS, false, "%.90s: %s (asked %s): check the network's DNS", name->host,
			err_text(e), ip(server).s);
	else if (server)
		verdict(VERDICT_DNS, true, "names are resolved by %s", ip(server).s);
	peer_send(asker, MSG_RESOLVED, a);
}

static void on_asker(void *arg, uint32_t index, const struct chan_msg *m)
{
	struct msg_name name;
	(void)index;
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
	log_begin(is ? LOG_INFO : LOG_WARN, is ? "link-up" : gone ? "link-gone" : "link-down");
	log_str("link", known->name);
	log_end();
	if (!is && g.configured)
		verdict(VERDICT_LINK, false, "%s %s: check the interface's attachment", known->name,
			gone ? "is gone" : "is down");
	if (!is || g.lease.count == 0)
		return;
	lease_hurry(&g.lease, known->ifindex);
	/* a link that was down has lost its routes */
	if (lease_held(&g.lease) && known->ifindex == leased_ifindex())
		g.todo[TASK_LEASE] = true;
}

static void on_link(const struct rtnl_link *link, bool gone)
{
	uint32_t i = link_of(link->ifindex);
	if (!g.listed || !link->ethernet)
		return;
	if (i < g.links.count)
		link_changed(&g.links.link[i], link, gone);
	else if (!gone)
		log_event(LOG_WARN, "link-ignored-until-reboot", "link", link->name);
}

static void on_addr(const struct rtnl_addr *addr, bool gone)
{
	uint32_t i = link_of(addr->ifindex);
	if (!g.configured || i == g.links.count)
		return;
	log_begin(LOG_INFO, gone ? "address-removed" : "address-set");
	log_str("link", g.links.link[i].name);
	log_str("address", ip(addr->addr).s);
	log_end();
}

static void on_events(void *arg, short revents)
{
	static uint8_t bytes[NETLINK_DATAGRAM_BYTES];
	struct buf b = BUF_OF(bytes);
	(void)arg;
	(void)revents;
	for (enum err e = ERR_OK; e != ERR_MORE;) {
		e = netlink_receive(g.gateway.events, &b);
		if (e == ERR_LOST)
			log_event(LOG_WARN, "events-lost", "of", "links");
		ASSERT(e != ERR_SYSTEM);
		struct span in = buf_span(&b);
		struct nlmsg m;
		while (!e && nlmsg_next(&in, &m) == ERR_OK) {
			struct rtnl_link link;
			struct rtnl_addr addr;
			bool gone;
			if (rtnl_read_link(&m, &link, &gone) == ERR_OK)
				on_link(&link, gone);
			else if (rtnl_read_addr(&m, &addr, &gone) == ERR_OK)
				on_addr(&addr, gone);
		}
	}
	work(NULL);
}

/* ---- init's messages */

static void on_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	struct msg_flag flag;
	(void)arg;
	(void)index;
	switch (m->type) {
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

static void watch_peer(struct peer *p, enum role_id other, int fd,
		       void (*fn)(void *, uint32_t, const struct chan_msg *))
{
	*p = (struct peer){.self = ROLE_NET, .other = other, .loop = &g.loop, .fn = fn, .arg = p};
	peer_watch(p, fd);
}

_Noreturn void role_net(int channel)
{
	static struct msg_start start;
	int fds[3];
	log_open(channel, MSG_LOG_LINE, "net");
	peer_start(channel, ROLE_NET, &start, fds, 3);
	loop_init(&g.loop);
	watch_peer(&g.init, ROLE_INIT, channel, on_init);
	watch_peer(&g.keys, ROLE_KEYS, fds[1], on_asker);
	watch_peer(&g.upload, ROLE_UPLOAD, fds[2], on_asker);
	g.retry.fn = work;
	g.backoff = (struct backoff){.base_ms = 500, .cap_ms = 10000};
	g.names.loop = g.lease.loop = &g.loop;
	g.names.answered = resolved;
	g.lease.changed = lease_changed;
	g.lease.silent = dhcp_silent;
	names_init(&g.names);
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
