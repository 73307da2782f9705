/* Bodies: links start with struct ifinfomsg, addresses with struct ifaddrmsg, routes with struct rtmsg, rules
 * with struct fib_rule_hdr, neighbours with struct ndmsg; attributes follow each. Addresses are 4 or 16 bytes
 * in network order, by the family in the body's first byte. */
#include "net/rtnl.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const struct ip none;

static bool is_none(const struct ip *a)
{
	return ip_eq(a, &none);
}

static uint8_t family(const struct ip *a)
{
	return ip_is_v4(a) ? AF_INET : AF_INET6;
}

/* Nothing when it is none. */
static void put_ip(struct buf *b, uint16_t type, const struct ip *a)
{
	if (ip_is_v4(a))
		nlmsg_attr_be32(b, type, ip_to_v4(a));
	else if (!is_none(a))
		nlmsg_attr(b, type, span_of(a->bytes, sizeof(a->bytes)));
}

/* ---- writers */

void rtnl_dump(struct buf *b, uint32_t seq, enum rtnl_what what)
{
	static const struct {
		uint16_t type;
		size_t body;
	} dumps[RTNL_WHATS] = {
		[RTNL_LINKS] = {RTM_GETLINK, sizeof(struct ifinfomsg)},
		[RTNL_ADDRS] = {RTM_GETADDR, sizeof(struct ifaddrmsg)},
		[RTNL_ROUTES] = {RTM_GETROUTE, sizeof(struct rtmsg)},
		[RTNL_RULES] = {RTM_GETRULE, sizeof(struct fib_rule_hdr)},
		[RTNL_NEIGHBOURS] = {RTM_GETNEIGH, sizeof(struct ndmsg)},
	};
	size_t mark = nlmsg_begin(b, dumps[what].type, NLM_F_DUMP, seq);
	buf_fill(b, 0, dumps[what].body); /* AF_UNSPEC, and all of it */
	nlmsg_end(b, mark);
}

