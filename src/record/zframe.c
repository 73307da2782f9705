/* The plaintext of a message: data frames | index | seek table; of a torn object data frames alone.
 *
 *   data        magic fd2fb528, little-endian as all here; lib/zstd is given it from its first byte on
 *   skippable   magic u32 (184d2a53: index, 184d2a5e: seek table) | content length u32 | content (index.c)
 *
 *   phase       what it waits for                    then
 *   HEAD        a magic, of a skippable frame eight  DATA; SKIPPABLE; nothing more after the seek table
 *   DATA        zstd's end of the frame              HEAD
 *   SKIPPABLE   all of the content                   HEAD, when it agrees with the frames that were seen
 */
#include "record/zframe.h"

#define DATA_MAGIC 0xfd2fb528u
#define SKIPPABLE_HEAD 8

void zframe_begin(struct zframe_reader *r)
{
	r->error = ERR_OK;
	r->phase = ZFRAME_HEAD;
	r->has_index = r->has_seek = false;
	r->frames = 0;
	r->raw_bytes = r->zstd_bytes = 0;
	r->content = span_of(NULL, 0);
	r->got = 0;
	r->want = 4;
}

static enum err collect(struct zframe_reader *r, struct span *in, uint8_t *to)
{
	return span_collect(in, r->want, to, &r->got) ? ERR_OK : ERR_MORE;
}

static void expect_head(struct zframe_reader *r)
{
	r->phase = ZFRAME_HEAD;
	r->got = 0;
	r->want = 4;
}

/* ---- the ends of frames */

static enum err end_data_frame(struct zframe_reader *r)
{
	if (r->frame_raw > UINT32_MAX || r->frame_zstd > UINT32_MAX)
		return ERR_SYNTAX;
	r->size[r->frames++] = (struct zframe_size){(uint32_t)r->frame_zstd, (uint32_t)r->frame_raw};
	r->raw_bytes += r->frame_raw;
	r->zstd_bytes += r->frame_zstd;
	expect_head(r);
	return ERR_OK;
}

static enum err check_index(struct zframe_reader *r, struct span content)
{
	struct index_entry e;
	uint64_t raw = 0, zstd = 0, filters = 0;
	TRY(index_read_head(content, &r->index));
	if (r->index.frames != r->frames || r->index.raw_bytes != r->raw_bytes ||
	    r->index.zstd_bytes != r->zstd_bytes)
		return ERR_SYNTAX;
	for (uint32_t i = 0; i < r->frames; i++) {
		index_read_entry(content, i, &e);
		if (e.raw_offset != raw || e.zstd_offset != zstd || e.raw_bytes != r->size[i].raw_bytes ||
		    e.first_ns > e.last_ns)
			return ERR_SYNTAX;
		if (e.filter_offset != filters || e.filter_bytes != index_filter(content, &e).len)
			return ERR_SYNTAX;
		filters += e.filter_bytes;
		raw += r->size[i].raw_bytes;
		zstd += r->size[i].zstd_bytes;
	}
	if (filters != r->index.filter_bytes)
		return ERR_SYNTAX;
	r->size[r->frames] = (struct zframe_size){(uint32_t)content.len + SKIPPABLE_HEAD, 0};
	r->has_index = true;
	return ERR_OK;
}

static enum err check_seek_table(struct zframe_reader *r, struct span content)
{
	uint32_t frames, zstd, raw;
	TRY(seek_read(content, &frames));
	if (frames != r->frames + 1)
		return ERR_SYNTAX;
	for (uint32_t i = 0; i < frames; i++) {
		seek_read_entry(content, i, &zstd, &raw);
		if (zstd != r->size[i].zstd_bytes || raw != r->size[i].raw_bytes)
			return ERR_SYNTAX;
	}
	r->has_seek = true;
	return ERR_OK;
}

static enum err end_skippable(struct zframe_reader *r)
{
	if (r->magic == INDEX_MAGIC) {
		r->index_bytes = r->want;
		TRY(check_index(r, zframe_index(r)));
	} else {
		TRY(check_seek_table(r, span_of(r->seek_table, r->want)));
	}
	expect_head(r);
	return ERR_OK;
}

/* ---- their beginnings */

static enum err begin_data_frame(struct zframe_reader *r)
{
	if (r->has_index)
		return ERR_SYNTAX;
	if (r->frames == ZFRAME_FRAMES_MAX)
		return ERR_TOO_LONG;
	zstd_decode_begin(&r->zstd);
	r->frame_raw = r->frame_zstd = 0;
	r->phase = ZFRAME_DATA;
	r->got = 0; /* of the four bytes in head that zstd has not seen */
	return ERR_OK;
}

static enum err begin_skippable(struct zframe_reader *r)
{
	size_t len = load_le32(r->head + 4);
	if (r->frames == 0 || r->magic != (r->has_index ? SEEK_MAGIC : INDEX_MAGIC))
		return ERR_SYNTAX;
	if (len > (r->has_index ? sizeof(r->seek_table) : sizeof(r->skippable)))
		return ERR_TOO_LONG;
	r->phase = ZFRAME_SKIPPABLE;
	r->got = 0;
	r->want = len;
	return ERR_OK;
}

static enum err read_head(struct zframe_reader *r, struct span *in)
{
	if (r->has_seek)
		return in->len ? ERR_SYNTAX : ERR_MORE;
	TRY(collect(r, in, r->head));
	r->magic = load_le32(r->head);
	if (r->want == 4) {
		if (r->magic == DATA_MAGIC)
			return begin_data_frame(r);
		r->want = SKIPPABLE_HEAD;
		if (r->magic != INDEX_MAGIC && r->magic != SEEK_MAGIC)
			return ERR_SYNTAX;
		TRY(collect(r, in, r->head));
	}
	return begin_skippable(r);
}

static enum err read_data(struct zframe_reader *r, struct span *in)
{
	struct buf out = BUF_OF(r->out);
	bool frame_end = false;
	struct span magic = span_from(span_of(r->head, 4), r->got), *from = magic.len ? &magic : in;
	size_t before = from->len;
	TRY(zstd_decode(&r->zstd, from, &out, &frame_end));
	size_t used = before - from->len;
	if (from == &magic)
		r->got += used;
	r->frame_zstd += used;
	r->frame_raw += out.len;
	r->content = buf_span(&out);
	if (frame_end)
		return end_data_frame(r);
	return used || out.len ? ERR_OK : ERR_MORE;
}

static enum err step(struct zframe_reader *r, struct span *in)
{
	switch (r->phase) {
	case ZFRAME_HEAD:
		return read_head(r, in);
	case ZFRAME_DATA:
		return read_data(r, in);
	case ZFRAME_SKIPPABLE:
		TRY(collect(r, in, r->has_index ? r->seek_table : r->skippable));
		return end_skippable(r);
	}
	trap();
}

enum err zframe_read(struct zframe_reader *r, struct span *in)
{
	r->content = span_of(NULL, 0);
	while (!r->error && r->content.len == 0) {
		enum err e = step(r, in);
		if (e == ERR_MORE)
			return e;
		r->error = e;
	}
	return r->error;
}

struct span zframe_index(const struct zframe_reader *r)
{
	ASSERT(r->has_index || r->phase == ZFRAME_SKIPPABLE);
	return span_of(r->skippable, r->index_bytes);
}

enum err zframe_end(const struct zframe_reader *r)
{
	if (r->error)
		return r->error;
	bool between = r->phase == ZFRAME_HEAD && r->got == 0;
	return between && r->frames && r->has_index == r->has_seek ? ERR_OK : ERR_TRUNCATED;
}
