/* The object: an Encryption SDK message (esdk.c) around: zstd frames | index (index.c) | seek table (seek.c).
 * Nothing else, nothing skippable first. */
#include "record/segment.h"

#include <string.h>

#include "record/bloom.h"
#include "record/probe.h"
#include "record/seek.h"
#include "record/stored.h"

#define SCRATCH_ENTRIES 64
#define CACHE_LINE 64
#define HASH_STEP (16 * CACHE_LINE) /* whole blocks of SHA-256 */

_Static_assert(STORED_BYTES(1) <= ZSTD_BOUND(1) &&
		       STORED_BYTES(SEGMENT_RAW_MAX) <= ZSTD_BOUND(SEGMENT_RAW_MAX),
	       "what fits compressed fits stored");

/* Bytes of the whole object if `frames` more frames, of at most `bytes` together with their filters, came
 * before the end. */
static uint64_t object_bytes(const struct segment *s, uint32_t frames, uint64_t bytes)
{
	uint64_t all = (uint64_t)s->frames + frames;
	return esdk_message_bytes(s->header_bytes, s->zstd_bytes + bytes + INDEX_BYTES(all) +
							   s->filter_bytes + SEEK_BYTES(all + 1));
}

/* What went to the slot since the last time is ciphertext now: into the object's hash. The caches have lost
 * what of the slot comes next; hashing hardly needs memory, so that is fetched meanwhile, and sealing then
 * does not wait for it. */
static void hash_new(struct segment *s)
{
	while (s->hashed < s->mem.len) {
		struct span rest = span_from(buf_span(&s->mem), s->hashed);
		struct span part = span_first(rest, HASH_STEP - s->hashed % HASH_STEP);
		size_t next = s->hashed + ESDK_STRIDE_BYTES;
		for (size_t i = next; i < next + part.len && i < s->mem.cap; i += CACHE_LINE)
			__builtin_prefetch(s->mem.p + i, 1, 2);
		sha256_update(&s->sha, part);
		s->hashed += part.len;
	}
}

/* Each frame of the envelope is hashed as soon as it is sealed, while it is in the cache. */
static enum err seal(struct segment *s, struct span content)
{
	while (content.len) {
		struct span part = span_first(content, esdk_room(&s->esdk));
		TRY(esdk_write(&s->esdk, part, &s->mem));
		hash_new(s);
		content = span_from(content, part.len);
	}
	return ERR_OK;
}

enum err segment_open(struct segment *s, const struct segment_key *key,
		      const uint8_t message_id[ESDK_ID_BYTES], int zstd_level, uint64_t max_bytes,
		      uint8_t *mem, size_t cap)
{
	struct esdk_edk edk = {
		.provider = key->provider.len ? key->provider : SPAN("aws-kms"),
		.info = key->provider_info,
		.ciphertext = key->edk,
	};
	ASSERT(!s->open);
	s->header_bytes = esdk_header_bytes(key->aad, &edk);
	s->raw_bytes = s->zstd_bytes = s->frames = s->filter_bytes = 0;
	s->level = zstd_level;
	s->max_bytes = max_bytes;
	s->mem = buf_over(mem, cap);
	s->hashed = 0;
	if (object_bytes(s, 1, ZSTD_BOUND(SEGMENT_LAST_MAX)) > cap)
		return ERR_FULL;
	sha256_init(&s->sha);
	TRY(esdk_begin(&s->esdk, key->data_key, message_id, key->aad, &edk, &s->mem));
	s->open = true;
	return ERR_OK;
}

bool segment_fits(const struct segment *s, size_t raw_bytes)
{
	ASSERT(s->open && raw_bytes <= SEGMENT_RAW_MAX);
	uint64_t bytes = object_bytes(
		s, 2, ZSTD_BOUND(raw_bytes) + ZSTD_BOUND(SEGMENT_LAST_MAX) + 2 * BLOOM_MAX_BYTES);
	return s->frames + 2 <= SEGMENT_FRAMES_MAX && bytes <= s->mem.cap && bytes <= s->max_bytes;
}

/* Keeps the filter for the index where there is room for it, and for one last frame. */
static void keep_filter(struct segment *s, struct span filter, struct index_entry *e)
{
	uint64_t least = object_bytes(s, 1, ZSTD_BOUND(SEGMENT_LAST_MAX) + filter.len);
	if (filter.len > sizeof(s->filters) - s->filter_bytes || least > s->mem.cap)
		filter.len = 0;
	e->filter_offset = s->filter_bytes;
	e->filter_bytes = (uint32_t)filter.len;
	if (filter.len)
		memcpy(s->filters + s->filter_bytes, filter.p, filter.len);
	s->filter_bytes += e->filter_bytes;
}

static enum err put_compressed(struct segment *s, struct span raw, int level, size_t *bytes)
{
	struct buf packed = BUF_OF(s->packed);
	TRY(zstd_encode(&s->zstd, level, raw, &packed));
	*bytes = packed.len;
	if (object_bytes(s, 1, packed.len) > s->mem.cap)
		return ERR_FULL;
	return seal(s, buf_span(&packed));
}

