#include "check.h"
#include "noise.h"

#include <mbedtls/hkdf.h>

#include "record/hkdf.h"

/* Made with two other implementations (OpenSSL, Python's hmac) over the inputs of RFC 5869 A.1 and A.3, whose
 * answers are for SHA-256. */
static void known_answers(void)
{
	uint8_t out[82];
	hkdf_sha512(unhex("000102030405060708090a0b0c"),
		    unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), unhex("f0f1f2f3f4f5f6f7f8f9"), out,
		    42);
	CHECK(span_eq(span_of(out, 42),
		      unhex("832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c14815793"
			    "38da362cb8d9f925d7cb")));
	hkdf_sha512(span_of(NULL, 0), unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), span_of(NULL, 0),
		    out, 82);
	CHECK(span_eq(span_of(out, 82),
		      unhex("f5fa02b18298a72a8c23898a8703472c6eb179dc204c03425c970e3b164bf90f"
			    "ff22d04836d0e2343bacc4e7cb"
			    "6045faaa698e0e3b3eb91331306def1db8319e8a699b5ee45ab993847dc4df75"
			    "bde023692c")));
}

static void agreement(void)
{
	static uint8_t salt[200], key[200], info[HKDF_INFO_MAX], ours[600], theirs[600];
	for (int i = 0; i < 1000; i++) {
		size_t s = noise_below(sizeof(salt)), k = noise_below(sizeof(key)),
		       n = noise_below(sizeof(info)), len = noise_below(sizeof(ours)) + 1;
		noise_fill(salt, s);
		noise_fill(key, k);
		noise_fill(info, n);
		hkdf_sha512(span_of(salt, s), span_of(key, k), span_of(info, n), ours, len);
		CHECK(mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA512), salt, s, key, k, info, n,
				   theirs, len) == 0);
		CHECK(memcmp(ours, theirs, len) == 0);
	}
}

static void longest(void)
{
	static uint8_t ours[HKDF_OUT_MAX + 1], theirs[HKDF_OUT_MAX];
	ours[HKDF_OUT_MAX] = 0xee;
	hkdf_sha512(SPAN("salt"), SPAN("key"), SPAN("info"), ours, HKDF_OUT_MAX);
	CHECK(mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA512), (const uint8_t *)"salt", 4,
			   (const uint8_t *)"key", 3, (const uint8_t *)"info", 4, theirs,
			   sizeof(theirs)) == 0);
	CHECK(memcmp(ours, theirs, sizeof(theirs)) == 0 && ours[HKDF_OUT_MAX] == 0xee);
}

int main(void)
{
	RUN(known_answers, "HKDF-SHA512 gives the known answers");
	RUN(agreement, "HKDF-SHA512 agrees with Mbed TLS on 1000 random inputs");
	RUN(longest, "the longest output is 255 blocks, and no byte more is written");
	return check_done();
}
