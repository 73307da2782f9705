/* bloom: the filter of addresses and ports of one zstd frame: a reader need not fetch a frame whose filter
 * does not have what it looks for.
 *
 * What was added is always found (no false negative). What was not is found with a probability of at most 1
 * in 128: a filter that is written is at most half full, and each key has seven bits. A frame with so many
 * keys that the largest filter would be fuller has none.
 *
 * Source: Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970; Steele, Lea, Flood,
 * "Fast splittable pseudorandom number generators", 2014 (the mix of 64 bits). Byte layout: bloom.c.
 */
#ifndef SEALTAP_RECORD_BLOOM_H
#define SEALTAP_RECORD_BLOOM_H

#include "base/ip.h"
#include "base/span.h"

#define BLOOM_MIN_BYTES 8u
#define BLOOM_MAX_BYTES 32768u
#define BLOOM_HASHES 7
#define BLOOM_CACHE 1024u /* keys added of late; a power of two */

/* A filter being filled; zeroed, or bloom_reset(), before its first use. */
struct bloom {
	uint8_t bits[BLOOM_MAX_BYTES];
	uint32_t set;                /* of these */
	uint64_t cache[BLOOM_CACHE]; /* most keys come again and again: they touch nothing but this */
};

/* Keys; never 0. addr: host order; bytes: 16. IPv4 addresses are those of IPv4 and of ARP. */
uint64_t bloom_ip4(uint32_t addr);
uint64_t bloom_ip6(const uint8_t *bytes);
uint64_t bloom_ip(const struct ip *a);
uint64_t bloom_port(uint16_t port);

void bloom_reset(struct bloom *b);
void bloom_add(struct bloom *b, uint64_t key);
/* The filter as it is written: folded to the smallest power of two of bytes that is at most half full. Empty:
 * there are too many keys. In b's own memory: nothing may be added but after bloom_reset(). */
struct span bloom_fold(struct bloom *b);

/* May the key be in a filter as written? An empty one, or one of a length that no filter has, may hold
 * anything. */
bool bloom_has(struct span filter, uint64_t key);
/* May a filter be so long? */
bool bloom_is_length(size_t len);

#endif
