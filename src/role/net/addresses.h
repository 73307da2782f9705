/* addresses: who gives the links their addresses (DHCP, IMDS) and routers, and sets them: the plan is
 * role/net/addressing's, the kernel's side role/net/routing's.
 */
#ifndef SEALTAP_ROLE_NET_ADDRESSES_H
#define SEALTAP_ROLE_NET_ADDRESSES_H

#include "role/net/devices.h"
#include "role/net/lease.h"
#include "role/net/names.h"

struct addresses;

struct addresses_lease {
	struct addresses *of; /* borrowed */
	struct lease lease;
};

/* Zeroed; all pointers and changed are set before the first use. */
struct addresses {
	struct loop *loop; /* borrowed, as all here */
	struct gateway *gateway;
	const struct gateway_links *links;     /* all; once known: outside, inside, evidence */
	const struct msg_described *described; /* of IMDS */
	const struct settings *settings;
	struct names *names;
	struct report *report;
	bool known; /* which link is which, and the settings */
	/* of the outside link (until known: of any); of another, if IMDS gives it no address */
	struct addresses_lease by[DEVICES];
	struct ip router6[DEVICES]; /* as the links know them; all zeros: none */
	bool evidence_has_address;
	/* They are to be others: the rings are to be told, then addresses_apply() called. */
	void (*changed)(void);
};

/* socket: as os/dhcpsock.h opens it. */
void addresses_init(struct addresses *a, int socket);
/* Of the link that DHCP's outside lease is sought or held on; 0: none. */
uint32_t addresses_leased(const struct addresses *a);
bool addresses_held(const struct addresses *a);
/* What init is to know of the links. */
void addresses_messages(const struct addresses *a, struct msg_links *out);
/* keep: what is there beside stays. ERR_MISSING: the inside link has no IPv4 address; the verdict says so,
 * and DHCP is asked. Other errors: gateway.failed. */
enum err addresses_apply(struct addresses *a, bool keep) MUST_USE;
/* The links' IPv6 routers; a->changed() when one is another. ERR_MISSING: one is not known yet. */
enum err addresses_routers(struct addresses *a) MUST_USE;
/* The link is gone: no lease is sought there. It is up: no use waiting for the next try. */
void addresses_link_gone(struct addresses *a, uint32_t ifindex);
void addresses_link_up(struct addresses *a, uint32_t ifindex);
/* The verdict on the evidence link, where there is to be one. */
void addresses_report_evidence(const struct addresses *a);

#endif
