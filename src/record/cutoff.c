#include "record/cutoff.h"

#include <string.h>

void cutoff_init(struct cutoff *c, uint64_t limit_bytes, const uint8_t key[SIPHASH_KEY_BYTES])
{
	ASSERT(limit_bytes);
	c->limit_bytes = limit_bytes;
	memcpy(c->key, key, sizeof(c->key));
}

static uint64_t hash(const struct cutoff *c, const struct headers *h)
{
	struct {
		struct ip from, to;
		uint16_t from_port, to_port;
		uint32_t protocol;
	} name = {h->from, h->to, h->from_port, h->to_port, h->protocol};
	_Static_assert(sizeof(name) == 40, "no padding is hashed");
	uint64_t tag = siphash(c->key, span_of(&name, sizeof(name)));
	return tag ? tag : 1;
}

/* A clock that was set back does not keep places taken for ever. */
static bool idle(const struct cutoff_flow *f, uint64_t now_ns)
{
	return now_ns > f->seen_ns ? now_ns - f->seen_ns > CUTOFF_IDLE_NS
				   : f->seen_ns - now_ns > CUTOFF_IDLE_NS;
}

/* The place of the flow, or one for it, or NULL. */
static struct cutoff_flow *place(struct cutoff *c, uint64_t tag, uint64_t now_ns)
{
	struct cutoff_flow *set = c->flow[tag % CUTOFF_SETS], *free = NULL;
	for (uint32_t i = 0; i < CUTOFF_WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (!free && (set[i].tag == 0 || idle(&set[i], now_ns)))
			free = &set[i];
	}
	if (free)
		*free = (struct cutoff_flow){.tag = tag};
	return free;
}

bool cutoff_reached(struct cutoff *c, const struct headers *h, uint32_t bytes, uint64_t now_ns)
{
	if (!h->has_ports)
		return false;
	struct cutoff_flow *f = place(c, hash(c, h), now_ns);
	if (!f) {
		c->untracked++;
		return false;
	}
	if (h->syn)
		f->bytes = 0;
	bool reached = f->bytes >= c->limit_bytes;
	f->bytes = f->bytes > UINT64_MAX - bytes ? UINT64_MAX : f->bytes + bytes;
	f->seen_ns = now_ns;
	return reached;
}
