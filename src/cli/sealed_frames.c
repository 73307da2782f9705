#include "cli/sealed_frames.h"

#include <string.h>

#include "lib/zstd.h"

#define GAP_STRIDES 3   /* not wanted, but cheaper to fetch than to ask anew */
#define FIRST_STRIDES 4 /* of the first range, so that the first packet comes soon; then doubled */

/* One object without a lent room, and what all need for a moment. */
static struct {
	struct sealed *owner;
	uint8_t room[SEALED_ROOM_MAX];
	/* a frame, and what stands behind it in the envelope's */
	uint8_t packed[ZSTD_BOUND(SEALED_RAW_MAX) + ESDK_FRAME_BYTES];
	struct zstd_frame_decoder zstd;
} own;

void sealed_want(struct sealed *s, const bool *want)
{
	s->all = !want;
	memset(s->want, 0, sizeof(s->want));
	for (uint32_t i = 0; want && i < s->frames; i++)
		if (want[i])
			s->want[i / 8] |= (uint8_t)(1u << i % 8);
	s->at = s->ask_frame = s->ask_e = 0;
	s->z = 0;
}

static bool is_wanted(const struct sealed *s, uint32_t i)
{
	return s->all || (s->want[i / 8] >> i % 8 & 1);
}

/* ---- ranges ahead */

static uint32_t first_e(const struct sealed *s, uint32_t frame)
{
	return (uint32_t)(s->entry[frame].zstd_offset / ESDK_FRAME_BYTES);
}

/* Behind the last one that frame has bytes in. */
static uint32_t end_e(const struct sealed *s, uint32_t frame)
{
	return (uint32_t)((s->entry[frame + 1].zstd_offset - 1) / ESDK_FRAME_BYTES) + 1;
}

/* The next run of frames of the envelope to be asked for; false: all were, or stand in the tail. */
static bool next_run(struct sealed *s, uint32_t *first, uint32_t *end)
{
	if (!s->has_index) {
		*first = s->ask_e;
		*end = s->tail_first;
		return *first < *end;
	}
	for (; s->ask_frame < s->frames; s->ask_frame++)
		if (is_wanted(s, s->ask_frame) && end_e(s, s->ask_frame) > s->ask_e)
			break;
	if (s->ask_frame == s->frames)
		return false;
	uint32_t from = first_e(s, s->ask_frame);
	*first = from > s->ask_e ? from : s->ask_e;
	*end = end_e(s, s->ask_frame);
	for (uint32_t i = s->ask_frame + 1; i < s->frames && *end - *first < s->strides; i++)
		if (is_wanted(s, i)) {
			if (first_e(s, i) > *end + GAP_STRIDES)
				break;
			*end = end_e(s, i);
		}
	*end = *end < s->tail_first ? *end : s->tail_first;
	return *first < *end;
}

/* Asks for ranges while there is room for one. */
static void ask(struct sealed *s)
{
	size_t fits = s->ahead_bytes / SEALED_CHUNKS / ESDK_STRIDE_BYTES;
	size_t part = fits < SEALED_STRIDES ? fits : SEALED_STRIDES;
	uint32_t first, end;
	while (s->asked - s->used < SEALED_CHUNKS && next_run(s, &first, &end)) {
		unsigned slot = s->asked++ % SEALED_CHUNKS;
		struct sealed_chunk *c = &s->chunk[slot];
		uint32_t strides = s->strides < part ? s->strides : (uint32_t)part;
		if (end - first > strides)
			end = first + strides;
		c->first = first;
		c->end = s->ask_e = end;
		c->arrived = false;
		c->error = ERR_OK;
		memset(c->state, SEALED_SHUT, sizeof(c->state));
		c->bytes = s->ahead + slot * part * ESDK_STRIDE_BYTES;
		sealed_same_object(s, &c->read);
		uint64_t from = esdk_frame_at(&s->layout, first);
		source_start(&c->read, s->object, from, esdk_frame_at(&s->layout, end) - from, c->bytes);
		s->strides *= s->strides < part ? 2 : 1;
	}
}

void sealed_lend(struct sealed *s, uint8_t *room, size_t bytes)
{
	ASSERT(bytes >= SEALED_ROOM_MIN);
	s->raw = room;
	s->ahead = room + SEALED_RAW_MAX;
	s->ahead_bytes = bytes - SEALED_RAW_MAX;
	s->strides = FIRST_STRIDES;
}

void sealed_begin(struct sealed *s)
{
	ASSERT(s->raw);
	s->strides = SEALED_STRIDES;
	ask(s);
}

bool sealed_is_asked(struct sealed *s)
{
	uint32_t first, end;
	return !next_run(s, &first, &end);
}

static void drop(struct sealed *s, struct sealed_chunk *c)
{
	if (!c->arrived && !c->read.local && !c->read.call.done)
		call_abort(&c->read.call);
	s->used++;
}

void sealed_drop_chunks(struct sealed *s)
{
	while (s->used != s->asked)
		drop(s, &s->chunk[s->used % SEALED_CHUNKS]);
	if (own.owner == s)
		own.owner = NULL;
	s->raw = NULL;
}

/* ---- frames of the envelope */

enum err sealed_open_frame(struct sealed *s, uint32_t e, uint8_t *bytes, struct span *content)
{
	enum err err = esdk_open_frame(&s->opener, &s->layout, e, bytes, content);
	if (err == ERR_AUTH)
		return sealed_fail(
			s, err, "frame %u does not authenticate: the object was altered or damaged", e + 1);
	if (err)
		return sealed_fail(s, ERR_AUTH,
				   "frame %u: another stands in its place: the object was altered or cut",
				   e + 1);
	return ERR_OK;
}

