#include "role/addressing.h"

enum err addressing_outside(struct gateway *g, uint32_t ifindex, const struct dhcp_lease *l)
{
	struct rtnl_addr addr = {ifindex, l->addr, l->prefix_len};
	struct gateway_outside o = {ifindex, l->addr, l->router, l->mtu};
	/* a size that the driver refuses is in the log; what it has serves as well */
	if (gateway_set_mtu(g, o.ifindex, l->mtu))
		o.mtu = 0;
	TRY(gateway_set_address(g, &addr));
	return gateway_set_routes(g, &o);
}

enum err addressing_inside(struct gateway *g, const struct rtnl_link *link, const struct imds_link *imds,
			   uint32_t mtu)
{
	if (imds->addr_count == 0 || imds->prefix_len == 0)
		return ERR_MISSING;
	if (gateway_set_mtu(g, link->ifindex, mtu))
		log_event(LOG_WARN, "mtu-kept", "link", link->name);
	return gateway_set_address(g, &(struct rtnl_addr){link->ifindex, imds->addr[0], imds->prefix_len});
}
