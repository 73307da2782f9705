#include "record/sealed_tail.h"

#include "record/seek.h"

#define SKIPPABLE_HEAD 8
#define FOOT_BYTES 9
#define FOOT_MAGIC 0x8f92eab1u

/* The last n bytes of the content as a skippable frame with this magic; its content. */
static enum err take_frame(struct span *tail, uint32_t magic, uint64_t n, uint64_t plain_bytes,
			   uint64_t behind, struct span *content, uint64_t *want)
{
	*want = behind + n;
	if (n < SKIPPABLE_HEAD || *want > plain_bytes)
		return ERR_SYNTAX;
	if (tail->len < n)
		return ERR_MORE;
	struct span frame = span_from(*tail, tail->len - (size_t)n);
	if (load_le32(frame.p) != magic || load_le32(frame.p + 4) != n - SKIPPABLE_HEAD)
		return ERR_SYNTAX;
	*content = span_from(frame, SKIPPABLE_HEAD);
	*tail = span_first(*tail, tail->len - (size_t)n);
	return ERR_OK;
}

static enum err check_entries(const struct sealed_tail *t)
{
	struct index_entry e;
	uint64_t raw = 0, zstd = 0, filters = 0;
	for (uint32_t i = 0; i < t->head.frames; i++) {
		uint32_t zstd_bytes, raw_bytes;
		index_read_entry(t->index, i, &e);
		seek_read_entry(t->seek, i, &zstd_bytes, &raw_bytes);
		if (e.zstd_offset != zstd || e.raw_offset != raw || e.raw_bytes != raw_bytes ||
		    e.first_ns > e.last_ns || !zstd_bytes || e.filter_offset != filters ||
		    e.filter_bytes != index_filter(t->index, &e).len)
			return ERR_SYNTAX;
		filters += e.filter_bytes;
		zstd += zstd_bytes;
		raw += raw_bytes;
	}
	bool same = zstd == t->head.zstd_bytes && raw == t->head.raw_bytes && filters == t->head.filter_bytes;
	return same ? ERR_OK : ERR_SYNTAX;
}

enum err sealed_tail_find(struct span tail, uint64_t plain_bytes, struct sealed_tail *t, uint64_t *want)
{
	uint32_t frames, index_bytes, none;
	*want = FOOT_BYTES;
	if (plain_bytes < FOOT_BYTES)
		return ERR_NOT_FOUND;
	if (tail.len < FOOT_BYTES)
		return ERR_MORE;
	const uint8_t *foot = tail.p + tail.len - FOOT_BYTES;
	if (load_le32(foot + 5) != FOOT_MAGIC)
		return ERR_NOT_FOUND;
	uint64_t seek_bytes = SEEK_BYTES((uint64_t)load_le32(foot));
	TRY(take_frame(&tail, SEEK_MAGIC, seek_bytes, plain_bytes, 0, &t->seek, want));
	TRY(seek_read(t->seek, &frames));
	if (frames == 0)
		return ERR_SYNTAX;
	seek_read_entry(t->seek, frames - 1, &index_bytes, &none);
	TRY(take_frame(&tail, INDEX_MAGIC, index_bytes, plain_bytes, seek_bytes, &t->index, want));
	TRY(index_read_head(t->index, &t->head));
	if (none || t->head.frames == 0 || t->head.frames != frames - 1 ||
	    t->head.zstd_bytes != plain_bytes - seek_bytes - index_bytes)
		return ERR_SYNTAX;
	return check_entries(t);
}
