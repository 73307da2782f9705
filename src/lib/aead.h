/* aead: AES in Galois/Counter Mode with 12-byte IVs and 16-byte tags.
 *
 * The processor's AES and carry-less multiplication instructions are used where it has them, constant-time
 * code elsewhere. Source: NIST SP 800-38D. An IV must never be used twice under one key: record/esdk and
 * lib/tls_gcm own the counters that see to it, and nothing else seals by this module (Mbed TLS, in a build
 * with it, has code and counters of its own). A text is at most AEAD_MAX_BYTES (2^36 - 32).
 */
#ifndef SEALTAP_LIB_AEAD_H
#define SEALTAP_LIB_AEAD_H

#include "base/err.h"
#include "base/span.h"
#include "lib/cpu.h"

#define AEAD_IV_BYTES 12
#define AEAD_TAG_BYTES 16
#define AEAD_MAX_BYTES 0xfffffffe0ull

/* Ways to the same bytes; a later one is faster. */
enum aead_path {
	AEAD_PORTABLE, /* BearSSL's constant-time code */
	AEAD_AES,      /* AES-NI, PCLMULQDQ */
	AEAD_VAES256,  /* VAES, VPCLMULQDQ, AVX2 */
	AEAD_VAES512,  /* the same with AVX-512 */
	AEAD_PATHS
};

/* Secret. May be copied and moved. */
struct aead_key {
	_Alignas(64) uint8_t state[500]; /* opaque; secret */
	enum aead_path path;
};

/* The best path for a processor that says this of itself. */
enum aead_path aead_choose(const struct cpu_words *w);
/* False: this path would end in an illegal instruction there. */
bool aead_path_runs(enum aead_path path, const struct cpu_words *w);
const char *aead_path_name(enum aead_path path);

/* By the best path here, which the key remembers. key: 32 bytes; 16 for TLS, 16 and 24 for other
 * people's messages. Other lengths trap. */
void aead_init(struct aead_key *k, struct span key);
/* By that path: for tests and measurements. ERR_UNSUPPORTED: this processor lacks it, and k is wiped. */
enum err aead_init_with(struct aead_key *k, struct span key, enum aead_path path) MUST_USE;
void aead_wipe(struct aead_key *k);

/* out: plain.len bytes, either plain.p itself or apart from it; in the latter case no plaintext is ever
 * written there, not even for a moment (it may be memory that others see). */
void aead_seal(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad, struct span plain,
	       uint8_t *out, uint8_t tag[AEAD_TAG_BYTES]);
/* The same rule for out. ERR_AUTH when the tag, compared in constant time, is another; out is wiped then. */
enum err aead_open(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		   struct span sealed, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out) MUST_USE;

#endif
