/* nft_counter: what the rule set counted, as the kernel lists it. Source: linux/netfilter/nf_tables.h. */
#ifndef SEALTAP_NET_NFT_COUNTER_H
#define SEALTAP_NET_NFT_COUNTER_H

#include "net/nlmsg.h"

/* A reason's name, or "publish-LINE", "allow-LINE", "deny-LINE" of the configuration: what began a flow
 * there. */
struct nft_counter {
	char name[24];
	uint64_t packets, bytes;
};

/* Asks for all counters. */
void nft_counter_dump(struct buf *b, uint32_t seq);
/* One message of the answer. ERR_NOT_FOUND: it is about something else; ERR_SYNTAX. */
enum err nft_counter_read(const struct nlmsg *m, struct nft_counter *c) MUST_USE;

#endif
