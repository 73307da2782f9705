/* devices: joins the links that the kernel has with the interfaces that IMDS describes, by MAC address; and
 * puts both into the words of role/msg.h. */
#ifndef SEALTAP_ROLE_NET_DEVICES_H
#define SEALTAP_ROLE_NET_DEVICES_H

#include "net/dhcp.h"
#include "role/net/gateway.h"
#include "role/report.h"

/* EC2's device numbers; also the places in MSG_CONFIGURED. */
#define DEVICE_OUTSIDE 0
#define DEVICE_INSIDE 1
#define DEVICE_EVIDENCE 2 /* where it is configured; not among what init is told */
#define DEVICES 3
#define DEVICE_UNKNOWN UINT32_MAX

/* A link's place by its index; links->count when it is not there. */
uint32_t devices_by_ifindex(const struct gateway_links *links, uint32_t ifindex);
/* The place of the link that IMDS gives this device number; links->count when there is none. */
uint32_t devices_by_number(const struct gateway_links *links, const struct msg_described *imds,
			   uint32_t number);
/* What IMDS says of the link, or NULL. */
const struct imds_link *devices_described(const struct msg_described *imds, const struct rtnl_link *link);

/* Each link of *known has the MTU that it has in *now, where it is there. */
void devices_take_mtus(struct gateway_links *known, const struct gateway_links *now);

/* One line of the log for each. */
void devices_log(const struct gateway_links *links);

struct devices_lease {
	uint32_t ifindex;
	const struct dhcp_lease *lease; /* borrowed; NULL: none */
};

/* lease: of the primary link, and of the others. imds: the links are outside, inside and maybe evidence, and
 * this is what it says of them; NULL: nobody knows which is which yet. */
void devices_messages(const struct gateway_links *links, const struct devices_lease lease[DEVICES],
		      const struct msg_described *imds, struct msg_links *out);

/* known: outside, inside and, if it is wanted, evidence. One that is not in *now is replaced by the link to
 * which IMDS gives its device number, if that is there; fresh[] gets the new link's index. True: one was. */
bool devices_replace(struct gateway_links *known, const struct gateway_links *now,
		     const struct msg_described *imds, uint32_t fresh[DEVICES]);
bool devices_all_there(const struct gateway_links *known, const struct gateway_links *now);

/* An address was set or removed on one of the links: arg. */
void devices_log_address(void *arg, const struct rtnl_addr *addr, bool gone);

/* The places of all devices among the links; links->count: it is not there. ERR_MISSING: outside or inside is
 * not, as the verdict says. */
enum err devices_find(const struct gateway_links *links, const struct msg_described *imds, struct report *r,
		      uint32_t device[DEVICES]) MUST_USE;
/* Of all links these stay, outside first; evidence, if it is wanted, also when it is not there: all zeros. */
void devices_keep(struct gateway_links *links, const uint32_t device[DEVICES], bool evidence);
/* The verdict on outside and inside. */
void devices_report(const struct gateway_links *two, struct report *r);
/* Takes over what keys tells; true: it is something new. */
bool devices_describe(struct msg_described *known, const struct msg_described *told);

#endif
