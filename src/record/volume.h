/* volume: what stands on the spool's volume: a header, twice, then slots, each as a pool's in memory
 * (record/commit.h). There is no filesystem, and nothing but ciphertext and objects' metadata.
 *
 * The newest header whose checksum holds counts, so that a torn one can't be believed. A disk without one is
 * ours to format only if all of it that volume_probe() names is zero.
 */
#ifndef SEALTAP_RECORD_VOLUME_H
#define SEALTAP_RECORD_VOLUME_H

#include "base/buf.h"

#define VOLUME_PAGE_BYTES 4096u
#define VOLUME_HEADERS_BYTES (2 * VOLUME_PAGE_BYTES) /* both, from the disk's start */
#define VOLUME_SLOTS_OFFSET (1024u * 1024)
#define VOLUME_SLOTS_MAX 16384u /* 1 TiB of slots of 64 MiB; a larger disk is used up to there */

struct volume_header {
	uint64_t generation; /* from 1 */
	uint64_t boot;       /* the last one that armed; 0: none */
	uint64_t slot_bytes; /* a multiple of VOLUME_PAGE_BYTES */
	uint32_t slots;      /* 1..VOLUME_SLOTS_MAX */
	uint32_t ended;      /* 1: that boot shut down in order; nothing of it is missing */
	uint64_t written_ns; /* real time: since when that boot records, or when it ended */
	/* what is missing of boots before that one, until a log on the volume tells of it; gap_boot 0:
	 * nothing */
	uint64_t gap_boot, gap_from_ns;
};

void volume_write_header(const struct volume_header *h, uint8_t page[VOLUME_PAGE_BYTES]);
/* The newest whole one of both. ERR_NOT_FOUND: none is ours; ERR_CHECKSUM: one was, but neither is whole;
 * ERR_UNSUPPORTED: of another version; ERR_SYNTAX: its checksum holds, yet it makes no sense. */
enum err volume_read_headers(const uint8_t pages[VOLUME_HEADERS_BYTES], struct volume_header *h) MUST_USE;
/* Where a generation's header stands. */
uint64_t volume_header_offset(uint64_t generation);
uint64_t volume_slot_offset(const struct volume_header *h, uint32_t slot);
/* How many slots a disk has room for; at most VOLUME_SLOTS_MAX. */
uint32_t volume_slots(uint64_t disk_bytes, uint64_t slot_bytes);
/* The places that must be zero on an empty disk, one a call, i from 0: up to 1 MiB at *at. False past the
 * last: its first and last MiB, and 64 KiB at each of 64 steps between. */
bool volume_probe(uint64_t disk_bytes, uint32_t i, uint64_t *at, size_t *len);

#endif
