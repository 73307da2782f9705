/* A frame, little-endian:
 *
 *   0  magic fd2fb528
 *   4  descriptor a4: content size in four bytes, which are the window's size, too; a checksum follows
 *   5  content size u32
 *   9  blocks: head u24 = bytes << 3 | type 0 << 1 | last; the bytes as they are
 *      the low 32 bits of the content's XXH64
 */
#include "record/stored.h"

#include "base/bytes.h"
#include "base/err.h"

#define MAGIC 0xfd2fb528u
#define DESCRIPTOR 0xa4
/* A piece: summed up, then copied by whoever takes it, all in the first level of the cache. */
#define PIECE_BYTES 16384u

void stored_begin(struct stored *s, struct span raw)
{
	ASSERT(raw.len && raw.len <= UINT32_MAX);
	*s = (struct stored){.raw = raw};
	xxh64_init(&s->sum);
}

static struct span frame_head(struct stored *s)
{
	store_le32(s->text, MAGIC);
	s->text[4] = DESCRIPTOR;
	store_le32(s->text + 5, (uint32_t)s->raw.len);
	return span_of(s->text, STORED_HEAD_BYTES);
}

static struct span block_head(struct stored *s)
{
	s->in_block = span_first(s->raw, STORED_BLOCK_BYTES).len;
	store_le32(s->text, (uint32_t)s->in_block << 3 | (s->in_block == s->raw.len));
	return span_of(s->text, 3);
}

static struct span content(struct stored *s)
{
	struct span piece = span_first(s->raw, s->in_block < PIECE_BYTES ? s->in_block : PIECE_BYTES);
	s->raw = span_from(s->raw, piece.len);
	s->in_block -= piece.len;
	xxh64_update(&s->sum, piece);
	return piece;
}

bool stored_piece(struct stored *s, struct span *piece)
{
	if (s->ended)
		return false;
	if (!s->begun) {
		s->begun = true;
		*piece = frame_head(s);
	} else if (s->in_block) {
		*piece = content(s);
	} else if (s->raw.len) {
		*piece = block_head(s);
	} else {
		s->ended = true;
		store_le32(s->text, (uint32_t)xxh64_value(&s->sum));
		*piece = span_of(s->text, 4);
	}
	return true;
}
