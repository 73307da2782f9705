#include "base/xxh64.h"

#include <string.h>

#include "base/bytes.h"

#define P1 0x9e3779b185ebca87u
#define P2 0xc2b2ae3d27d4eb4fu
#define P3 0x165667b19e3779f9u
#define P4 0x85ebca77c2b2ae63u
#define P5 0x27d4eb2f165667c5u

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static uint64_t lane(uint64_t acc, uint64_t in)
{
	return rotl(acc + in * P2, 31) * P1;
}

void xxh64_init(struct xxh64 *x)
{
	*x = (struct xxh64){.acc = {P1 + P2, P2, 0, 0 - P1}};
}

/* Whole stripes; what is left is returned. */
static struct span stripes(struct xxh64 *x, struct span s)
{
	uint64_t a = x->acc[0], b = x->acc[1], c = x->acc[2], d = x->acc[3];
	for (; s.len >= XXH64_STRIPE; s = span_from(s, XXH64_STRIPE)) {
		a = lane(a, load_le64(s.p));
		b = lane(b, load_le64(s.p + 8));
		c = lane(c, load_le64(s.p + 16));
		d = lane(d, load_le64(s.p + 24));
	}
	x->acc[0] = a;
	x->acc[1] = b;
	x->acc[2] = c;
	x->acc[3] = d;
	return s;
}

void xxh64_update(struct xxh64 *x, struct span s)
{
	size_t had = x->total % XXH64_STRIPE;
	x->total += s.len;
	if (had) {
		struct span part = span_first(s, XXH64_STRIPE - had);
		if (part.len)
			memcpy(x->rest + had, part.p, part.len);
		s = span_from(s, part.len);
		if (had + part.len < XXH64_STRIPE)
			return;
		stripes(x, span_of(x->rest, XXH64_STRIPE));
	}
	s = stripes(x, s);
	if (s.len)
		memcpy(x->rest, s.p, s.len);
}

static uint64_t last_bytes(uint64_t h, struct span s)
{
	for (; s.len >= 8; s = span_from(s, 8))
		h = rotl(h ^ lane(0, load_le64(s.p)), 27) * P1 + P4;
	if (s.len >= 4) {
		h = rotl(h ^ load_le32(s.p) * P1, 23) * P2 + P3;
		s = span_from(s, 4);
	}
	for (; s.len; s = span_from(s, 1))
		h = rotl(h ^ s.p[0] * P5, 11) * P1;
	return h;
}

uint64_t xxh64_value(const struct xxh64 *x)
{
	uint64_t h = x->acc[2] + P5;
	if (x->total >= XXH64_STRIPE) {
		h = rotl(x->acc[0], 1) + rotl(x->acc[1], 7) + rotl(x->acc[2], 12) + rotl(x->acc[3], 18);
		for (unsigned i = 0; i < 4; i++)
			h = (h ^ lane(0, x->acc[i])) * P1 + P4;
	}
	h = last_bytes(h + x->total, span_of(x->rest, x->total % XXH64_STRIPE));
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
