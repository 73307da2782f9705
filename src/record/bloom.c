/* Layout of a filter: a power of two of bytes, 8 to 32768; bit n is 1 << n % 8 of byte n / 8. A key's bits
 * are numbers 0 to 6 of these, each modulo the filter's bits:
 *
 *   number   0..2                      3..5                      6
 *   is       bits 0, 18, 36 on of h1   bits 0, 18, 36 on of h2   bits 0 on of h3
 *
 *   hn       mix(key + n * 9e3779b97f4a7c15)
 *   mix(x)   x ^= x >> 30, x *= bf58476d1ce4e5b9, x ^= x >> 27, x *= 94d049bb133111eb, x ^= x >> 31
 *   key      IPv4    4 << 32 | address
 *            port    1 << 32 | port, of TCP, UDP or SCTP
 *            IPv6    1 << 63 | (mix(first 8 bytes + 9e3779b97f4a7c15) ^ mix(last 8 bytes)), big-endian
 *
 * A filter is filled at its full size. Its halves or-ed are the filter of half the size, since a bit's number
 * modulo a power of two keeps its low bits. The seven numbers have no bit of a hash in common, so that a key
 * which was not added meets set bits as often as chance has it, in small filters, too.
 */
#include "record/bloom.h"

#include <string.h>

#define GOLDEN 0x9e3779b97f4a7c15u
#define NUMBER_BITS 18 /* BLOOM_MAX_BYTES are 1 << 18 bits */
#define NUMBERS_A_HASH 3

_Static_assert(BLOOM_MAX_BYTES * 8 == 1u << NUMBER_BITS && NUMBER_BITS * NUMBERS_A_HASH <= 64,
	       "all in a hash");

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t bloom_ip4(uint32_t addr)
{
	return 4ull << 32 | addr;
}

uint64_t bloom_ip6(const uint8_t *bytes)
{
	return 1ull << 63 | (mix(load_be64(bytes) + GOLDEN) ^ mix(load_be64(bytes + 8)));
}

uint64_t bloom_ip(const struct ip *a)
{
	return ip_is_v4(a) ? bloom_ip4(ip_to_v4(a)) : bloom_ip6(a->bytes);
}

uint64_t bloom_port(uint16_t port)
{
	return 1ull << 32 | port;
}

/* The key's numbers, before they are taken modulo the filter's bits. */
static void numbers(uint64_t key, uint32_t number[BLOOM_HASHES])
{
	uint64_t h = 0;
	for (unsigned i = 0; i < BLOOM_HASHES; i++) {
		if (i % NUMBERS_A_HASH == 0)
			h = mix(key += GOLDEN);
		number[i] = (uint32_t)h & (BLOOM_MAX_BYTES * 8 - 1);
		h >>= NUMBER_BITS;
	}
}

void bloom_reset(struct bloom *b)
{
	memset(b, 0, sizeof(*b));
}

void bloom_add(struct bloom *b, uint64_t key)
{
	uint64_t *cached = &b->cache[key * GOLDEN >> 54 & (BLOOM_CACHE - 1)];
	uint32_t number[BLOOM_HASHES];
	if (*cached == key)
		return;
	*cached = key;
	numbers(key, number);
	for (unsigned i = 0; i < BLOOM_HASHES; i++) {
		uint8_t bit = (uint8_t)(1u << number[i] % 8), *byte = &b->bits[number[i] / 8];
		b->set += !(*byte & bit);
		*byte |= bit;
	}
}

/* Eight bytes of one half or-ed with those of the other. */
static uint64_t folded(const uint8_t *bits, size_t half)
{
	uint64_t a, b;
	memcpy(&a, bits, sizeof(a));
	memcpy(&b, bits + half, sizeof(b));
	return a | b;
}

static uint32_t set_folded(const uint8_t *bits, size_t half)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < half; i += sizeof(uint64_t))
		sum += (unsigned)__builtin_popcountll(folded(bits + i, half));
	return sum;
}

static void fold(uint8_t *bits, size_t half)
{
	for (size_t i = 0; i < half; i += sizeof(uint64_t)) {
		uint64_t both = folded(bits + i, half);
		memcpy(bits + i, &both, sizeof(both));
	}
}

struct span bloom_fold(struct bloom *b)
{
	size_t len = BLOOM_MAX_BYTES;
	if (b->set > len * 8 / 2)
		return span_of(NULL, 0);
	for (; len > BLOOM_MIN_BYTES; len /= 2) {
		size_t half = len / 2;
		/* folded there are no more than before: they are counted where that does not settle it */
		if (b->set > half * 8 / 2 && (b->set = set_folded(b->bits, half)) > half * 8 / 2)
			break;
		fold(b->bits, half);
	}
	return span_of(b->bits, len);
}

bool bloom_is_length(size_t len)
{
	return len >= BLOOM_MIN_BYTES && len <= BLOOM_MAX_BYTES && (len & (len - 1)) == 0;
}

bool bloom_has(struct span filter, uint64_t key)
{
	uint32_t number[BLOOM_HASHES];
	if (!bloom_is_length(filter.len))
		return true;
	numbers(key, number);
	for (unsigned i = 0; i < BLOOM_HASHES; i++) {
		uint32_t n = number[i] & ((uint32_t)filter.len * 8 - 1);
		if (!(filter.p[n / 8] >> n % 8 & 1))
			return false;
	}
	return true;
}
