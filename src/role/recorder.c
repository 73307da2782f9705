#include "role/recorder.h"

#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"

#define FRAME_NS NS_PER_S

/* ---- data keys */

static uint64_t key_life_ns(const struct recorder *r)
{
	return r->with.settings->key_max_seconds * NS_PER_S;
}

/* Nine tenths of its life are used: the next is asked for, so that it is at hand in time. */
static bool key_used(const struct recorder *r, unsigned tenths)
{
	uint64_t age_ns = clock_mono_ns() - r->key_since_ns;
	uint64_t bytes = r->progress->key_bytes + (r->phase == RECORDER_OPEN ? r->segment.mem.len : 0);
	return age_ns >= key_life_ns(r) / 10 * tenths ||
	       bytes >= r->with.settings->key_max_bytes / 10 * tenths;
}

static bool key_worn(const struct recorder *r)
{
	return key_used(r, 9);
}

/* Without KMS recording goes on with the key it has: an exception from its limits that is said once a key. */
static void say_extended(struct recorder *r)
{
	if (r->key_extended || !key_used(r, 10))
		return;
	r->key_extended = true;
	log_begin(LOG_ALARM, "data-key-extended");
	log_str("stream", r->meta.stream);
	log_u64("keyseq", r->key.keyseq);
	log_u64("age_s", recorder_key_age_s(r));
	log_u64("bytes", r->progress->key_bytes);
	log_end();
}

static void ask_key(struct recorder *r)
{
	if (r->key_asked || r->ended)
		return;
	r->key_asked = true;
	r->with.ops->want_key(r->with.arg, !r->has_key);
}

static void key_due(void *arg)
{
	ask_key(arg);
}

static void pick_key(struct recorder *r)
{
	if (r->key_unused) {
		r->key_unused = false;
		loop_timer_at(r->with.loop, &r->key_timer, r->key_since_ns + key_life_ns(r) / 10 * 9);
	}
	if (!r->has_key || key_worn(r))
		ask_key(r);
}

void recorder_prepare(struct recorder *r)
{
	pick_key(r);
}

bool recorder_has_key(const struct recorder *r)
{
	return r->has_key;
}

static void ready(struct recorder *r)
{
	if (!r->waiting)
		return;
	r->waiting = false;
	r->with.ops->ready(r->with.arg);
}

void recorder_key(struct recorder *r, const struct msg_key *key)
{
	if (!r->key_asked)
		return;
	/* the object ends with its key's life; what it still needs of the key is in its segment */
	recorder_rotate(r);
	r->key_asked = false; /* not before: its last frame is written under a worn key */
	r->key = *key;
	r->has_key = r->key_unused = true;
	r->key_extended = false;
	r->key_since_ns = key->made_ns;
	if (r->progress->key_made_ns != key->made_ns) /* else a process before this one wrote under it, too */
		r->progress->key_bytes = 0;
	r->progress->key_made_ns = key->made_ns;
	ready(r);
}

void recorder_end(struct recorder *r)
{
	ASSERT(r->phase != RECORDER_OPEN);
	r->ended = true;
	wipe(&r->key, sizeof(r->key));
	r->has_key = r->key_unused = r->key_asked = false;
	loop_timer_stop(r->with.loop, &r->key_timer);
}

/* ---- commit records */

static void commit(struct recorder *r, enum commit_state state, uint32_t side_bytes, uint64_t data_bytes)
{
	struct commit c = {.state = state,
			   .side_bytes = side_bytes,
			   .data_bytes = data_bytes,
			   .meta = r->meta,
			   .resume = r->total};
	if (r->with.ops->position)
		r->with.ops->position(r->with.arg, &c.resume);
	c.resume.drops -= r->lost_before; /* those are told in the next object */
	c.resume.lost -= r->lost_before;
	c.resume.refused -= r->filtered_before;
	slots_commit(&r->slots, r->slot, &c);
}

/* The frames so far, and what makes them a whole message should there be no further one. */
static void commit_frame(struct recorder *r)
{
	struct buf side = slots_side(&r->slots, r->slot);
	enum err e = segment_provisional(&r->segment, &side);
	ASSERT(!e);
	commit(r, COMMIT_OPEN, (uint32_t)side.len, r->segment.mem.len);
}

/* ---- frames */

