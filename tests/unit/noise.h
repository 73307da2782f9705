/* noise: numbers that look random and are the same in each run (xorshift64*), and bytes written in
 * hexadecimal. */
#ifndef SEALTAP_TESTS_NOISE_H
#define SEALTAP_TESTS_NOISE_H

#include <string.h>

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
	ASSERT(n);
	return (size_t)(noise_u64() >> 16) % n;
}

static inline void noise_fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(noise_u64() >> 24);
}

/* So many bytes of a message, from one place on, become others. */
static inline void noise_damage(uint8_t *p, size_t from, size_t len, unsigned bytes)
{
	while (bytes--)
		p[from + noise_below(len - from)] = (uint8_t)noise_u64();
}

/* One character of a text becomes one of `marks`, or, every second time, any. */
static inline void noise_mark(char *text, size_t len, const char *marks)
{
	uint64_t x = noise_u64();
	text[noise_below(len)] = (char)(x % 2 ? (int)(x >> 8 & 0xff) : marks[noise_below(strlen(marks))]);
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
