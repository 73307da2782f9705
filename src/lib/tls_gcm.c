/* A record, big-endian:
 *
 *   0   type (1)
 *   1   version u16
 *   3   length of what follows u16
 *   5   the number of the record u64: the IV's explicit part
 *   13  ciphertext | tag (16)
 *
 *   IV   salt (4) | explicit part (8)
 *   AAD  number u64 | type | version u16 | content length u16
 */
#include "lib/tls_gcm.h"

#include <string.h>

#include "base/bytes.h"

#define AAD_BYTES 13

void tls_gcm_init(struct tls_gcm *g, struct span key, const uint8_t salt[TLS_GCM_SALT_BYTES])
{
	ASSERT(key.len == 16 || key.len == 32);
	aead_init(&g->key, key);
	g->number = 0;
	memcpy(g->salt, salt, TLS_GCM_SALT_BYTES);
}

void tls_gcm_wipe(struct tls_gcm *g)
{
	wipe(g, sizeof(*g));
}

/* Takes the record's number. */
static void put_aad(struct tls_gcm *g, uint8_t type, uint16_t version, size_t len, uint8_t aad[AAD_BYTES])
{
	store_be64(aad, g->number++);
	aad[8] = type;
	store_be16(aad + 9, version);
	store_be16(aad + 11, (uint16_t)len);
}

static void put_iv(const struct tls_gcm *g, const uint8_t *nonce, uint8_t iv[AEAD_IV_BYTES])
{
	memcpy(iv, g->salt, TLS_GCM_SALT_BYTES);
	memcpy(iv + TLS_GCM_SALT_BYTES, nonce, TLS_GCM_NONCE_BYTES);
}

size_t tls_gcm_seal(struct tls_gcm *g, uint8_t type, uint16_t version, struct span content, uint8_t *record)
{
	uint8_t aad[AAD_BYTES], iv[AEAD_IV_BYTES], *nonce = record + TLS_GCM_HEADER_BYTES;
	uint8_t *sealed = record + TLS_GCM_FRONT_BYTES;
	ASSERT(content.len <= TLS_GCM_CONTENT_MAX && g->number != UINT64_MAX);
	store_be64(nonce, g->number);
	put_aad(g, type, version, content.len, aad);
	put_iv(g, nonce, iv);
	record[0] = type;
	store_be16(record + 1, version);
	store_be16(record + 3, (uint16_t)(content.len + TLS_GCM_OVERHEAD_BYTES));
	aead_seal(&g->key, iv, span_of(aad, sizeof(aad)), content, sealed, sealed + content.len);
	return TLS_GCM_HEADER_BYTES + TLS_GCM_OVERHEAD_BYTES + content.len;
}

enum err tls_gcm_open(struct tls_gcm *g, uint8_t type, uint16_t version, uint8_t *payload, size_t len,
		      struct span *content)
{
	uint8_t aad[AAD_BYTES], iv[AEAD_IV_BYTES];
	*content = span_of(payload, 0);
	if (len < TLS_GCM_OVERHEAD_BYTES || len > TLS_GCM_CONTENT_MAX + TLS_GCM_OVERHEAD_BYTES)
		return ERR_SYNTAX;
	struct span sealed = span_of(payload + TLS_GCM_NONCE_BYTES, len - TLS_GCM_OVERHEAD_BYTES);
	put_aad(g, type, version, sealed.len, aad);
	put_iv(g, payload, iv);
	TRY(aead_open(&g->key, iv, span_of(aad, sizeof(aad)), sealed, sealed.p + sealed.len,
		      payload + TLS_GCM_NONCE_BYTES));
	*content = sealed;
	return ERR_OK;
}
