#include "role/spool/window.h"

#include <string.h>

#include "base/crc.h"

#define PIECE_BYTES (1024u * 1024)

static uint64_t capacity(const struct window *w)
{
	return w->slots.pool.slot_bytes - COMMIT_DATA_OFFSET;
}

void window_recover(struct window *w, struct pool pool, struct store *s)
{
	struct commit c;
	uint32_t newest;
	w->slots.pool = pool;
	if (!slots_read(&w->slots, &newest, &c))
		return;
	for (uint32_t i = 0; i < pool.slots; i++) {
		if (w->slots.slot[i].state != COMMIT_SEALED || commit_read(pool_slot(&pool, i), &c))
			continue;
		w->one[i] = (struct window_one){true, store_find(s, c.meta.boot, c.meta.stream, c.meta.seq)};
		if (w->one[i].at != STORE_NONE)
			s->slot[w->one[i].at].taken = true;
	}
}

bool window_room(const struct window *w, bool earlier, uint32_t *to)
{
	uint32_t first = earlier ? 0 : 1, end = w->slots.pool.slots - (earlier ? 1 : 0);
	for (*to = first; *to < end; ++*to)
		if (!w->one[*to].busy)
			return true;
	return false;
}

/* c: SEALED, with the whole message in the slot. */
static void show(struct window *w, uint32_t to, struct commit *c)
{
	c->state = COMMIT_SEALED;
	c->side_bytes = c->data_crc = c->side_crc = 0;
	slots_commit(&w->slots, to, c);
}

void window_copy(struct window *w, uint32_t to, uint32_t at, const uint8_t *slot, const struct commit *c)
{
	struct commit own = *c;
	ASSERT(!w->one[to].busy && c->state == COMMIT_SEALED && c->data_bytes <= capacity(w));
	memcpy(pool_slot(&w->slots.pool, to) + COMMIT_DATA_OFFSET, slot + COMMIT_DATA_OFFSET, c->data_bytes);
	w->one[to] = (struct window_one){true, at};
	show(w, to, &own);
}

/* ---- from the volume */

enum err window_load(struct window *w, uint32_t to, uint32_t at, struct store *s)
{
	struct window_load *l = &w->load;
	ASSERT(!l->active && !w->one[to].busy);
	TRY(store_read(s, at, &l->c));
	if (l->c.data_bytes + l->c.side_bytes > capacity(w))
		return ERR_TOO_LONG;
	l->active = true;
	l->to = to;
	l->done_bytes = 0;
	l->crc = 0;
	sha256_init(&l->sha);
	w->one[to] = (struct window_one){true, at};
	s->slot[at].taken = true;
	return ERR_OK;
}

/* The provisional final frame goes where commit_tear() looks for it. */
static enum err tear(struct window *w, const struct store *s)
{
	struct window_load *l = &w->load;
	uint8_t *slot = pool_slot(&w->slots.pool, l->to);
	uint8_t *side = slot + commit_side_offset(l->c.generation);
	TRY(store_read_side(s, w->one[l->to].at, l->c.generation, side, l->c.side_bytes));
	if (l->crc != l->c.data_crc || crc32c(span_of(side, l->c.side_bytes)) != l->c.side_crc)
		return ERR_CHECKSUM;
	return commit_tear(slot, w->slots.pool.slot_bytes, &l->c);
}

static enum err finish(struct window *w, const struct store *s)
{
	struct window_load *l = &w->load;
	uint8_t sha256[SHA256_BYTES];
	if (l->c.state == COMMIT_OPEN) {
		TRY(tear(w, s));
	} else {
		sha256_final(&l->sha, sha256);
		if (memcmp(sha256, l->c.meta.sha256, sizeof(sha256)) != 0)
			return ERR_CHECKSUM;
	}
	if (l->c.meta.boot != s->boot && l->c.state == COMMIT_CLOSED)
		l->c.meta.sig_len = 0;
	show(w, l->to, &l->c);
	return ERR_OK;
}

enum err window_load_more(struct window *w, struct store *s)
{
	struct window_load *l = &w->load;
	ASSERT(l->active);
	uint32_t at = w->one[l->to].at;
	uint64_t left = l->c.data_bytes - l->done_bytes;
	size_t len = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	uint8_t *p = pool_slot(&w->slots.pool, l->to) + COMMIT_DATA_OFFSET + l->done_bytes;
	enum err e = store_read_data(s, at, l->done_bytes, p, len);
	if (!e) {
		sha256_update(&l->sha, span_of(p, len));
		l->crc = crc32c_more(l->crc, span_of(p, len));
		l->done_bytes += len;
		if (l->done_bytes < l->c.data_bytes)
			return ERR_MORE;
		e = finish(w, s);
	}
	l->active = false;
	if (e) {
		w->one[l->to].busy = false;
		s->slot[at].taken = false;
	}
	return e;
}

/* ---- upload */

struct msg_segment window_segment(const struct window *w, uint32_t slot, bool again)
{
	return (struct msg_segment){slot, again, w->slots.slot[slot].generation};
}

bool window_free(struct window *w, const struct msg_segment *m, uint32_t *at)
{
	ASSERT(m->index < w->slots.pool.slots);
	if (!slots_free(&w->slots, m->index, m->generation))
		return false;
	*at = w->one[m->index].at;
	w->one[m->index].busy = false;
	return true;
}

bool window_empty(const struct window *w)
{
	for (uint32_t i = 0; i < w->slots.pool.slots; i++)
		if (w->one[i].busy)
			return false;
	return true;
}
