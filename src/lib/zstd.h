/* zstd: compression of one frame at a time and decompression of streams, in memory that is part of the
 * structs.
 *
 * Source: RFC 8878. The encoder's memory suffices for levels ZSTD_LEVEL_MIN..ZSTD_LEVEL_MAX and sources up to
 * ZSTD_SOURCE_MAX; a level touches only what it needs (0.6 MiB at 1, 1.3 at 3, 18 at 19). Frames carry their
 * content size and checksum and depend on no other frame.
 */
#ifndef SEALTAP_LIB_ZSTD_H
#define SEALTAP_LIB_ZSTD_H

#include "base/buf.h"

#define ZSTD_LEVEL_MIN (-5) /* faster than 1, and weaker; 0 is none of the levels */
#define ZSTD_LEVEL_MAX 19
#define ZSTD_SOURCE_MAX (1024u * 1024)
/* What `raw` bytes may grow to, raw <= ZSTD_SOURCE_MAX: RFC 8878 raw blocks; as the library's own bound for
 * sources from 128 KiB. */
#define ZSTD_BOUND(raw) ((size_t)(raw) + ((size_t)(raw) >> 8) + 64 + 1024)
/* Readers refuse frames with a larger window: RFC 8878 section 3.1.1.1.2 recommends to accept 8 MiB. */
#define ZSTD_WINDOW_MAX (8u * 1024 * 1024)

struct zstd_encoder {
	_Alignas(64) uint8_t workspace[18 * 1024 * 1024 + 64 * 1024]; /* opaque */
};

/* Appends one frame holding `raw` (<= ZSTD_SOURCE_MAX, else a trap) to out. Never fails when out has
 * ZSTD_BOUND(raw.len) of room: ERR_FULL otherwise, and nothing is written. `out` must not overlap raw. The
 * workspace holds plaintext afterwards. */
enum err zstd_encode(struct zstd_encoder *enc, int level, struct span raw, struct buf *out) MUST_USE;

struct zstd_decoder {
	void *stream;                                    /* points into workspace: must not be moved */
	size_t taken;                                    /* bytes of the frame so far */
	_Alignas(64) uint8_t workspace[9 * 1024 * 1024]; /* opaque */
};

void zstd_decode_begin(struct zstd_decoder *dec);
/* Takes bytes off *in and appends what they mean to *out, until *in is empty, *out is full or a frame ends
 * (*frame_end; the next call begins another frame). Skippable frames are not for it. ERR_SYNTAX: damaged.
 * ERR_CHECKSUM: the content's checksum differs. ERR_UNSUPPORTED: the window is larger than ZSTD_WINDOW_MAX,
 * or a dictionary is wanted. After an error only zstd_decode_begin() helps. */
enum err zstd_decode(struct zstd_decoder *dec, struct span *in, struct buf *out, bool *frame_end) MUST_USE;

/* A frame that is there as a whole, at once: faster than by pieces, and without a window's memory. */
struct zstd_frame_decoder {
	_Alignas(64) uint8_t workspace[192 * 1024]; /* opaque */
};

/* How many bytes the data frame has that begins at `bytes`. ERR_MORE: it does not end in them; ERR_SYNTAX. */
enum err zstd_frame_find(struct span bytes, size_t *frame_bytes) MUST_USE;
/* frame: exactly one data frame, whose content is appended to *out. ERR_SYNTAX, ERR_CHECKSUM, ERR_UNSUPPORTED
 * as above; ERR_FULL: the content is longer than out's room. */
enum err zstd_decode_frame(struct zstd_frame_decoder *dec, struct span frame, struct buf *out) MUST_USE;

#endif
