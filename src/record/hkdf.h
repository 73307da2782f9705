/* hkdf: HKDF with SHA-512. Source: RFC 5869. */
#ifndef SEALTAP_RECORD_HKDF_H
#define SEALTAP_RECORD_HKDF_H

#include "base/span.h"

#define HKDF_INFO_MAX 1024
#define HKDF_OUT_MAX (255 * 64)

/* Extract and expand. A longer info or out traps: both are constants of their formats. */
void hkdf_sha512(struct span salt, struct span key, struct span info, uint8_t *out, size_t out_bytes);

#endif
