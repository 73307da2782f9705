#include "role/slots.h"

bool slots_read(struct slots *s, uint32_t *slot, struct commit *newest)
{
	bool found = false;
	for (uint32_t i = 0; i < s->pool.slots; i++) {
		struct commit c;
		if (commit_read(pool_slot(&s->pool, i), &c))
			continue;
		s->slot[i] = (struct slots_one){c.generation, (enum commit_state)c.state, c.meta.seq};
		if (found && c.meta.seq < newest->meta.seq)
			continue;
		*newest = c;
		*slot = i;
		found = true;
	}
	return found;
}

bool slots_find_free(const struct slots *s, uint32_t *slot)
{
	for (uint32_t i = 0; i < s->pool.slots; i++) {
		if (s->slot[i].state != COMMIT_NONE && s->slot[i].state != COMMIT_FREE)
			continue;
		*slot = i;
		return true;
	}
	return false;
}

void slots_take(struct slots *s, uint32_t slot)
{
	s->slot[slot].state = COMMIT_OPEN;
}

struct buf slots_side(const struct slots *s, uint32_t slot)
{
	size_t at = commit_side_offset(s->slot[slot].generation + 1);
	return buf_over(pool_slot(&s->pool, slot) + at, COMMIT_SIDE_BYTES);
}

void slots_commit(struct slots *s, uint32_t slot, struct commit *c)
{
	c->generation = s->slot[slot].generation + 1;
	commit_write(pool_slot(&s->pool, slot), c);
	s->slot[slot] = (struct slots_one){c->generation, (enum commit_state)c->state, c->meta.seq};
}

bool slots_find_sealed(const struct slots *s, uint64_t from, uint32_t *slot)
{
	bool found = false;
	for (uint32_t i = 0; i < s->pool.slots; i++) {
		if (s->slot[i].state != COMMIT_SEALED || s->slot[i].seq < from ||
		    (found && s->slot[i].seq > s->slot[*slot].seq))
			continue;
		*slot = i;
		found = true;
	}
	return found;
}

bool slots_free(struct slots *s, uint32_t slot, uint64_t generation)
{
	struct commit c;
	ASSERT(slot < s->pool.slots);
	if (s->slot[slot].state != COMMIT_SEALED || s->slot[slot].generation != generation)
		return false;
	enum err e = commit_read(pool_slot(&s->pool, slot), &c);
	ASSERT(!e && c.state == COMMIT_SEALED);
	c.state = COMMIT_FREE;
	slots_commit(s, slot, &c);
	return true;
}
