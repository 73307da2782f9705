/* ruleset: the packet filter's rules as the configuration and the links want them, and what they counted.
 * net's own.
 */
#ifndef SEALTAP_ROLE_NET_RULESET_H
#define SEALTAP_ROLE_NET_RULESET_H

#include "aws/cloudwatch.h"
#include "role/net/gateway.h"

/* Borrows the settings. known: outside, inside and maybe evidence. */
struct nft_gateway ruleset(const struct settings *s, const struct gateway_links *known, bool open);
/* Adds what it translates to the open line of the log. */
void ruleset_log(const struct settings *s);
/* Flows that leave by a fixed address get no answer unless it is the outside interface's: warns. */
void ruleset_check(const struct settings *s, const struct msg_link *outside);

/* What the kernel counted as it was last looked at; zeroed before the first use. */
struct ruleset_watch {
	bool begun;
	uint32_t count;
	struct nft_counter counter[NFT_COUNTERS_MAX];
	uint64_t dropped[NFT_REASONS]; /* packets, by reason, since the first look */
	struct conntrackwatch conntrack;
	struct msg_refused refused; /* as connection tracking counted when it was looked at last */
};

/* Reads it anew. What was not forwarded since, by its reasons, is a line of the log, nothing when nothing
 * was; a table of flows that is full, or NAT without a free port, an alarm. Sets in *counted how many flows
 * there are, and what was not forwarded since the first look. */
void ruleset_look(struct gateway *g, struct ruleset_watch *w, struct cloudwatch_sample *counted);

#endif
