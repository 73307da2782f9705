#include "lib/sha_blocks.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* FIPS 180-4, section 4.2.2. */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Words 4i to 4i+3 of the schedule; w has the sixteen before them, in a ring. */
__attribute__((target("sha,sse4.1"), always_inline)) static inline __m128i next_words(const __m128i w[4],
										      int i)
{
	__m128i last = w[(i + 3) & 3];
	__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]),
				    _mm_alignr_epi8(last, w[(i + 2) & 3], 4));
	return _mm_sha256msg2_epu32(sum, last);
}

/* The instructions want A, B, E, F and C, D, G, H of the state together, the last one lowest. */
__attribute__((target("sha,sse4.1"))) void sha_blocks_take(uint32_t state[8], const uint8_t *p, size_t count)
{
	const __m128i turn = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	__m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
	__m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
	for (; count; count--, p += 64) {
		__m128i w[4], was_abef = abef, was_cdgh = cdgh;
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			if (i < 4)
				w[i] = _mm_shuffle_epi8(
					_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), turn);
			else
				w[i & 3] = next_words(w, i);
			__m128i k = _mm_load_si128((const __m128i *)(const void *)(constants + 4 * i));
			__m128i sum = _mm_add_epi32(w[i & 3], k);
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
		}
		abef = _mm_add_epi32(abef, was_abef);
		cdgh = _mm_add_epi32(cdgh, was_cdgh);
	}
	uint32_t out[8] __attribute__((aligned(16))) = {0};
	_mm_store_si128((__m128i *)(void *)out, abef);
	_mm_store_si128((__m128i *)(void *)(out + 4), cdgh);
	static const uint8_t place[8] = {5, 4, 1, 0, 7, 6, 3, 2}; /* F E B A, H G D C */
	for (int i = 0; i < 8; i++)
		state[place[i]] = out[i];
}

#else

void sha_blocks_take(uint32_t state[8], const uint8_t *p, size_t count)
{
	(void)state;
	(void)p;
	(void)count;
}

#endif
