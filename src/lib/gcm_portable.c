/* BearSSL's constant-time code, which needs nothing of the processor. */
#include "lib/gcm.h"

#include <bearssl_aead.h>
#include <bearssl_block.h>
#include <bearssl_hash.h>
#include <string.h>

#include "base/bytes.h"

_Static_assert(sizeof(br_aes_gen_ctr_keys) <= sizeof(((struct aead_key *)0)->state),
	       "the opaque state holds the library's");

/* Texts pass through a small buffer, so that out never holds plaintext while it is being sealed. */
#define CHUNK_BYTES 4096

static void init(struct aead_key *k, struct span key)
{
	br_aes_ct64_ctr_init((br_aes_ct64_ctr_keys *)(void *)k->state, key.p, key.len);
}

static void run(int encrypt, const struct aead_key *k, const uint8_t *iv, struct span aad, struct span in,
		uint8_t *out, uint8_t *tag)
{
	br_gcm_context g;
	/* the library keeps a pointer to the key: to one that can't move under it */
	struct aead_key copy = *k;
	uint8_t chunk[CHUNK_BYTES];
	br_gcm_init(&g, (const br_block_ctr_class **)(void *)copy.state, br_ghash_ctmul64);
	br_gcm_reset(&g, iv, AEAD_IV_BYTES);
	br_gcm_aad_inject(&g, aad.p, aad.len);
	br_gcm_flip(&g);
	while (in.len) {
		size_t n = in.len < CHUNK_BYTES ? in.len : CHUNK_BYTES;
		memcpy(chunk, in.p, n);
		br_gcm_run(&g, encrypt, chunk, n);
		memcpy(out, chunk, n);
		out += n;
		in = span_from(in, n);
	}
	br_gcm_get_tag(&g, tag);
}

static void seal(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad, struct span in,
		 uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	run(1, k, iv, aad, in, out, tag);
}

static void open(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad, struct span in,
		 uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	run(0, k, iv, aad, in, out, tag);
}

const struct gcm_kernel gcm_portable = {init, seal, open, CHUNK_BYTES + 6144};
