/* sha: SHA-256, SHA-384, SHA-512 and HMAC; SHA-1 for names that others compute with it (Community ID), where
 * nothing depends on its strength.
 *
 * Sources: FIPS 180-4, RFC 2104. A context is plain memory without pointers into itself: it may be copied to
 * go on from the same point twice. final() leaves the context as it was. Nothing can fail.
 */
#ifndef SEALTAP_LIB_SHA_H
#define SEALTAP_LIB_SHA_H

#include "base/span.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32
#define SHA384_BYTES 48
#define SHA512_BYTES 64

struct sha256 {
	_Alignas(16) uint8_t state[112]; /* opaque */
};

struct sha384 {
	_Alignas(16) uint8_t state[208]; /* opaque */
};

struct sha512 {
	_Alignas(16) uint8_t state[208]; /* opaque */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, struct span bytes);
void sha256_final(const struct sha256 *s, uint8_t out[SHA256_BYTES]);
void sha256_of(struct span bytes, uint8_t out[SHA256_BYTES]);

void sha384_init(struct sha384 *s);
void sha384_update(struct sha384 *s, struct span bytes);
void sha384_final(const struct sha384 *s, uint8_t out[SHA384_BYTES]);

void sha512_init(struct sha512 *s);
void sha512_update(struct sha512 *s, struct span bytes);
void sha512_final(const struct sha512 *s, uint8_t out[SHA512_BYTES]);
void sha512_of(struct span bytes, uint8_t out[SHA512_BYTES]);

void sha1_of(struct span bytes, uint8_t out[SHA1_BYTES]);

void hmac_sha256(struct span key, struct span msg, uint8_t out[SHA256_BYTES]);
void hmac_sha512(struct span key, struct span msg, uint8_t out[SHA512_BYTES]);

#endif
