/* gateway: what the net role sets in the kernel: links, addresses, routes, settings, packet filter. Each call
 * is one step that may be repeated; a failure leaves a sentence for the boot verdict in g->failed and the
 * log.
 *
 * First light forwards IPv4 alone: IPv6 is switched off on every link. Addresses are IPv4 in host order.
 */
#ifndef SEALTAP_ROLE_GATEWAY_H
#define SEALTAP_ROLE_GATEWAY_H

#include "net/nft.h"
#include "net/rtnl.h"
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

struct gateway_outside {
	uint32_t ifindex, own_addr;
	uint32_t router; /* 0: no default route */
	uint32_t mtu;    /* as DHCP gave it; 0: not given */
};

enum err gateway_open(struct gateway *g) MUST_USE;
/* More than MSG_MAX_LINKS: the first ones. */
enum err gateway_list(struct gateway *g, struct gateway_links *links) MUST_USE;
/* Forwarding and the packet filter closed (open: left as a process before this one set them), and settings
 * made. */
enum err gateway_prepare(struct gateway *g, bool open) MUST_USE;
/* Its settings made and offloads off that would hide what was on the wire; then the link goes up. */
enum err gateway_prepare_link(struct gateway *g, const struct rtnl_link *link) MUST_USE;
/* The link has this IPv4 address and no other; addr 0: none at all. */
enum err gateway_set_address(struct gateway *g, const struct rtnl_addr *want) MUST_USE;
/* 0: as it is. */
enum err gateway_set_mtu(struct gateway *g, uint32_t ifindex, uint32_t mtu) MUST_USE;
/* The default route, and host routes to the link-local services of EC2. */
enum err gateway_set_routes(struct gateway *g, const struct gateway_outside *o) MUST_USE;
/* Replaces the packet filter, then opens the kernel's forwarding, or closes it before. Closing goes on after
 * a failure. */
enum err gateway_set_rules(struct gateway *g, const struct nft_gateway *rules) MUST_USE;

/* Packets that the link received, and those it dropped, since it exists. */
enum err gateway_count(struct gateway *g, uint32_t ifindex, uint64_t *rx_packets, uint64_t *rx_dropped)
	MUST_USE;
/* Gives what g->events holds, a bounded number a call. */
void gateway_events(struct gateway *g, void (*on_link)(void *arg, const struct rtnl_link *link, bool gone),
		    void (*on_addr)(void *arg, const struct rtnl_addr *addr, bool gone), void *arg);

#endif
