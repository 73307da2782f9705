#include "role/spool/mirror.h"

#include <string.h>

#include "base/crc.h"
#include "role/progress.h"

#define PIECE_BYTES (1024u * 1024)
#define ALL_SLOTS(m, p, i)                                  \
	for (uint32_t p = 0; (p) < MIRROR_PRODUCERS; (p)++) \
		for (uint32_t i = 0; (i) < (m)->pool[p].slots; (i)++)

/* The provisional final frame of the slot's newest commit record c; the producer overwrites it two records
 * later: c becomes the newest one then. */
static bool read_side(const uint8_t *slot, struct commit *c, uint8_t side[COMMIT_SIDE_BYTES])
{
	for (int tries = 0; tries < 8; tries++) {
		uint64_t generation = c->generation;
		memcpy(side, slot + commit_side_offset(generation), c->side_bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (commit_read(slot, c))
			return false;
		if (c->generation == generation)
			return true;
	}
	return false; /* a busy one: the next turn */
}

/* Another object stands there than before. */
static void begin(struct mirror_slot *o, const struct store *s, const struct commit *c)
{
	*o = (struct mirror_slot){.known = true, .seq = c->meta.seq};
	o->at = store_find(s, c->meta.boot, c->meta.stream, c->meta.seq);
	/* whole on the volume already: a process before this one brought it there */
	if (o->at != STORE_NONE && s->slot[o->at].state == COMMIT_SEALED) {
		o->generation = c->generation;
		o->bytes = c->data_bytes;
	}
}

static bool has_place(struct mirror *m, struct mirror_slot *o, struct store *s, const struct commit *c)
{
	/* the volume's slots may be smaller: a boot before chose them */
	uint64_t room = s->header.slot_bytes - COMMIT_DATA_OFFSET;
	bool fits = c->data_bytes <= room && c->side_bytes <= room - c->data_bytes;
	if (fits && o->at == STORE_NONE)
		o->at = store_take(s, (enum object_kind)c->meta.kind);
	if (!fits || o->at == STORE_NONE) {
		m->full = true;
		return false;
	}
	s->slot[o->at].taken = true;
	return true;
}

static enum err write_new(struct mirror_slot *o, struct store *s, const uint8_t *slot, struct commit *c,
			  const uint8_t *side)
{
	while (o->bytes < c->data_bytes) {
		uint64_t left = c->data_bytes - o->bytes;
		struct span piece = span_of(slot + COMMIT_DATA_OFFSET + o->bytes,
					    left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
		TRY(store_data(s, o->at, o->bytes, piece));
		o->crc = crc32c_more(o->crc, piece);
		o->bytes += piece.len;
	}
	c->data_crc = o->crc;
	c->side_crc = crc32c(span_of(side, c->side_bytes));
	return c->side_bytes ? store_side(s, o->at, span_of(side, c->side_bytes)) : ERR_OK;
}

static enum err copy(struct mirror *m, uint32_t p, uint32_t i, struct store *s)
{
	static uint8_t side[COMMIT_SIDE_BYTES];
	struct mirror_slot *o = &m->slot[p][i];
	struct commit c;
	const uint8_t *slot = pool_slot(&m->pool[p], i);
	o->due = false;
	if (commit_read(slot, &c) || c.state == COMMIT_FREE) {
		o->known = false;
		return ERR_OK;
	}
	if (!o->known || o->seq != c.meta.seq)
		begin(o, s, &c);
	if (o->told || c.generation == o->generation)
		return ERR_OK;
	if (!read_side(slot, &c, side) || (c.state == COMMIT_OPEN && !c.side_bytes) || c.meta.seq != o->seq ||
	    !has_place(m, o, s, &c))
		return ERR_OK;
	ASSERT(c.data_bytes <= m->pool[p].slot_bytes - COMMIT_DATA_OFFSET && c.data_bytes >= o->bytes);
	TRY(write_new(o, s, slot, &c, side));
	o->next = c;
	o->due = true;
	return ERR_OK;
}

static enum err turn(struct mirror *m, struct store *s)
{
	bool any = false;
	m->full = false;
	ALL_SLOTS(m, p, i)
	{
		TRY(copy(m, p, i, s));
		any |= m->slot[p][i].due;
	}
	if (any || s->unsynced)
		TRY(store_sync(s));
	if (!any)
		return ERR_OK;
	ALL_SLOTS(m, p, i)
	if (m->slot[p][i].due)
		TRY(store_commit(s, m->slot[p][i].at, &m->slot[p][i].next));
	TRY(store_sync(s));
	ALL_SLOTS(m, p, i)
	{
		struct mirror_slot *o = &m->slot[p][i];
		if (!o->due)
			continue;
		o->due = false;
		o->generation = o->next.generation;
		if (o->next.state == COMMIT_SEALED)
			s->slot[o->at].taken = false; /* it may be shipped */
	}
	return ERR_OK;
}

enum err mirror_turn(struct mirror *m, struct store *s)
{
	enum err e = turn(m, s);
	if (!e)
		return ERR_OK;
	store_forget(s);
	ALL_SLOTS(m, p, i)
	{
		struct mirror_slot *o = &m->slot[p][i];
		o->due = false;
		if (!o->known || o->told)
			continue;
		o->generation = o->bytes = o->crc = 0;
		if (o->at != STORE_NONE)
			s->slot[o->at].taken = true;
	}
	return e;
}

bool mirror_sealed(const struct mirror *m, uint32_t producer, uint32_t slot, bool lasting, struct commit *c)
{
	const struct mirror_slot *o = &m->slot[producer][slot];
	if (commit_read(pool_slot(&m->pool[producer], slot), c) || c->state != COMMIT_SEALED)
		return false;
	if (!o->known || o->seq != c->meta.seq)
		return !lasting;
	return !o->told && (!lasting || o->generation == c->generation);
}

bool mirror_oldest(const struct mirror *m, bool lasting, uint32_t *producer, uint32_t *slot,
		   struct commit *oldest)
{
	bool found = false;
	ALL_SLOTS(m, p, i)
	{
		struct commit c;
		if (!mirror_sealed(m, p, i, lasting, &c) ||
		    (found && c.meta.first_ns >= oldest->meta.first_ns))
			continue;
		*oldest = c;
		*producer = p;
		*slot = i;
		found = true;
	}
	return found;
}

void mirror_told(struct mirror *m, uint32_t producer, uint32_t slot, const struct commit *c)
{
	struct mirror_slot *o = &m->slot[producer][slot];
	if (!o->known || o->seq != c->meta.seq)
		*o = (struct mirror_slot){.known = true, .seq = c->meta.seq, .at = STORE_NONE};
	o->told = true;
}

bool mirror_knows(const struct mirror *m, uint32_t producer, const struct msg_segment *s, struct commit *c)
{
	ASSERT(s->index < m->pool[producer].slots);
	const struct mirror_slot *o = &m->slot[producer][s->index];
	return o->known && o->told && !commit_read(pool_slot(&m->pool[producer], s->index), c) &&
	       c->state == COMMIT_SEALED && c->generation == s->generation && c->meta.seq == o->seq;
}

bool mirror_find(const struct mirror *m, uint32_t at, uint32_t *producer, uint32_t *slot)
{
	ALL_SLOTS(m, p, i)
	{
		const struct mirror_slot *o = &m->slot[p][i];
		if (!o->known || o->told || o->at != at)
			continue;
		*producer = p;
		*slot = i;
		return true;
	}
	return false;
}

uint64_t mirror_armed_ns(const struct mirror *m)
{
	uint64_t armed_ns = 0;
	for (uint32_t p = 0; p < MSG_MAX_WORKERS && m->pool[p].slots; p++) {
		const struct progress *w = pool_page(&m->pool[p]);
		uint64_t at_ns = __atomic_load_n(&w->armed_real_ns, __ATOMIC_RELAXED);
		if (at_ns == 0)
			return 0;
		armed_ns = at_ns > armed_ns ? at_ns : armed_ns;
	}
	return armed_ns;
}
