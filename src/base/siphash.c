#include "base/siphash.h"

#include "base/bytes.h"

struct state {
	uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void round_of(struct state *v)
{
	v->a += v->b;
	v->c += v->d;
	v->b = rotate(v->b, 13) ^ v->a;
	v->d = rotate(v->d, 16) ^ v->c;
	v->a = rotate(v->a, 32);
	v->c += v->b;
	v->a += v->d;
	v->b = rotate(v->b, 17) ^ v->c;
	v->d = rotate(v->d, 21) ^ v->a;
	v->c = rotate(v->c, 32);
}

static inline void absorb(struct state *v, uint64_t word)
{
	v->d ^= word;
	round_of(v);
	round_of(v);
	v->a ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], struct span bytes)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	struct state v = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573};
	size_t whole = bytes.len / 8 * 8;
	uint64_t last = (uint64_t)bytes.len << 56;
	for (size_t i = 0; i < whole; i += 8)
		absorb(&v, load_le64(bytes.p + i));
	for (size_t i = whole; i < bytes.len; i++)
		last |= (uint64_t)bytes.p[i] << (8 * (i - whole));
	absorb(&v, last);
	v.c ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		round_of(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
