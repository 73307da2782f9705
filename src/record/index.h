/* index: what follows the data frames of an object: the index (a skippable zstd frame of our own) and the
 * zstd seek table.
 *
 * The index says per data frame: first and last time, records, raw and compressed offset, first and last ring
 * block. The seek table is that of zstd's seekable format, so that its tools find any raw offset; it lists
 * the index, too, as a frame of no content. Layouts: index.c. Sources: RFC 8878 section 3.1.2; zstd
 * contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0.
 */
#ifndef SEALTAP_RECORD_INDEX_H
#define SEALTAP_RECORD_INDEX_H

#include "base/buf.h"

#define INDEX_VERSION 1
#define INDEX_MAGIC 0x184d2a53u /* the skippable frame of the index */
#define SEEK_MAGIC 0x184d2a5eu  /* the skippable frame of the seek table */
#define INDEX_HEAD_BYTES 48
#define INDEX_ENTRY_BYTES 56
#define INDEX_BYTES(frames) (INDEX_HEAD_BYTES + (size_t)(frames)*INDEX_ENTRY_BYTES)
/* frames: with the index */
#define SEEK_BYTES(frames) (8 + (size_t)(frames)*8 + 9)

struct index_entry {
	uint64_t first_ns, last_ns;   /* real time of the first and last record */
	uint64_t first_seq, last_seq; /* ring blocks they came from; 0: no ring */
	uint64_t raw_offset;          /* where the frame's content begins in the plaintext */
	uint64_t zstd_offset;         /* where the frame begins in the compressed stream */
	uint32_t records;
	uint32_t raw_bytes; /* of the content */
};

struct index_head {
	uint32_t frames;
	uint64_t raw_bytes;  /* of all frames */
	uint64_t zstd_bytes; /* of all frames: where the index begins */
};

/* The index's head, then each entry in order; INDEX_BYTES(frames) in all. */
void index_put_head(struct buf *b, const struct index_head *h);
void index_put_entry(struct buf *b, const struct index_entry *e);

/* Reads the content of an index frame (after the 8 bytes of the skippable frame's head). ERR_UNSUPPORTED: of
 * another version. */
enum err index_read_head(struct span content, struct index_head *h) MUST_USE;
/* i < h->frames as read. */
void index_read_entry(struct span content, uint32_t i, struct index_entry *e);

/* The seek table: head, one entry a frame, foot; SEEK_BYTES(frames) in all. */
void seek_put_head(struct buf *b, uint32_t frames);
void seek_put_entry(struct buf *b, uint32_t zstd_bytes, uint32_t raw_bytes);
void seek_put_foot(struct buf *b, uint32_t frames);

/* Reads the content of a seek table's frame, with or without checksums. */
enum err seek_read(struct span content, uint32_t *frames) MUST_USE;
/* i < frames as read. */
void seek_read_entry(struct span content, uint32_t i, uint32_t *zstd_bytes, uint32_t *raw_bytes);

#endif
