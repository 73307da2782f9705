/* tls_gcm: records of TLS 1.2 under AES-GCM, one direction of one connection, by lib/aead.
 *
 * Sources: RFC 5246, section 6.2; RFC 5288, section 3. The IV is the direction's salt and, as the record's
 * explicit part, the number of the record, which is used once and never comes round (2^64 records). The
 * struct is secret and may be moved; byte layout: tls_gcm.c.
 */
#ifndef SEALTAP_LIB_TLS_GCM_H
#define SEALTAP_LIB_TLS_GCM_H

#include "lib/aead.h"

#define TLS_GCM_SALT_BYTES 4
#define TLS_GCM_HEADER_BYTES 5
#define TLS_GCM_NONCE_BYTES 8
#define TLS_GCM_FRONT_BYTES (TLS_GCM_HEADER_BYTES + TLS_GCM_NONCE_BYTES)
#define TLS_GCM_OVERHEAD_BYTES (TLS_GCM_NONCE_BYTES + AEAD_TAG_BYTES) /* after the header */
#define TLS_GCM_CONTENT_MAX 16384u
#define TLS_GCM_RECORD_MAX (TLS_GCM_HEADER_BYTES + TLS_GCM_CONTENT_MAX + TLS_GCM_OVERHEAD_BYTES)

struct tls_gcm {
	struct aead_key key;
	uint64_t number; /* of the next record */
	uint8_t salt[TLS_GCM_SALT_BYTES];
};

/* key: 16 or 32 bytes. */
void tls_gcm_init(struct tls_gcm *g, struct span key, const uint8_t salt[TLS_GCM_SALT_BYTES]);
void tls_gcm_wipe(struct tls_gcm *g);
/* Writes a whole record around content (at most TLS_GCM_CONTENT_MAX), that is content.len +
 * TLS_GCM_HEADER_BYTES + TLS_GCM_OVERHEAD_BYTES bytes. content stands at record + TLS_GCM_FRONT_BYTES, where
 * it is sealed in place, or apart from the record. Returns the record's length. */
size_t tls_gcm_seal(struct tls_gcm *g, uint8_t type, uint16_t version, struct span content, uint8_t *record);
/* payload: what stands after the record's header; opened in place. *content: in payload, which may be empty.
 * ERR_SYNTAX: of a length that no record has. ERR_AUTH: it is not this direction's next record; nothing of
 * its content is left. After an error the connection is at its end. */
enum err tls_gcm_open(struct tls_gcm *g, uint8_t type, uint16_t version, uint8_t *payload, size_t len,
		      struct span *content) MUST_USE;

#endif
