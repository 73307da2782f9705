/* gcm_x86: what the kernels on x86's AES and carry-less multiplication instructions share.
 *
 * GHASH (NIST SP 800-38D, 6.4) is a polynomial in H over GF(2^128) whose elements have their bits in
 * reflected order. With the bytes of each block reversed and H multiplied by x once, it is POLYVAL of the
 * same blocks, whose order is the machine's (RFC 8452, section 3 and appendix A; Gueron, Lindell: GCM-SIV,
 * 2015):
 *
 *   a . b = a b x^-128 modulo P = x^128 + x^127 + x^126 + x^121 + 1
 *
 * A product of two 128-bit numbers is four 64-bit carry-less products (Gueron, Kounavis: Intel Carry-Less
 * Multiplication Instruction and its Usage for Computing the GCM Mode, 2010): low + middle x^64 + high x^128.
 * They are sums over several blocks, each times its own power of H, before there is one reduction
 * ("aggregated", ibid.):
 *
 *   Y_n = (Y_0 + C_1) . H^n + C_2 . H^(n-1) + ... + C_n . H
 *
 * The reduction takes away 64 bits at the low end twice, as Montgomery's does. P = 1 + Q x^64 + x^128, where
 * Q = x^63 + x^62 + x^57 = 0xc200000000000000; so for a number A with low word a, A + a P has a low word of
 * 0, and divided by x^64 it is (A >> 64) + a Q + a x^64.
 *
 * Counter mode: the first counter block is IV || 1, which the tag is encrypted with; the text begins at IV ||
 * 2. Counters are held with their bytes reversed, too: the 32-bit number is then in the lowest word, and its
 * addition is modulo 2^32 as inc32's (6.2). With a 12-byte IV no text that is allowed gets that far.
 */
#ifndef SEALTAP_LIB_GCM_X86_H
#define SEALTAP_LIB_GCM_X86_H

#include <immintrin.h>
#include <string.h>

#include "lib/gcm.h"

#define GCM_POWERS 16
#define GCM_BLOCK 16
#define GCM_AES_TARGET "aes,pclmul,sse4.1"
#define GCM_INLINE __attribute__((target(GCM_AES_TARGET), always_inline)) static inline
/* Small arrays of registers are none until the loops over them are unrolled. */
#define GCM_UNROLL _Pragma("GCC unroll 16")

struct gcm_key {
	uint8_t powers[GCM_POWERS * GCM_BLOCK]; /* secret: of H, with H^16 first and H last */
	uint8_t round_keys[15 * GCM_BLOCK];     /* secret */
	uint32_t rounds;                        /* 10, 12 or 14 */
};

_Static_assert(sizeof(struct gcm_key) <= sizeof(((struct aead_key *)0)->state), "the opaque state holds it");

struct gcm_sums {
	__m128i low, middle, high;
};

void gcm_x86_init(struct aead_key *k, struct span key);

static inline const struct gcm_key *gcm_key_of(const struct aead_key *k)
{
	return (const struct gcm_key *)(const void *)k->state;
}

GCM_INLINE __m128i gcm_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

GCM_INLINE void gcm_store(uint8_t *p, __m128i x)
{
	_mm_storeu_si128((__m128i *)(void *)p, x);
}

/* Where H^n is, with the lower powers after it. */
static inline const uint8_t *gcm_power(const struct gcm_key *k, size_t n)
{
	return k->powers + GCM_BLOCK * (GCM_POWERS - n);
}

GCM_INLINE __m128i gcm_round_key(const struct gcm_key *k, uint32_t round)
{
	return gcm_load(k->round_keys + (size_t)GCM_BLOCK * round);
}

/* len: 0 to 15 bytes; zeros follow. */
GCM_INLINE __m128i gcm_load_part(const uint8_t *p, size_t len)
{
	uint8_t block[16] = {0};
	memcpy(block, p, len);
	return gcm_load(block);
}

GCM_INLINE __m128i gcm_reverse(__m128i x)
{
	return _mm_shuffle_epi8(x, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

GCM_INLINE void gcm_add_product(struct gcm_sums *s, __m128i a, __m128i b)
{
	s->low = _mm_xor_si128(s->low, _mm_clmulepi64_si128(a, b, 0x00));
	s->high = _mm_xor_si128(s->high, _mm_clmulepi64_si128(a, b, 0x11));
	__m128i middle = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));
	s->middle = _mm_xor_si128(s->middle, middle);
}