void rtnl_link_up(struct buf *b, uint32_t seq, uint32_t ifindex)
{
	const unsigned flags = IFF_UP | IFF_ALLMULTI;
	struct ifinfomsg info = {.ifi_index = (int)ifindex, .ifi_flags = flags, .ifi_change = flags};
	size_t mark = nlmsg_begin(b, RTM_NEWLINK, NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	nlmsg_end(b, mark);
}

void rtnl_link_mtu(struct buf *b, uint32_t seq, uint32_t ifindex, uint32_t mtu)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	size_t mark = nlmsg_begin(b, RTM_NEWLINK, NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	nlmsg_attr_u32(b, IFLA_MTU, mtu);
	nlmsg_end(b, mark);
}

static void addr_request(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq,
			 const struct rtnl_addr *a)
{
	struct ifaddrmsg info = {
		.ifa_family = family(&a->addr),
		.ifa_prefixlen = (uint8_t)a->prefix_len,
		/* what EC2 gives is nobody else's: no waiting for a duplicate */
		.ifa_flags = ip_is_v4(&a->addr) ? 0 : IFA_F_NODAD,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = a->ifindex,
	};
	size_t mark = nlmsg_begin(b, type, flags | NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	put_ip(b, IFA_LOCAL, &a->addr);
	put_ip(b, IFA_ADDRESS, &a->addr);
	nlmsg_end(b, mark);
}

void rtnl_addr_set(struct buf *b, uint32_t seq, const struct rtnl_addr *a)
{
	addr_request(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, seq, a);
}

void rtnl_addr_delete(struct buf *b, uint32_t seq, const struct rtnl_addr *a)
{
	addr_request(b, RTM_DELADDR, 0, seq, a);
}

static void route_request(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq,
			  const struct rtnl_route *r)
{
	bool has_gateway = !is_none(&r->gateway);
	struct rtmsg info = {
		.rtm_family = family(&r->dst),
		.rtm_dst_len = (uint8_t)r->prefix_len,
		.rtm_table = (uint8_t)r->table,
		.rtm_protocol = RTNL_PROTOCOL,
		.rtm_scope = has_gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = has_gateway ? RTNH_F_ONLINK : 0,
	};
	ASSERT(r->table && r->table < 256);
	size_t mark = nlmsg_begin(b, type, flags | NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	if (r->prefix_len)
		put_ip(b, RTA_DST, &r->dst);
	put_ip(b, RTA_GATEWAY, &r->gateway);
	nlmsg_attr_u32(b, RTA_OIF, r->ifindex);
	put_ip(b, RTA_PREFSRC, &r->source);
	if (r->mtu) {
		size_t metrics = nlmsg_nest(b, RTA_METRICS);
		nlmsg_attr_u32(b, RTAX_MTU, r->mtu);
		nlmsg_nest_end(b, metrics);
	}
	nlmsg_end(b, mark);
}

void rtnl_route_set(struct buf *b, uint32_t seq, const struct rtnl_route *r)
{
	route_request(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, seq, r);
}

void rtnl_route_delete(struct buf *b, uint32_t seq, const struct rtnl_route *r)
{
	route_request(b, RTM_DELROUTE, 0, seq, r);
}

static void rule_request(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq,
			 const struct rtnl_rule *r)
{
	const struct fib_rule_uid_range users = {r->uid_first, r->uid_last};
	bool by_user = r->uid_first, by_address = !by_user && !r->mark;
	uint8_t whole = ip_is_v4(&r->from) ? 32 : 128;
	struct fib_rule_hdr info = {
		.family = family(&r->from),
		.src_len = by_address ? whole : 0,
		.dst_len = is_none(&r->to) ? 0 : whole,
		.table = (uint8_t)r->table,
		.action = r->table ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE,
	};
	static const uint8_t protocol = RTNL_PROTOCOL;
	ASSERT((r->table || by_user) && r->table < 256);
	size_t mark = nlmsg_begin(b, type, flags | NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	if (by_user)
		nlmsg_attr(b, FRA_UID_RANGE, span_of(&users, sizeof(users)));
	if (r->mark)
		nlmsg_attr_u32(b, FRA_FWMARK, r->mark);
	if (by_address)
		put_ip(b, FRA_SRC, &r->from);
	put_ip(b, FRA_DST, &r->to);
	nlmsg_attr_u32(b, FRA_PRIORITY, r->priority);
	nlmsg_attr(b, FRA_PROTOCOL, span_of(&protocol, 1));
	nlmsg_end(b, mark);
}

void rtnl_rule_add(struct buf *b, uint32_t seq, const struct rtnl_rule *r)
{
	rule_request(b, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, seq, r);
}

void rtnl_rule_delete(struct buf *b, uint32_t seq, const struct rtnl_rule *r)
{
	rule_request(b, RTM_DELRULE, 0, seq, r);
}

/* ---- readers */

/* The body's fixed part, and the attributes behind it. */
static enum err open_body(const struct nlmsg *m, void *info, size_t len, struct span *attrs)
{
	if (m->body.len < len)
		return ERR_SYNTAX;
	memcpy(info, m->body.p, len);
	*attrs = span_from(m->body, NLMSG_ALIGN(len));
	return ERR_OK;
}

static enum err take_ip(struct span value, uint8_t of, struct ip *a)
{
	if (value.len != (of == AF_INET ? 4 : sizeof(a->bytes)))
		return ERR_SYNTAX;
	if (of == AF_INET)
		*a = ip_from_v4(load_be32(value.p));
	else
		memcpy(a->bytes, value.p, sizeof(a->bytes));
	return ERR_OK;
}

static enum err take_u32(struct span value, uint32_t *v)
{
	if (value.len != sizeof(*v))
		return ERR_SYNTAX;
	memcpy(v, value.p, sizeof(*v));
	return ERR_OK;
}

/* Copies a string attribute; it must be terminated and fit. */
static enum err take_name(struct span value, char name[16])
{
	size_t len = span_find(value, 0);
	if (len == value.len || len == 0 || len >= 16)
		return ERR_SYNTAX;
	memcpy(name, value.p, len + 1);
	return ERR_OK;
}

static enum err take_stats(struct span value, struct rtnl_link *link)
{
	struct rtnl_link_stats64 all;
	size_t known = offsetof(struct rtnl_link_stats64, rx_missed_errors) + sizeof(all.rx_missed_errors);
	if (value.len < known)
		return ERR_SYNTAX;
	memcpy(&all, value.p, known); /* newer kernels tell more */
	link->rx_packets = all.rx_packets;
	link->rx_dropped = all.rx_dropped;
	link->rx_missed = all.rx_missed_errors;
	link->rx_bytes = all.rx_bytes;
	link->tx_packets = all.tx_packets;
	link->tx_bytes = all.tx_bytes;
	return ERR_OK;
}

static enum err take_link_attr(uint16_t type, struct span value, struct rtnl_link *link)
{
	switch (type) {
	case IFLA_IFNAME:
		return take_name(value, link->name);
	case IFLA_MTU:
		return take_u32(value, &link->mtu);
	case IFLA_ADDRESS:
		if (!link->ethernet)
			return ERR_OK;
		if (value.len != sizeof(link->mac))
			return ERR_SYNTAX;
		memcpy(link->mac, value.p, sizeof(link->mac));
		return ERR_OK;
	case IFLA_STATS64:
		return take_stats(value, link);
	default:
		return ERR_OK;
	}
}

enum err rtnl_read_link(const struct nlmsg *m, struct rtnl_link *link, bool *gone)
{
	struct ifinfomsg info;
	struct span attrs, value;
	if (m->type != RTM_NEWLINK && m->type != RTM_DELLINK)
		return ERR_UNSUPPORTED;
	TRY(open_body(m, &info, sizeof(info), &attrs));
	if (info.ifi_index <= 0)
		return ERR_SYNTAX;
	*link = (struct rtnl_link){
		.ifindex = (uint32_t)info.ifi_index,
		.ethernet = info.ifi_type == ARPHRD_ETHER,
		.up = info.ifi_flags & IFF_UP,
		.carrier = info.ifi_flags & IFF_LOWER_UP,
	};
	*gone = m->type == RTM_DELLINK;
	uint16_t type;
	enum err e;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK)
		TRY(take_link_attr(type, value, link));
	if (e != ERR_MORE)
		return e;
	static const uint8_t zeros[6];
	link->ethernet = link->ethernet && memcmp(link->mac, zeros, sizeof(zeros)) != 0;
	return link->name[0] ? ERR_OK : ERR_SYNTAX;
}

static bool is_ip(uint8_t of)
{
	return of == AF_INET || of == AF_INET6;
}

static unsigned longest(uint8_t of)
{
	return of == AF_INET ? 32 : 128;
}

enum err rtnl_read_addr(const struct nlmsg *m, struct rtnl_addr *addr, bool *gone)
{
	struct ifaddrmsg info;
	struct span attrs, value;
	if (m->type != RTM_NEWADDR && m->type != RTM_DELADDR)
		return ERR_UNSUPPORTED;
	TRY(open_body(m, &info, sizeof(info), &attrs));
	if (!is_ip(info.ifa_family))
		return ERR_UNSUPPORTED;
	if (info.ifa_prefixlen > longest(info.ifa_family))
		return ERR_SYNTAX;
	*addr = (struct rtnl_addr){.ifindex = info.ifa_index, .prefix_len = info.ifa_prefixlen};
	/* IPv6 has the local address in IFA_ADDRESS, unless there is a peer */
	uint16_t type, wanted = info.ifa_family == AF_INET ? IFA_LOCAL : IFA_ADDRESS;
	addr->link_local = info.ifa_family == AF_INET6 && info.ifa_scope == RT_SCOPE_LINK;
	*gone = m->type == RTM_DELADDR;
	enum err e;
	bool found = false;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK) {
		if (type != wanted)
			continue;
		TRY(take_ip(value, info.ifa_family, &addr->addr));
		found = true;
	}
	if (e != ERR_MORE)
		return e;
	return found ? ERR_OK : ERR_SYNTAX;
}

static enum err take_metrics(struct span metrics, struct rtnl_route *r)
{
	struct span value;
	uint16_t type;
	enum err e;
	while ((e = nlmsg_attr_next(&metrics, &type, &value)) == ERR_OK)
		if (type == RTAX_MTU)
			TRY(take_u32(value, &r->mtu));
	return e == ERR_MORE ? ERR_OK : e;
}

static enum err take_route_attr(uint16_t type, struct span value, uint8_t of, struct rtnl_route *r)
{
	switch (type) {
	case RTA_DST:
		return take_ip(value, of, &r->dst);
	case RTA_GATEWAY:
		return take_ip(value, of, &r->gateway);
	case RTA_PREFSRC:
		return take_ip(value, of, &r->source);
	case RTA_OIF:
		return take_u32(value, &r->ifindex);
	case RTA_TABLE:
		return take_u32(value, &r->table);
	case RTA_METRICS:
		return take_metrics(value, r);
	default:
		return ERR_OK;
	}
}

enum err rtnl_read_route(const struct nlmsg *m, struct rtnl_route *r)
{
	struct rtmsg info;
	struct span attrs, value;
	uint16_t type;
	enum err e;
	if (m->type != RTM_NEWROUTE)
		return ERR_UNSUPPORTED;
	TRY(open_body(m, &info, sizeof(info), &attrs));
	if (!is_ip(info.rtm_family) || info.rtm_protocol != RTNL_PROTOCOL || info.rtm_type != RTN_UNICAST)
		return ERR_UNSUPPORTED;
	if (info.rtm_dst_len > longest(info.rtm_family))
		return ERR_SYNTAX;
	*r = (struct rtnl_route){.prefix_len = info.rtm_dst_len, .table = info.rtm_table};
	if (info.rtm_family == AF_INET)
		r->dst = ip_from_v4(0);
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK)
		TRY(take_route_attr(type, value, info.rtm_family, r));
	if (e != ERR_MORE)
		return e;
	return r->ifindex ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err take_rule_attr(uint16_t type, struct span value, uint8_t of, struct rtnl_rule *r)
{
	struct fib_rule_uid_range users;
	switch (type) {
	case FRA_SRC:
		return take_ip(value, of, &r->from);
	case FRA_DST:
		return take_ip(value, of, &r->to);
	case FRA_PRIORITY:
		return take_u32(value, &r->priority);
	case FRA_TABLE:
		return take_u32(value, &r->table);
	case FRA_FWMARK:
		return take_u32(value, &r->mark);
	case FRA_UID_RANGE:
		if (value.len != sizeof(users))
			return ERR_SYNTAX;
		memcpy(&users, value.p, sizeof(users));
		r->uid_first = users.start;
		r->uid_last = users.end;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

enum err rtnl_read_rule(const struct nlmsg *m, struct rtnl_rule *r)
{
	struct fib_rule_hdr info;
	struct span attrs, value;
	uint16_t type;
	uint8_t protocol = 0;
	enum err e;
	if (m->type != RTM_NEWRULE)
		return ERR_UNSUPPORTED;
	TRY(open_body(m, &info, sizeof(info), &attrs));
	bool unreachable = info.action == FR_ACT_UNREACHABLE;
	if (!is_ip(info.family) || (info.src_len && info.src_len != longest(info.family)) ||
	    (info.dst_len && info.dst_len != longest(info.family)) ||
	    (info.action != FR_ACT_TO_TBL && !unreachable))
		return ERR_UNSUPPORTED;
	*r = (struct rtnl_rule){.table = info.table};
	if (info.family == AF_INET)
		r->from = ip_from_v4(0);
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK) {
		TRY(take_rule_attr(type, value, info.family, r));
		if (type == FRA_PROTOCOL && value.len == 1)
			protocol = value.p[0];
	}
	if (e != ERR_MORE)
		return e;
	if (unreachable)
		r->table = 0;
	/* one of them, as they are written */
	bool by_address = !r->uid_first && !r->mark;
	bool ours = by_address ? info.src_len && r->table && !is_none(&r->from) : info.src_len == 0;
	return protocol == RTNL_PROTOCOL && ours ? ERR_OK : ERR_UNSUPPORTED;
}

enum err rtnl_read_router(const struct nlmsg *m, struct rtnl_router *r, bool *gone)
{
	struct ndmsg info;
	struct span attrs, value;
	uint16_t type;
	enum err e;
	if (m->type != RTM_NEWNEIGH && m->type != RTM_DELNEIGH)
		return ERR_UNSUPPORTED;
	TRY(open_body(m, &info, sizeof(info), &attrs));
	if (info.ndm_family != AF_INET6 || !(info.ndm_flags & NTF_ROUTER) || info.ndm_ifindex <= 0)
		return ERR_UNSUPPORTED;
	*r = (struct rtnl_router){.ifindex = (uint32_t)info.ndm_ifindex};
	*gone = m->type == RTM_DELNEIGH;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK)
		if (type == NDA_DST)
			TRY(take_ip(value, AF_INET6, &r->addr));
	if (e != ERR_MORE)
		return e;
	return is_none(&r->addr) ? ERR_SYNTAX : ERR_OK;
}
