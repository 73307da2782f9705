/* rtnl: links, addresses, routes, rules and neighbours as netlink messages (NETLINK_ROUTE), of IPv4 and IPv6.
 *
 * Writers append one whole message with sequence number seq to b (sticky overflow); all but the dumps ask for
 * an acknowledgement. Prefix lengths are as they are written: 0..32, 0..128. Routes and rules that are
 * written bear RTNL_PROTOCOL, by which a dump tells them from others. Readers take one message of a dump or
 * an event. Source: linux/rtnetlink.h, if_link.h, if_addr.h, fib_rules.h, neighbour.h, rtnetlink(7).
 */
#ifndef SEALTAP_NET_RTNL_H
#define SEALTAP_NET_RTNL_H

#include "base/ip.h"
#include "net/nlmsg.h"

#define RTNL_PROTOCOL 4     /* RTPROT_STATIC */
#define RTNL_TABLE_MAIN 254 /* RT_TABLE_MAIN */

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
	uint32_t ifindex;
	struct ip addr;
	unsigned prefix_len;
	bool link_local; /* read: IPv6, of link scope: the kernel makes those */
};

/* A field that is all zeros is left out. */
struct rtnl_route {
	struct ip dst; /* with prefix_len 0 the default route of its family */
	unsigned prefix_len;
	struct ip gateway; /* none: dst is on the link itself */
	uint32_t ifindex;
	struct ip source; /* address the appliance itself speaks from; none: the kernel's choice */
	uint32_t mtu;     /* for this route; 0: the link's */
	uint32_t table;
};

/* What is sent from this address is routed by that table; or what the sockets of these users send; or what
 * bears this mark. */
struct rtnl_rule {
	struct ip from;               /* by user or mark: of all of its family, and only that counts */
	uint32_t table;               /* with uid_first 0: it is refused as unreachable */
	uint32_t priority;            /* lower ones are asked first */
	uint32_t uid_first, uid_last; /* uid_first 0: not by user */
	struct ip to;                 /* with uid_first: this address alone; none: any */
	uint32_t mark;                /* 0: not by mark */
};

/* A neighbour that has said by router advertisement that it routes. */
struct rtnl_router {
	uint32_t ifindex;
	struct ip addr;
};

enum rtnl_what { RTNL_LINKS, RTNL_ADDRS, RTNL_ROUTES, RTNL_RULES, RTNL_NEIGHBOURS, RTNL_WHATS };

/* Asks for all there are, of both families. */
void rtnl_dump(struct buf *b, uint32_t seq, enum rtnl_what what);
/* With the multicast groups of others, which a NIC would keep from the rings. */
void rtnl_link_up(struct buf *b, uint32_t seq, uint32_t ifindex);
void rtnl_link_mtu(struct buf *b, uint32_t seq, uint32_t ifindex, uint32_t mtu);
/* Adds it, or does nothing when it is there. */
void rtnl_addr_set(struct buf *b, uint32_t seq, const struct rtnl_addr *a);
void rtnl_addr_delete(struct buf *b, uint32_t seq, const struct rtnl_addr *a);
/* Replaces the table's route to the same destination. A gateway need not lie in the link's subnet. */
void rtnl_route_set(struct buf *b, uint32_t seq, const struct rtnl_route *r);
void rtnl_route_delete(struct buf *b, uint32_t seq, const struct rtnl_route *r);
/* Fails where the same one is there (NLM_F_EXCL). */
void rtnl_rule_add(struct buf *b, uint32_t seq, const struct rtnl_rule *r);
void rtnl_rule_delete(struct buf *b, uint32_t seq, const struct rtnl_rule *r);

/* *gone: the message says that the link no longer exists. ERR_UNSUPPORTED: another kind of message.
 * ERR_SYNTAX. */
enum err rtnl_read_link(const struct nlmsg *m, struct rtnl_link *link, bool *gone) MUST_USE;
/* Likewise; other families are ERR_UNSUPPORTED. */
enum err rtnl_read_addr(const struct nlmsg *m, struct rtnl_addr *addr, bool *gone) MUST_USE;
/* Only routes by one link that bear RTNL_PROTOCOL, else ERR_UNSUPPORTED; ERR_SYNTAX. Of metrics the MTU
 * alone. */
enum err rtnl_read_route(const struct nlmsg *m, struct rtnl_route *r) MUST_USE;
/* Only rules by source address, user or mark that bear RTNL_PROTOCOL; errors as above. */
enum err rtnl_read_rule(const struct nlmsg *m, struct rtnl_rule *r) MUST_USE;
/* Only IPv6 routers; errors as above. *gone: it is no longer a neighbour. */
enum err rtnl_read_router(const struct nlmsg *m, struct rtnl_router *r, bool *gone) MUST_USE;

#endif
