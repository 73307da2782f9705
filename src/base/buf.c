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

size_t buf_room(const struct buf *b)
{
	return b->cap - b->len;
}

struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
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

uint16_t load_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t load_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t load_le64(const uint8_t *p)
{
	return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t load_be64(const uint8_t *p)
{
	return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

void store_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void store_be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void wipe(void *p, size_t len)
{
	if (len)
		memset(p, 0, len);
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

bool equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t d = 0;
	for (size_t i = 0; i < len; i++)
		d |= (uint8_t)(a[i] ^ b[i]);
	return d == 0;
}
