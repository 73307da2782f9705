#include "lib/hmac.h"

#include <bearssl_hmac.h>

#include "base/bytes.h"

static void hmac(const br_hash_class *hash, struct span key, struct span msg, uint8_t *out)
{
	br_hmac_key_context k;
	br_hmac_context c;
	br_hmac_key_init(&k, hash, key.p, key.len);
	br_hmac_init(&c, &k, 0);
	br_hmac_update(&c, msg.p, msg.len);
	br_hmac_out(&c, out);
	wipe(&k, sizeof(k));
	wipe(&c, sizeof(c));
}

void hmac_sha256(struct span key, struct span msg, uint8_t out[SHA256_BYTES])
{
	hmac(&br_sha256_vtable, key, msg, out);
}

void hmac_sha512(struct span key, struct span msg, uint8_t out[SHA512_BYTES])
{
	hmac(&br_sha512_vtable, key, msg, out);
}