static void frame_reset(struct recorder *r)
{
	buf_reset(&r->raw);
	r->frame = (struct segment_frame_info){.first_ns = 0};
	if (r->with.has_addresses)
		bloom_reset(&r->bloom);
	loop_timer_stop(r->with.loop, &r->frame_timer);
}

static enum effort_step effort(struct recorder *r)
{
	if (!r->with.ops->behind || r->with.settings->zstd_level == 0)
		return EFFORT_FULL;
	return adapt_next(&r->adapt, r->meta.stream, r->with.settings->zstd_level,
			  r->with.ops->behind(r->with.arg), clock_mono_ns());
}

static void frame_flush(struct recorder *r)
{
	if (r->raw.len == 0)
		return;
	ASSERT(!r->raw.overflow);
	r->meta.raw_bytes += r->raw.len;
	if (r->frame.records == 0) { /* statistics alone: they stand where the last record stood */
		r->frame.first_ns = r->frame.last_ns = r->meta.last_ns;
		r->frame.first_seq = r->frame.last_seq = r->last_seq;
	}
	if (r->with.has_addresses)
		r->frame.filter = bloom_fold(&r->bloom);
	/* the slot was chosen so that a whole frame fits, and was checked after the frame before */
	enum err e = segment_frame(&r->segment, buf_span(&r->raw), &r->frame, effort(r));
	ASSERT(!e);
	r->adapt.made[r->segment.made]++;
	commit_frame(r);
	frame_reset(r);
	if (key_worn(r))
		ask_key(r);
	r->with.ops->committed(r->with.arg);
}

static void frame_started(struct recorder *r)
{
	if (!r->frame_timer.active)
		loop_timer_in(r->with.loop, &r->frame_timer, FRAME_NS);
}

static void frame_due(void *arg)
{
	struct recorder *r = arg;
	if (r->phase != RECORDER_OPEN)
		return;
	frame_flush(r);
	if (!segment_fits(&r->segment, r->raw.cap))
		recorder_rotate(r);
}

/* ---- objects */

static void object_open(struct recorder *r, uint64_t first_ns)
{
	uint8_t *slot = pool_slot(&r->slots.pool, r->slot);
	struct segment_key key = {
		.data_key = r->key.data_key,
		.aad = span_of(r->key.aad, r->key.aad_len),
		.provider_info = span_of(r->key.provider_info, r->key.provider_info_len),
		.edk = span_of(r->key.edk, r->key.edk_len),
	};
	uint8_t message_id[32];
	rng_fill(message_id, sizeof(message_id));
	enum err e = segment_open(&r->segment, &key, message_id, r->with.settings->zstd_level,
				  r->with.settings->object_max_bytes, slot + COMMIT_DATA_OFFSET,
				  r->slots.pool.slot_bytes - COMMIT_DATA_OFFSET);
	ASSERT(!e);
	say_extended(r);
	slots_take(&r->slots, r->slot);
	r->meta.signer = r->key.signer;
	r->meta.seq = r->next_seq++;
	r->meta.first_ns = first_ns;
	r->meta.last_ns = first_ns;
	r->meta.records = r->meta.raw_bytes = r->meta.cut = r->meta.size_bytes = 0;
	r->meta.lost = r->lost_before;
	r->meta.filtered = r->filtered_before;
	r->lost_before = r->filtered_before = 0;
	r->meta.sig_len = r->meta.canary = 0;
	if (r->has_prev)
		memcpy(r->meta.prev, r->prev.sha256, sizeof(r->meta.prev));
	e = object_name(r->with.identity, &r->meta);
	ASSERT(!e);
	r->phase = RECORDER_OPEN;
	frame_reset(r);
	r->with.ops->head(r->with.arg, &r->meta, r->has_prev ? &r->prev : NULL, &r->raw);
	ASSERT(!r->raw.overflow);
	frame_started(r);
	loop_timer_in(r->with.loop, &r->object_timer, r->with.settings->object_max_seconds * NS_PER_S);
}

