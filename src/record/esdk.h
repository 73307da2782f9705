/* esdk: writes one message of the AWS Encryption SDK: format 2, suite 0x0478 (AES-256-GCM, HKDF-SHA512, key
 * commitment), framed.
 *
 *   IDLE --esdk_begin()--> OPEN --esdk_write()*--> OPEN --esdk_end()--> IDLE       (another order traps)
 *
 * Ciphertext goes to a buf of the caller, which never sees plaintext; that stays in the struct, which
 * esdk_end() and esdk_abort() wipe.
 * Every IV comes from the counters in this struct: frame n has IV n, provisional final frame c before frame n
 * has 80000000 | c | n; no caller can choose another. Source: awslabs/aws-encryption-sdk-specification,
 * data-format/. Byte layout: esdk.c.
 */
#ifndef SEALTAP_RECORD_ESDK_H
#define SEALTAP_RECORD_ESDK_H

#include "base/buf.h"
#include "lib/aead.h"

#define ESDK_FRAME_BYTES 65504u /* a regular frame's content: it takes 64 KiB of the message */
#define ESDK_STRIDE_BYTES (4 + 12 + ESDK_FRAME_BYTES + 16)
#define ESDK_SUITE_COMMIT 0x0478u
#define ESDK_SUITE_COMMIT_SIGNED 0x0578u /* with ECDSA P-384; only read */
#define ESDK_KEY_BYTES 32
#define ESDK_ID_BYTES 32
#define ESDK_COMMITMENT_BYTES 32

/* Frames: what stands before their ciphertext; the first word of a final one, which may be its number, too,
 * but is no regular one's. */
#define ESDK_REGULAR_HEAD (4 + AEAD_IV_BYTES)
#define ESDK_FINAL_HEAD (4 + 4 + AEAD_IV_BYTES + 4)
#define ESDK_FINAL_MARK 0xffffffffu

/* An encrypted data key as it stands in a header. */
struct esdk_edk {
	struct span provider;   /* borrowed, as all: "aws-kms" */
	struct span info;       /* aws-kms: the key's ARN */
	struct span ciphertext; /* aws-kms: CiphertextBlob */
};

/* The keys that suites 0x0478 and 0x0578 derive from the data key; secret but for the commitment. */
struct esdk_derived {
	uint8_t content_key[ESDK_KEY_BYTES];
	uint8_t commitment[ESDK_COMMITMENT_BYTES];
};

void esdk_derive(uint16_t suite, const uint8_t data_key[ESDK_KEY_BYTES], const uint8_t id[ESDK_ID_BYTES],
		 struct esdk_derived *out);

enum esdk_body { ESDK_REGULAR, ESDK_FINAL, ESDK_SINGLE };
#define ESDK_BODY_AAD_MAX 96
/* The additional data that a frame (or the one block of an unframed message) is authenticated with. */
void esdk_body_aad(const uint8_t id[ESDK_ID_BYTES], enum esdk_body kind, uint32_t sequence,
		   uint64_t content_bytes, struct buf *aad);

struct esdk {
	bool open;
	struct aead_key key; /* secret */
	uint8_t id[ESDK_ID_BYTES];
	uint32_t sequence;    /* of the next frame, which is its IV, too */
	uint32_t provisional; /* final frames that were sealed for the case of a crash */
	size_t filled;        /* bytes in frame */
	_Alignas(64) uint8_t frame[ESDK_FRAME_BYTES]; /* secret */
};

/* Bytes of a message with this context and encrypted data key around `content` bytes; its header alone. */
size_t esdk_header_bytes(struct span aad, const struct esdk_edk *edk);
uint64_t esdk_message_bytes(size_t header_bytes, uint64_t content);

/* Starts a message: its header goes to out. aad: the encryption context as serialised pairs with their count,
 * without the leading length; empty for none. message_id: random, never used before. ERR_FULL; ERR_TOO_LONG
 * where a length field can't hold it. */
enum err esdk_begin(struct esdk *m, const uint8_t data_key[ESDK_KEY_BYTES],
		    const uint8_t message_id[ESDK_ID_BYTES], struct span aad, const struct esdk_edk *edk,
		    struct buf *out) MUST_USE;
/* Bytes after which the next frame is full and goes out; never 0. */
size_t esdk_room(const struct esdk *m);
/* Full frames go out, straight from `content` where it has one whole. ERR_FULL: out (sticky); ERR_RANGE: more
 * frames than a message may have. */
enum err esdk_write(struct esdk *m, struct span content, struct buf *out) MUST_USE;
/* The final frame as it would be if nothing followed, with an IV that no other frame has; the message stays
 * open. What stood in out before, then this, is a complete message. ERR_RANGE: no counter is left. */
enum err esdk_provisional(struct esdk *m, struct buf *out) MUST_USE;
/* The final frame, perhaps empty; wipes the struct. */
enum err esdk_end(struct esdk *m, struct buf *out) MUST_USE;
/* Gives up a message and wipes the struct. */
void esdk_abort(struct esdk *m);

#endif
