/* resolver: asks net for a host's addresses, one question at a time. net caches and retries; here an answer
 * is an answer. */
#ifndef SEALTAP_ROLE_RESOLVER_H
#define SEALTAP_ROLE_RESOLVER_H

#include "role/peer.h"

struct resolver {
	struct peer *net; /* borrowed */
	uint32_t id;      /* of the question under way; 0: none */
	uint32_t last_id;
	/* addr: all `count` (1..8) addresses of the answer, borrowed for the call. The order is rotated by
	 * chance each time, so that load spreads and a dead address is not always the first; https_start
	 * tries them in that order. On an error count is 0. */
	void (*fn)(void *arg, enum err e, const struct ip *addr, uint32_t count);
	void *arg; /* borrowed */
};

/* ipv6: IPv6 addresses are wanted too. */
void resolver_ask(struct resolver *r, const char *host, bool ipv6);
/* For each MSG_RESOLVED of the channel. */
void resolver_answer(struct resolver *r, const struct msg_addresses *a);

#endif
