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
	return r->settings->key_max_seconds * NS_PER_S;
}

/* Nine tenths of its life are used: the next is asked for, so that it is at hand in time. */
static bool key_worn(const struct recorder *r)
{
	uint64_t age_ns = clock_mono_ns() - r->key_since_ns;
	uint64_t bytes = r->key_bytes + (r->phase == RECORDER_OPEN ? r->segment.mem.len : 0);
	return age_ns >= key_life_ns(r) / 10 * 9 || bytes >= r->settings->key_max_bytes / 10 * 9;
}

static void ask_key(struct recorder *r)
{
	if (r->key_asked)
		return;
	r->key_asked = true;
	r->ops->want_key(r->arg);
}

static void key_due(void *arg)
{
	ask_key(arg);
}

static void pick_key(struct recorder *r)
{
	if (r->has_next_key) {
		r->key = r->next_key;
		wipe(&r->next_key, sizeof(r->next_key));
		r->has_next_key = false;
		r->has_key = true;
		r->key_since_ns = clock_mono_ns();
		r->key_bytes = 0;
		loop_timer_in(r->loop, &r->key_timer, key_life_ns(r) / 10 * 9);
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
	return r->has_key || r->has_next_key;
}

static void ready(struct recorder *r)
{
	if (!r->waiting)
		return;
	r->waiting = false;
	r->ops->ready(r->arg);
}

void recorder_key(struct recorder *r, const struct msg_key *key)
{
	if (!r->key_asked)
		return;
	r->key_asked = false;
	r->next_key = *key;
	r->has_next_key = true;
	/* the object ends with its key's life */
	recorder_rotate(r);
	ready(r);
}

/* ---- frames */

static void frame_reset(struct recorder *r)
{
	buf_reset(&r->raw);
	r->frame = (struct segment_frame_info){.first_ns = 0};
	loop_timer_stop(r->loop, &r->frame_timer);
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
	/* the slot was chosen so that a whole frame fits, and was checked after the frame before */
	enum err e = segment_frame(&r->segment, buf_span(&r->raw), &r->frame);
	ASSERT(!e);
	frame_reset(r);
	if (key_worn(r))
		ask_key(r);
	r->ops->committed(r->arg);
}

static void frame_started(struct recorder *r)
{
	if (!r->frame_timer.active)
		loop_timer_in(r->loop, &r->frame_timer, FRAME_NS);
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

static bool slot_find(struct recorder *r)
{
	for (uint32_t i = 0; i < r->pool.slots; i++) {
		if (!r->slot_used[i]) {
			r->slot = i;
			return true;
		}
	}
	return false;
}

static void object_open(struct recorder *r, uint64_t first_ns)
{
	uint8_t *slot = pool_slot(&r->pool, r->slot);
	struct segment_key key = {
		.data_key = r->key.data_key,
		.aad = span_of(r->key.aad, r->key.aad_len),
		.provider_info = span_of(r->key.provider_info, r->key.provider_info_len),
		.edk = span_of(r->key.edk, r->key.edk_len),
	};
	uint8_t message_id[32];
	rng_fill(message_id, sizeof(message_id));
	enum err e = segment_open(&r->segment, &key, message_id, r->settings->zstd_level,
				  r->settings->object_max_bytes, slot + SEGMENT_HEAD_BYTES,
				  r->pool.slot_bytes - SEGMENT_HEAD_BYTES);
	ASSERT(!e);
	r->slot_used[r->slot] = true;
	r->meta.seq = r->next_seq++;
	r->meta.first_ns = first_ns;
	r->meta.last_ns = first_ns;
	r->meta.records = r->meta.raw_bytes = r->meta.cut = r->meta.size_bytes = 0;
	r->meta.lost = r->lost_before;
	r->meta.filtered = r->filtered_before;
	r->lost_before = r->filtered_before = 0;
	r->meta.sig_len = 0;
	if (r->has_prev)
		memcpy(r->meta.prev, r->prev.sha256, sizeof(r->meta.prev));
	e = object_name(r->identity, &r->meta);
	ASSERT(!e);
	r->phase = RECORDER_OPEN;
	frame_reset(r);
	r->ops->head(r->arg, &r->meta, r->has_prev ? &r->prev : NULL, &r->raw);
	ASSERT(!r->raw.overflow);
	frame_started(r);
	loop_timer_in(r->loop, &r->object_timer, r->settings->object_max_seconds * NS_PER_S);
}

void recorder_rotate(struct recorder *r)
{
	if (r->phase != RECORDER_OPEN)
		return;
	loop_timer_stop(r->loop, &r->object_timer);
	r->ops->tail(r->arg, &r->raw);
	frame_flush(r);
	struct segment_sum sum;
	enum err e = segment_close(&r->segment, &sum);
	ASSERT(!e);
	r->meta.size_bytes = sum.size_bytes;
	memcpy(r->meta.sha256, sum.sha256, sizeof(r->meta.sha256));
	r->key_bytes += sum.size_bytes;
	r->phase = RECORDER_SIGNING;
	r->ops->sign(r->arg, &r->meta);
}

void recorder_signed(struct recorder *r, const struct object_meta *meta)
{
	if (r->phase != RECORDER_SIGNING || strcmp(meta->name, r->meta.name) != 0)
		return;
	memcpy(r->meta.sig, meta->sig, sizeof(r->meta.sig));
	r->meta.sig_len = meta->sig_len;
	_Static_assert(sizeof(r->meta) <= SEGMENT_HEAD_BYTES, "the metadata fits the slot's head");
	memcpy(pool_slot(&r->pool, r->slot), &r->meta, sizeof(r->meta));
	r->prev = r->meta;
	r->has_prev = true;
	r->total_size_bytes += r->meta.size_bytes;
	r->total_raw_bytes += r->meta.raw_bytes;
	r->total_objects++;
	r->phase = RECORDER_IDLE;
	r->ops->sealed(r->arg, r->slot, &r->meta);
	ready(r);
}

void recorder_free(struct recorder *r, uint32_t slot)
{
	ASSERT(slot < r->pool.slots && r->slot_used[slot]);
	r->slot_used[slot] = false;
	ready(r);
}

static void object_due(void *arg)
{
	recorder_rotate(arg);
}

/* ---- records */

static bool object_ready(struct recorder *r, uint64_t real_ns)
{
	if (r->phase == RECORDER_OPEN)
		return true;
	if (r->phase == RECORDER_SIGNING)
		return false;
	pick_key(r);
	if (!r->has_key || !slot_find(r))
		return false;
	object_open(r, real_ns);
	return true;
}

struct buf *recorder_room(struct recorder *r, size_t bytes, uint64_t real_ns)
{
	ASSERT(bytes <= r->raw_max / 2);
	if (r->phase == RECORDER_OPEN && r->raw.len + bytes > r->raw_max) {
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
	r->total_records++;
	r->meta.cut += cut;
	r->total_cut += cut;
}

struct buf *recorder_aside(struct recorder *r, size_t bytes)
{
	if (r->phase != RECORDER_OPEN || r->raw.len + bytes > r->raw_max)
		return NULL;
	frame_started(r);
	return &r->raw;
}

void recorder_lost(struct recorder *r, uint64_t records)
{
	r->total_lost += records;
	if (r->phase == RECORDER_OPEN)
		r->meta.lost += records;
	else
		r->lost_before += records;
}

void recorder_filtered(struct recorder *r, uint64_t records)
{
	r->total_filtered += records;
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
		.packets = r->total_records,
		.lost = r->total_lost,
		.cut = r->total_cut,
		.filtered = r->total_filtered,
		.raw_bytes = r->total_raw_bytes + (r->phase == RECORDER_IDLE ? 0 : r->meta.raw_bytes),
		.size_bytes = r->total_size_bytes,
		.objects = r->total_objects,
	};
}

void recorder_init(struct recorder *r, const struct recorder_setup *s)
{
	ASSERT(s->raw_max <= RECORDER_RAW_MAX && s->pool.slots <= MSG_MAX_SEGMENTS &&
	       s->pool.slot_bytes >= RECORDER_SLOT_MIN && strlen(s->stream) < sizeof(r->meta.stream));
	r->loop = s->loop;
	r->ops = s->ops;
	r->arg = s->arg;
	r->identity = s->identity;
	r->settings = s->settings;
	r->pool = s->pool;
	r->raw_max = s->raw_max;
	r->raw = buf_over(r->raw_bytes, s->raw_max + RECORDER_TAIL_MAX);
	r->meta.kind = s->kind;
	memcpy(r->meta.stream, s->stream, strlen(s->stream));
	r->frame_timer = (struct loop_timer){.fn = frame_due, .arg = r};
	r->object_timer = (struct loop_timer){.fn = object_due, .arg = r};
	r->key_timer = (struct loop_timer){.fn = key_due, .arg = r};
}
