/* Bodies: links start with struct ifinfomsg, addresses with struct ifaddrmsg, routes with struct rtmsg;
 * attributes follow each. */
#include "net/rtnl.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

static void link_request(struct buf *b, const struct ifinfomsg *info)
{
	buf_put(b, span_of(info, sizeof(*info)));
}

void rtnl_dump_links(struct buf *b, uint32_t seq)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	size_t mark = nlmsg_begin(b, RTM_GETLINK, NLM_F_DUMP, seq);
	link_request(b, &info);
	nlmsg_end(b, mark);
}

void rtnl_dump_addrs(struct buf *b, uint32_t seq)
{
	struct ifaddrmsg info = {.ifa_family = AF_INET};
	size_t mark = nlmsg_begin(b, RTM_GETADDR, NLM_F_DUMP, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	nlmsg_end(b, mark);
}

void rtnl_link_up(struct buf *b, uint32_t seq, uint32_t ifindex)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	size_t mark = nlmsg_begin(b, RTM_NEWLINK, NLM_F_ACK, seq);
	link_request(b, &info);
	nlmsg_end(b, mark);
}

void rtnl_link_mtu(struct buf *b, uint32_t seq, uint32_t ifindex, uint32_t mtu)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	size_t mark = nlmsg_begin(b, RTM_NEWLINK, NLM_F_ACK, seq);
	link_request(b, &info);
	nlmsg_attr_u32(b, IFLA_MTU, mtu);
	nlmsg_end(b, mark);
}

static void addr_request(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq,
			 const struct rtnl_addr *a)
{
	struct ifaddrmsg info = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (uint8_t)a->prefix_len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = a->ifindex,
	};
	size_t mark = nlmsg_begin(b, type, flags | NLM_F_ACK, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	nlmsg_attr_be32(b, IFA_LOCAL, a->addr);
	nlmsg_attr_be32(b, IFA_ADDRESS, a->addr);
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

void rtnl_route_set(struct buf *b, uint32_t seq, const struct rtnl_route *r)
{
	struct rtmsg info = {
		.rtm_family = AF_INET,
		.rtm_dst_len = (uint8_t)r->prefix_len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = r->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = r->gateway ? RTNH_F_ONLINK : 0,
	};
	size_t mark = nlmsg_begin(b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, seq);
	buf_put(b, span_of(&info, sizeof(info)));
	if (r->prefix_len)
		nlmsg_attr_be32(b, RTA_DST, r->dst);
	if (r->gateway)
		nlmsg_attr_be32(b, RTA_GATEWAY, r->gateway);
	nlmsg_attr_u32(b, RTA_OIF, r->ifindex);
	if (r->source)
		nlmsg_attr_be32(b, RTA_PREFSRC, r->source);
	if (r->mtu) {
		size_t metrics = nlmsg_nest(b, RTA_METRICS);
		nlmsg_attr_u32(b, RTAX_MTU, r->mtu);
		nlmsg_nest_end(b, metrics);
	}
	nlmsg_end(b, mark);
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
		if (value.len != sizeof(link->mtu))
			return ERR_SYNTAX;
		memcpy(&link->mtu, value.p, sizeof(link->mtu));
		return ERR_OK;
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
	if (m->type != RTM_NEWLINK && m->type != RTM_DELLINK)
		return ERR_UNSUPPORTED;
	if (m->body.len < sizeof(info))
		return ERR_SYNTAX;
	memcpy(&info, m->body.p, sizeof(info));
	if (info.ifi_index <= 0)
		return ERR_SYNTAX;
	*link = (struct rtnl_link){
		.ifindex = (uint32_t)info.ifi_index,
		.ethernet = info.ifi_type == ARPHRD_ETHER,
		.up = info.ifi_flags & IFF_UP,
		.carrier = info.ifi_flags & IFF_LOWER_UP,
	};
	*gone = m->type == RTM_DELLINK;
	struct span attrs = span_from(m->body, NLMSG_ALIGN(sizeof(info))), value;
	uint16_t type;
	enum err e;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK)
		TRY(take_link_attr(type, value, link));
	if (e != ERR_MORE)
		return e;
	static const uint8_t none[6];
	link->ethernet = link->ethernet && memcmp(link->mac, none, sizeof(none)) != 0;
	return link->name[0] ? ERR_OK : ERR_SYNTAX;
}

enum err rtnl_read_addr(const struct nlmsg *m, struct rtnl_addr *addr, bool *gone)
{
	struct ifaddrmsg info;
	if (m->type != RTM_NEWADDR && m->type != RTM_DELADDR)
		return ERR_UNSUPPORTED;
	if (m->body.len < sizeof(info))
		return ERR_SYNTAX;
	memcpy(&info, m->body.p, sizeof(info));
	if (info.ifa_family != AF_INET)
		return ERR_UNSUPPORTED;
	if (info.ifa_prefixlen > 32)
		return ERR_SYNTAX;
	*addr = (struct rtnl_addr){.ifindex = info.ifa_index, .prefix_len = info.ifa_prefixlen};
	*gone = m->type == RTM_DELADDR;
	struct span attrs = span_from(m->body, NLMSG_ALIGN(sizeof(info))), value;
	uint16_t type;
	enum err e;
	bool found = false;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK) {
		if (type != IFA_LOCAL)
			continue;
		if (value.len != 4)
			return ERR_SYNTAX;
		addr->addr = load_be32(value.p);
		found = true;
	}
	if (e != ERR_MORE)
		return e;
	return found ? ERR_OK : ERR_SYNTAX;
}
