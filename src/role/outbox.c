#include "role/outbox.h"

#include <string.h>

#include "base/time.h"
#include "record/commit.h"

void outbox_map(struct outbox *o, uint32_t producer, int fd, uint64_t slot_bytes, uint32_t slots)
{
	ASSERT(producer < OUTBOX_PRODUCERS);
	enum err e = pool_map(fd, 0, slot_bytes, slots, &o->pool[producer]);
	ASSERT(!e);
}

void outbox_add(struct outbox *o, struct outbox_place at)
{
	ASSERT(o->count < OUTBOX_MAX && at.slot < o->pool[at.producer].slots);
	o->place[(o->first + o->count) % OUTBOX_MAX] = at;
	o->count++;
}

bool outbox_new(struct outbox *o, uint32_t producer, const struct msg_segment *s)
{
	ASSERT(producer < OUTBOX_PRODUCERS && s->index < o->pool[producer].slots);
	if (o->told[producer][s->index] == s->generation)
		return false;
	o->told[producer][s->index] = s->generation;
	/* the process that was told first may have stored it, and died */
	struct outbox_place at = {.producer = producer, .slot = s->index, .generation = s->generation};
	at.so_far.attempts.maybe_stored = s->again;
	outbox_add(o, at);
	return true;
}

bool outbox_holds(const struct outbox *o, uint32_t producer, uint32_t slot)
{
	for (uint32_t i = 0; i < o->count; i++) {
		const struct outbox_place *at = &o->place[(o->first + i) % OUTBOX_MAX];
		if (at->producer == producer && at->slot == slot)
			return true;
	}
	return false;
}

struct outbox_place outbox_take(struct outbox *o)
{
	ASSERT(o->count);
	struct outbox_place at = o->place[o->first];
	o->first = (o->first + 1) % OUTBOX_MAX;
	o->count--;
	return at;
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

static void count_one(const struct outbox *o, struct outbox_place at, uint64_t now_ns,
		      struct cloudwatch_sample *c)
{
	struct object_meta meta;
	outbox_meta(o, at, &meta);
	uint64_t age_s = meta.first_ns < now_ns ? (now_ns - meta.first_ns) / NS_PER_S : 0;
	c->spool_used_bytes += o->pool[at.producer].slot_bytes;
	if (age_s > c->oldest_unshipped_s)
		c->oldest_unshipped_s = age_s;
}

void outbox_count(const struct outbox *o, const struct outbox_place *taken, uint32_t taken_count,
		  uint64_t now_ns, struct cloudwatch_sample *c)
{
	c->spool_used_bytes = c->spool_total_bytes = c->oldest_unshipped_s = 0;
	for (uint32_t i = 0; i < OUTBOX_PRODUCERS; i++)
		c->spool_total_bytes += o->pool[i].slots * o->pool[i].slot_bytes;
	for (uint32_t i = 0; i < o->count; i++)
		count_one(o, o->place[(o->first + i) % OUTBOX_MAX], now_ns, c);
	for (uint32_t i = 0; i < taken_count; i++)
		count_one(o, taken[i], now_ns, c);
}
