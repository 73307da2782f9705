#include "role/net/gateway.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "net/nft_counter.h"
#include "os/ethtool.h"
#include "os/netlink.h"
#include "os/sysctl.h"
#include "role/net/nicring.h"

#define LIST_TRIES 5
#define EVENTS_AT_ONCE 32
#define STRING2(x) #x
#define STRING(x) STRING2(x)

struct setting {
	const char *name, *value;
};

/* ip_local_port_range: the appliance's own connections are known by their ports. */
static const struct setting settings[] = {
	{"net/ipv4/ip_local_port_range", STRING(OWN_PORT_FIRST) " " STRING(OWN_PORT_LAST)},
	/* seconds until an idle flow is forgotten: as AWS's NAT gateway has them */
	{"net/netfilter/nf_conntrack_tcp_timeout_established", "350"},
	{"net/netfilter/nf_conntrack_udp_timeout", "30"},
	{"net/netfilter/nf_conntrack_udp_timeout_stream", "120"},
	{"net/netfilter/nf_conntrack_icmp_timeout", "60"},
	{"net/netfilter/nf_conntrack_icmpv6_timeout", "60"},
	/* what flow records need */
	{"net/netfilter/nf_conntrack_acct", "1"},
	{"net/netfilter/nf_conntrack_timestamp", "1"},
	/* a full queue of half-open connections costs no memory; a RST ends no connection that only waits */
	{"net/ipv4/tcp_syncookies", "1"},
	{"net/ipv4/tcp_rfc1337", "1"},
	/* no answer to many, no log line for a router that breaks RFC 1122 */
	{"net/ipv4/icmp_echo_ignore_broadcasts", "1"},
	{"net/ipv4/icmp_ignore_bogus_error_responses", "1"},
};

/* For `all`, `default` and each link: the kernel combines them in different ways. rp_filter: the packet
 * filter drops spoofed sources, and counts them. Martians are not logged: the record has them, and a flood
 * would push everything else out of the kernel's log. */
static const struct setting link_settings[] = {
	{"net/ipv4/conf/%s/rp_filter", "0"},
	{"net/ipv4/conf/%s/accept_redirects", "0"},
	{"net/ipv4/conf/%s/send_redirects", "0"},
	{"net/ipv4/conf/%s/accept_source_route", "0"},
	{"net/ipv4/conf/%s/promote_secondaries", "1"}, /* one that goes takes no others along */
	{"net/ipv4/conf/%s/secure_redirects", "0"},
	{"net/ipv4/conf/%s/route_localnet", "0"},
	{"net/ipv4/conf/%s/accept_local", "0"},
	{"net/ipv4/conf/%s/proxy_arp", "0"},
	{"net/ipv4/conf/%s/arp_ignore", "1"},   /* an address is its own link's alone */
	{"net/ipv4/conf/%s/arp_announce", "2"}, /* nor is it told on another */
	{"net/ipv4/conf/%s/drop_unicast_in_l2_multicast", "1"},
};

/* A kernel without IPv6 has none of these. Of router advertisements nothing is taken but who the routers are
 * (net/nft_own takes the neighbours' times out): accept_ra 2 says that it is a router itself that listens. */
static const struct setting ipv6_settings[] = {
	{"net/ipv6/conf/%s/accept_ra", "2"},        {"net/ipv6/conf/%s/accept_ra_defrtr", "0"},
	{"net/ipv6/conf/%s/accept_ra_pinfo", "0"},  {"net/ipv6/conf/%s/accept_ra_mtu", "0"},
	{"net/ipv6/conf/%s/autoconf", "0"},         {"net/ipv6/conf/%s/accept_dad", "0"},
	{"net/ipv6/conf/%s/accept_redirects", "0"}, {"net/ipv6/conf/%s/accept_source_route", "-1"},
	{"net/ipv6/conf/%s/proxy_ndp", "0"},        {"net/ipv6/conf/%s/drop_unicast_in_l2_multicast", "1"},
};

/* no answer to many */
static const struct setting ipv6_answers[] = {
	{"net/ipv6/icmp/echo_ignore_multicast", "1"},
	{"net/ipv6/icmp/echo_ignore_anycast", "1"},
};

static const struct setting ipv6_closed[] = {{"net/ipv6/conf/all/forwarding", "0"}};
static const struct setting ipv6_off[] = {{"net/ipv6/conf/%s/disable_ipv6", "1"}};
static const struct setting ipv6_on[] = {{"net/ipv6/conf/%s/disable_ipv6", "0"}};

