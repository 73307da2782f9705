#include "role/outbox.h"

#include <string.h>

#include "base/time.h"

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
	memcpy(meta, pool_slot(p, at.slot), sizeof(*meta));
	ASSERT(object_meta_sane(meta) && meta->size_bytes <= p->slot_bytes - SEGMENT_HEAD_BYTES);
}

struct span outbox_body(const struct outbox *o, struct outbox_place at, uint64_t size_bytes)
{
	return span_of(pool_slot(&o->pool[at.producer], at.slot) + SEGMENT_HEAD_BYTES, size_bytes);
}

static uint64_t bytes_of(const struct outbox *o, struct outbox_place at)
{
	struct object_meta meta;
	outbox_meta(o, at, &meta);
	return meta.size_bytes;
}

uint64_t outbox_bytes(const struct outbox *o, const struct outbox_place *taken, uint32_t taken_count)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < o->count; i++)
		bytes += bytes_of(o, o->place[(o->first + i) % OUTBOX_MAX]);
	for (uint32_t i = 0; i < taken_count; i++)
		bytes += bytes_of(o, taken[i]);
	return bytes;
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
