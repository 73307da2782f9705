/* esdk_open: opens single frames of an Encryption SDK message, in any order: an object is read where
 * it is wanted. record/esdk_read reads messages from their beginning.
 *
 * Framed messages of suite 0x0478 with frames of ESDK_FRAME_BYTES (others are esdk_read's). Where each
 * frame stands follows from the message's length alone (struct esdk_layout); each authenticates with
 * its number and whether it is the last, so none can be moved, and the end can't be cut off. Source:
 * as esdk.h. */
#ifndef SEALTAP_RECORD_ESDK_OPEN_H
#define SEALTAP_RECORD_ESDK_OPEN_H

#include "record/esdk_header.h"

struct esdk_layout {
	uint64_t object_bytes;
	uint64_t body_at;     /* where the first frame begins: header with its tag */
	uint64_t plain_bytes; /* content of all frames */
	uint32_t frames;      /* with the final one, which is the last */
};

/* ERR_UNSUPPORTED: another suite, not framed, or by other frames. ERR_TRUNCATED: no message of this
 * header can have so many bytes. */
enum err esdk_layout(const struct esdk_header *h, uint64_t object_bytes, struct esdk_layout *l) MUST_USE;
/* Where frame i, from 0, begins in the object, and how long it is. i < frames. */
uint64_t esdk_frame_at(const struct esdk_layout *l, uint32_t i);
size_t esdk_frame_bytes(const struct esdk_layout *l, uint32_t i);

struct esdk_opener {
	struct aead_key key; /* secret */
	uint8_t id[ESDK_ID_BYTES];
};

/* bytes: the message from its first byte on, its header and tag at least. ERR_COMMITMENT: another data key;
 * ERR_AUTH: the header was altered; ERR_TRUNCATED. */
enum err esdk_open_begin(struct esdk_opener *o, const struct esdk_header *h, struct span bytes,
			 const uint8_t data_key[ESDK_KEY_BYTES]) MUST_USE;
/* Frame i of the message, all of its bytes, is opened where it stands; content is in it. ERR_SYNTAX:
 * another frame's head; ERR_AUTH: wiped. */
enum err esdk_open_frame(const struct esdk_opener *o, const struct esdk_layout *l, uint32_t i, uint8_t *bytes,
			 struct span *content) MUST_USE;
void esdk_open_wipe(struct esdk_opener *o);

#endif
