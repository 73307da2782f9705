/* gcm: what lib/aead asks of each of its kernels. Nothing else calls them.
 *
 * A kernel runs on any processor that has its instructions (lib/cpu; lib/aead sees to that) and gives the
 * same bytes as any other. run: out is in.p or apart from it; each byte of `in` is read once and `out` never,
 * since both may be memory that others write to. Sealing, out gets ciphertext and nothing else, not even for
 * a moment. tag is what the tag of this text is: for opening, aead_open compares. What a kernel leaves on the
 * stack is within stack_bytes below its caller's frame; lib/aead wipes that. What it leaves in registers, it
 * leaves.
 */
#ifndef SEALTAP_LIB_GCM_H
#define SEALTAP_LIB_GCM_H

#include "lib/aead.h"

typedef void gcm_run(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		     struct span in, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES]);

struct gcm_kernel {
	void (*init)(struct aead_key *k, struct span key); /* key: 16, 24 or 32 bytes; k: all 0 */
	gcm_run *seal, *open;
	size_t stack_bytes;
};

extern const struct gcm_kernel gcm_portable, gcm_x86_128, gcm_x86_256, gcm_x86_512;

#endif
