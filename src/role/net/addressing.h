/* addressing: which addresses, routes and rules the outside, the inside and the evidence link have, by what
 * DHCP, IMDS and the configuration say. Pure; role/net/routing brings it about.
 *
 *   outside  IPv4: DHCP's address, and all others that IMDS gives it. IPv6: IMDS's, /128 each
 *   inside   IMDS's; where it gives no IPv4 address, DHCP's
 *   evidence the same, each a host address: no route leads there but in its own table
 *   main     the default route outside, by packets no longer than an internet gateway takes; the services at
 *            169.254.169.0 and the DNS servers outside; the VPC's other networks and `inside.routes` inside,
 *            by the inside subnet's router, where hosts that route through here are
 *   own      a table for each link, that what is sent from one of its addresses is routed by: each ENI
 *            answers from itself
 *
 * With `evidence = eni` what keys and upload send, but to IMDS, is routed by the evidence link's table or,
 * where that knows no way, refused: by the kernel, as it tells by the user whose socket it is. So it is while
 * the link is missing, too. See decisions/2026-11-27-evidence-interface.md.
 *
 * The inside and the evidence subnet's IPv4 router is the first host of the subnet, as EC2 has it; IPv6
 * routers are those that advertise themselves. See decisions/2026-11-26-routes.md.
 */
#ifndef SEALTAP_ROLE_NET_ADDRESSING_H
#define SEALTAP_ROLE_NET_ADDRESSING_H

#include "aws/imds.h"
#include "base/conf.h"
#include "net/dhcp.h"
#include "net/rtnl.h"

#define ADDRESSING_SIDES 3 /* outside, inside, evidence */
#define ADDRESSING_ADDRS 26
#define ADDRESSING_USER_RULES 6
#define ADDRESSING_ROUTES 160

struct addressing_side {
	uint32_t ifindex;
	bool up;                        /* else it has no routes */
	uint32_t mtu;                   /* of the link */
	const struct imds_link *imds;   /* borrowed; NULL: not known */
	const struct dhcp_lease *lease; /* borrowed; NULL: none */
	struct ip router6;              /* all zeros: none */
};

struct addressing {
	struct {
		uint32_t ifindex, count;
		struct rtnl_addr addr[ADDRESSING_ADDRS]; /* the first is what is spoken from */
		bool ipv6;
	} of[ADDRESSING_SIDES];
	bool unknown; /* the settings: rules by user stay as they are */
	uint32_t route_count, rule_count;
	struct rtnl_route route[ADDRESSING_ROUTES];
	struct rtnl_rule rule[1 + ADDRESSING_SIDES * ADDRESSING_ADDRS + ADDRESSING_USER_RULES];
};

/* s: for inside.routes and evidence; NULL: not known yet. */
void addressing_plan(const struct addressing_side side[ADDRESSING_SIDES], const struct settings *s,
		     struct addressing *out);
/* The addresses of one side, in this order; the count. */
uint32_t addressing_own(const struct imds_link *imds, const struct dhcp_lease *lease, uint32_t ifindex,
			struct rtnl_addr out[ADDRESSING_ADDRS]);

#endif
