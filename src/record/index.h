/* index: the index of an object, a skippable zstd frame of our own behind its data frames: per data frame
 * first and last time, records, raw and compressed offset, first and last ring block, and, from version 2 on,
 * the filter of its addresses and ports (record/bloom.h). The seek table follows it (record/seek.h).
 *
 * Version 2 is written; 1, which has no filters, is read, too. Source: RFC 8878 section 3.1.2. Byte layout:
 * index.c.
 */
#ifndef SEALTAP_RECORD_INDEX_H
#define SEALTAP_RECORD_INDEX_H

#include "base/buf.h"

#define INDEX_VERSION 2
#define INDEX_MAGIC 0x184d2a53u /* the skippable frame of the index */
#define INDEX_HEAD_BYTES 48
#define INDEX_ENTRY_BYTES 64
#define INDEX_FILTERS_MAX (1u << 20) /* bytes of all filters together */
/* Without the filters. */
#define INDEX_BYTES(frames) (INDEX_HEAD_BYTES + (size_t)(frames)*INDEX_ENTRY_BYTES)
#define INDEX_BYTES_MAX(frames) (INDEX_BYTES(frames) + INDEX_FILTERS_MAX)

struct index_entry {
	uint64_t first_ns, last_ns;   /* real time of the first and last record */
	uint64_t first_seq, last_seq; /* ring blocks they came from; 0: no ring */
	uint64_t raw_offset;          /* where the frame's content begins in the plaintext */
	uint64_t zstd_offset;         /* where the frame begins in the compressed stream */
	uint32_t records;
	uint32_t raw_bytes;     /* of the content */
	uint32_t filter_offset; /* among the filters */
	uint32_t filter_bytes;  /* 0: it has none and may hold anything */
};

struct index_head {
	uint32_t frames;
	uint64_t raw_bytes;    /* of all frames */
	uint64_t zstd_bytes;   /* of all frames: where the index begins */
	uint32_t filter_bytes; /* of all filters, <= INDEX_FILTERS_MAX */
};

/* The index's head, then each entry in order, INDEX_BYTES(frames) in all; then the filters, in the order of
 * their frames and without gaps: h->filter_bytes. */
void index_put_head(struct buf *b, const struct index_head *h);
void index_put_entry(struct buf *b, const struct index_entry *e);

/* Reads the content of an index frame (after the 8 bytes of the skippable frame's head) of either version.
 * ERR_UNSUPPORTED: of another. ERR_SYNTAX: lengths that contradict each other. */
enum err index_read_head(struct span content, struct index_head *h) MUST_USE;
/* i < h->frames as read. */
void index_read_entry(struct span content, uint32_t i, struct index_entry *e);
/* The entry's filter, in content. Empty: there is none, or the entry names one that can't be. */
struct span index_filter(struct span content, const struct index_entry *e);

#endif
