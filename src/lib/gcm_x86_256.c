/* VAES and VPCLMULQDQ on 32-byte registers: two blocks at once, a chunk is four registers. As gcm_x86_512,
 * with two lanes: a step multiplies by H^8, H^6, H^4, H^2, and the last one by H^8, H^7, ..., H. What is less
 * than a chunk goes block by block.
 */
#if defined(__x86_64__)

#include "lib/gcm_x86.h"

#define TARGET __attribute__((target("avx2,vaes,vpclmulqdq," GCM_AES_TARGET)))
#define INLINE __attribute__((always_inline)) TARGET static inline
#define WIDE 4
#define BLOCKS 8 /* a chunk */
#define CHUNK_BYTES 128

struct sums {
	__m256i low, middle, high;
};

INLINE __m256i in_both(__m128i x)
{
	return _mm256_broadcastsi128_si256(x);
}

INLINE __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE __m256i reverse(__m256i x)
{
	return _mm256_shuffle_epi8(
		x, in_both(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE void add_product(struct sums *s, __m256i a, __m256i b)
{
	s->low = _mm256_xor_si256(s->low, _mm256_clmulepi64_epi128(a, b, 0x00));
	s->high = _mm256_xor_si256(s->high, _mm256_clmulepi64_epi128(a, b, 0x11));
	__m256i middle =
		_mm256_xor_si256(_mm256_clmulepi64_epi128(a, b, 0x01), _mm256_clmulepi64_epi128(a, b, 0x10));
	s->middle = _mm256_xor_si256(s->middle, middle);
}

INLINE __m256i reduce(struct sums s)
{
	const __m256i q = in_both(_mm_set_epi64x((long long)0xc200000000000000, 0));
	__m256i t =
		_mm256_xor_si256(_mm256_clmulepi64_epi128(s.low, q, 0x10), _mm256_shuffle_epi32(s.low, 0x4e));
	__m256i middle = _mm256_xor_si256(s.middle, t);
	t = _mm256_xor_si256(_mm256_clmulepi64_epi128(middle, q, 0x10), _mm256_shuffle_epi32(middle, 0x4e));
	return _mm256_xor_si256(s.high, t);
}

INLINE void one_round(__m256i x[WIDE], const struct gcm_key *k, uint32_t r)
{
	__m256i key = in_both(gcm_round_key(k, r));
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		x[i] = _mm256_aesenc_epi128(x[i], key);
}

INLINE void begin_chunk(__m256i x[WIDE], __m256i *counter, const struct gcm_key *k)
{
	const __m256i two = in_both(_mm_set_epi32(0, 0, 0, 2));
	__m256i key = in_both(gcm_round_key(k, 0));
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		x[i] = _mm256_xor_si256(reverse(*counter), key);
		*counter = _mm256_add_epi32(*counter, two);
	}
}

INLINE void late_rounds(__m256i x[WIDE], const struct gcm_key *k)
{
	for (uint32_t r = 10; r < k->rounds; r++)
		one_round(x, k, r);
}

INLINE void end_chunk(__m256i x[WIDE], __m256i held[WIDE], const struct gcm_key *k, bool seal,
		      const uint8_t *in, uint8_t *out)
{
	__m256i key = in_both(gcm_round_key(k, k->rounds));
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		__m256i text = load(in + 32 * i);
		__m256i done = _mm256_aesenclast_epi128(x[i], _mm256_xor_si256(key, text));
		_mm256_storeu_si256((__m256i *)(void *)(out + 32 * i), done);
		held[i] = reverse(seal ? done : text);
	}
}

/* chunks: 1 or more. first: the counter 1. The hash with them. */
INLINE __m128i run_chunks(const struct gcm_key *k, __m128i first, __m128i y, bool seal, const uint8_t *in,
			  uint8_t *out, size_t chunks)
{
	const uint8_t *power = gcm_power(k, BLOCKS);
	const struct sums none = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
	__m256i counter = _mm256_add_epi32(in_both(first), _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 1));
	__m256i x[WIDE], held[WIDE], lanes = _mm256_zextsi128_si256(y);
	begin_chunk(x, &counter, k);
	GCM_UNROLL
	for (uint32_t r = 1; r < 10; r++)
		one_round(x, k, r);
	late_rounds(x, k);
	end_chunk(x, held, k, seal, in, out);
	while (--chunks) {
		struct sums s = none;
		in += CHUNK_BYTES;
		out += CHUNK_BYTES;
		begin_chunk(x, &counter, k);
		one_round(x, k, 1);
		held[0] = _mm256_xor_si256(held[0], lanes);
		GCM_UNROLL
		for (uint32_t i = 0; i < WIDE; i++) {
			add_product(&s, held[i], in_both(gcm_load(power + 32 * i)));
			one_round(x, k, 2 + 2 * i);
			one_round(x, k, 3 + 2 * i);
		}
		lanes = reduce(s);
		late_rounds(x, k);
		end_chunk(x, held, k, seal, in, out);
	}
	struct sums s = none;
	held[0] = _mm256_xor_si256(held[0], lanes);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		add_product(&s, held[i], load(power + 32 * i));
	lanes = reduce(s);
	return _mm_xor_si128(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
}

INLINE void run(bool seal, const struct aead_key *key, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		struct span in, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct gcm_key *k = gcm_key_of(key);
	__m128i first = gcm_counter(iv), tag_stream = gcm_encrypt(k, gcm_reverse(first));
	__m128i y = gcm_hash(k, _mm_setzero_si128(), aad.p, aad.len);
	size_t chunks = in.len / CHUNK_BYTES, done = chunks * CHUNK_BYTES;
	struct span rest = span_from(in, done);
	if (chunks) {
		y = run_chunks(k, first, y, seal, in.p, out, chunks);
		out += done;
	}
	y = gcm_run_rest(k, gcm_counter_at(first, done), y, seal, rest.p, out, rest.len,
			 gcm_lengths(aad.len, in.len));
	gcm_store(tag, _mm_xor_si128(gcm_reverse(y), tag_stream));
}

TARGET static void seal(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
			struct span in, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	run(true, k, iv, aad, in, out, tag);
}

TARGET static void open(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
			struct span in, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	run(false, k, iv, aad, in, out, tag);
}

const struct gcm_kernel gcm_x86_256 = {gcm_x86_init, seal, open, 1024};

#endif
