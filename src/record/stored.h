/* stored: a zstd frame whose content is not compressed: raw blocks, with content size and checksum like the
 * frames that the library makes.
 *
 * It comes out in pieces, which point into the caller's bytes or into the struct: nothing is copied here, and
 * a piece is summed up as it is given out. Source: RFC 8878, sections 3.1.1 and 3.1.1.2.
 */
#ifndef SEALTAP_RECORD_STORED_H
#define SEALTAP_RECORD_STORED_H

#include "base/xxh64.h"

#define STORED_BLOCK_BYTES (128u * 1024) /* Block_Maximum_Size */
#define STORED_HEAD_BYTES 9
/* The frame's bytes around `raw` of them, 1 or more. */
#define STORED_BYTES(raw)                    \
	(STORED_HEAD_BYTES + (size_t)(raw) + \
	 ((size_t)(raw) + STORED_BLOCK_BYTES - 1) / STORED_BLOCK_BYTES * 3 + 4)

struct stored {
	struct span raw; /* borrowed; what is not given out yet */
	size_t in_block; /* of it, what belongs to the block that was begun */
	bool begun, ended;
	struct xxh64 sum;
	uint8_t text[STORED_HEAD_BYTES];
};

/* raw: 1 byte to 4 GiB. */
void stored_begin(struct stored *s, struct span raw);
/* The frame's next piece, valid until the next call; false: it is complete. */
bool stored_piece(struct stored *s, struct span *piece);

#endif
