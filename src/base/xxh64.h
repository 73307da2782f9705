/* xxh64: the checksum in zstd frames: XXH64 with seed 0, in pieces. Not for secrets: it is no cryptographic
 * hash.
 *
 * Source: Yann Collet, "xxHash fast digest algorithm", doc/xxhash_spec.md 0.2.0, section XXH64; RFC 8878,
 * section 3.1.1 (Content_Checksum: its low 32 bits).
 */
#ifndef SEALTAP_BASE_XXH64_H
#define SEALTAP_BASE_XXH64_H

#include "base/span.h"

#define XXH64_STRIPE 32

struct xxh64 {
	uint64_t acc[4];
	uint64_t total; /* bytes so far */
	uint8_t rest[XXH64_STRIPE];
};

void xxh64_init(struct xxh64 *x);
void xxh64_update(struct xxh64 *x, struct span s);
/* Of all so far; it may go on. */
uint64_t xxh64_value(const struct xxh64 *x);

#endif
