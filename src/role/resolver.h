/* resolver: asks net for a host's addresses, one question at a time. net caches and retries; here an answer
 * is an answer. */
#ifndef SEALTAP_ROLE_RESOLVER_H
#define SEALTAP_ROLE_RESOLVER_H

#include "role/peer.h"

struct resolver {
	struct peer *net; /* borrowed */
	uint32_t id;      /* of the question under way; 0: none */
	uint32_t last_id;
	const char *host; /* borrowed, asked for last */
	bool ipv6;
	/* addr: all `count` (1..8) addresses of the answer in resolver_order by chance, borrowed for the
	 * call; https_start tries them in that order. On an error count is 0. */
	void (*fn)(void *arg, enum err e, const struct ip *addr, uint32_t count);
	void *arg; /* borrowed */
};

/* IPv4 addresses first, as a link may have no IPv6, and each family rotated by the random number, so that
 * load spreads and a dead address is not always the first. out has room for count, apart from addr. */
void resolver_order(const struct ip *addr, uint32_t count, uint32_t random, struct ip *out);
/* space: tells the resolvers of one process apart, 0..255. The ids begin by chance: answers to the process
 * before this one are none of ours. */
void resolver_init(struct resolver *r, struct peer *net, uint8_t space,
		   void (*fn)(void *arg, enum err e, const struct ip *addr, uint32_t count), void *arg);
/* host is static, or lives as long as r. ipv6: IPv6 addresses are wanted too. */
void resolver_ask(struct resolver *r, const char *host, bool ipv6);
/* net is new: asks again what is under way. */
void resolver_again(struct resolver *r);
/* For each MSG_RESOLVED of the channel. */
void resolver_answer(struct resolver *r, const struct msg_addresses *a);

#endif
