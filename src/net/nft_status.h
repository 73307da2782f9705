/* nft_status: the packet filter's rules for the status port: who may not ask finds nothing there, not even a
 * closed port. In nft(8)'s words:
 *
 *   chain status { type filter hook input priority filter;
 *     meta l4proto tcp th dport PORT iif LINK ip|ip6 saddr SOURCE accept     for each source
 *     meta l4proto tcp th dport PORT goto status-port }
 *
 * All else that is for the appliance itself passes. They hold whether forwarding is open or closed.
 */
#ifndef SEALTAP_NET_NFT_STATUS_H
#define SEALTAP_NET_NFT_STATUS_H

#include "base/conf.h"
#include "net/nft_msg.h"

struct nft_status {
	uint16_t port;                   /* 0: nothing is served, there are no rules */
	uint32_t ifindex;                /* of the link where it is */
	const struct conf_nets *sources; /* borrowed */
};

/* Into the chain `status`; what is refused goes to the chain `refused`. */
void nft_status_rules(struct nft_batch *t, const struct nft_status *s, const char *refused);

#endif
