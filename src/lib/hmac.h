/* hmac: HMAC with SHA-256 and SHA-512. Source: RFC 2104. Keys and messages of any length; nothing can fail.
 */
#ifndef SEALTAP_LIB_HMAC_H
#define SEALTAP_LIB_HMAC_H

#include "lib/sha.h"

void hmac_sha256(struct span key, struct span msg, uint8_t out[SHA256_BYTES]);
void hmac_sha512(struct span key, struct span msg, uint8_t out[SHA512_BYTES]);

#endif
