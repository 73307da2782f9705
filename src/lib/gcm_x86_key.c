#if defined(__x86_64__)

#include "base/bytes.h"
#include "lib/gcm_x86.h"

#define TARGET __attribute__((target(GCM_AES_TARGET)))

/* FIPS 197, 5.2: SubWord of a word, by the instruction that is made for it. */
TARGET static uint32_t sub_word(uint32_t word)
{
	return (uint32_t)_mm_extract_epi32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0), 0);
}

/* FIPS 197, figure 11. Words are little endian: RotWord turns the other way. */
TARGET static void expand(struct gcm_key *k, struct span key)
{
	uint32_t words = (uint32_t)key.len / 4, round_constant = 1;
	uint8_t *w = k->round_keys;
	k->rounds = words + 6;
	memcpy(w, key.p, key.len);
	for (uint32_t i = words; i < 4 * (k->rounds + 1); i++) {
		uint32_t t = load_le32(w + 4 * (i - 1));
		if (i % words == 0) {
			t = sub_word(t >> 8 | t << 24) ^ round_constant;
			round_constant = round_constant << 1 ^ (round_constant & 0x80 ? 0x11b : 0);
		} else if (words > 6 && i % words == 4) {
			t = sub_word(t);
		}
		store_le32(w + 4 * i, load_le32(w + 4 * (i - words)) ^ t);
	}
}

/* x h (RFC 8452, appendix A): what leaves at the top comes back as P's other terms. */
TARGET static __m128i times_x(__m128i h)
{
	__m128i carries = _mm_slli_si128(_mm_srli_epi64(h, 63), 8);
	__m128i top = _mm_shuffle_epi32(_mm_srai_epi32(h, 31), 0xff);
	__m128i p = _mm_set_epi64x((long long)0xc200000000000000, 1);
	return _mm_xor_si128(_mm_or_si128(_mm_slli_epi64(h, 1), carries), _mm_and_si128(top, p));
}

TARGET void gcm_x86_init(struct aead_key *key_state, struct span key)
{
	struct gcm_key *k = (struct gcm_key *)(void *)key_state->state;
	expand(k, key);
	__m128i h = times_x(gcm_reverse(gcm_encrypt(k, _mm_setzero_si128()))), power = h;
	for (size_t n = 1; n <= GCM_POWERS; n++) {
		gcm_store(k->powers + GCM_BLOCK * (GCM_POWERS - n), power);
		struct gcm_sums s = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
		gcm_add_product(&s, power, h);
		power = gcm_reduce(s);
	}
}

#endif