GCM_INLINE __m128i gcm_reduce(struct gcm_sums s)
{
	const __m128i q = _mm_set_epi64x((long long)0xc200000000000000, 0);
	__m128i t = _mm_xor_si128(_mm_clmulepi64_si128(s.low, q, 0x10), _mm_shuffle_epi32(s.low, 0x4e));
	__m128i middle = _mm_xor_si128(s.middle, t);
	t = _mm_xor_si128(_mm_clmulepi64_si128(middle, q, 0x10), _mm_shuffle_epi32(middle, 0x4e));
	return _mm_xor_si128(s.high, t);
}

/* The counter block IV || 1, reversed: the first. */
GCM_INLINE __m128i gcm_counter(const uint8_t iv[AEAD_IV_BYTES])
{
	int last;
	memcpy(&last, iv + 8, 4);
	__m128i x = _mm_loadl_epi64((const __m128i *)(const void *)iv);
	return gcm_reverse(_mm_insert_epi32(_mm_insert_epi32(x, last, 2), 1 << 24, 3));
}

/* Of the text's block at this byte, reversed. */
GCM_INLINE __m128i gcm_counter_at(__m128i first, size_t byte)
{
	return _mm_add_epi32(first, _mm_cvtsi32_si128((int)(1 + byte / GCM_BLOCK)));
}

GCM_INLINE __m128i gcm_encrypt(const struct gcm_key *k, __m128i x)
{
	x = _mm_xor_si128(x, gcm_round_key(k, 0));
	for (uint32_t r = 1; r < k->rounds; r++)
		x = _mm_aesenc_si128(x, gcm_round_key(k, r));
	return _mm_aesenclast_si128(x, gcm_round_key(k, k->rounds));
}

/* y with len bytes taken in, zeros after them up to a whole block. */
GCM_INLINE __m128i gcm_hash(const struct gcm_key *k, __m128i y, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = len < GCM_POWERS * GCM_BLOCK ? len : GCM_POWERS * GCM_BLOCK;
		const uint8_t *power = gcm_power(k, (n + 15) / 16);
		struct gcm_sums s = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
		for (size_t i = 0; i < n; i += 16, power += 16) {
			__m128i block = n - i < 16 ? gcm_load_part(p + i, n - i) : gcm_load(p + i);
			gcm_add_product(&s, _mm_xor_si128(gcm_reverse(block), y), gcm_load(power));
			y = _mm_setzero_si128();
		}
		y = gcm_reduce(s);
		p += n;
		len -= n;
	}
	return y;
}

/* The hash's last block: both lengths in bits. */
GCM_INLINE __m128i gcm_lengths(size_t aad_len, size_t len)
{
	return _mm_set_epi64x((long long)aad_len * 8, (long long)len * 8);
}

/* One block of a text, of len bytes; what the hash takes of it. counter: reversed. */
GCM_INLINE __m128i gcm_run_block(const struct gcm_key *k, __m128i counter, bool seal, const uint8_t *in,
				 uint8_t *out, size_t len)
{
	uint8_t done[16];
	__m128i text = len < 16 ? gcm_load_part(in, len) : gcm_load(in);
	__m128i x = _mm_xor_si128(text, gcm_encrypt(k, gcm_reverse(counter)));
	if (len == 16) {
		gcm_store(out, x);
	} else {
		gcm_store(done, x);
		memcpy(out, done, len);
		x = gcm_load_part(done, len);
	}
	return gcm_reverse(seal ? x : text);
}

/* len: less than 15 blocks, the text's last. The hash with them and the lengths. */
GCM_INLINE __m128i gcm_run_rest(const struct gcm_key *k, __m128i counter, __m128i y, bool seal,
				const uint8_t *in, uint8_t *out, size_t len, __m128i lengths)
{
	const uint8_t *power = gcm_power(k, 1 + (len + 15) / 16);
	struct gcm_sums s = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
	for (size_t i = 0; i < len; i += 16, power += 16) {
		__m128i cipher =
			gcm_run_block(k, counter, seal, in + i, out + i, len - i < 16 ? len - i : 16);
		gcm_add_product(&s, _mm_xor_si128(cipher, y), gcm_load(power));
		y = _mm_setzero_si128();
		counter = _mm_add_epi32(counter, _mm_set_epi32(0, 0, 0, 1));
	}
	gcm_add_product(&s, _mm_xor_si128(lengths, y), gcm_load(power));
	return gcm_reduce(s);
}

#endif
