#include "check.h"
#include "noise.h"

#include <mbedtls/ecdsa.h>

#include "lib/ecdsa.h"
#include "lib/sha.h"

#define RFC_X "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define RFC_PUB                                                              \
	"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P384_X                                                             \
	"ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64" \
	"def8f0ea9055866064a254515480bc13"
#define P384_SIG                                                           \
	"306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4" \
	"ea95ad133c81a648152e44acf96e36dd1e80fabe4602310099ef4aeb15f178ce" \
	"a1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e" \
	"7b82c71a38628ac8"

static void check_signature(const char *message, const char *want)
{
	struct ecdsa_key k;
	uint8_t hash[32], sig[ECDSA_SIG_MAX];
	size_t len = 0;
	memcpy(k.x, unhex(RFC_X).p, 32);
	sha256_of(span_str(message), hash);
	ecdsa_sign(&k, hash, sig, &len);
	CHECK(span_eq(span_of(sig, len), unhex(want)));
	CHECK(!ecdsa_verify(unhex(RFC_PUB).p, hash, span_of(sig, len)));
}

/* RFC 6979 A.2.5, r and s in DER. */
static void known_signatures(void)
{
	check_signature("sample", "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
				  "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
	check_signature("test", "3045022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
				"0220019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
}

/* RFC 6979 A.2.6: the public point's y is even, so 02 before x. */
static void p384(void)
{
	uint8_t hash[48], pub[49];
	struct sha384 s;
	sha384_init(&s);
	sha384_update(&s, SPAN("sample"));
	sha384_final(&s, hash);
	memcpy(pub, unhex("02" P384_X).p, 49);
	CHECK(!ecdsa_p384_verify(pub, hash, unhex(P384_SIG)));
	pub[0] = 3;
	CHECK(ecdsa_p384_verify(pub, hash, unhex(P384_SIG)) == ERR_AUTH);
	pub[0] = 4;
	CHECK(ecdsa_p384_verify(pub, hash, unhex(P384_SIG)) == ERR_AUTH);
	pub[0] = 2;
	hash[7] ^= 1;
	CHECK(ecdsa_p384_verify(pub, hash, unhex(P384_SIG)) == ERR_AUTH);
	memset(pub + 1, 0xff, 48); /* not below the field's prime */
	CHECK(ecdsa_p384_verify(pub, hash, unhex(P384_SIG)) == ERR_AUTH);
}

static int noise(void *unused, unsigned char *p, size_t len)
{
	(void)unused;
	noise_fill(p, len);
	return 0;
}

/* The two kinds of signature that are verified here. */
static const struct kind {
	mbedtls_ecp_group_id curve;
	int form; /* of the public key */
	size_t pub_len;
	mbedtls_md_type_t digest;
	size_t hash_len;
} kind_p256 = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_PF_UNCOMPRESSED, 65, MBEDTLS_MD_SHA256, 32},
  kind_p384 = {MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_PF_COMPRESSED, 49, MBEDTLS_MD_SHA384, 48};

/* A new key of Mbed TLS's signs noise; returns the signature. */
static struct span they_sign(const struct kind *k, uint8_t *hash, uint8_t *pub)
{
	static uint8_t sig[MBEDTLS_ECDSA_MAX_LEN];
	mbedtls_ecdsa_context c;
	size_t n = 0, len = 0;
	noise_fill(hash, k->hash_len);
	mbedtls_ecdsa_init(&c);
	CHECK(mbedtls_ecdsa_genkey(&c, k->curve, noise, NULL) == 0);
	CHECK(mbedtls_ecp_write_public_key(&c, k->form, &n, pub, k->pub_len) == 0 && n == k->pub_len);
	CHECK(mbedtls_ecdsa_write_signature(&c, k->digest, hash, k->hash_len, sig, sizeof(sig), &len, noise,
					    NULL) == 0);
	mbedtls_ecdsa_free(&c);
	return span_of(sig, len);
}

static void p384_agreement(void)
{
	unsigned odd = 0;
	for (int i = 0; i < 24; i++) {
		uint8_t hash[48], pub[49];
		struct span sig = they_sign(&kind_p384, hash, pub);
		CHECK(!ecdsa_p384_verify(pub, hash, sig));
		pub[0] ^= 1;
		CHECK(ecdsa_p384_verify(pub, hash, sig) == ERR_AUTH);
		odd += pub[0] == 2;
	}
	CHECK(odd > 0 && odd < 24); /* both halves of the curve were seen */
}

/* Mbed TLS's verdict on a P-256 signature. */
static bool they_verify(const uint8_t pub[65], const uint8_t hash[32], struct span sig)
{
	mbedtls_ecp_keypair pair;
	mbedtls_ecp_keypair_init(&pair);
	mbedtls_ecdsa_context c;
	mbedtls_ecdsa_init(&c);
	bool good = mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, &pair, (const uint8_t[32]){[31] = 1},
					 32) == 0 &&
		    mbedtls_ecdsa_from_keypair(&c, &pair) == 0 &&
		    mbedtls_ecp_point_read_binary(&c.private_grp, &c.private_Q, pub, 65) == 0 &&
		    mbedtls_ecdsa_read_signature(&c, hash, 32, sig.p, sig.len) == 0;
	mbedtls_ecdsa_free(&c);
	mbedtls_ecp_keypair_free(&pair);
	return good;
}

