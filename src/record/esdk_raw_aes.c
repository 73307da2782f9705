/* Info: key name | tag bits u32 = 128 | IV length u32 = 12 | IV, big-endian. Ciphertext: wrapped key (32) |
 * tag (16), authenticated with the serialised context. */
#include "record/esdk_raw_aes.h"

enum err esdk_raw_aes_unwrap(const struct esdk_edk *edk, struct span wrapping_key, struct span aad,
			     uint8_t data_key[ESDK_KEY_BYTES])
{
	const size_t tail = 4 + 4 + AEAD_IV_BYTES;
	if (wrapping_key.len != 16 && wrapping_key.len != 24 && wrapping_key.len != 32)
		return ERR_UNSUPPORTED;
	if (edk->info.len < tail || edk->ciphertext.len != ESDK_KEY_BYTES + AEAD_TAG_BYTES)
		return ERR_UNSUPPORTED;
	const uint8_t *p = edk->info.p + edk->info.len - tail;
	if (load_be32(p) != 8 * AEAD_TAG_BYTES || load_be32(p + 4) != AEAD_IV_BYTES)
		return ERR_UNSUPPORTED;
	struct aead_key k;
	aead_init(&k, wrapping_key);
	enum err e = aead_open(&k, p + 8, aad, span_first(edk->ciphertext, ESDK_KEY_BYTES),
			       edk->ciphertext.p + ESDK_KEY_BYTES, data_key);
	aead_wipe(&k);
	return e;
}