enum err gateway_fail(struct gateway *g, enum err e, const char *what, const char *on)
{
	snprintf(g->failed, sizeof(g->failed), "%s %s: %s", what, on, err_text(e));
	log_event(LOG_ALARM, "kernel-refused", "what", g->failed);
	return e;
}

/* ---- netlink */

enum err gateway_transact(struct gateway *g, int fd, const struct buf *b, const char *what, const char *on)
{
	struct netlink_failure f;
	TRY(buf_err(b));
	enum err e = netlink_transact(fd, buf_span(b), &f);
	if (!e)
		return ERR_OK;
	snprintf(g->failed, sizeof(g->failed), "%s %s: %s (%s, message %u)", what, on, err_text(e),
		 strerror(f.code), f.index);
	log_event(LOG_ALARM, "kernel-refused", "what", g->failed);
	return e;
}

const char *gateway_index_text(uint32_t ifindex)
{
	static char text[32];
	snprintf(text, sizeof(text), "link %u", ifindex);
	return text;
}

enum err gateway_open(struct gateway *g)
{
	*g = (struct gateway){.route = -1, .filter = -1, .events = -1};
	enum err e = netlink_open(NETLINK_ROUTE, 0, &g->route);
	if (!e)
		e = netlink_open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR, &g->events);
	if (e)
		return gateway_fail(g, e, "open", "netlink for links and routes");
	e = netlink_open(NETLINK_NETFILTER, 0, &g->filter);
	return e ? gateway_fail(g, e, "open", "netlink for the packet filter") : ERR_OK;
}

static void add_link(void *arg, struct span message)
{
	struct gateway_links *all = arg;
	struct nlmsg m;
	struct rtnl_link link;
	bool gone;
	if (nlmsg_next(&message, &m) || rtnl_read_link(&m, &link, &gone) || gone || !link.ethernet)
		return;
	uint32_t at = all->count;
	while (at > 0 && all->link[at - 1].ifindex > link.ifindex)
		at--;
	if (at == MSG_MAX_LINKS)
		return;
	if (all->count < MSG_MAX_LINKS)
		all->count++;
	memmove(&all->link[at + 1], &all->link[at], (all->count - 1 - at) * sizeof(link));
	all->link[at] = link;
}

enum err gateway_list(struct gateway *g, struct gateway_links *links)
{
	uint8_t bytes[64];
	enum err e = ERR_CONFLICT;
	for (int i = 0; e == ERR_CONFLICT && i < LIST_TRIES; i++) {
		struct buf b = BUF_OF(bytes);
		links->count = 0;
		rtnl_dump(&b, 1, RTNL_LINKS);
		TRY(buf_err(&b));
		e = netlink_dump(g->route, buf_span(&b), add_link, links);
	}
	return e ? gateway_fail(g, e, "list", "the links") : ERR_OK;
}

enum err gateway_count(struct gateway *g, uint32_t ifindex, uint64_t *rx_packets, uint64_t *rx_dropped)
{
	static struct gateway_links now;
	TRY(gateway_list(g, &now));
	for (uint32_t i = 0; i < now.count; i++) {
		if (now.link[i].ifindex != ifindex)
			continue;
		*rx_packets = now.link[i].rx_packets;
		*rx_dropped = now.link[i].rx_dropped;
		return ERR_OK;
	}
	return gateway_fail(g, ERR_NOT_FOUND, "read the counters of", gateway_index_text(ifindex));
}

void gateway_events(struct gateway *g, void (*on_link)(void *, const struct rtnl_link *, bool gone),
		    void (*on_addr)(void *, const struct rtnl_addr *, bool gone), void *arg)
{
	static uint8_t bytes[NETLINK_DATAGRAM_BYTES];
	struct buf b = BUF_OF(bytes);
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		enum err e = netlink_receive(g->events, &b);
		if (e == ERR_MORE)
			return;
		ASSERT(!e || e == ERR_LOST);
		if (e)
			log_event(LOG_WARN, "events-lost", "of", "links and addresses");
		struct span in = buf_span(&b);
		struct nlmsg m;
		while (nlmsg_next(&in, &m) == ERR_OK) {
			struct rtnl_link link;
			struct rtnl_addr addr;
			bool gone;
			if (rtnl_read_link(&m, &link, &gone) == ERR_OK)
				on_link(arg, &link, gone);
			else if (rtnl_read_addr(&m, &addr, &gone) == ERR_OK)
				on_addr(arg, &addr, gone);
		}
	}
}

