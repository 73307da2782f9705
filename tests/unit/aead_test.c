#include "check.h"
#include "noise.h"

#include <mbedtls/gcm.h>

#include "lib/aead.h"

static void check_case(const char *key, const char *iv, const char *aad, const char *plain,
		       const char *sealed, const char *tag)
{
	struct aead_key k;
	uint8_t out[128], got_tag[16];
	struct span p = unhex(plain), want = unhex(sealed);
	aead_init(&k, unhex(key));
	aead_seal(&k, unhex(iv).p, unhex(aad), p, out, got_tag);
	CHECK(span_eq(span_of(out, p.len), want));
	CHECK(span_eq(span_of(got_tag, 16), unhex(tag)));
	CHECK(!aead_open(&k, unhex(iv).p, unhex(aad), want, unhex(tag).p, out));
	CHECK(span_eq(span_of(out, p.len), p));
}

/* McGrew and Viega, The Galois/Counter Mode of Operation: test cases 13 to 16 (256-bit keys), 4 (128) and 10
 * (192). */
static void known_answers(void)
{
	const char *zero_iv = "000000000000000000000000", *iv = "cafebabefacedbaddecaf888";
	const char *zero_key = "0000000000000000000000000000000000000000000000000000000000000000";
	const char *key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
	const char *aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
	const char *plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	check_case(zero_key, zero_iv, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b");
	check_case(zero_key, zero_iv, "", "00000000000000000000000000000000",
		   "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919");
	check_case(key, iv, "",
		   "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		   "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		   "b094dac5d93471bdec1a502270e3cc6c");
	check_case(key, iv, aad, plain,
		   "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		   "76fc6ece0f4e1768cddf8853bb2d551b");
	check_case("feffe9928665731c6d6a8f9467308308", iv, aad, plain,
		   "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		   "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		   "5bc94fbc3221a5db94fae95ae7121a47");
	check_case("feffe9928665731c6d6a8f9467308308feffe9928665731c", iv, aad, plain,
		   "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
		   "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		   "2519498e80f1478f37ba55bd6d27618c");
}

static void agreement(void)
{
	static uint8_t plain[9000], sealed[9000], theirs[9000], opened[9000];
	uint8_t key[32], iv[12], aad[100], tag[16], their_tag[16];
	for (int i = 0; i < 1500; i++) {
		size_t len = noise_below(sizeof(plain)), aad_len = noise_below(sizeof(aad));
		size_t key_len = 16 + 8 * noise_below(3);
		struct aead_key k;
		mbedtls_gcm_context g;
		noise_fill(key, sizeof(key));
		noise_fill(iv, sizeof(iv));
		noise_fill(aad, sizeof(aad));
		noise_fill(plain, len);
		aead_init(&k, span_of(key, key_len));
		aead_seal(&k, iv, span_of(aad, aad_len), span_of(plain, len), sealed, tag);
		mbedtls_gcm_init(&g);
		CHECK(mbedtls_gcm_setkey(&g, MBEDTLS_CIPHER_ID_AES, key, (unsigned)key_len * 8) == 0);
		CHECK(mbedtls_gcm_crypt_and_tag(&g, MBEDTLS_GCM_ENCRYPT, len, iv, 12, aad, aad_len, plain,
						theirs, 16, their_tag) == 0);
		mbedtls_gcm_free(&g);
		CHECK(memcmp(sealed, theirs, len) == 0 && memcmp(tag, their_tag, 16) == 0);
		CHECK(!aead_open(&k, iv, span_of(aad, aad_len), span_of(theirs, len), their_tag, opened));
		CHECK(memcmp(opened, plain, len) == 0);
		aead_seal(&k, iv, span_of(aad, aad_len), span_of(plain, len), plain, tag);
		CHECK(memcmp(plain, theirs, len) == 0);
	}
}

static void altered(void)
{
	struct aead_key k;
	uint8_t plain[40], sealed[40], opened[40], tag[16], iv[12] = {7}, aad[9] = {1}, zeros[40] = {0};
	noise_fill(plain, sizeof(plain));
	aead_init(&k, span_of(plain, 32));
	aead_seal(&k, iv, span_of(aad, 9), span_of(plain, 40), sealed, tag);
	uint8_t *part[] = {sealed, tag, iv, aad};
	const size_t part_len[] = {40, 16, 12, 9};
	for (int p = 0; p < 4; p++) {
		for (size_t bit = 0; bit < part_len[p] * 8; bit++) {
			part[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(opened, 0xee, sizeof(opened));
			CHECK(aead_open(&k, iv, span_of(aad, 9), span_of(sealed, 40), tag, opened) ==
			      ERR_AUTH);
			CHECK(memcmp(opened, zeros, 40) == 0);
			part[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	CHECK(!aead_open(&k, iv, span_of(aad, 9), span_of(sealed, 40), tag, opened));
}

static void moved(void)
{
	static struct aead_key first, second;
	uint8_t iv[12] = {0}, tag[16], want[16];
	aead_init(&first, SPAN("0123456789abcdef0123456789abcdef"));
	aead_seal(&first, iv, SPAN("a"), span_of(NULL, 0), NULL, want);
	second = first;
	aead_wipe(&first);
	CHECK(first.state[0] == 0 && first.state[32] == 0);
	aead_seal(&second, iv, SPAN("a"), span_of(NULL, 0), NULL, tag);
	CHECK(memcmp(tag, want, 16) == 0);
}

int main(void)
{
	RUN(known_answers, "AES-GCM gives the answers published with the mode");
	RUN(agreement, "AES-GCM agrees with Mbed TLS on 1500 random inputs, in place, too");
	RUN(altered,
	    "one changed bit in text, tag, IV or additional data is refused, with nothing given out");
	RUN(moved, "a key may be copied, and a wiped one is gone");
	return check_done();
}
