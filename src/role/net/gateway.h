/* gateway: what the net role sets in the kernel: links, addresses, routes, settings, packet filter. Each call
 * is one step that may be repeated; a failure leaves a sentence for the boot verdict in g->failed and the
 * log.
 *
 * Addresses, routes and rules are role/net/routing's. IPv6 is switched off on every link until it is to have
 * an address.
 */
#ifndef SEALTAP_ROLE_NET_GATEWAY_H
#define SEALTAP_ROLE_NET_GATEWAY_H

#include "net/nft.h"
#include "net/nft_counter.h"
#include "net/rtnl.h"
#include "role/conntrackwatch.h"
#include "role/msg.h"

struct gateway {
	int route, filter, events; /* owned: netlink sockets */
	char failed[160];          /* the last failure: what, on what, why */
};

/* Ethernet links in the order of their indexes. */
struct gateway_links {
	uint32_t count;
	struct rtnl_link link[MSG_MAX_LINKS];
};

enum err gateway_open(struct gateway *g) MUST_USE;
/* More than MSG_MAX_LINKS: the first ones. */
enum err gateway_list(struct gateway *g, struct gateway_links *links) MUST_USE;
/* Forwarding and the packet filter closed (open: left as a process before this one set them), and settings
 * made. first: there was no process before; what may be left of others goes. */
enum err gateway_prepare(struct gateway *g, bool open, bool first) MUST_USE;
/* Its settings made, offloads off that would hide what was on the wire, its rings long; then it goes up. */
enum err gateway_prepare_link(struct gateway *g, const struct rtnl_link *link) MUST_USE;
/* The link speaks IPv6 by a link-local address that the kernel makes, or not at all. */
enum err gateway_ipv6(struct gateway *g, const char *link, bool on) MUST_USE;
/* 0: as it is. */
enum err gateway_set_mtu(struct gateway *g, uint32_t ifindex, uint32_t mtu) MUST_USE;
/* Replaces the packet filter, then opens the kernel's forwarding, or closes it before. Closing goes on after
 * a failure. */
enum err gateway_set_rules(struct gateway *g, const struct nft_gateway *rules) MUST_USE;
/* Closes forwarding alone: what may reach the appliance and leave it stays, or begins where there was no
 * packet filter yet. */
enum err gateway_close(struct gateway *g) MUST_USE;

/* The packet filter's counters, at most max. */
enum err gateway_counters(struct gateway *g, struct nft_counter *counter, uint32_t max, uint32_t *count)
	MUST_USE;

/* How full the table of flows is, and what was refused. */
enum err gateway_conntrack(struct gateway *g, struct conntrackwatch_counts *counts) MUST_USE;
/* Packets that the link received, and those it dropped, since it exists. */
enum err gateway_count(struct gateway *g, uint32_t ifindex, uint64_t *rx_packets, uint64_t *rx_dropped)
	MUST_USE;
/* Gives what g->events holds, a bounded number a call. */
void gateway_events(struct gateway *g, void (*on_link)(void *arg, const struct rtnl_link *link, bool gone),
		    void (*on_addr)(void *arg, const struct rtnl_addr *addr, bool gone), void *arg);

/* For those that speak netlink on g's behalf: sends one message or batch by fd; writes g->failed and the log
 * when the kernel refuses it, or for another failure. */
enum err gateway_transact(struct gateway *g, int fd, const struct buf *b, const char *what, const char *on)
	MUST_USE;
enum err gateway_fail(struct gateway *g, enum err e, const char *what, const char *on) MUST_USE;
/* "link 4"; static, until the next call. */
const char *gateway_index_text(uint32_t ifindex);

#endif
