/* resolver: asks net for a host's addresses, one question at a time. net caches and retries; here an answer
 * is an answer. */
#ifndef SEALTAP_ROLE_RESOLVER_H
#define SEALTAP_ROLE_RESOLVER_H

#include "role/peer.h"

struct resolver {
	struct peer *net; /* borrowed */
	uint32_t id;      /* of the question under way; 0: none */
	uint32_t last_id;
	void (*fn)(void *arg, enum err e, uint32_t addr); /* addr: IPv4, host order; one of them by chance */
	void *arg;                                        /* borrowed */
};

void resolver_ask(struct resolver *r, const char *host);
/* For each MSG_RESOLVED of the channel. */
void resolver_answer(struct resolver *r, const struct msg_addresses *a);

#endif
