/* ecdsa: signatures over P-256, and the verification of others' over P-384.
 *
 * Signatures are DER (RFC 3279 section 2.2.3), nonces deterministic (RFC 6979): no randomness is wanted when
 * signing. Curves: FIPS 186-4; points: SEC 1 section 2.3.3. Constant-time arithmetic for everything secret.
 */
#ifndef SEALTAP_LIB_ECDSA_H
#define SEALTAP_LIB_ECDSA_H

#include "base/err.h"
#include "base/span.h"

#define ECDSA_PUB_BYTES 65
#define ECDSA_SIG_MAX 72
#define ECDSA_P384_PUB_BYTES 49

/* Secret: the private number, big-endian, 1..order-1. */
struct ecdsa_key {
	uint8_t x[32];
};

/* A key pair out of 32 random bytes: the first number in range that HMAC-DRBG with SHA-256, seeded with them,
 * yields. The same seed gives the same pair. pub: uncompressed point. */
void ecdsa_keypair(const uint8_t seed[32], struct ecdsa_key *k, uint8_t pub[ECDSA_PUB_BYTES]);

/* hash: SHA-256 of the message. */
void ecdsa_sign(const struct ecdsa_key *k, const uint8_t hash[32], uint8_t sig[ECDSA_SIG_MAX], size_t *len);
/* ERR_AUTH: not a signature of this hash by the owner of this key (or no such key). */
enum err ecdsa_verify(const uint8_t pub[ECDSA_PUB_BYTES], const uint8_t hash[32], struct span sig) MUST_USE;

/* P-384 with SHA-384; pub: compressed point (SEC 1: 02 or 03, then x). ERR_AUTH as above. Not constant-time:
 * all inputs are public. */
enum err ecdsa_p384_verify(const uint8_t pub[ECDSA_P384_PUB_BYTES], const uint8_t hash[48], struct span sig)
	MUST_USE;

#endif
