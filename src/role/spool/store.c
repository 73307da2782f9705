#include "role/spool/store.h"

#include <string.h>

#include "base/time.h"

#define SLOTS_MIN 3u
/* A frame is open for a second; its ring block, the commit and the mirror's turn take their time, too. */
#define OPEN_NS (3 * NS_PER_S)

/* ---- places */

static uint64_t place(const struct store *s, uint32_t slot, uint64_t in_slot)
{
	return volume_slot_offset(&s->header, slot) + in_slot;
}

static bool may_be_taken(const struct store_slot *o)
{
	return !o->taken && !o->freed && !o->shipped && (o->state == COMMIT_NONE || o->state == COMMIT_FREE);
}

static bool waits(const struct store_slot *o)
{
	return o->state != COMMIT_NONE && o->state != COMMIT_FREE;
}

/* ---- the header */

static enum err write_header(struct store *s, struct volume_header h)
{
	uint8_t page[VOLUME_PAGE_BYTES];
	h.generation = s->header.generation + 1;
	volume_write_header(&h, page);
	TRY(disk_write(&s->disk, volume_header_offset(h.generation), span_of(page, sizeof(page))));
	TRY(disk_sync(&s->disk));
	s->header = h;
	return ERR_OK;
}

enum err store_armed(struct store *s, uint64_t armed_ns, const struct store_found *found)
{
	struct volume_header h = s->header;
	h.boot = s->boot;
	h.ended = 0;
	h.written_ns = armed_ns;
	h.gap_boot = found->gap ? found->boot : 0;
	h.gap_from_ns = found->gap ? found->until_ns : 0;
	return write_header(s, h);
}

bool store_logged(const struct store *s, uint64_t until_ns)
{
	for (uint32_t i = 0; i < s->header.slots; i++) {
		const struct store_slot *o = &s->slot[i];
		if (o->boot == s->boot && o->kind == OBJECT_LOG && o->last_ns >= until_ns &&
		    o->lasting == o->generation)
			return true;
	}
	return false;
}

enum err store_told(struct store *s)
{
	struct volume_header h = s->header;
	h.gap_boot = h.gap_from_ns = 0;
	return write_header(s, h);
}

enum err store_ended(struct store *s, uint64_t now_ns)
{
	struct volume_header h = s->header;
	if (h.boot != s->boot)
		return ERR_OK; /* it never armed: what was missing before still is */
	h.ended = 1;
	h.gap_boot = h.gap_from_ns = 0; /* the log went out whole */
	h.written_ns = now_ns;
	return write_header(s, h);
}

/* ---- opening */

static enum err check_empty(const struct store *s)
{
	static uint8_t bytes[1024 * 1024];
	uint64_t at;
	size_t len;
	for (uint32_t i = 0; volume_probe(s->disk_bytes, i, &at, &len); i++) {
		TRY(disk_read(&s->disk, at, bytes, len));
		if (bytes[0] || memcmp(bytes, bytes + 1, len - 1) != 0)
			return ERR_CONFLICT;
	}
	return ERR_OK;
}

static void note(struct store_slot *o, const struct commit *c)
{
	o->generation = c->generation;
	o->state = c->state;
	o->boot = c->meta.boot;
	o->seq = c->meta.seq;
	o->kind = c->meta.kind;
	o->first_ns = c->meta.first_ns;
	o->last_ns = c->meta.last_ns;
	o->data_bytes = c->data_bytes;
	memcpy(o->stream, c->meta.stream, sizeof(o->stream));
}

enum err store_read(const struct store *s, uint32_t slot, struct commit *c)
{
	uint8_t records[2 * COMMIT_RECORD_BYTES];
	TRY(disk_read(&s->disk, place(s, slot, 0), records, sizeof(records)));
	static const uint8_t never[2 * COMMIT_RECORD_BYTES];
	enum err e = commit_read_newest(records, c);
	if (e)
		return memcmp(records, never, sizeof(never)) ? ERR_CHECKSUM : e;
	if (c->state == COMMIT_FREE)
		return ERR_OK;
	uint64_t room = s->header.slot_bytes - COMMIT_DATA_OFFSET;
	return c->data_bytes <= room && c->side_bytes <= room - c->data_bytes ? ERR_OK : ERR_SYNTAX;
}

/* What the volume tells of the last boot that armed. */
struct reach {
	uint64_t last_ns; /* of all its streams' newest records */
	uint32_t workers;
	struct {
		char stream[8];
		uint64_t last_ns;
	} worker[16];
};

static void reached(struct reach *r, const struct commit *c)
{
	if (c->meta.last_ns > r->last_ns)
		r->last_ns = c->meta.last_ns;
	if (c->meta.kind != OBJECT_PACKETS)
		return;
	uint32_t i = 0;
	while (i < r->workers && strcmp(r->worker[i].stream, c->meta.stream) != 0)
		i++;
	if (i == sizeof(r->worker) / sizeof(r->worker[0]))
		return;
	if (i == r->workers)
		r->workers++;
	memcpy(r->worker[i].stream, c->meta.stream, sizeof(r->worker[i].stream));
	if (c->meta.last_ns > r->worker[i].last_ns)
		r->worker[i].last_ns = c->meta.last_ns;
}

