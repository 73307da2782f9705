/* seek: the seek table at the end of an object, as zstd's seekable format has it, so that its tools find any
 * raw offset. It lists the index, too, as a frame of no content.
 *
 * Source: zstd contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0. Byte layout:
 * seek.c.
 */
#ifndef SEALTAP_RECORD_SEEK_H
#define SEALTAP_RECORD_SEEK_H

#include "base/buf.h"

#define SEEK_MAGIC 0x184d2a5eu /* of its skippable frame */
/* frames: with the index */
#define SEEK_BYTES(frames) (8 + (size_t)(frames)*8 + 9)

/* The seek table: head, one entry a frame, foot; SEEK_BYTES(frames) in all. */
void seek_put_head(struct buf *b, uint32_t frames);
void seek_put_entry(struct buf *b, uint32_t zstd_bytes, uint32_t raw_bytes);
void seek_put_foot(struct buf *b, uint32_t frames);

/* Reads the content of a seek table's frame (after its 8 bytes of head), with or without checksums.
 * ERR_SYNTAX. */
enum err seek_read(struct span content, uint32_t *frames) MUST_USE;
/* i < frames as read. */
void seek_read_entry(struct span content, uint32_t i, uint32_t *zstd_bytes, uint32_t *raw_bytes);

#endif
