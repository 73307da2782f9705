#include "lib/aead.h"

#include <bearssl_aead.h>
#include <bearssl_block.h>
#include <bearssl_hash.h>
#include <string.h>

#include "base/bytes.h"

_Static_assert(sizeof(br_aes_gen_ctr_keys) <= sizeof(struct aead_key),
	       "the opaque state holds the library's");

/* Texts pass through a small buffer, so that out never holds plaintext while it is being sealed. */
#define CHUNK_BYTES 4096
/* More than run() and the library's functions beneath it use of the stack. */
#define STACK_BYTES (CHUNK_BYTES + 4096)

/* The library leaves round keys on the stack, in frames that stood where this function's stands now. */
__attribute__((noinline, no_sanitize("address"))) static void wipe_stack(void)
{
	uint8_t dead[STACK_BYTES];
	wipe(dead, sizeof(dead));
}

void aead_init(struct aead_key *k, struct span key)
{
	ASSERT(key.len == 16 || key.len == 24 || key.len == 32);
	const br_block_ctr_class *fast = br_aes_x86ni_ctr_get_vtable();
	const br_block_ctr_class *c = fast ? fast : &br_aes_ct64_ctr_vtable;
	memset(k->state, 0, sizeof(k->state));
	c->init((const br_block_ctr_class **)(void *)k->state, key.p, key.len);
	wipe_stack();
}

void aead_wipe(struct aead_key *k)
{
	wipe(k, sizeof(*k));
}

static void begin(br_gcm_context *g, struct aead_key *copy, const struct aead_key *k, const uint8_t *iv,
		  struct span aad)
{
	br_ghash fast = br_ghash_pclmul_get();
	/* the library keeps a pointer to the key: to one that can't move under it */
	*copy = *k;
	br_gcm_init(g, (const br_block_ctr_class **)(void *)copy->state, fast ? fast : br_ghash_ctmul64);
	br_gcm_reset(g, iv, AEAD_IV_BYTES);
	br_gcm_aad_inject(g, aad.p, aad.len);
	br_gcm_flip(g);
}

static void run(br_gcm_context *g, int encrypt, struct span in, uint8_t *out)
{
	uint8_t chunk[CHUNK_BYTES];
	size_t used = in.len < CHUNK_BYTES ? in.len : CHUNK_BYTES;
	while (in.len) {
		size_t n = in.len < CHUNK_BYTES ? in.len : CHUNK_BYTES;
		memcpy(chunk, in.p, n);
		br_gcm_run(g, encrypt, chunk, n);
		memcpy(out, chunk, n);
		out += n;
		in = span_from(in, n);
	}
	wipe(chunk, used);
}

void aead_seal(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad, struct span plain,
	       uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	br_gcm_context g;
	struct aead_key copy;
	ASSERT(plain.len <= AEAD_MAX_BYTES);
	begin(&g, &copy, k, iv, aad);
	run(&g, 1, plain, out);
	br_gcm_get_tag(&g, tag);
	wipe(&g, sizeof(g));
	wipe(&copy, sizeof(copy));
	wipe_stack();
}

enum err aead_open(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		   struct span sealed, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out)
{
	br_gcm_context g;
	struct aead_key copy;
	ASSERT(sealed.len <= AEAD_MAX_BYTES);
	begin(&g, &copy, k, iv, aad);
	run(&g, 0, sealed, out);
	bool good = br_gcm_check_tag(&g, tag) == 1;
	wipe(&g, sizeof(g));
	wipe(&copy, sizeof(copy));
	wipe_stack();
	if (good)
		return ERR_OK;
	if (sealed.len)
		wipe(out, sealed.len);
	return ERR_AUTH;
}