static void ours_for_them(void)
{
	uint8_t seed[32], hash[32], pub[65], sig[ECDSA_SIG_MAX];
	for (int i = 0; i < 40; i++) {
		struct ecdsa_key k;
		size_t len = 0;
		noise_fill(seed, sizeof(seed));
		noise_fill(hash, sizeof(hash));
		ecdsa_keypair(seed, &k, pub);
		ecdsa_sign(&k, hash, sig, &len);
		CHECK(they_verify(pub, hash, span_of(sig, len)));
		CHECK(!ecdsa_verify(pub, hash, span_of(sig, len)));
	}
}

static void theirs_for_us(void)
{
	for (int i = 0; i < 40; i++) {
		uint8_t hash[32], pub[65];
		struct span sig = they_sign(&kind_p256, hash, pub);
		CHECK(!ecdsa_verify(pub, hash, sig));
	}
}

static void altered(void)
{
	uint8_t seed[32] = {9}, hash[32] = {1}, pub[65], sig[ECDSA_SIG_MAX];
	struct ecdsa_key k;
	size_t len = 0;
	ecdsa_keypair(seed, &k, pub);
	ecdsa_sign(&k, hash, sig, &len);
	for (size_t i = 0; i < len * 8; i += 5) {
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK(ecdsa_verify(pub, hash, span_of(sig, len)) == ERR_AUTH);
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 65 * 8; i += 13) {
		pub[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK(ecdsa_verify(pub, hash, span_of(sig, len)) == ERR_AUTH);
		pub[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		CHECK(ecdsa_verify(pub, hash, span_of(sig, cut)) == ERR_AUTH);
	hash[31] ^= 1;
	CHECK(ecdsa_verify(pub, hash, span_of(sig, len)) == ERR_AUTH);
}

static void key_pairs(void)
{
	uint8_t seed[32] = {3}, pub[65], again[65];
	struct ecdsa_key k, same;
	ecdsa_keypair(seed, &k, pub);
	ecdsa_keypair(seed, &same, again);
	CHECK(memcmp(&k, &same, sizeof(k)) == 0 && memcmp(pub, again, 65) == 0 && pub[0] == 4);
	seed[31] ^= 1;
	ecdsa_keypair(seed, &same, again);
	CHECK(memcmp(&k, &same, sizeof(k)) != 0 && memcmp(pub, again, 65) != 0);
	CHECK(memcmp(k.x, seed, 32) != 0);
}

int main(void)
{
	RUN(known_signatures, "signatures are those of RFC 6979");
	RUN(key_pairs, "a seed gives one key pair, another seed another");
	RUN(ours_for_them, "Mbed TLS verifies our signatures under 40 random keys");
	RUN(theirs_for_us, "we verify those of Mbed TLS under 40 random keys");
	RUN(altered, "a signature, key or hash with one changed bit, or a shorter signature, is refused");
	RUN(p384, "P-384 signatures verify with a compressed public key, and with no other");
	RUN(p384_agreement, "P-384 agrees with Mbed TLS on 24 random keys, of both signs");
	return check_done();
}
