/* AES-NI and PCLMULQDQ: a chunk is eight blocks, whose rounds go side by side; meanwhile the chunk before is
 * taken into the hash, a block every round.
 */
#if defined(__x86_64__)

#include "lib/gcm_x86.h"

#define TARGET __attribute__((target(GCM_AES_TARGET)))
#define INLINE GCM_INLINE
#define WIDE 8
#define CHUNK_BYTES 128

INLINE void one_round(__m128i x[WIDE], const struct gcm_key *k, uint32_t r)
{
	__m128i key = gcm_round_key(k, r);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		x[i] = _mm_aesenc_si128(x[i], key);
}

/* The first block of a text has the counter 2, so a chunk has 8 m + 2 to 8 m + 9. Six of them are 8 m, and
 * two are 8 (m + 1), with other last three bits, which are 0 there: adding is exclusive or, and can follow
 * round 0. */
struct stream {
	__m128i counter; /* 8 m, reversed */
	__m128i begun;   /* its block, with round 0 done */
};

INLINE void begin_block(struct stream *s, const struct gcm_key *k)
{
	s->begun = _mm_xor_si128(gcm_reverse(s->counter), gcm_round_key(k, 0));
}

INLINE void begin_chunk(__m128i x[WIDE], struct stream *s, const struct gcm_key *k)
{
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		if (i == WIDE - 2) {
			s->counter = _mm_add_epi32(s->counter, _mm_set_epi32(0, 0, 0, WIDE));
			begin_block(s, k);
		}
		x[i] = _mm_xor_si128(s->begun, _mm_set_epi32((i + 2) % WIDE << 24, 0, 0, 0));
	}
}

INLINE void late_rounds(__m128i x[WIDE], const struct gcm_key *k)
{
	for (uint32_t r = 10; r < k->rounds; r++)
		one_round(x, k, r);
}

INLINE void end_chunk(__m128i x[WIDE], __m128i held[WIDE], const struct gcm_key *k, bool seal,
		      const uint8_t *in, uint8_t *out)
{
	__m128i key = gcm_round_key(k, k->rounds);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++) {
		__m128i text = gcm_load(in + 16 * i);
		__m128i done = _mm_aesenclast_si128(x[i], _mm_xor_si128(key, text));
		gcm_store(out + 16 * i, done);
		held[i] = gcm_reverse(seal ? done : text);
	}
}

/* chunks: 1 or more. first: the counter 1. The hash with them. */
INLINE __m128i run_chunks(const struct gcm_key *k, __m128i first, __m128i y, bool seal, const uint8_t *in,
			  uint8_t *out, size_t chunks)
{
	const uint8_t *power = gcm_power(k, WIDE);
	const struct gcm_sums none = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
	struct stream stream = {_mm_sub_epi32(first, _mm_set_epi32(0, 0, 0, 1)), first};
	__m128i x[WIDE], held[WIDE];
	begin_block(&stream, k);
	begin_chunk(x, &stream, k);
	GCM_UNROLL
	for (uint32_t r = 1; r < 10; r++)
		one_round(x, k, r);
	late_rounds(x, k);
	end_chunk(x, held, k, seal, in, out);
	while (--chunks) {
		struct gcm_sums s = none;
		in += CHUNK_BYTES;
		out += CHUNK_BYTES;
		begin_chunk(x, &stream, k);
		one_round(x, k, 1);
		held[0] = _mm_xor_si128(held[0], y);
		GCM_UNROLL
		for (uint32_t i = 0; i < WIDE; i++) {
			gcm_add_product(&s, held[i], gcm_load(power + 16 * i));
			one_round(x, k, 2 + i);
		}
		y = gcm_reduce(s);
		late_rounds(x, k);
		end_chunk(x, held, k, seal, in, out);
	}
	struct gcm_sums s = none;
	held[0] = _mm_xor_si128(held[0], y);
	GCM_UNROLL
	for (int i = 0; i < WIDE; i++)
		gcm_add_product(&s, held[i], gcm_load(power + 16 * i));
	return gcm_reduce(s);
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

const struct gcm_kernel gcm_x86_128 = {gcm_x86_init, seal, open, 1024};

#endif
