/* zframe: reads the plaintext of a message back: the zstd frames of an object, then its index and seek table,
 * as the bytes come.
 *
 * Checked: nothing skippable stands first; each frame's checksum; the index and the seek table agree with the
 * frames that were seen; nothing follows the seek table. A torn object ends after a data frame: it has
 * neither index nor seek table. Source: RFC 8878.
 */
#ifndef SEALTAP_RECORD_ZFRAME_H
#define SEALTAP_RECORD_ZFRAME_H

#include "lib/zstd.h"
#include "record/index.h"
#include "record/seek.h"

#define ZFRAME_FRAMES_MAX 65536u
#define ZFRAME_OUT_BYTES 131072u

enum zframe_phase { ZFRAME_HEAD, ZFRAME_DATA, ZFRAME_SKIPPABLE };

struct zframe_size {
	uint32_t zstd_bytes, raw_bytes;
};

struct zframe_reader {
	enum err error;
	enum zframe_phase phase;
	bool has_index, has_seek;
	uint32_t frames;                /* data frames seen whole */
	uint64_t raw_bytes, zstd_bytes; /* of these */
	struct index_head index;        /* when has_index */
	size_t index_bytes;             /* of its content */
	struct span content;            /* what the last call gave out; valid until the next */

	uint64_t frame_raw, frame_zstd; /* of the frame being read */
	uint32_t magic;
	size_t got, want;
	uint8_t head[8];
	struct zframe_size size[ZFRAME_FRAMES_MAX + 1];
	uint8_t out[ZFRAME_OUT_BYTES];
	struct zstd_decoder zstd;
	uint8_t skippable[INDEX_BYTES_MAX(ZFRAME_FRAMES_MAX)]; /* the index's content, once has_index */
	uint8_t seek_table[SEEK_BYTES(ZFRAME_FRAMES_MAX + 1)];
};

/* r is static storage. */
void zframe_begin(struct zframe_reader *r);
/* Takes bytes off *in. ERR_OK: content is set. ERR_MORE: *in is used up. ERR_SYNTAX, ERR_CHECKSUM,
 * ERR_UNSUPPORTED; the first error stays. */
enum err zframe_read(struct zframe_reader *r, struct span *in) MUST_USE;
/* The index's content, for index_read_entry(); when has_index. */
struct span zframe_index(const struct zframe_reader *r);
/* The input is over. ERR_TRUNCATED: inside a frame, or before the first, or between index and seek table. */
enum err zframe_end(const struct zframe_reader *r) MUST_USE;

#endif
