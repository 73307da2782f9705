/* volume_scene: a volume whose power can be cut. pwrite and fdatasync stand before the C library's: what was
 * written since the last sync may be there after a cut, or not, or in part, by sectors of 512 bytes.
 */
#ifndef SEALTAP_TESTS_VOLUME_SCENE_H
#define SEALTAP_TESTS_VOLUME_SCENE_H

#include "check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crc.h"
#include "lib/sha.h"
#include "role/spool/store.h"

#ifndef DATA_MAX
#define DATA_MAX (256u * 1024)
#endif
#define SLOT_BYTES (COMMIT_DATA_OFFSET + DATA_MAX)
#define SLOTS 5u
#define DISK_BYTES (VOLUME_SLOTS_OFFSET + SLOTS * SLOT_BYTES)
#define BOOT 0x1122334455667788u
#define SECTOR_BYTES 512u
#define CUTS 6 /* ways in which each cut goes; the first two are the extremes */

static struct volume {
	struct disk disk;
	uint8_t *bytes;              /* as programs see it */
	uint8_t lasting[DISK_BYTES]; /* what was synced */
	struct disk cut;             /* what stands there after a cut */
	uint8_t *cut_bytes;
	void (*after_cut)(void); /* looks at `cut`, before each call; NULL: the power stays */
	unsigned ways;           /* of CUTS */
	unsigned writes, syncs;
	unsigned die_at; /* the number of the call at which the process dies: to `death`; 0: none */
	jmp_buf death;
	unsigned fail_at; /* the number of the sync that fails: some of what was to be synced is forgotten */
	struct {
		uint64_t at;
		size_t len;
		uint8_t *bytes;
	} pending[256];
	unsigned pending_count;
} volume;
static uint32_t dice = 1;

static inline uint32_t roll(void)
{
	return (dice = dice * 1664525 + 1013904223) >> 16;
}

/* Way 0: nothing of what is pending is there; 1: all; others: as the dice say, for each write. */
static inline void settle(uint8_t *to, unsigned way)
{
	for (unsigned i = 0; i < volume.pending_count; i++) {
		uint32_t fate = way < 2 ? way : roll() % 4;
		for (size_t at = 0; at < volume.pending[i].len; at += SECTOR_BYTES) {
			size_t left = volume.pending[i].len - at;
			bool there = fate == 1 || (fate == 2 && (roll() & 1)) ||
				     (fate == 3 && at < volume.pending[i].len / 2);
			if (there)
				memcpy(to + volume.pending[i].at + at, volume.pending[i].bytes + at,
				       left < SECTOR_BYTES ? left : SECTOR_BYTES);
		}
	}
}

static inline void forget_pending(void)
{
	while (volume.pending_count)
		free(volume.pending[--volume.pending_count].bytes);
}

static inline void before_call(void)
{
	if (volume.die_at && volume.writes + volume.syncs + 1 == volume.die_at)
		longjmp(volume.death, 1);
	for (unsigned way = 0; volume.after_cut && way < volume.ways; way++) {
		memcpy(volume.cut_bytes, volume.lasting, DISK_BYTES);
		settle(volume.cut_bytes, way);
		volume.after_cut();
	}
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (fd == volume.disk.fd) {
		CHECK(at >= 0 && (uint64_t)at <= DISK_BYTES && len <= DISK_BYTES - (uint64_t)at);
		CHECK(volume.pending_count < sizeof(volume.pending) / sizeof(volume.pending[0]));
		before_call();
		volume.writes++;
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, p, len);
		volume.pending[volume.pending_count].at = (uint64_t)at;
		volume.pending[volume.pending_count].len = len;
		volume.pending[volume.pending_count++].bytes = copy;
	}
	return syscall(SYS_pwrite64, fd, p, len, at);
}

int fdatasync(int fd)
{
	if (fd != volume.disk.fd)
		return 0;
	before_call();
	bool fails = ++volume.syncs == volume.fail_at;
	settle(volume.lasting, fails ? 3 : 1);
	forget_pending();
	errno = EIO;
	return fails ? -1 : 0;
}

static inline uint8_t *make_file(struct disk *d)
{
	d->fd = memfd_create("volume", MFD_CLOEXEC);
	d->faults = -1;
	CHECK(ftruncate(d->fd, DISK_BYTES) == 0);
	return mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
}

/* The whole disk as one byte, synced. */
static inline void volume_start(uint8_t fill)
{
	if (!volume.bytes) {
		volume.bytes = make_file(&volume.disk);
		volume.cut_bytes = make_file(&volume.cut);
	}
	forget_pending();
	memset(volume.bytes, fill, DISK_BYTES);
	memset(volume.lasting, fill, DISK_BYTES);
	volume.after_cut = NULL;
	volume.ways = CUTS;
	volume.die_at = 0;
	volume.writes = volume.syncs = volume.fail_at = 0;
}

/* ---- objects: what stands at a place of a message, or of a provisional final frame */

static inline uint8_t byte_of(const struct object_meta *m, uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) + m->seq * 7 + m->kind * 3 + m->boot);
}

static inline uint8_t side_byte_of(const struct object_meta *m, uint64_t data_bytes, uint64_t at)
{
	return (uint8_t)(byte_of(m, at) ^ data_bytes ^ 0xa5);
}

static inline void fill_data(const struct object_meta *m, uint64_t from, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = byte_of(m, from + i);
}

static inline void fill_side(const struct commit *c, uint8_t *p)
{
	for (uint32_t i = 0; i < c->side_bytes; i++)
		p[i] = side_byte_of(&c->meta, c->data_bytes, i);
}