/* Up to when all is there: what the worker that is farthest behind has. Of one that has nothing here, all
 * older than OPEN_NS had been committed when the newest record was. */
static uint64_t all_until(const struct store *s, const struct reach *r, uint32_t workers)
{
	uint64_t until = r->workers < workers ? r->last_ns - (r->last_ns < OPEN_NS ? r->last_ns : OPEN_NS)
					      : UINT64_MAX;
	for (uint32_t i = 0; i < r->workers; i++)
		if (r->worker[i].last_ns < until)
			until = r->worker[i].last_ns;
	return until < s->header.written_ns ? s->header.written_ns : until;
}

static void scan(struct store *s, uint32_t workers, struct store_found *found)
{
	struct reach reach = {0};
	struct commit c;
	memset(s->slot, 0, sizeof(s->slot));
	for (uint32_t i = 0; i < s->header.slots; i++) {
		enum err e = store_read(s, i, &c);
		if (e == ERR_NOT_FOUND)
			continue;
		if (e) { /* so that it is not taken */
			s->slot[i].state = COMMIT_CLOSED;
			s->slot[i].left = true;
			found->damaged++;
			continue;
		}
		note(&s->slot[i], &c);
		s->slot[i].lasting = c.generation;
		s->slot[i].found = true;
		found->objects += waits(&s->slot[i]);
		if (c.meta.boot == s->header.boot)
			reached(&reach, &c);
	}
	found->boot = s->header.boot;
	found->gap = found->boot && found->boot != s->boot && !s->header.ended;
	found->until_ns = all_until(s, &reach, workers);
	if (!s->header.gap_boot)
		return;
	/* an older one, which nobody was told of, has this one within */
	found->gap = true;
	found->boot = s->header.gap_boot;
	found->until_ns = s->header.gap_from_ns;
}

/* Header and slots' records: no record of a former layout may look like one of this. */
static enum err format(struct store *s, uint64_t slot_bytes)
{
	static const uint8_t zeros[2 * COMMIT_RECORD_BYTES];
	struct volume_header h = s->header;
	h.slot_bytes = slot_bytes;
	h.slots = volume_slots(s->disk_bytes, slot_bytes);
	if (h.slots < SLOTS_MIN)
		return ERR_TOO_LONG;
	TRY(disk_reserve(&s->disk));
	for (uint32_t i = 0; i < h.slots; i++)
		TRY(disk_write(&s->disk, volume_slot_offset(&h, i), span_of(zeros, sizeof(zeros))));
	TRY(disk_sync(&s->disk));
	memset(s->slot, 0, sizeof(s->slot));
	return write_header(s, h);
}

enum err store_open(struct store *s, const struct disk *d, uint64_t boot, uint64_t slot_bytes,
		    uint32_t workers, struct store_found *found)
{
	uint8_t pages[VOLUME_HEADERS_BYTES];
	*found = (struct store_found){.gap = false};
	s->disk = *d;
	s->boot = boot;
	s->header = (struct volume_header){.generation = 0};
	TRY(disk_size(d, &s->disk_bytes));
	if (volume_slots(s->disk_bytes, slot_bytes) < SLOTS_MIN)
		return ERR_TOO_LONG;
	/* a process before may have died between a write and its sync */
	TRY(disk_sync(d));
	TRY(disk_read(d, 0, pages, sizeof(pages)));
	enum err e = volume_read_headers(pages, &s->header);
	if (e == ERR_NOT_FOUND) {
		TRY(check_empty(s));
		found->formatted = true;
		return format(s, slot_bytes);
	}
	TRY(e);
	if (s->header.slots > volume_slots(s->disk_bytes, s->header.slot_bytes))
		return ERR_RANGE; /* the disk has shrunk */
	scan(s, workers, found);
	bool fits = s->header.slot_bytes == slot_bytes &&
		    s->header.slots == volume_slots(s->disk_bytes, slot_bytes);
	if (fits || found->objects || found->damaged || found->gap)
		return ERR_OK;
	found->formatted = true;
	return format(s, slot_bytes);
}

/* ---- slots */

uint32_t store_take(struct store *s, enum object_kind kind)
{
	uint32_t first = STORE_NONE, count = 0;
	for (uint32_t i = s->header.slots; i-- > 0;) {
		if (!may_be_taken(&s->slot[i]))
			continue;
		first = i;
		count++;
	}
	if (count <= (kind == OBJECT_LOG ? 0 : 1))
		return STORE_NONE;
	s->slot[first].taken = true;
	s->slot[first].found = false;
	return first;
}