void recorder_rotate(struct recorder *r)
{
	if (r->phase != RECORDER_OPEN)
		return;
	loop_timer_stop(r->with.loop, &r->object_timer);
	if (r->with.ops->tail)
		r->with.ops->tail(r->with.arg, &r->raw);
	frame_flush(r);
	struct segment_sum sum;
	enum err e = segment_close(&r->segment, &sum);
	ASSERT(!e);
	r->meta.size_bytes = sum.size_bytes;
	memcpy(r->meta.sha256, sum.sha256, sizeof(r->meta.sha256));
	r->progress->key_bytes += sum.size_bytes;
	commit(r, COMMIT_CLOSED, 0, sum.size_bytes);
	r->phase = RECORDER_SIGNING;
	r->with.ops->sign(r->with.arg, &r->meta);
}

void recorder_signed(struct recorder *r, const struct object_meta *meta)
{
	if (r->phase != RECORDER_SIGNING || strcmp(meta->name, r->meta.name) != 0)
		return;
	memcpy(r->meta.sig, meta->sig, sizeof(r->meta.sig));
	r->meta.sig_len = meta->sig_len;
	r->total.size_bytes += r->meta.size_bytes;
	r->total.raw_bytes += r->meta.raw_bytes;
	r->total.objects++;
	commit(r, COMMIT_SEALED, 0, r->meta.size_bytes);
	r->prev = r->meta;
	r->has_prev = true;
	r->phase = RECORDER_IDLE;
	r->with.ops->sealed(r->with.arg,
			    &(struct msg_segment){r->slot, 0, r->slots.slot[r->slot].generation});
	ready(r);
}

void recorder_free(struct recorder *r, const struct msg_segment *s)
{
	if (slots_free(&r->slots, s->index, s->generation))
		ready(r);
}

bool recorder_full(const struct recorder *r)
{
	return r->waiting && r->phase == RECORDER_IDLE && r->has_key;
}

static void object_due(void *arg)
{
	recorder_rotate(arg);
}

/* ---- after a death */

/* The object that the dead process had not finished. */
static void finish(struct recorder *r, uint32_t slot, struct commit *c)
{
	if (c->state == COMMIT_OPEN) {
		enum err e = commit_tear(pool_slot(&r->slots.pool, slot), r->slots.pool.slot_bytes, c);
		ASSERT(!e);
		r->progress->key_bytes += c->meta.size_bytes;
		log_begin(LOG_ALARM, "object-torn");
		log_str("name", c->meta.name);
		log_u64("records", c->meta.records);
		log_u64("last_ns", c->meta.last_ns);
		log_end();
	}
	c->state = COMMIT_CLOSED;
	slots_commit(&r->slots, slot, c);
	r->slot = slot;
	r->meta = c->meta;
	r->phase = RECORDER_SIGNING;
	r->with.ops->sign(r->with.arg, &r->meta);
}

bool recorder_recover(struct recorder *r, struct commit_resume *at)
{
	static struct commit newest;
	uint32_t slot;
	if (!slots_read(&r->slots, &slot, &newest))
		return false;
	*at = r->total = newest.resume;
	r->next_seq = newest.meta.seq + 1;
	if (newest.state == COMMIT_OPEN || newest.state == COMMIT_CLOSED) {
		finish(r, slot, &newest);
	} else {
		r->prev = newest.meta;
		r->has_prev = true;
		r->meta.last_ns = newest.meta.last_ns;
	}
	return true;
}

bool recorder_shipped(const struct recorder *r)
{
	uint32_t slot;
	return !slots_find_sealed(&r->slots, 0, &slot);
}

void recorder_announce(struct recorder *r)
{
	struct commit c;
	uint32_t slot;
	for (uint64_t from = 0; slots_find_sealed(&r->slots, from, &slot); from = c.meta.seq + 1ull) {
		enum err e = commit_read(pool_slot(&r->slots.pool, slot), &c);
		ASSERT(!e);
		r->with.ops->sealed(r->with.arg, &(struct msg_segment){slot, 1, c.generation});
	}
}

void recorder_keys_anew(struct recorder *r)
{
	if (!r->with.ops)
		return;
	if (r->phase == RECORDER_SIGNING)
		r->with.ops->sign(r->with.arg, &r->meta);
	r->key_asked = false;
	ask_key(r);
}

/* ---- records */

static bool object_ready(struct recorder *r, uint64_t real_ns)
{
	if (r->phase == RECORDER_OPEN)
		return true;
	if (r->phase == RECORDER_SIGNING)
		return false;
	pick_key(r);
	if (!r->has_key)
		return false;
	if (!slots_find_free(&r->slots, &r->slot)) {
		adapt_starved(&r->adapt);
		return false;
	}
	adapt_fed(&r->adapt, clock_mono_ns());
	object_open(r, real_ns);
	return true;
}

