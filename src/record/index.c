/* Layout, version 1, little-endian:
 *
 *   index    0  magic 184d2a53
 *            4  content length u32, of all that follows
 *            8  "sealtap-index" NUL NUL NUL (16)
 *           24  version u16 = 1
 *           26  entry length u16 = 56
 *           28  frames u32
 *           32  raw bytes u64, of all frames
 *           40  zstd bytes u64, of all frames
 *           48  entries, one a frame
 *
 *   entry    0  first ns u64
 *            8  last ns u64
 *           16  first block u64
 *           24  last block u64
 *           32  raw offset u64
 *           40  zstd offset u64
 *           48  records u32
 *           52  raw bytes u32
 */
#include "record/index.h"

#define NAME SPAN("sealtap-index\0\0\0")
#define CONTENT_HEAD_BYTES (INDEX_HEAD_BYTES - 8)

void index_put_head(struct buf *b, const struct index_head *h)
{
	buf_le32(b, INDEX_MAGIC);
	buf_le32(b, (uint32_t)(INDEX_BYTES(h->frames) - 8));
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
}

enum err index_read_head(struct span content, struct index_head *h)
{
	if (content.len < CONTENT_HEAD_BYTES || !span_starts(content, NAME))
		return ERR_SYNTAX;
	const uint8_t *p = content.p + NAME.len;
	if (p[0] != INDEX_VERSION || p[1] != 0)
		return ERR_UNSUPPORTED;
	h->frames = load_le32(p + 4);
	h->raw_bytes = load_le64(p + 8);
	h->zstd_bytes = load_le64(p + 16);
	if (load_le16(p + 2) != INDEX_ENTRY_BYTES || content.len != INDEX_BYTES(h->frames) - 8)
		return ERR_SYNTAX;
	return ERR_OK;
}

void index_read_entry(struct span content, uint32_t i, struct index_entry *e)
{
	const size_t at = CONTENT_HEAD_BYTES + (size_t)i * INDEX_ENTRY_BYTES;
	ASSERT(at + INDEX_ENTRY_BYTES <= content.len);
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
	};
}
