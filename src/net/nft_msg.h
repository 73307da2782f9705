/* nft_msg: the messages of a batch for the packet filter: the table, its chains, counters, sets and rules.
 *
 * All is for the one table NFT_TABLE of the family inet. What a rule holds is net/nft_expr's. Source:
 * linux/netfilter/nf_tables.h, nfnetlink.h.
 */
#ifndef SEALTAP_NET_NFT_MSG_H
#define SEALTAP_NET_NFT_MSG_H

#include "base/ip.h"

#define NFT_TABLE "sealtap"

struct nft_batch {
	struct buf *b; /* borrowed */
	uint32_t seq;
};

/* The batch takes effect when it is ended, or not at all; only its last message asks for an
 * acknowledgement: refusals come without. */
void nft_batch_begin(struct nft_batch *t);
void nft_batch_end(struct nft_batch *t);

void nft_table_add(struct nft_batch *t);
void nft_table_delete(struct nft_batch *t);
/* All of the table's rules go, or those of a chain, which must exist; chains, sets and counters stay. */
void nft_table_flush(struct nft_batch *t);
void nft_chain_flush(struct nft_batch *t, const char *name);
/* These exist after it, as they were where they are there already. */
void nft_base_chain(struct nft_batch *t, const char *name, const char *type, uint32_t hook, int32_t priority,
		    uint32_t policy);
void nft_chain(struct nft_batch *t, const char *name);
void nft_counter_object(struct nft_batch *t, const char *name);
/* A set of source addresses that rules fill; timeout_ms 0: none. id: different for each set of the batch. */
void nft_address_set(struct nft_batch *t, const char *name, uint32_t id, unsigned family,
		     uint64_t timeout_ms);
/* A set of users with addresses and ports that each may speak to: what nft_users_goal() looks up. */
void nft_goal_set(struct nft_batch *t, const char *name, uint32_t id, unsigned family, uint64_t timeout_ms);
/* That goal is in the set from now on for the set's time, also where it was there already. */
void nft_goal(struct nft_batch *t, const char *name, uint32_t uid, const struct ip *addr, uint16_t port);

struct nft_rule {
	struct buf *b; /* borrowed */
	size_t message, expressions;
};

struct nft_rule nft_rule_begin(struct nft_batch *t, const char *chain);
void nft_rule_end(const struct nft_rule *r);

/* Shared with net/nft_expr: a 64-bit number as an attribute. */
void nft_attr_be64(struct buf *b, uint16_t type, uint64_t v);

#endif