/* The chunk that has frame e, arrived; those before it are given back. */
static enum err chunk_of(struct sealed *s, uint32_t e, struct sealed_chunk **out)
{
	for (;;) {
		ask(s);
		ASSERT(s->used != s->asked);
		struct sealed_chunk *c = &s->chunk[s->used % SEALED_CHUNKS];
		if (e >= c->end) {
			drop(s, c);
			continue;
		}
		ASSERT(e >= c->first);
		if (!c->arrived)
			c->error = source_wait(&c->read);
		c->arrived = true;
		*out = c;
		return c->error ? sealed_unreadable(s, &c->read, c->error) : ERR_OK;
	}
}

/* The content of frame e, from its offset `skip` on. Valid until that of a later chunk is asked for. */
static enum err content_of(struct sealed *s, uint32_t e, size_t skip, struct span *content)
{
	struct sealed_chunk *c;
	if (e >= s->tail_first) {
		*content = span_first(span_of(s->tail, s->tail_len),
				      (size_t)(e + 1 - s->tail_first) * ESDK_FRAME_BYTES);
		*content = span_from(*content, (size_t)(e - s->tail_first) * ESDK_FRAME_BYTES + skip);
		return ERR_OK;
	}
	TRY(chunk_of(s, e, &c));
	uint32_t i = e - c->first;
	uint8_t *bytes = c->bytes + (size_t)i * ESDK_STRIDE_BYTES;
	if (c->state[i] == SEALED_BAD) /* it was wiped, and that was said */
		return ERR_AUTH;
	if (c->state[i] != SEALED_PLAIN) {
		enum err err = sealed_open_frame(s, e, bytes, content);
		c->state[i] = err ? SEALED_BAD : SEALED_PLAIN;
		TRY(err);
	}
	*content = span_from(span_of(bytes + ESDK_REGULAR_HEAD, ESDK_FRAME_BYTES), skip);
	return ERR_OK;
}

/* ---- zstd frames */

static enum err unpack(struct sealed *s, struct span packed, struct span *content)
{
	struct buf raw = buf_over(s->raw, SEALED_RAW_MAX);
	enum err e = zstd_decode_frame(&own.zstd, packed, &raw);
	*content = buf_span(&raw);
	if (!e && (!raw.len || (s->has_index && raw.len != s->entry[s->given].raw_bytes))) /* none is empty */
		e = ERR_SYNTAX;
	return e ? sealed_fail(s, e, "genuine, but zstd frame %u fails: %s", s->given + 1, err_text(e))
		 : ERR_OK;
}

/* The bytes from..end of the zstd stream in one piece. */
static enum err gather(struct sealed *s, uint64_t from, uint64_t end, struct span *packed)
{
	struct buf all = BUF_OF(own.packed);
	if (end - from > sizeof(own.packed))
		return sealed_fail(s, ERR_TOO_LONG, "zstd frame %u is longer than a frame can be",
				   s->given + 1);
	while (from < end) {
		struct span part = SPAN("");
		TRY(content_of(s, (uint32_t)(from / ESDK_FRAME_BYTES), from % ESDK_FRAME_BYTES, &part));
		part = span_first(part, (size_t)(end - from));
		from += part.len;
		ASSERT(part.len);
		if (all.len == 0 && from == end) { /* no need to copy it */
			*packed = part;
			return ERR_OK;
		}
		buf_put(&all, part);
	}
	*packed = buf_span(&all);
	return ERR_OK;
}

static enum err next_indexed(struct sealed *s, struct span *content, uint32_t *frame)
{
	struct span packed = SPAN("");
	while (s->at < s->frames && !is_wanted(s, s->at))
		s->at++;
	if (s->at == s->frames)
		return ERR_OK;
	s->given = *frame = s->at++;
	TRY(gather(s, s->entry[*frame].zstd_offset, s->entry[*frame + 1].zstd_offset, &packed));
	return unpack(s, packed, content);
}

/* Without index: as many bytes as the frame that begins at z turns out to have. */
static enum err next_torn(struct sealed *s, struct span *content, uint32_t *frame)
{
	struct buf all = BUF_OF(own.packed);
	uint64_t z = s->z;
	size_t bytes;
	enum err e = ERR_MORE;
	if (z == s->layout.plain_bytes)
		return ERR_OK;
	s->given = *frame = s->at++;
	s->z = s->layout.plain_bytes; /* nothing more, should it fail */
	while (e == ERR_MORE && z < s->layout.plain_bytes) {
		struct span part = SPAN("");
		TRY(content_of(s, (uint32_t)(z / ESDK_FRAME_BYTES), z % ESDK_FRAME_BYTES, &part));
		z += part.len;
		buf_put(&all, part);
		e = all.overflow ? ERR_TOO_LONG : zstd_frame_find(buf_span(&all), &bytes);
	}
	if (e)
		return sealed_fail(s, e, "genuine, but zstd frame %u fails: %s", *frame + 1,
				   err_text(e == ERR_MORE ? ERR_TRUNCATED : e));
	TRY(unpack(s, span_first(buf_span(&all), bytes), content));
	s->z = z - (all.len - bytes);
	return ERR_OK;
}

enum err sealed_next(struct sealed *s, struct span *content, uint32_t *frame)
{
	ASSERT(s->is_open);
	*content = span_of(NULL, 0);
	s->why[0] = 0;
	if (!s->raw) {
		ASSERT(!own.owner);
		own.owner = s;
		sealed_lend(s, own.room, sizeof(own.room));
	}
	return s->has_index ? next_indexed(s, content, frame) : next_torn(s, content, frame);
}
