#include "check.h"
#include "noise.h"

#include <mbedtls/md.h>

#include "lib/hmac.h"

static void check_one(struct span text, const char *want256, const char *want384)
{
	uint8_t out[64];
	struct sha384 s;
	sha256_of(text, out);
	CHECK(span_eq(span_of(out, 32), unhex(want256)));
	sha384_init(&s);
	sha384_update(&s, text);
	sha384_final(&s, out);
	CHECK(span_eq(span_of(out, 48), unhex(want384)));
}

/* FIPS 180-4's examples, as published with it by NIST, and the empty message. */
static void known_answers(void)
{
	check_one(SPAN("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		  "8086072ba1e7cc2358baeca134c825a7");
	check_one(SPAN(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
		  "274edebfe76f65fbd51ad2f14898b95b");
}

/* RFC 4231 test cases 2 and 6. */
static void known_macs(void)
{
	uint8_t out[64], long_key[131];
	struct span text = SPAN("what do ya want for nothing?");
	hmac_sha256(SPAN("Jefe"), text, out);
	CHECK(span_eq(span_of(out, 32),
		      unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
	hmac_sha512(SPAN("Jefe"), text, out);
	CHECK(span_eq(span_of(out, 64),
		      unhex("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")));
	memset(long_key, 0xaa, sizeof(long_key));
	hmac_sha256(span_of(long_key, sizeof(long_key)),
		    SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	CHECK(span_eq(span_of(out, 32),
		      unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")));
}

static void every_split(void)
{
	uint8_t text[300], want[2][64], got[64];
	noise_fill(text, sizeof(text));
	struct sha384 whole;
	sha256_of(span_of(text, sizeof(text)), want[0]);
	sha384_init(&whole);
	sha384_update(&whole, span_of(text, sizeof(text)));
	sha384_final(&whole, want[1]);
	for (size_t i = 0; i <= sizeof(text); i++) {
		struct sha256 a;
		struct sha384 b;
		struct span first = span_of(text, i), rest = span_of(text + i, sizeof(text) - i);
		sha256_init(&a);
		sha256_update(&a, first);
		sha256_final(&a, got); /* changes nothing */
		struct sha256 copy = a;
		sha256_update(&copy, rest);
		sha256_final(&copy, got);
		CHECK(memcmp(got, want[0], 32) == 0);
		sha384_init(&b);
		sha384_update(&b, first);
		sha384_update(&b, rest);
		sha384_final(&b, got);
		CHECK(memcmp(got, want[1], 48) == 0);
	}
}

static void agreement(void)
{
	static uint8_t text[5000], key[200];
	uint8_t ours[64], theirs[64];
	for (int i = 0; i < 2000; i++) {
		struct span t = span_of(text, noise_below(sizeof(text))),
			    k = span_of(key, noise_below(sizeof(key)));
		noise_fill(text, t.len);
		noise_fill(key, k.len);
		sha256_of(t, ours);
		CHECK(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), t.p, t.len, theirs) == 0);
		CHECK(memcmp(ours, theirs, 32) == 0);
		hmac_sha256(k, t, ours);
		CHECK(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), k.p, k.len, t.p, t.len,
				      theirs) == 0);
		CHECK(memcmp(ours, theirs, 32) == 0);
		hmac_sha512(k, t, ours);
		CHECK(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA512), k.p, k.len, t.p, t.len,
				      theirs) == 0);
		CHECK(memcmp(ours, theirs, 64) == 0);
	}
}

/* Long inputs may be taken in by the processor's own instructions. */
static void long_inputs(void)
{
	static uint8_t text[100000];
	uint8_t ours[64], theirs[64];
	noise_fill(text, sizeof(text));
	for (int i = 0; i < 200; i++) {
		size_t from = noise_below(100), len = noise_below(sizeof(text) - from),
		       cut = noise_below(len + 1);
		struct sha256 s;
		sha256_init(&s);
		sha256_update(&s, span_of(text + from, cut));
		sha256_update(&s, span_of(text + from + cut, len - cut));
		sha256_final(&s, ours);
		CHECK(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), text + from, len, theirs) ==
		      0);
		CHECK(memcmp(ours, theirs, 32) == 0);
	}
}

int main(void)
{
	RUN(known_answers, "SHA-256 and SHA-384 give the published answers");
	RUN(known_macs, "HMAC gives the answers of RFC 4231");
	RUN(every_split, "a hash is the same wherever its input is split, and final() does not disturb it");
	RUN(agreement, "SHA-2 and HMAC agree with Mbed TLS on 2000 random inputs");
	RUN(long_inputs, "the hash of a long input agrees with Mbed TLS, however it lies and is cut");
	return check_done();
}
