#include "role/resolver.h"

#include <string.h>

#include "os/rng.h"

#define ADDRESSES_MAX (sizeof(((struct msg_addresses *)0)->addr) / sizeof(struct ip))

void resolver_ask(struct resolver *r, const char *host, bool ipv6)
{
	struct msg_name q = {.id = ++r->last_id, .ipv6 = ipv6};
	size_t len = strlen(host);
	ASSERT(len < sizeof(q.host));
	memcpy(q.host, host, len);
	r->id = q.id;
	peer_send(r->net, MSG_RESOLVE, &q);
}

void resolver_answer(struct resolver *r, const struct msg_addresses *a)
{
	if (r->id == 0 || a->id != r->id)
		return;
	r->id = 0;
	enum err e = (enum err)a->error;
	if (!e && (a->count == 0 || a->count > ADDRESSES_MAX))
		e = ERR_NOT_FOUND;
	if (e) {
		r->fn(r->arg, e, NULL, 0);
		return;
	}
	struct ip addr[ADDRESSES_MAX];
	uint32_t first;
	rng_fill(&first, sizeof(first));
	for (uint32_t i = 0; i < a->count; i++)
		addr[i] = a->addr[(first % a->count + i) % a->count];
	r->fn(r->arg, ERR_OK, addr, a->count);
}
