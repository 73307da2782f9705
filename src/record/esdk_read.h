/* esdk_read: reads one message of the AWS Encryption SDK, format 2, as its bytes come; every byte given out
 * was authenticated before.
 *
 * Suites 0x0478 and 0x0578 (the latter with its ECDSA P-384 signature), framed and unframed. Other suites and
 * format 1 have no key commitment and are refused (ERR_UNSUPPORTED). The reader calls nobody: it takes bytes
 * and says what happened.
 *
 *   HEADER --ESDK_READ_HEADER--> KEY --esdk_read_key()--> BODY --ESDK_READ_CONTENT*--> [FOOTER]
 *          --ESDK_READ_DONE--> DONE
 *
 * The first error stays. With a signed suite content comes out before the signature at the end is checked:
 * whoever acts on it earlier must be able to take it back. Source: awslabs/aws-encryption-sdk-specification,
 * data-format/, client-apis/decrypt.md.
 */
#ifndef SEALTAP_RECORD_ESDK_READ_H
#define SEALTAP_RECORD_ESDK_READ_H

#include "lib/sha.h"
#include "record/esdk_header.h"

/* A longer header is refused (ERR_TOO_LONG); the context alone may have 65,535 bytes, three length fields of
 * an encrypted key as much each. */
#define ESDK_READ_HEADER_MAX (320u * 1024)

enum esdk_read_event {
	ESDK_READ_HEADER,  /* header is set, not yet authenticated; a data key is wanted */
	ESDK_READ_CONTENT, /* content is set, authenticated, valid until the next call */
	ESDK_READ_DONE,    /* the message is complete and whole */
};

enum esdk_read_phase {
	ESDK_PHASE_HEADER,
	ESDK_PHASE_KEY,
	ESDK_PHASE_TAG,
	ESDK_PHASE_FRAME,
	ESDK_PHASE_CONTENT,
	ESDK_PHASE_FOOTER,
	ESDK_PHASE_SIGNATURE,
	ESDK_PHASE_DONE,
};

struct esdk_reader {
	enum esdk_read_phase phase;
	enum err error;
	struct esdk_header header;
	struct span content; /* borrowed from frame */
	uint32_t frames;     /* opened so far */

	uint8_t *frame; /* borrowed; frame_cap bytes */
	size_t frame_cap;
	uint32_t sequence;
	enum esdk_body kind;
	uint8_t iv[AEAD_IV_BYTES];
	uint64_t content_bytes;
	struct aead_key key; /* secret */
	struct sha384 signed_hash;
	size_t want, got;                    /* of the part being collected: bytes it has, bytes at hand */
	uint8_t part[256];                   /* tags, frame heads, signature */
	uint8_t bytes[ESDK_READ_HEADER_MAX]; /* the header */
};

/* frame: memory of the caller for one frame and its tag: frames (or unframed content) of up to cap - 16 bytes
 * are accepted, longer ones ERR_TOO_LONG. */
void esdk_read_begin(struct esdk_reader *r, uint8_t *frame, size_t cap);
/* Takes bytes off *in until something happened. ERR_MORE: *in is used up. ERR_SYNTAX, ERR_UNSUPPORTED,
 * ERR_TOO_LONG, ERR_DUPLICATE (a key of the context), ERR_AUTH, ERR_MISSING (a signed suite without public
 * key). Bytes after DONE are ERR_SYNTAX: DONE must be followed by nothing. */
enum err esdk_read(struct esdk_reader *r, struct span *in, enum esdk_read_event *event) MUST_USE;
/* After ESDK_READ_HEADER: the data key. ERR_COMMITMENT: it is another one; a next may be tried. */
enum err esdk_read_key(struct esdk_reader *r, const uint8_t data_key[ESDK_KEY_BYTES]) MUST_USE;
/* The input is over. ERR_TRUNCATED unless the message is complete. */
enum err esdk_read_end(struct esdk_reader *r) MUST_USE;
void esdk_read_wipe(struct esdk_reader *r);

#endif
