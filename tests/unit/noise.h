/* noise: numbers that look random and are the same in each run (xorshift64*), and bytes written in
 * hexadecimal. */
#ifndef SEALTAP_TESTS_NOISE_H
#define SEALTAP_TESTS_NOISE_H

#include "base/buf.h"
#include "base/text.h"

static uint64_t noise_state = 0x9e3779b97f4a7c15;

static inline uint64_t noise_u64(void)
{
	noise_state ^= noise_state >> 12;
	noise_state ^= noise_state << 25;
	noise_state ^= noise_state >> 27;
	return noise_state * 0x2545f4914f6cdd1d;
}

static inline size_t noise_below(size_t n)
{
	return (size_t)(noise_u64() >> 16) % n;
}

static inline void noise_fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(noise_u64() >> 24);
}

/* Bytes of a literal in hexadecimal, in memory that lasts; traps when it is none. */
static inline struct span unhex(const char *text)
{
	static uint8_t bytes[16384];
	static size_t used;
	struct buf b = buf_over(bytes + used, sizeof(bytes) - used);
	enum err e = text_read_hex(span_str(text), &b);
	ASSERT(!e);
	used += b.len;
	return buf_span(&b);
}

#endif
