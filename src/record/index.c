/* Layout, version 2, little-endian:
 *
 *   index    0  magic 184d2a53
 *            4  content length u32, of all that follows
 *            8  "sealtap-index" NUL NUL NUL (16)
 *           24  version u16 = 2
 *           26  entry length u16 = 64
 *           28  frames u32
 *           32  raw bytes u64, of all frames
 *           40  zstd bytes u64, of all frames
 *           48  entries, one a frame
 *               filters, to the end, at most 1 MiB together (bloom.c)
 *
 *   entry    0  first ns u64
 *            8  last ns u64
 *           16  first block u64
 *           24  last block u64
 *           32  raw offset u64
 *           40  zstd offset u64
 *           48  records u32
 *           52  raw bytes u32
 *           56  filter offset u32, from the end of the entries
 *           60  filter length u32; 0: none
 *
 * The filters have the order of their frames and no gaps between them; one of no length has the offset of
 * the next. Version 1 has neither filters nor what an entry says of them: its length is 56.
 */
#include "record/index.h"

#include "record/bloom.h"

#define NAME SPAN("sealtap-index\0\0\0")
#define CONTENT_HEAD_BYTES (INDEX_HEAD_BYTES - 8)
#define ENTRY_BYTES_1 56

void index_put_head(struct buf *b, const struct index_head *h)
{
	buf_le32(b, INDEX_MAGIC);
	buf_le32(b, (uint32_t)(INDEX_BYTES(h->frames) - 8) + h->filter_bytes);
	buf_put(b, NAME);
	buf_le16(b, INDEX_VERSION);
	buf_le16(b, INDEX_ENTRY_BYTES);
	buf_le32(b, h->frames);
	buf_le64(b, h->raw_bytes);
	buf_le64(b, h->zstd_bytes);
}

void index_put_entry(struct buf *b, const struct index_entry *e)
{
	buf_le64(b, e->first_ns);
	buf_le64(b, e->last_ns);
	buf_le64(b, e->first_seq);
	buf_le64(b, e->last_seq);
	buf_le64(b, e->raw_offset);
	buf_le64(b, e->zstd_offset);
	buf_le32(b, e->records);
	buf_le32(b, e->raw_bytes);
	buf_le32(b, e->filter_offset);
	buf_le32(b, e->filter_bytes);
}

static size_t entry_bytes(struct span content)
{
	return load_le16(content.p + NAME.len + 2);
}

/* Of head and entries: where the filters begin. */
static uint64_t filters_at(struct span content, uint32_t frames)
{
	return CONTENT_HEAD_BYTES + (uint64_t)frames * entry_bytes(content);
}

enum err index_read_head(struct span content, struct index_head *h)
{
	if (content.len < CONTENT_HEAD_BYTES || !span_starts(content, NAME))
		return ERR_SYNTAX;
	const uint8_t *p = content.p + NAME.len;
	uint16_t version = load_le16(p);
	if (version != 1 && version != INDEX_VERSION)
		return ERR_UNSUPPORTED;
	if (entry_bytes(content) != (version == 1 ? ENTRY_BYTES_1 : INDEX_ENTRY_BYTES))
		return ERR_SYNTAX;
	uint32_t frames = load_le32(p + 4);
	uint64_t at = filters_at(content, frames);
	if (content.len < at || content.len - at > (version == 1 ? 0 : INDEX_FILTERS_MAX))
		return ERR_SYNTAX;
	*h = (struct index_head){
		.frames = frames,
		.raw_bytes = load_le64(p + 8),
		.zstd_bytes = load_le64(p + 16),
		.filter_bytes = (uint32_t)(content.len - at),
	};
	return ERR_OK;
}

void index_read_entry(struct span content, uint32_t i, struct index_entry *e)
{
	const size_t len = entry_bytes(content), at = CONTENT_HEAD_BYTES + (size_t)i * len;
	ASSERT(at + len <= content.len);
	const uint8_t *p = content.p + at;
	*e = (struct index_entry){
		.first_ns = load_le64(p),
		.last_ns = load_le64(p + 8),
		.first_seq = load_le64(p + 16),
		.last_seq = load_le64(p + 24),
		.raw_offset = load_le64(p + 32),
		.zstd_offset = load_le64(p + 40),
		.records = load_le32(p + 48),
		.raw_bytes = load_le32(p + 52),
		.filter_offset = len == ENTRY_BYTES_1 ? 0 : load_le32(p + 56),
		.filter_bytes = len == ENTRY_BYTES_1 ? 0 : load_le32(p + 60),
	};
}

struct span index_filter(struct span content, const struct index_entry *e)
{
	uint32_t frames = load_le32(content.p + NAME.len + 4);
	struct span filters = span_from(content, (size_t)filters_at(content, frames));
	struct span own = span_first(span_from(filters, e->filter_offset), e->filter_bytes);
	return own.len == e->filter_bytes && bloom_is_length(own.len) ? own : span_of(NULL, 0);
}
