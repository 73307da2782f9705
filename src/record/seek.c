/* Layout, little-endian:
 *
 *   seek     0  magic 184d2a5e
 *   table    4  content length u32, of all that follows
 *            8  {compressed u32 | decompressed u32 [| checksum u32]}, one a frame
 *
 *   foot     0  frames u32
 *            4  descriptor u8 (80: with checksums; ours 00)
 *            5  8f92eab1
 */
#include "record/seek.h"

#define FOOT_BYTES 9
#define FOOT_MAGIC 0x8f92eab1u
#define CHECKSUMS 0x80
#define RESERVED 0x7c

void seek_put_head(struct buf *b, uint32_t frames)
{
	buf_le32(b, SEEK_MAGIC);
	buf_le32(b, (uint32_t)(SEEK_BYTES(frames) - 8));
}

void seek_put_entry(struct buf *b, uint32_t zstd_bytes, uint32_t raw_bytes)
{
	buf_le32(b, zstd_bytes);
	buf_le32(b, raw_bytes);
}

void seek_put_foot(struct buf *b, uint32_t frames)
{
	buf_le32(b, frames);
	buf_u8(b, 0);
	buf_le32(b, FOOT_MAGIC);
}

static size_t entry_bytes(struct span content)
{
	return content.p[content.len - 5] & CHECKSUMS ? 12 : 8;
}

enum err seek_read(struct span content, uint32_t *frames)
{
	if (content.len < FOOT_BYTES)
		return ERR_SYNTAX;
	const uint8_t *foot = content.p + content.len - FOOT_BYTES;
	*frames = load_le32(foot);
	if (load_le32(foot + 5) != FOOT_MAGIC || foot[4] & RESERVED)
		return ERR_SYNTAX;
	if (content.len != (uint64_t)*frames * entry_bytes(content) + FOOT_BYTES)
		return ERR_SYNTAX;
	return ERR_OK;
}

void seek_read_entry(struct span content, uint32_t i, uint32_t *zstd_bytes, uint32_t *raw_bytes)
{
	const size_t at = (size_t)i * entry_bytes(content);
	ASSERT(at + 8 + FOOT_BYTES <= content.len);
	*zstd_bytes = load_le32(content.p + at);
	*raw_bytes = load_le32(content.p + at + 4);
}
