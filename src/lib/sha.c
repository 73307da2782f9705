#include "lib/sha.h"

#include <bearssl_hash.h>

#include "lib/cpu.h"
#include "lib/sha_blocks.h"

#define BLOCK_BYTES 64

_Static_assert(sizeof(br_sha256_context) <= sizeof(struct sha256), "the opaque state holds the library's");
_Static_assert(sizeof(br_sha384_context) <= sizeof(struct sha384), "the opaque state holds the library's");

void sha256_init(struct sha256 *s)
{
	br_sha256_init((br_sha256_context *)(void *)s->state);
}

/* Whole blocks by the processor's own instructions, where it has them. */
static size_t take_blocks(br_sha256_context *c, struct span bytes)
{
	size_t blocks = bytes.len / BLOCK_BYTES;
	if (!blocks || !cpu_has_sha(cpu_here()))
		return 0;
	sha_blocks_take(c->val, bytes.p, blocks);
	c->count += blocks * BLOCK_BYTES;
	return blocks * BLOCK_BYTES;
}

void sha256_update(struct sha256 *s, struct span bytes)
{
	br_sha256_context *c = (br_sha256_context *)(void *)s->state;
	struct span first = span_first(bytes, (BLOCK_BYTES - c->count % BLOCK_BYTES) % BLOCK_BYTES);
	br_sha256_update(c, first.p, first.len);
	bytes = span_from(bytes, first.len);
	bytes = span_from(bytes, take_blocks(c, bytes));
	br_sha256_update(c, bytes.p, bytes.len);
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

void sha1_of(struct span bytes, uint8_t out[SHA1_BYTES])
{
	br_sha1_context c;
	br_sha1_init(&c);
	br_sha1_update(&c, bytes.p, bytes.len);
	br_sha1_out(&c, out);
}
