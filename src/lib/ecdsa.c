#include "lib/ecdsa.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_rand.h>
#include <bearssl_rsa.h>
#include <string.h>

#include "base/bytes.h"

#define P384_BYTES 48

static br_ec_private_key private_key(const struct ecdsa_key *k)
{
	/* the library takes a pointer to non-const, and only reads */
	return (br_ec_private_key){
		.curve = BR_EC_secp256r1, .x = (unsigned char *)(uintptr_t)k->x, .xlen = sizeof(k->x)};
}

void ecdsa_keypair(const uint8_t seed[32], struct ecdsa_key *k, uint8_t pub[ECDSA_PUB_BYTES])
{
	const br_ec_impl *ec = br_ec_get_default();
	br_hmac_drbg_context drbg;
	br_ec_private_key sk;
	br_ec_public_key pk;
	uint8_t x[BR_EC_KBUF_PRIV_MAX_SIZE], q[BR_EC_KBUF_PUB_MAX_SIZE];
	br_hmac_drbg_init(&drbg, &br_sha256_vtable, seed, 32);
	/* draws numbers until one is in range */
	size_t n = br_ec_keygen(&drbg.vtable, ec, &sk, x, BR_EC_secp256r1);
	ASSERT(n == sizeof(k->x));
	n = br_ec_compute_pub(ec, &pk, q, &sk);
	ASSERT(n == ECDSA_PUB_BYTES);
	memcpy(k->x, x, sizeof(k->x));
	memcpy(pub, q, ECDSA_PUB_BYTES);
	wipe(x, sizeof(x));
	wipe(&drbg, sizeof(drbg));
}

void ecdsa_sign(const struct ecdsa_key *k, const uint8_t hash[32], uint8_t sig[ECDSA_SIG_MAX], size_t *len)
{
	br_ec_private_key sk = private_key(k);
	*len = br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, hash, &sk, sig);
	/* 0 only for a private number out of range, which ecdsa_keypair() never makes */
	ASSERT(*len && *len <= ECDSA_SIG_MAX);
}

static enum err verify(int curve, uint8_t *q, size_t q_len, const uint8_t *hash, size_t hash_len,
		       struct span sig)
{
	br_ec_public_key pk = {.curve = curve, .q = q, .qlen = q_len};
	uint32_t good =
		br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), hash, hash_len, &pk, sig.p, sig.len);
	return good == 1 ? ERR_OK : ERR_AUTH;
}

enum err ecdsa_verify(const uint8_t pub[ECDSA_PUB_BYTES], const uint8_t hash[32], struct span sig)
{
	uint8_t q[ECDSA_PUB_BYTES];
	memcpy(q, pub, sizeof(q));
	return verify(BR_EC_secp256r1, q, sizeof(q), hash, 32, sig);
}

/* ---- decompression of a P-384 point (SEC 1 section 2.3.4): y = sqrt(x^3 - 3x + b); p = 3 mod 4, so sqrt(a)
 * = a^((p+1)/4).
 *
 * Powers modulo p are what the library's RSA public operation computes, for any odd modulus and exponent. */

static const uint8_t p384_p[P384_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
					   0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff};
static const uint8_t p384_b[P384_BYTES] = {0xb3, 0x31, 0x2f, 0xa7, 0xe2, 0x3e, 0xe7, 0xe4, 0x98, 0x8e,
					   0x05, 0x6b, 0xe3, 0xf8, 0x2d, 0x19, 0x18, 0x1d, 0x9c, 0x6e,
					   0xfe, 0x81, 0x41, 0x12, 0x03, 0x14, 0x08, 0x8f, 0x50, 0x13,
					   0x87, 0x5a, 0xc6, 0x56, 0x39, 0x8d, 0x8a, 0x2e, 0xd1, 0x9d,
					   0x2a, 0x85, 0xc8, 0xed, 0xd3, 0xec, 0x2a, 0xef};
/* (p + 1) / 4 */
static const uint8_t p384_root[P384_BYTES] = {0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					      0xff, 0xff, 0xbf, 0xff, 0xff, 0xff, 0xc0, 0x00, 0x00, 0x00,
					      0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00};

/* a -= b; returns the borrow. */
static unsigned subtract(uint8_t *a, const uint8_t *b)
{
	unsigned borrow = 0;
	for (size_t i = P384_BYTES; i-- > 0;) {
		unsigned d = (unsigned)a[i] - b[i] - borrow;
		a[i] = (uint8_t)d;
		borrow = d >> 8 & 1;
	}
	return borrow;
}

static unsigned add(uint8_t *a, const uint8_t *b)
{
	unsigned carry = 0;
	for (size_t i = P384_BYTES; i-- > 0;) {
		unsigned d = (unsigned)a[i] + b[i] + carry;
		a[i] = (uint8_t)d;
		carry = d >> 8;
	}
	return carry;
}

static void subtract_mod(uint8_t *a, const uint8_t *b)
{
	if (subtract(a, b))
		add(a, p384_p);
}

static void add_mod(uint8_t *a, const uint8_t *b)
{
	if (add(a, b) || memcmp(a, p384_p, P384_BYTES) >= 0)
		subtract(a, p384_p);
}

static void power_mod(uint8_t *a, const uint8_t *exponent, size_t exponent_len)
{
	br_rsa_public_key pk = {(unsigned char *)(uintptr_t)p384_p, P384_BYTES,
				(unsigned char *)(uintptr_t)exponent, exponent_len};
	uint32_t good = br_rsa_i31_public(a, P384_BYTES, &pk);
	ASSERT(good == 1);
}

/* point: 04 | x | y. */
static enum err decompress(const uint8_t *pub, uint8_t point[1 + 2 * P384_BYTES])
{
	static const uint8_t three[1] = {3}, two[1] = {2};
	uint8_t square[P384_BYTES], check[P384_BYTES];
	const uint8_t *x = pub + 1;
	uint8_t *y = point + 1 + P384_BYTES;
	if ((pub[0] != 2 && pub[0] != 3) || memcmp(x, p384_p, P384_BYTES) >= 0)
		return ERR_AUTH;
	memcpy(square, x, P384_BYTES);
	power_mod(square, three, sizeof(three));
	for (int i = 0; i < 3; i++)
		subtract_mod(square, x);
	add_mod(square, p384_b);
	memcpy(y, square, P384_BYTES);
	power_mod(y, p384_root, sizeof(p384_root));
	memcpy(check, y, P384_BYTES);
	power_mod(check, two, sizeof(two));
	if (memcmp(check, square, P384_BYTES) != 0)
		return ERR_AUTH; /* no point has this x */
	if ((y[P384_BYTES - 1] & 1) != (pub[0] & 1)) {
		memcpy(check, p384_p, P384_BYTES);
		subtract(check, y);
		memcpy(y, check, P384_BYTES);
	}
	point[0] = 4;
	memcpy(point + 1, x, P384_BYTES);
	return ERR_OK;
}

enum err ecdsa_p384_verify(const uint8_t pub[ECDSA_P384_PUB_BYTES], const uint8_t hash[48], struct span sig)
{
	uint8_t point[1 + 2 * P384_BYTES];
	TRY(decompress(pub, point));
	return verify(BR_EC_secp384r1, point, sizeof(point), hash, 48, sig);
}
