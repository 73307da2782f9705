#include "role/resolver.h"

#include <string.h>

#include "os/rng.h"

void resolver_ask(struct resolver *r, const char *host)
{
	struct msg_name q = {.id = ++r->last_id};
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
	if (!e && (a->count == 0 || a->count > sizeof(a->addr) / sizeof(a->addr[0])))
		e = ERR_NOT_FOUND;
	uint32_t pick;
	rng_fill(&pick, sizeof(pick));
	r->fn(r->arg, e, e ? 0 : a->addr[pick % a->count]);
}
