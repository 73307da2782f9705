/* sha: SHA-256 and SHA-384; SHA-1 for names that others compute with it (Community ID), where nothing depends
 * on its strength.
 *
 * Source: FIPS 180-4. A context is plain memory without pointers into itself: it may be copied to
 * go on from the same point twice. final() leaves the context as it was. Nothing can fail.
 */
#ifndef SEALTAP_LIB_SHA_H
#define SEALTAP_LIB_SHA_H

#include "base/span.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32
#define SHA384_BYTES 48
#define SHA512_BYTES 64 /* of HMAC (lib/hmac) */

struct sha256 {
	_Alignas(16) uint8_t state[112]; /* opaque */
};

struct sha384 {
	_Alignas(16) uint8_t state[208]; /* opaque */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, struct span bytes);
void sha256_final(const struct sha256 *s, uint8_t out[SHA256_BYTES]);
void sha256_of(struct span bytes, uint8_t out[SHA256_BYTES]);

void sha384_init(struct sha384 *s);
void sha384_update(struct sha384 *s, struct span bytes);
void sha384_final(const struct sha384 *s, uint8_t out[SHA384_BYTES]);

void sha1_of(struct span bytes, uint8_t out[SHA1_BYTES]);

#endif