enum err gateway_set_mtu(struct gateway *g, uint32_t ifindex, uint32_t mtu)
{
	static struct gateway_links now;
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	if (mtu == 0)
		return ERR_OK;
	TRY(gateway_list(g, &now));
	/* setting what is set already makes some drivers restart the link */
	for (uint32_t i = 0; i < now.count; i++)
		if (now.link[i].ifindex == ifindex && now.link[i].mtu == mtu)
			return ERR_OK;
	rtnl_link_mtu(&b, 1, ifindex, mtu);
	return gateway_transact(g, g->route, &b, "set the MTU of", gateway_index_text(ifindex));
}

/* ---- settings */

static enum err set_for(struct gateway *g, const struct setting *s, size_t count, const char *link,
			bool may_lack)
{
	for (size_t i = 0; i < count; i++) {
		char path[96];
		int len = 0;
		/* the one place of the link's name within the path */
		const char *mark = strstr(s[i].name, "%s");
		if (mark)
			len = snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - s[i].name), s[i].name,
				       link, mark + 2);
		else
			len = snprintf(path, sizeof(path), "%s", s[i].name);
		ASSERT(len > 0 && len < (int)sizeof(path));
		enum err e = sysctl_write(path, s[i].value);
		if (e && !(e == ERR_NOT_FOUND && may_lack))
			return gateway_fail(g, e, "write the setting", path);
	}
	return ERR_OK;
}

#define SET(g, table, link, may_lack) set_for(g, table, sizeof(table) / sizeof((table)[0]), link, may_lack)

static enum err set_everywhere(struct gateway *g, const char *link)
{
	TRY(SET(g, link_settings, link, false));
	return SET(g, ipv6_settings, link, true);
}

enum err gateway_ipv6(struct gateway *g, const char *link, bool on)
{
	return on ? SET(g, ipv6_on, link, false) : SET(g, ipv6_off, link, true);
}

/* What the tap sees must be what was on the wire. */
static enum err switch_offloads_off(struct gateway *g, const char *link)
{
	static const char *const merging[] = {"rx-gro", "rx-lro", "rx-gro-hw", "rx-udp-gro-forwarding",
					      "rx-gro-list"};
	const char *stuck;
	enum err e = ethtool_switch_off(link, merging, sizeof(merging) / sizeof(merging[0]), &stuck);
	if (e)
		return gateway_fail(g, e, "switch off the merging of received packets (GRO, LRO) on", link);
	if (stuck) {
		log_begin(LOG_WARN, "offload-stays-on");
		log_str("link", link);
		log_str("feature", stuck);
		log_end();
	}
	return ERR_OK;
}

static enum err link_up(struct gateway *g, const struct rtnl_link *link)
{
	uint8_t bytes[64];
	struct buf b = BUF_OF(bytes);
	rtnl_link_up(&b, 1, link->ifindex);
	return gateway_transact(g, g->route, &b, "bring up", link->name);
}

static uint64_t memory_bytes(void)
{
	struct sysinfo si;
	return sysinfo(&si) ? 0 : (uint64_t)si.totalram * si.mem_unit;
}

/* The table of flows is the machine's, not the namespace's: on a host it stays as it is. */
static enum err set_conntrack_room(struct gateway *g)
{
	static const char *const names[] = {"net/netfilter/nf_conntrack_max",
					    "net/netfilter/nf_conntrack_buckets"};
	char room[24];
	snprintf(room, sizeof(room), "%llu", (unsigned long long)conntrackwatch_room(memory_bytes()));
	for (size_t i = 0; i < 2; i++) {
		enum err e = sysctl_write(names[i], room);
		if (e == ERR_DENIED) {
			log_event(LOG_INFO, "setting-kept", "setting", names[i]);
			return ERR_OK;
		}
		if (e)
			return gateway_fail(g, e, "write the setting", names[i]);
	}
	return ERR_OK;
}

static void add_ctstats(void *arg, struct span message)
{
	struct nlmsg m;
	enum err e = nlmsg_next(&message, &m);
	if (!e)
		e = ctstats_add(&m, arg);
	if (e)
		log_event(LOG_WARN, "conntrack-statistics-unreadable", "reason", err_text(e));
}

