/* devices: joins the links that the kernel has with the interfaces that IMDS describes, by MAC address; and
 * puts both into the words of role/msg.h. */
#ifndef SEALTAP_ROLE_DEVICES_H
#define SEALTAP_ROLE_DEVICES_H

#include "net/dhcp.h"
#include "role/gateway.h"

/* EC2's device numbers; also the places in MSG_CONFIGURED. */
#define DEVICE_OUTSIDE 0
#define DEVICE_INSIDE 1
#define DEVICE_UNKNOWN UINT32_MAX

/* A link's place by its index; links->count when it is not there. */
uint32_t devices_by_ifindex(const struct gateway_links *links, uint32_t ifindex);
/* The place of the link that IMDS gives this device number; links->count when there is none. */
uint32_t devices_by_number(const struct gateway_links *links, const struct msg_links *imds, uint32_t number);
/* What IMDS says of the link, or NULL. */
const struct msg_link *devices_described(const struct msg_links *imds, const struct rtnl_link *link);

/* Each link of *known has the MTU that it has in *now, where it is there. */
void devices_take_mtus(struct gateway_links *known, const struct gateway_links *now);

/* One line of the log for each. */
void devices_log(const struct gateway_links *links);

/* lease: on this link; NULL: none. imds: what it says of the link; NULL: not asked yet. The address is the
 * lease's, else IMDS's. */
void devices_message(const struct rtnl_link *link, const struct dhcp_lease *lease,
		     const struct msg_link *imds, struct msg_link *out);

/* An address was set or removed on one of the links. */
void devices_log_address(const struct gateway_links *links, const struct rtnl_addr *addr, bool gone);

#endif
