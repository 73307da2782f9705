/* spool_scene: a volume and producers' pools as the spool has them; the test is the producers: worker 0 and
 * keys with its log.
 */
#ifndef SEALTAP_TESTS_SPOOL_SCENE_H
#define SEALTAP_TESTS_SPOOL_SCENE_H

#include "volume_scene.h"

#include "role/spool/mirror.h"

#define POOL_SLOTS 3u

static struct mirror m;
static struct pool worker, keys; /* writable */

static inline void make_pool(uint64_t slot_bytes, uint32_t slots, struct pool *writable,
			     struct pool *read_only)
{
	int rw, ro;
	CHECK(!pool_make(slot_bytes, slots, &rw, &ro));
	CHECK(!pool_map(rw, 1, slot_bytes, slots, writable) &&
	      !pool_map(ro, 0, slot_bytes, slots, read_only));
}

static inline void unmap_pool(struct pool *p)
{
	if (p->map)
		munmap(p->map, POOL_PAGE_BYTES + p->slots * p->slot_bytes);
	p->map = NULL;
}

/* The spool as it starts, over whatever there is. */
static inline void spool_starts(uint64_t boot)
{
	const struct pool seen[2] = {m.pool[0], m.pool[OUTBOX_LOG]};
	memset(&m, 0, sizeof(m));
	m.pool[0] = seen[0];
	m.pool[OUTBOX_LOG] = seen[1];
	CHECK(!open_it(boot));
}

/* A boot: new pools, nothing in them. */
static inline void boot_of(uint64_t boot, uint64_t pool_slot_bytes)
{
	unmap_pool(&worker);
	unmap_pool(&keys);
	unmap_pool(&m.pool[0]);
	unmap_pool(&m.pool[OUTBOX_LOG]);
	make_pool(pool_slot_bytes, POOL_SLOTS, &worker, &m.pool[0]);
	make_pool(pool_slot_bytes, POOL_SLOTS, &keys, &m.pool[OUTBOX_LOG]);
	spool_starts(boot);
}

static inline void start(void)
{
	memset(things, 0, sizeof(things));
	thing_count = cuts_seen = 0;
	made = true;
	volume_start(0);
	boot_of(BOOT, SLOT_BYTES);
}

/* A producer's commit: c is all that is in the slot, as commit_of() made it. */
static inline void commit_in(struct pool *p, uint32_t slot, const struct commit *c)
{
	uint8_t *at = pool_slot(p, slot);
	struct commit last, own = *c;
	own.generation = commit_read(at, &last) ? 1 : last.generation + 1;
	own.data_crc = own.side_crc = 0;
	fill_data(&c->meta, 0, at + COMMIT_DATA_OFFSET, c->data_bytes);
	fill_side(c, at + commit_side_offset(own.generation));
	commit_write(at, &own);
}

static inline void free_in(struct pool *p, uint32_t slot)
{
	struct commit c;
	CHECK(!commit_read(pool_slot(p, slot), &c) && c.state == COMMIT_SEALED);
	c.generation++;
	c.state = COMMIT_FREE;
	commit_write(pool_slot(p, slot), &c);
}

/* The volume has the object in just this state. */
static inline bool has(const struct commit *want)
{
	struct commit c;
	uint32_t at = store_find(&s, want->meta.boot, want->meta.stream, want->meta.seq);
	return at != STORE_NONE && speaks_truly(&s, at, &c) && same_state(&c, want);
}

#endif
