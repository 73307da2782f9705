/* fuzz: what the fuzz targets share. A target is one function that takes any bytes, gives them to a reader
 * and traps when the reader breaks its contract. libFuzzer drives it (make fuzz), replay.c runs it over the
 * corpus.
 *
 * A target must not depend on what ran before it. Where a reader takes pieces, the input's first byte says
 * how the rest is cut.
 */
#ifndef SEALTAP_TESTS_FUZZ_H
#define SEALTAP_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                               \
	do {                                                                                     \
		if (!(cond)) {                                                                   \
			fprintf(stderr, "%s:%d: it must hold: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* The first byte of *in, which comes off; 0 when it is empty. */
static inline uint8_t fuzz_byte(struct span *in)
{
	uint8_t c = in->len ? in->p[0] : 0;
	*in = span_from(*in, 1);
	return c;
}

/* Cuts the next piece off *rest, of 1 to 16 bytes, or 1 when *seed is 0. */
static inline struct span fuzz_piece(struct span *rest, uint32_t *seed)
{
	*seed = *seed ? *seed * 1664525 + 1013904223 : 0;
	struct span piece = span_first(*rest, 1 + (*seed >> 28));
	*rest = span_from(*rest, piece.len);
	return piece;
}

/* The array holds a terminated string. */
#define MUST_END(array) MUST(memchr((array), 0, sizeof(array)))

/* Every byte is visible ASCII. */
static inline bool fuzz_printable(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

/* s lies in `in`; an empty span lies anywhere. */
static inline bool fuzz_within(struct span s, struct span in)
{
	return s.len == 0 || (s.p >= in.p && s.len <= in.len && (size_t)(s.p - in.p) <= in.len - s.len);
}

#endif
