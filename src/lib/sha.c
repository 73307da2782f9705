#include "lib/sha.h"

#include <bearssl_hash.h>
#include <bearssl_hmac.h>

#include "base/bytes.h"

_Static_assert(sizeof(br_sha256_context) <= sizeof(struct sha256), "the opaque state holds the library's");
_Static_assert(sizeof(br_sha384_context) <= sizeof(struct sha384), "the opaque state holds the library's");
_Static_assert(sizeof(br_sha512_context) <= sizeof(struct sha512), "the opaque state holds the library's");

void sha256_init(struct sha256 *s)
{
	br_sha256_init((br_sha256_context *)(void *)s->state);
}

void sha256_update(struct sha256 *s, struct span bytes)
{
	br_sha256_update((br_sha256_context *)(void *)s->state, bytes.p, bytes.len);
}

void sha256_final(const struct sha256 *s, uint8_t out[SHA256_BYTES])
{
	br_sha256_out((const br_sha256_context *)(const void *)s->state, out);
}

void sha256_of(struct span bytes, uint8_t out[SHA256_BYTES])
{
	struct sha256 s;
	sha256_init(&s);
	sha256_update(&s, bytes);
	sha256_final(&s, out);
}

void sha384_init(struct sha384 *s)
{
	br_sha384_init((br_sha384_context *)(void *)s->state);
}

void sha384_update(struct sha384 *s, struct span bytes)
{
	br_sha384_update((br_sha384_context *)(void *)s->state, bytes.p, bytes.len);
}

void sha384_final(const struct sha384 *s, uint8_t out[SHA384_BYTES])
{
	br_sha384_out((const br_sha384_context *)(const void *)s->state, out);
}

void sha512_init(struct sha512 *s)
{
	br_sha512_init((br_sha512_context *)(void *)s->state);
}

void sha512_update(struct sha512 *s, struct span bytes)
{
	br_sha512_update((br_sha512_context *)(void *)s->state, bytes.p, bytes.len);
}

void sha512_final(const struct sha512 *s, uint8_t out[SHA512_BYTES])
{
	br_sha512_out((const br_sha512_context *)(const void *)s->state, out);
}

void sha512_of(struct span bytes, uint8_t out[SHA512_BYTES])
{
	struct sha512 s;
	sha512_init(&s);
	sha512_update(&s, bytes);
	sha512_final(&s, out);
}

void sha1_of(struct span bytes, uint8_t out[SHA1_BYTES])
{
	br_sha1_context c;
	br_sha1_init(&c);
	br_sha1_update(&c, bytes.p, bytes.len);
	br_sha1_out(&c, out);
}

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
