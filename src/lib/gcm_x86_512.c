/* VAES and VPCLMULQDQ on 64-byte registers: four blocks at once.
 *
 * Whole chunks are four registers, 16 blocks. Sixteen blocks' key stream is made while the chunk before is
 * taken into the hash, so that both instructions' units are busy. The hash of whole chunks is four hashes
 * side by side, one a lane, each of every fourth block: a step multiplies by H^16, H^12, H^8, H^4, the same
 * in all lanes, and only the last one by H^16, H^15, ..., H, after which the lanes are added. What follows is
 * less than a chunk: up to 16 blocks, the last one cut by a mask.
 */
#if defined(__x86_64__)

#include "lib/gcm_x86.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq," GCM_AES_TARGET)))
#define INLINE __attribute__((always_inline)) TARGET static inline
#define WIDE 4
#define BLOCKS 16 /* a chunk */
#define CHUNK_BYTES 256

struct sums {
	__m512i low, middle, high;
};

struct keys {
	__m512i round[14], last;
	__m512i powers[WIDE];
	uint32_t rounds;
};

INLINE __m512i xor3(__m512i a, __m512i b, __m512i c)
{
	return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

INLINE __m512i in_all(__m128i x)
{
	return _mm512_broadcast_i32x4(x);
}

INLINE __m512i reverse(__m512i x)
{
	return _mm512_shuffle_epi8(
		x, in_all(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE void add_product(struct sums *s, __m512i a, __m512i b)
{
	s->low = _mm512_xor_si512(s->low, _mm512_clmulepi64_epi128(a, b, 0x00));
	s->high = _mm512_xor_si512(s->high, _mm512_clmulepi64_epi128(a, b, 0x11));
	s->middle =
		xor3(s->middle, _mm512_clmulepi64_epi128(a, b, 0x01), _mm512_clmulepi64_epi128(a, b, 0x10));
}

INLINE __m512i reduce(struct sums s)
{
	const __m512i q = in_all(_mm_set_epi64x((long long)0xc200000000000000, 0));
	__m512i middle =
		xor3(s.middle, _mm512_clmulepi64_epi128(s.low, q, 0x10), _mm512_shuffle_epi32(s.low, 0x4e));
	return xor3(s.high, _mm512_clmulepi64_epi128(middle, q, 0x10), _mm512_shuffle_epi32(middle, 0x4e));
}

INLINE __m128i add_lanes(__m512i x)
{
	__m256i two = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
	return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

INLINE void load_keys(struct keys *e, const struct gcm_key *k)
{
	GCM_UNROLL
	for (int i = 0; i < 14; i++)
		e->round[i] = in_all(gcm_round_key(k, (uint32_t)i));
	e->rounds = k->rounds;
	e->last = in_all(gcm_round_key(k, e->rounds));
}

/* Rounds from to below `to`, of n registers. */
INLINE void some_rounds(__m512i *x, int n, const struct keys *e, int from, int to)
{
	GCM_UNROLL
	for (int r = from; r < to; r++) {
		GCM_UNROLL
		for (int i = 0; i < n; i++)
			x[i] = _mm512_aesenc_epi128(x[i], e->round[r]);
	}
}

INLINE void late_rounds(__m512i *x, int n, const struct keys *e)
{
	if (e->rounds > 10)
		some_rounds(x, n, e, 10, 12);
	if (e->rounds > 12)
		some_rounds(x, n, e, 12, 14);
}

INLINE void begin_chunk(__m512i x[WIDE], __m512i *counter, const struct keys *e)
{
	const __m512i four = in_all(_mm_set_epi32(0, 0, 0, 4));
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		x[i] = _mm512_xor_si512(reverse(*counter), e->round[0]);
		*counter = _mm512_add_epi32(*counter, four);
	}
}

/* The text's chunk from x, the key stream but for its last round; held: the ciphertext, for the hash. */
INLINE void end_chunk(__m512i x[WIDE], __m512i held[WIDE], const struct keys *e, bool seal, const uint8_t *in,
		      uint8_t *out)
{
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		__m512i text = _mm512_loadu_si512(in + 64 * i);
		__m512i done = _mm512_aesenclast_epi128(x[i], _mm512_xor_si512(e->last, text));
		_mm512_storeu_si512(out + 64 * i, done);
		held[i] = reverse(seal ? done : text);
	}
}

/* chunks: 1 or more. The hash with them. */
INLINE __m128i run_chunks(const struct gcm_key *k, __m512i *counter, __m128i y, bool seal, const uint8_t *in,
			  uint8_t *out, size_t chunks)
{
	struct keys e;
	__m512i x[WIDE], held[WIDE], lanes = _mm512_zextsi128_si512(y);
	const __m512i zero = _mm512_setzero_si512();
	load_keys(&e, k);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		e.powers[i] = in_all(gcm_load(gcm_power(k, BLOCKS - WIDE * (size_t)i)));
	begin_chunk(x, counter, &e);
	some_rounds(x, WIDE, &e, 1, 10);
	late_rounds(x, WIDE, &e);
	end_chunk(x, held, &e, seal, in, out);
	while (--chunks) {
		struct sums s = {zero, zero, zero};
		in += CHUNK_BYTES;
		out += CHUNK_BYTES;
		begin_chunk(x, counter, &e);
		some_rounds(x, WIDE, &e, 1, 2);
		held[0] = _mm512_xor_si512(held[0], lanes);
		GCM_UNROLL
		for (int i = 0; i < WIDE; i++) {
			add_product(&s, held[i], e.powers[i]);
			some_rounds(x, WIDE, &e, 2 + 2 * i, 4 + 2 * i);
		}
		lanes = reduce(s);
		late_rounds(x, WIDE, &e);
		end_chunk(x, held, &e, seal, in, out);
	}
	struct sums s = {zero, zero, zero};
	held[0] = _mm512_xor_si512(held[0], lanes);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		add_product(&s, held[i], _mm512_loadu_si512(gcm_power(k, BLOCKS - WIDE * (size_t)i)));
	return add_lanes(reduce(s));
}

/* A register's part of n bytes, and that of the powers of H whose blocks it has. */
INLINE __mmask64 bytes_of(size_t n)
{
	return n < 64 ? ((__mmask64)1 << n) - 1 : ~(__mmask64)0;
}

INLINE __mmask8 words_of(size_t n)
{
	size_t blocks = n < 64 ? (n + 15) / 16 : 4;
	return (__mmask8)(0xffu >> (8 - 2 * blocks));
}

/* y with len bytes taken in. */
INLINE __m128i hash(const struct gcm_key *k, __m128i y, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = len < CHUNK_BYTES ? len : CHUNK_BYTES;
		const uint8_t *power = gcm_power(k, (n + 15) / 16);
		__m512i lanes = _mm512_zextsi128_si512(y);
		struct sums s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
		for (size_t i = 0; i < n; i += 64) {
			__m512i block = reverse(_mm512_maskz_loadu_epi8(bytes_of(n - i), p + i));
			add_product(&s, _mm512_xor_si512(block, lanes),
				    _mm512_maskz_loadu_epi64(words_of(n - i), power + i));
			lanes = _mm512_setzero_si512();
		}
		y = add_lanes(reduce(s));
		p += n;
		len -= n;
	}
	return y;
}

/* len: 1 to 256 bytes, the text's last. The hash with them. */
INLINE __m128i run_rest(const struct gcm_key *k, __m512i counter, __m128i y, bool seal, const uint8_t *in,
			uint8_t *out, size_t len)
{
	const __m512i four = in_all(_mm_set_epi32(0, 0, 0, 4));
	const uint8_t *power = gcm_power(k, (len + 15) / 16);
	__m512i lanes = _mm512_zextsi128_si512(y);
	struct sums s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
	struct keys e;
	load_keys(&e, k);
	for (size_t i = 0; i < len; i += 64) {
		__mmask64 mask = bytes_of(len - i);
		__m512i text = _mm512_maskz_loadu_epi8(mask, in + i);
		__m512i x = _mm512_xor_si512(reverse(counter), e.round[0]);
		some_rounds(&x, 1, &e, 1, 10);
		late_rounds(&x, 1, &e);
		x = _mm512_aesenclast_epi128(x, _mm512_xor_si512(e.last, text));
		_mm512_mask_storeu_epi8(out + i, mask, x);
		__m512i cipher = reverse(seal ? _mm512_maskz_mov_epi8(mask, x) : text);
		add_product(&s, _mm512_xor_si512(cipher, lanes),
			    _mm512_maskz_loadu_epi64(words_of(len - i), power + i));
		lanes = _mm512_setzero_si512();
		counter = _mm512_add_epi32(counter, four);
	}
	return add_lanes(reduce(s));
}

INLINE void run(bool seal, const struct aead_key *key, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		struct span in, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct gcm_key *k = gcm_key_of(key);
	__m128i first = gcm_counter(iv), tag_stream = gcm_encrypt(k, gcm_reverse(first));
	__m512i counter = _mm512_add_epi32(in_all(first),
					   _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1));
	__m128i y = hash(k, _mm_setzero_si128(), aad.p, aad.len);
	size_t chunks = in.len / CHUNK_BYTES, done = chunks * CHUNK_BYTES;
	if (chunks)
		y = run_chunks(k, &counter, y, seal, in.p, out, chunks);
	if (in.len > done)
		y = run_rest(k, counter, y, seal, in.p + done, out + done, in.len - done);
	struct gcm_sums s = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
	gcm_add_product(&s, _mm_xor_si128(y, gcm_lengths(aad.len, in.len)), gcm_load(gcm_power(k, 1)));
	gcm_store(tag, _mm_xor_si128(gcm_reverse(gcm_reduce(s)), tag_stream));
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

const struct gcm_kernel gcm_x86_512 = {gcm_x86_init, seal, open, 2560};

#endif