struct buf *recorder_room(struct recorder *r, size_t bytes, uint64_t real_ns)
{
	ASSERT(bytes <= r->with.raw_max / 2);
	if (r->phase == RECORDER_OPEN && r->raw.len + bytes > r->with.raw_max) {
		frame_flush(r);
		if (!segment_fits(&r->segment, r->raw.cap))
			recorder_rotate(r);
	}
	if (!object_ready(r, real_ns)) {
		r->waiting = true;
		return NULL;
	}
	return &r->raw;
}

void recorder_wrote(struct recorder *r, uint64_t real_ns, uint64_t seq, bool cut)
{
	ASSERT(r->phase == RECORDER_OPEN && !r->raw.overflow);
	frame_started(r);
	if (r->frame.records == 0) {
		r->frame.first_ns = r->frame.last_ns = real_ns;
		r->frame.first_seq = seq;
	}
	if (real_ns < r->frame.first_ns)
		r->frame.first_ns = real_ns;
	if (real_ns > r->frame.last_ns)
		r->frame.last_ns = real_ns;
	r->frame.last_seq = r->last_seq = seq;
	r->frame.records++;
	if (real_ns > r->meta.last_ns)
		r->meta.last_ns = real_ns;
	r->meta.records++;
	r->total.records++;
	r->meta.cut += cut;
	r->total.cut += cut;
}

struct bloom *recorder_bloom(struct recorder *r)
{
	return &r->bloom;
}

struct buf *recorder_aside(struct recorder *r, size_t bytes)
{
	if (r->phase != RECORDER_OPEN || r->raw.len + bytes > r->with.raw_max)
		return NULL;
	frame_started(r);
	return &r->raw;
}

void recorder_canary(struct recorder *r, uint32_t number)
{
	ASSERT(r->phase == RECORDER_OPEN);
	r->meta.canary = number + 1;
}

void recorder_lost(struct recorder *r, uint64_t records)
{
	r->total.lost += records;
	if (r->phase == RECORDER_OPEN)
		r->meta.lost += records;
	else
		r->lost_before += records;
}

void recorder_filtered(struct recorder *r, uint64_t records)
{
	r->total.refused += records;
	if (r->phase == RECORDER_OPEN)
		r->meta.filtered += records;
	else
		r->filtered_before += records;
}

uint64_t recorder_key_age_s(const struct recorder *r)
{
	return r->has_key ? (clock_mono_ns() - r->key_since_ns) / NS_PER_S : 0;
}

uint64_t recorder_oldest_s(const struct recorder *r)
{
	uint64_t now_ns = clock_real_ns();
	return r->phase == RECORDER_IDLE || now_ns < r->meta.first_ns
		       ? 0
		       : (now_ns - r->meta.first_ns) / NS_PER_S;
}

void recorder_totals(const struct recorder *r, struct msg_totals *t)
{
	*t = (struct msg_totals){
		.packets = r->total.records,
		.lost = r->total.lost,
		.cut = r->total.cut,
		.filtered = r->total.refused,
		.raw_bytes = r->total.raw_bytes + (r->phase == RECORDER_IDLE ? 0 : r->meta.raw_bytes),
		.size_bytes = r->total.size_bytes,
		.objects = r->total.objects,
	};
}

void recorder_init(struct recorder *r, const struct recorder_setup *s)
{
	ASSERT(s->raw_max <= RECORDER_RAW_MAX && s->pool.slots <= MSG_MAX_SEGMENTS &&
	       s->pool.slot_bytes >= RECORDER_SLOT_MIN && strlen(s->stream) < sizeof(r->meta.stream));
	r->with = *s;
	r->slots.pool = s->pool;
	r->progress = pool_page(&s->pool);
	r->raw = buf_over(r->raw_bytes, s->raw_max + RECORDER_TAIL_MAX);
	r->meta.kind = s->kind;
	memcpy(r->meta.stream, s->stream, strlen(s->stream));
	r->frame_timer = (struct loop_timer){.fn = frame_due, .arg = r};
	r->object_timer = (struct loop_timer){.fn = object_due, .arg = r};
	r->key_timer = (struct loop_timer){.fn = key_due, .arg = r};
}