enum err gateway_conntrack(struct gateway *g, struct conntrackwatch_counts *counts)
{
	uint8_t bytes[64];
	struct buf b = BUF_OF(bytes);
	*counts = (struct conntrackwatch_counts){.flows = 0};
	ctstats_dump(&b, 1);
	TRY(buf_err(&b));
	enum err e = sysctl_read_u64("net/netfilter/nf_conntrack_count", &counts->flows);
	if (!e)
		e = sysctl_read_u64("net/netfilter/nf_conntrack_max", &counts->max);
	if (!e)
		e = netlink_dump(g->filter, buf_span(&b), add_ctstats, &counts->stats);
	return e ? gateway_fail(g, e, "read", "the statistics of connection tracking") : ERR_OK;
}

enum err gateway_prepare(struct gateway *g, bool open, bool first)
{
	static const struct nft_gateway closed = {.fresh = true};
	TRY(SET(g, settings, "", false));
	TRY(SET(g, ipv6_answers, "", true));
	TRY(set_conntrack_room(g));
	if (!open)
		TRY(first ? gateway_set_rules(g, &closed) : gateway_close(g));
	/* a link has IPv6 once its addresses are known */
	TRY(set_everywhere(g, "all"));
	TRY(set_everywhere(g, "default"));
	if (open)
		return ERR_OK;
	TRY(SET(g, ipv6_closed, "", true));
	TRY(gateway_ipv6(g, "all", false));
	return gateway_ipv6(g, "default", false);
}

enum err gateway_prepare_link(struct gateway *g, const struct rtnl_link *link)
{
	TRY(set_everywhere(g, link->name));
	TRY(switch_offloads_off(g, link->name));
	if (!link->up)
		nicring_grow(link->name, memory_bytes());
	return link_up(g, link);
}

/* Writing ip_forward makes the kernel reset its `all` settings for a host or a router. A kernel without IPv6
 * has nothing to forward. */
static enum err set_forwarding(struct gateway *g, bool on)
{
	const struct setting v4 = {"net/ipv4/ip_forward", on ? "1" : "0"};
	const struct setting v6 = {"net/ipv6/conf/all/forwarding", v4.value};
	TRY(set_for(g, &v4, 1, "", false));
	TRY(set_for(g, &v6, 1, "", true));
	return SET(g, link_settings, "all", false);
}

enum err gateway_set_rules(struct gateway *g, const struct nft_gateway *rules)
{
	static uint8_t bytes[NFT_BATCH_BYTES];
	struct buf b = BUF_OF(bytes);
	enum err e = rules->open ? ERR_OK : set_forwarding(g, false);
	nft_replace(&b, 1, rules);
	enum err filtered = gateway_transact(g, g->filter, &b, "replace", "the packet filter");
	if (filtered)
		return filtered;
	return rules->open ? set_forwarding(g, true) : e;
}

struct counter_list {
	struct nft_counter *counter;
	uint32_t count, max;
};

static void add_counter(void *arg, struct span message)
{
	struct counter_list *all = arg;
	struct nlmsg m;
	if (all->count < all->max && nlmsg_next(&message, &m) == ERR_OK &&
	    nft_counter_read(&m, &all->counter[all->count]) == ERR_OK)
		all->count++;
}

enum err gateway_counters(struct gateway *g, struct nft_counter *counter, uint32_t max, uint32_t *count)
{
	struct counter_list all = {.counter = counter, .max = max};
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	nft_counter_dump(&b, 1);
	TRY(buf_err(&b));
	enum err e = netlink_dump(g->filter, buf_span(&b), add_counter, &all);
	*count = all.count;
	return e ? gateway_fail(g, e, "read", "the packet filter's counters") : ERR_OK;
}

enum err gateway_close(struct gateway *g)
{
	static const struct nft_gateway closed = {.open = false};
	struct nft_counter one;
	uint8_t bytes[NFT_CLOSE_BYTES];
	struct buf b = BUF_OF(bytes);
	uint32_t count;
	enum err e = set_forwarding(g, false);
	if (gateway_counters(g, &one, 1, &count) || count == 0)
		return gateway_set_rules(g, &closed);
	nft_close(&b, 1);
	TRY(gateway_transact(g, g->filter, &b, "close", "the packet filter"));
	return e;
}