uint32_t store_find(const struct store *s, uint64_t boot, const char *stream, uint32_t seq)
{
	for (uint32_t i = 0; i < s->header.slots; i++) {
		const struct store_slot *o = &s->slot[i];
		if (waits(o) && o->boot == boot && o->seq == seq && strcmp(o->stream, stream) == 0)
			return i;
	}
	return STORE_NONE;
}

enum err store_data(struct store *s, uint32_t slot, uint64_t at, struct span bytes)
{
	if (at + bytes.len > s->header.slot_bytes - COMMIT_DATA_OFFSET)
		return ERR_TOO_LONG;
	return disk_write(&s->disk, place(s, slot, COMMIT_DATA_OFFSET + at), bytes);
}

enum err store_side(struct store *s, uint32_t slot, struct span side)
{
	ASSERT(side.len <= COMMIT_SIDE_BYTES);
	return disk_write(&s->disk, place(s, slot, commit_side_offset(s->slot[slot].generation + 1)), side);
}

enum err store_commit(struct store *s, uint32_t slot, const struct commit *c)
{
	uint8_t record[COMMIT_RECORD_BYTES];
	struct commit own = *c;
	own.generation = s->slot[slot].generation + 1;
	commit_write_record(record, &own);
	TRY(disk_write(&s->disk, place(s, slot, commit_record_offset(own.generation)),
		       span_of(record, sizeof(record))));
	note(&s->slot[slot], &own);
	return ERR_OK;
}

enum err store_sync(struct store *s)
{
	TRY(disk_sync(&s->disk));
	s->unsynced = false;
	for (uint32_t i = 0; i < s->header.slots; i++) {
		s->slot[i].freed = false;
		s->slot[i].lasting = s->slot[i].generation;
	}
	return ERR_OK;
}

/* The next record of a slot goes where the one that may be lost went, not over the one that lasts. */
void store_forget(struct store *s)
{
	for (uint32_t i = 0; i < s->header.slots; i++) {
		struct store_slot *o = &s->slot[i];
		if (o->generation != o->lasting)
			o->last_ns = 0; /* until the next record */
		o->generation = o->lasting;
		o->shipped |= o->freed;
	}
}

/* A slot that was taken for an object, but had no record of it yet, stays as it was. */
static enum err free_slot(struct store *s, uint32_t slot)
{
	struct store_slot *o = &s->slot[slot];
	struct commit c;
	enum err e = store_read(s, slot, &c);
	if (e == ERR_CHECKSUM || e == ERR_SYNTAX) { /* trying again would not help */
		o->left = true;
		o->shipped = o->taken = false;
		return ERR_OK;
	}
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && (c.state != COMMIT_FREE || o->freed)) {
		c.state = COMMIT_FREE;
		c.side_bytes = 0;
		c.meta.size_bytes = c.data_bytes;
		TRY(store_commit(s, slot, &c));
		o->freed = s->unsynced = true;
	}
	o->shipped = o->taken = false;
	return ERR_OK;
}

enum err store_free_shipped(struct store *s)
{
	for (uint32_t i = 0; i < s->header.slots; i++)
		if (s->slot[i].shipped)
			TRY(free_slot(s, i));
	return ERR_OK;
}

/* ---- what is to be shipped */

static bool before(const struct store_slot *a, const struct store_slot *b)
{
	bool log_a = a->kind == OBJECT_LOG, log_b = b->kind == OBJECT_LOG;
	return log_a != log_b ? log_a : a->first_ns < b->first_ns;
}

uint32_t store_next(const struct store *s, bool earlier)
{
	uint32_t best = STORE_NONE;
	for (uint32_t i = 0; i < s->header.slots; i++) {
		const struct store_slot *o = &s->slot[i];
		bool its_turn = earlier ? o->boot != s->boot : o->boot == s->boot;
		bool whole = earlier ? waits(o) : o->state == COMMIT_SEALED;
		if (!its_turn || !whole || o->taken || o->shipped || o->left)
			continue;
		if (best == STORE_NONE || before(o, &s->slot[best]))
			best = i;
	}
	return best;
}

enum err store_read_data(const struct store *s, uint32_t slot, uint64_t at, void *p, size_t len)
{
	return disk_read(&s->disk, place(s, slot, COMMIT_DATA_OFFSET + at), p, len);
}

enum err store_read_side(const struct store *s, uint32_t slot, uint64_t generation, void *p, size_t len)
{
	ASSERT(len <= COMMIT_SIDE_BYTES);
	return disk_read(&s->disk, place(s, slot, commit_side_offset(generation)), p, len);
}

void store_usage(const struct store *s, struct store_usage *u)
{
	*u = (struct store_usage){.total_bytes = s->header.slots * s->header.slot_bytes};
	for (uint32_t i = 0; i < s->header.slots; i++) {
		const struct store_slot *o = &s->slot[i];
		if (!waits(o) && !o->taken)
			continue;
		u->used_bytes += s->header.slot_bytes;
		u->objects += waits(o);
		if (o->first_ns && (!u->oldest_ns || o->first_ns < u->oldest_ns))
			u->oldest_ns = o->first_ns;
	}
}
