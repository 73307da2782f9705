#include "role/resolver.h"

#include <string.h>

#include "os/rng.h"

#define ADDRESSES_MAX (sizeof(((struct msg_addresses *)0)->addr) / sizeof(struct ip))

void resolver_init(struct resolver *r, struct peer *net, uint8_t space,
		   void (*fn)(void *arg, enum err e, const struct ip *addr, uint32_t count), void *arg)
{
	uint16_t first;
	rng_fill(&first, sizeof(first));
	*r = (struct resolver){.net = net, .last_id = (uint32_t)space << 24 | first, .fn = fn, .arg = arg};
}

void resolver_ask(struct resolver *r, const char *host, bool ipv6)
{
	struct msg_name q = {.id = ++r->last_id, .ipv6 = ipv6};
	size_t len = strlen(host);
	r->host = host;
	r->ipv6 = ipv6;
	ASSERT(len < sizeof(q.host));
	memcpy(q.host, host, len);
	r->id = q.id;
	peer_send(r->net, MSG_RESOLVE, &q);
}

void resolver_again(struct resolver *r)
{
	if (r->id)
		resolver_ask(r, r->host, r->ipv6);
}

/* Appends those of one family. */
static struct ip *put_family(const struct ip *addr, uint32_t count, bool v4, uint32_t random, struct ip *out)
{
	uint32_t members = 0, at = 0;
	for (uint32_t i = 0; i < count; i++)
		members += ip_is_v4(&addr[i]) == v4;
	if (members == 0)
		return out;
	for (uint32_t i = 0; i < count; i++)
		if (ip_is_v4(&addr[i]) == v4)
			out[(at++ + members - random % members) % members] = addr[i];
	return out + members;
}

void resolver_order(const struct ip *addr, uint32_t count, uint32_t random, struct ip *out)
{
	out = put_family(addr, count, true, random, out);
	put_family(addr, count, false, random, out);
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
	uint32_t random;
	rng_fill(&random, sizeof(random));
	resolver_order(a->addr, a->count, random, addr);
	r->fn(r->arg, ERR_OK, addr, a->count);
}