static enum err put_stored(struct segment *s, struct span raw, size_t *bytes)
{
	struct stored frame;
	struct span piece;
	*bytes = STORED_BYTES(raw.len);
	if (object_bytes(s, 1, *bytes) > s->mem.cap)
		return ERR_FULL;
	stored_begin(&frame, raw);
	while (stored_piece(&frame, &piece))
		TRY(seal(s, piece));
	return ERR_OK;
}

static enum segment_made how(struct segment *s, struct span raw, int level)
{
	if (level == 0)
		return SEGMENT_STORED;
	if (!probe_worth(probe_gain(&s->zstd, raw), level))
		return SEGMENT_DENSE;
	return level == s->level ? SEGMENT_COMPRESSED : SEGMENT_FASTER;
}

enum err segment_frame(struct segment *s, struct span raw, const struct segment_frame_info *info,
		       enum effort_step effort)
{
	size_t bytes;
	int level = effort_level(effort, s->level);
	ASSERT(s->open && raw.len && raw.len <= SEGMENT_RAW_MAX);
	if (s->frames == SEGMENT_FRAMES_MAX)
		return ERR_FULL;
	enum segment_made made = how(s, raw, level);
	TRY(made < SEGMENT_STORED ? put_compressed(s, raw, level, &bytes) : put_stored(s, raw, &bytes));
	s->made = made;
	s->entry[s->frames++] = (struct index_entry){
		.first_ns = info->first_ns,
		.last_ns = info->last_ns,
		.first_seq = info->first_seq,
		.last_seq = info->last_seq,
		.raw_offset = s->raw_bytes,
		.zstd_offset = s->zstd_bytes,
		.records = info->records,
		.raw_bytes = (uint32_t)raw.len,
	};
	s->raw_bytes += raw.len;
	s->zstd_bytes += bytes;
	keep_filter(s, info->filter, &s->entry[s->frames - 1]);
	return ERR_OK;
}

enum err segment_provisional(struct segment *s, struct buf *side)
{
	ASSERT(s->open);
	return esdk_provisional(&s->esdk, side);
}

static enum err write_out(struct segment *s, struct buf *b)
{
	ASSERT(!b->overflow);
	enum err e = esdk_write(&s->esdk, buf_span(b), &s->mem);
	buf_reset(b);
	return e;
}

static enum err write_index(struct segment *s)
{
	uint8_t text[SCRATCH_ENTRIES * INDEX_ENTRY_BYTES];
	struct buf b = BUF_OF(text);
	struct index_head h = {.frames = s->frames,
			       .raw_bytes = s->raw_bytes,
			       .zstd_bytes = s->zstd_bytes,
			       .filter_bytes = s->filter_bytes};
	index_put_head(&b, &h);
	for (uint32_t i = 0; i < s->frames; i++) {
		if (buf_room(&b) < INDEX_ENTRY_BYTES)
			TRY(write_out(s, &b));
		index_put_entry(&b, &s->entry[i]);
	}
	TRY(write_out(s, &b));
	return esdk_write(&s->esdk, span_of(s->filters, s->filter_bytes), &s->mem);
}

static enum err write_seek_table(struct segment *s)
{
	uint8_t text[SCRATCH_ENTRIES * 8 + 17];
	struct buf b = BUF_OF(text);
	seek_put_head(&b, s->frames + 1);
	for (uint32_t i = 0; i < s->frames; i++) {
		uint64_t next = i + 1 < s->frames ? s->entry[i + 1].zstd_offset : s->zstd_bytes;
		if (buf_room(&b) < 8)
			TRY(write_out(s, &b));
		seek_put_entry(&b, (uint32_t)(next - s->entry[i].zstd_offset), s->entry[i].raw_bytes);
	}
	TRY(write_out(s, &b));
	seek_put_entry(&b, (uint32_t)INDEX_BYTES(s->frames) + s->filter_bytes, 0);
	seek_put_foot(&b, s->frames + 1);
	return write_out(s, &b);
}

enum err segment_close(struct segment *s, struct segment_sum *sum)
{
	ASSERT(s->open);
	s->open = false;
	/* room for all this was kept by segment_open() and segment_frame() */
	TRY(write_index(s));
	TRY(write_seek_table(s));
	TRY(esdk_end(&s->esdk, &s->mem));
	hash_new(s);
	*sum = (struct segment_sum){
		.size_bytes = s->mem.len,
		.raw_bytes = s->raw_bytes,
		.zstd_bytes =
			s->zstd_bytes + INDEX_BYTES(s->frames) + s->filter_bytes + SEEK_BYTES(s->frames + 1),
		.frames = s->frames,
	};
	sha256_final(&s->sha, sum->sha256);
	return ERR_OK;
}
