#include "role/outbox.h"

#include "base/time.h"
#include "record/commit.h"

bool outbox_told(struct outbox *o, uint32_t producer, const struct msg_segment *s)
{
	ASSERT(producer < OUTBOX_PRODUCERS && s->index < o->pool[producer].slots);
	struct outbox_slot *slot = &o->slot[producer][s->index];
	if (slot->generation == s->generation)
		return slot->unshipped;
	slot->generation = s->generation;
	slot->unshipped = true;
	o->unshipped++;
	/* the process that was told first may have stored it, and died */
	struct outbox_place at = {.producer = producer, .slot = s->index, .generation = s->generation};
	at.so_far.attempts.maybe_stored = s->again;
	outbox_add(o, at);
	return true;
}

bool outbox_untold(const struct outbox *o, uint32_t producer, struct msg_segment *s)
{
	const struct pool *p = &o->pool[producer];
	for (uint32_t i = 0; i < p->slots; i++) {
		struct commit c;
		if (commit_read(pool_slot(p, i), &c) || c.state != COMMIT_SEALED ||
		    c.generation == o->slot[producer][i].generation)
			continue;
		*s = (struct msg_segment){.index = i, .again = 1, .generation = c.generation};
		return true;
	}
	return false;
}

void outbox_add(struct outbox *o, struct outbox_place at)
{
	ASSERT(o->count < OUTBOX_MAX && at.slot < o->pool[at.producer].slots);
	o->place[(o->first + o->count) % OUTBOX_MAX] = at;
	o->count++;
}

struct outbox_place outbox_take(struct outbox *o)
{
	ASSERT(o->count);
	struct outbox_place at = o->place[o->first];
	o->first = (o->first + 1) % OUTBOX_MAX;
	o->count--;
	return at;
}

void outbox_shipped(struct outbox *o, struct outbox_place at)
{
	struct outbox_slot *slot = &o->slot[at.producer][at.slot];
	ASSERT(slot->unshipped && slot->generation == at.generation && o->unshipped);
	slot->unshipped = false;
	o->unshipped--;
}

void outbox_meta(const struct outbox *o, struct outbox_place at, struct object_meta *meta)
{
	const struct pool *p = &o->pool[at.producer];
	struct commit c;
	enum err e = commit_read(pool_slot(p, at.slot), &c);
	ASSERT(!e && c.state == COMMIT_SEALED && c.generation == at.generation &&
	       c.meta.size_bytes <= p->slot_bytes - COMMIT_DATA_OFFSET);
	*meta = c.meta;
}

struct span outbox_body(const struct outbox *o, struct outbox_place at, uint64_t size_bytes)
{
	return span_of(pool_slot(&o->pool[at.producer], at.slot) + COMMIT_DATA_OFFSET, size_bytes);
}

/* The next unshipped object from number *i on of all slots; false: there is none. */
static bool next_unshipped(const struct outbox *o, uint32_t *i, uint32_t *producer, struct object_meta *meta)
{
	for (; *i < OUTBOX_MAX; ++*i) {
		*producer = *i / MSG_MAX_SEGMENTS;
		uint32_t slot = *i % MSG_MAX_SEGMENTS;
		const struct outbox_slot *s = &o->slot[*producer][slot];
		if (!s->unshipped)
			continue;
		outbox_meta(o, (struct outbox_place){*producer, slot, s->generation, {0}}, meta);
		++*i;
		return true;
	}
	return false;
}

uint64_t outbox_bytes(const struct outbox *o)
{
	uint64_t bytes = 0;
	struct object_meta meta;
	for (uint32_t i = 0, producer; next_unshipped(o, &i, &producer, &meta);)
		bytes += meta.size_bytes;
	return bytes;
}

void outbox_count(const struct outbox *o, uint64_t now_ns, struct cloudwatch_sample *c)
{
	struct object_meta meta;
	c->spool_used_bytes = c->spool_total_bytes = c->oldest_unshipped_s = 0;
	for (uint32_t i = 0; i < OUTBOX_PRODUCERS; i++)
		c->spool_total_bytes += o->pool[i].slots * o->pool[i].slot_bytes;
	for (uint32_t i = 0, producer; next_unshipped(o, &i, &producer, &meta);) {
		uint64_t age_s = meta.first_ns < now_ns ? (now_ns - meta.first_ns) / NS_PER_S : 0;
		c->spool_used_bytes += o->pool[producer].slot_bytes;
		if (age_s > c->oldest_unshipped_s)
			c->oldest_unshipped_s = age_s;
	}
}
