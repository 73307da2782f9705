/* siphash: SipHash-2-4, a keyed hash for tables: who does not know the key can't make entries collide.
 *
 * Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef SEALTAP_BASE_SIPHASH_H
#define SEALTAP_BASE_SIPHASH_H

#include "base/span.h"

#define SIPHASH_KEY_BYTES 16

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], struct span bytes);

#endif