/* side_bytes 0: SEALED; else OPEN. */
static inline struct commit commit_of(enum object_kind kind, uint32_t seq, uint64_t data_bytes,
				      uint32_t side_bytes)
{
	static uint8_t data[DATA_MAX], side[COMMIT_SIDE_BYTES];
	struct commit c = {.generation = 1,
			   .state = side_bytes ? COMMIT_OPEN : COMMIT_SEALED,
			   .data_bytes = data_bytes,
			   .side_bytes = side_bytes,
			   .meta = {.kind = kind,
				    .stream = "w0",
				    .seq = seq,
				    .boot = BOOT,
				    .first_ns = 1000 + seq,
				    .last_ns = 2000 + data_bytes,
				    .sig_len = side_bytes ? 0 : 3,
				    .sig = "sig"}};
	if (kind == OBJECT_LOG)
		memcpy(c.meta.stream, "log", 4);
	snprintf(c.meta.name, sizeof(c.meta.name), "p/%s-%08u.pcapng.zst.encrypted", c.meta.stream, seq);
	fill_data(&c.meta, 0, data, data_bytes);
	fill_side(&c, side);
	if (!side_bytes)
		c.meta.size_bytes = data_bytes;
	sha256_of(span_of(data, data_bytes), c.meta.sha256);
	c.data_crc = crc32c(span_of(data, data_bytes));
	c.side_crc = crc32c(span_of(side, side_bytes));
	return c;
}

/* What the record of a slot speaks of is there, as its checksums say. */
static inline bool speaks_truly(const struct store *s, uint32_t slot, struct commit *c)
{
	static uint8_t data[DATA_MAX], side[COMMIT_SIDE_BYTES];
	return !store_read(s, slot, c) && !store_read_data(s, slot, 0, data, c->data_bytes) &&
	       !store_read_side(s, slot, c->generation, side, c->side_bytes) &&
	       crc32c(span_of(data, c->data_bytes)) == c->data_crc &&
	       crc32c(span_of(side, c->side_bytes)) == c->side_crc;
}

/* It is this object in this state. */
static inline bool same_state(const struct commit *a, const struct commit *b)
{
	return a->state == b->state && a->data_bytes == b->data_bytes && a->side_bytes == b->side_bytes &&
	       a->data_crc == b->data_crc && a->side_crc == b->side_crc &&
	       a->meta.sig_len == b->meta.sig_len && strcmp(a->meta.name, b->meta.name) == 0 &&
	       memcmp(a->meta.sha256, b->meta.sha256, 32) == 0;
}

/* ---- the store, by hand */

static struct store s, again;
static struct store_found found;

static inline enum err open_it(uint64_t boot)
{
	memset(&s, 0, sizeof(s));
	return store_open(&s, &volume.disk, boot, SLOT_BYTES, 2, &found);
}

/* What a state of an object has more than the one before it. */
static inline void write_data(uint32_t slot, const struct commit *c, uint64_t from)
{
	static uint8_t data[DATA_MAX], side[COMMIT_SIDE_BYTES];
	fill_data(&c->meta, from, data, c->data_bytes - from);
	fill_side(c, side);
	CHECK(!store_data(&s, slot, from, span_of(data, c->data_bytes - from)));
	if (c->side_bytes)
		CHECK(!store_side(&s, slot, span_of(side, c->side_bytes)));
}

static inline void write_whole(uint32_t slot, const struct commit *c)
{
	write_data(slot, c, 0);
	CHECK(!store_sync(&s));
	CHECK(!store_commit(&s, slot, c));
	CHECK(!store_sync(&s));
}

static inline uint32_t store_one(enum object_kind kind, uint32_t seq, uint64_t data_bytes,
				 uint32_t side_bytes)
{
	struct commit c = commit_of(kind, seq, data_bytes, side_bytes);
	uint32_t slot = store_take(&s, kind);
	CHECK(slot != STORE_NONE);
	if (slot != STORE_NONE)
		write_whole(slot, &c);
	return slot;
}

/* ---- what must be there after a cut, and what may */

static struct thing {
	struct commit state[8];
	int states, lasting; /* -1: none need be there */
	bool freeing, freed;
	uint32_t slot; /* STORE_NONE: any */
} things[8];
static unsigned thing_count, cuts_seen;
static bool made; /* the first header lasts */

static inline uint32_t look_for(const struct thing *t)
{
	struct commit c;
	uint32_t at = store_find(&again, BOOT, t->state[0].meta.stream, t->state[0].meta.seq);
	if (at == STORE_NONE) {
		CHECK(t->lasting < 0 || t->freeing || t->freed);
		return 0;
	}
	CHECK((at == t->slot || t->slot == STORE_NONE) && !t->freed && speaks_truly(&again, at, &c));
	int i = t->lasting < 0 ? 0 : t->lasting;
	while (i < t->states && !same_state(&t->state[i], &c))
		i++;
	CHECK(i < t->states);
	return 1;
}

static inline void power_failed(void)
{
	struct store_found f;
	uint32_t n = 0, fresh = 0; /* a first record that is torn can't be told from damage */
	memset(&again, 0, sizeof(again));
	enum err e = store_open(&again, &volume.cut, BOOT, SLOT_BYTES, 2, &f);
	cuts_seen++;
	if (!made) {
		CHECK(!e || e == ERR_CHECKSUM || e == ERR_CONFLICT); /* its first header torn */
		return;
	}
	for (unsigned i = 0; i < thing_count; i++) {
		n += look_for(&things[i]);
		fresh += things[i].lasting < 0;
	}
	CHECK(!e && f.objects == n && f.damaged <= fresh);
}

#endif
