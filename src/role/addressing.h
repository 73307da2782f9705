/* addressing: which addresses and routes the outside and the inside link have, by what DHCP and IMDS say of
 * them; set through role/gateway. What the kernel refuses is in gateway.failed.
 */
#ifndef SEALTAP_ROLE_ADDRESSING_H
#define SEALTAP_ROLE_ADDRESSING_H

#include "net/dhcp.h"
#include "role/gateway.h"

/* The outside link: its address, MTU and default route are the lease's. */
enum err addressing_outside(struct gateway *g, uint32_t ifindex, const struct dhcp_lease *lease) MUST_USE;
/* The inside link: its addresses are IMDS's. mtu: as outside, for both are in one VPC. ERR_MISSING: IMDS
 * gives no address. */
enum err addressing_inside(struct gateway *g, const struct rtnl_link *link, const struct imds_link *imds,
			   uint32_t mtu) MUST_USE;

#endif
