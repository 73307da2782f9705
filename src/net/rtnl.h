/* rtnl: links, IPv4 addresses and routes as netlink messages (NETLINK_ROUTE).
 *
 * Writers append one whole message with sequence number seq to b (sticky overflow); all but the dumps ask for
 * an acknowledgement. Addresses are IPv4 in host order. Readers take one message of a dump or an event.
 * Source: linux/rtnetlink.h, if_link.h, if_addr.h, rtnetlink(7).
 */
#ifndef SEALTAP_NET_RTNL_H
#define SEALTAP_NET_RTNL_H

#include "net/nlmsg.h"

struct rtnl_link {
	uint32_t ifindex;
	char name[16]; /* terminated */
	bool ethernet; /* ARPHRD_ETHER with an address that is not all zeros (unused tunnels have that) */
	bool up;       /* administratively */
	bool carrier;
	uint8_t mac[6]; /* when ethernet */
	uint32_t mtu;
	/* as the kernel counts them since the link exists; 0 in events. missed: by the NIC itself */
	uint64_t rx_packets, rx_dropped, rx_missed;
	uint64_t rx_bytes, tx_packets, tx_bytes;
};

struct rtnl_addr {
	uint32_t ifindex, addr;
	unsigned prefix_len;
};

struct rtnl_route {
	uint32_t dst; /* 0/0: the default route */
	unsigned prefix_len;
	uint32_t gateway; /* 0: dst is on the link itself */
	uint32_t ifindex;
	uint32_t source; /* address the appliance itself speaks from; 0: the kernel's choice */
	uint32_t mtu;    /* for this route; 0: the link's */
};

void rtnl_dump_links(struct buf *b, uint32_t seq);
void rtnl_dump_addrs(struct buf *b, uint32_t seq);
void rtnl_link_up(struct buf *b, uint32_t seq, uint32_t ifindex);
void rtnl_link_mtu(struct buf *b, uint32_t seq, uint32_t ifindex, uint32_t mtu);
/* Adds it, or does nothing when it is there. */
void rtnl_addr_set(struct buf *b, uint32_t seq, const struct rtnl_addr *a);
void rtnl_addr_delete(struct buf *b, uint32_t seq, const struct rtnl_addr *a);
/* Replaces the main table's route to the same destination. A gateway need not lie in the link's subnet. */
void rtnl_route_set(struct buf *b, uint32_t seq, const struct rtnl_route *r);

/* *gone: the message says that the link no longer exists. ERR_UNSUPPORTED: another kind of message.
 * ERR_SYNTAX. */
enum err rtnl_read_link(const struct nlmsg *m, struct rtnl_link *link, bool *gone) MUST_USE;
/* Likewise; other families than IPv4 are ERR_UNSUPPORTED. */
enum err rtnl_read_addr(const struct nlmsg *m, struct rtnl_addr *addr, bool *gone) MUST_USE;

#endif
