/* routing: makes the kernel's addresses, routes and rules those that are wanted: what is missing is set, and
 * of what net set before (RTNL_PROTOCOL) what is no longer wanted is removed. Each call may be repeated; what
 * the kernel refuses is in gateway.failed.
 */
#ifndef SEALTAP_ROLE_NET_ROUTING_H
#define SEALTAP_ROLE_NET_ROUTING_H

#include "role/net/addressing.h"
#include "role/net/gateway.h"

/* names: of the sides; NULL: there is none. keep: what is there and not wanted stays. */
enum err routing_apply(struct gateway *g, const struct addressing *a,
		       const char *const names[ADDRESSING_SIDES], bool keep) MUST_USE;
/* But link-local ones. */
enum err routing_no_addresses(struct gateway *g, uint32_t ifindex) MUST_USE;
/* The IPv6 router that the link knows by its advertisements; *known while it is one of several. All zeros:
 * none. */
enum err routing_router(struct gateway *g, uint32_t ifindex, const struct ip *known, struct ip *router)
	MUST_USE;

#endif
