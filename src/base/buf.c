#include "base/buf.h"

#include <string.h>

struct buf buf_over(void *p, size_t cap)
{
	return (struct buf){p, cap, 0, false};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
}

enum err buf_err(const struct buf *b)
{
	return b->overflow ? ERR_FULL : ERR_OK;
}

uint8_t *buf_take(struct buf *b, size_t n)
{
	if (b->overflow || n > buf_room(b)) {
		b->overflow = true;
		return NULL;
	}
	uint8_t *at = b->p + b->len;
	b->len += n;
	return at;
}

void buf_put(struct buf *b, struct span s)
{
	uint8_t *at = buf_take(b, s.len);
	if (at && s.len)
		memcpy(at, s.p, s.len);
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, span_str(s));
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_put(b, span_of(&v, 1));
}

void buf_fill(struct buf *b, uint8_t v, size_t n)
{
	uint8_t *at = buf_take(b, n);
	if (at && n)
		memset(at, v, n);
}

static void put_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *at = buf_take(b, n);
	for (size_t i = 0; at && i < n; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

static void put_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *at = buf_take(b, n);
	for (size_t i = 0; at && i < n; i++)
		at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void buf_le16(struct buf *b, uint16_t v)
{
	put_le(b, v, 2);
}

void buf_le32(struct buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void buf_le64(struct buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void buf_be16(struct buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void buf_be32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void buf_be64(struct buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

const char *buf_cstr(struct buf *b)
{
	if (b->overflow || buf_room(b) == 0) {
		b->overflow = true;
		return NULL;
	}
	b->p[b->len] = 0;
	return (const char *)b->p;
}
