/* commit: the commit records of a slot: how much of an object is there for good, and where its stream goes
 * on.
 *
 * A slot, in a pool's memory or on the spool's volume, has room for two records, two provisional final frames
 * and the object's bytes (layout: commit.c). The stream's owner alone writes records; each has a generation
 * one higher than the last and goes to the place of that generation's parity, so that the record before it
 * stays whole until the new one is. A reader takes the newest record whose checksum holds: a writer that died
 * in the middle, or power that failed, can't make it believe more than was committed.
 *
 *   OPEN    data_bytes of the message are there, and a provisional final frame that completes it
 *   CLOSED  the whole object is there; its signature is not
 *   SEALED  signed, to be shipped
 *   FREE    shipped; the slot may be used again
 *
 * Source: object format 1 (src/FORMAT.md), "Torn objects".
 */
#ifndef SEALTAP_RECORD_COMMIT_H
#define SEALTAP_RECORD_COMMIT_H

#include "record/object.h"

#define COMMIT_RECORD_BYTES 4096u
#define COMMIT_SIDE_BYTES (17u * 4096) /* the longest final frame, rounded up to pages */
#define COMMIT_DATA_OFFSET (2 * COMMIT_RECORD_BYTES + 2 * COMMIT_SIDE_BYTES)

enum commit_state { COMMIT_NONE, COMMIT_OPEN, COMMIT_CLOSED, COMMIT_SEALED, COMMIT_FREE };

/* Where a worker that starts anew goes on: right behind the last committed packet. Flows has no ring: what
 * the first five mean to it says position() in role/flows/flowwriter.c. */
struct commit_resume {
	uint64_t block_seq;                   /* of the ring block with the next packet */
	uint64_t packets;                     /* of that block that are dealt with */
	uint64_t packet_id;                   /* of the next packet */
	uint64_t recorded[2];                 /* packets of each interface so far: outside, inside */
	uint64_t filtered[2], over_budget[2]; /* the same of those that a rule refused, or the budget */
	uint64_t drops;   /* by the ring and the budget, told in this or an earlier object */
	uint64_t refused; /* by rules, likewise */
	uint64_t records, lost, cut, raw_bytes, size_bytes, objects; /* totals of the stream */
};

struct commit {
	uint64_t generation; /* from 1 */
	uint32_t state;      /* enum commit_state */
	uint32_t side_bytes; /* OPEN: of the provisional final frame; 0: there is none, nothing is of use */
	uint64_t data_bytes; /* of the message; CLOSED and SEALED: the whole object */
	/* on a volume: CRC32C of the message's bytes so far and of the provisional final frame; else 0 */
	uint32_t data_crc, side_crc;
	struct object_meta meta; /* as of this commit */
	struct commit_resume resume;
};

/* Writes c as the slot's next record, c->generation as the caller counts it. */
void commit_write(uint8_t *slot, const struct commit *c);
/* The same as bytes, to be written elsewhere. */
void commit_write_record(uint8_t record[COMMIT_RECORD_BYTES], const struct commit *c);
/* The newest whole record. ERR_NOT_FOUND: there is none. */
enum err commit_read(const uint8_t *slot, struct commit *c) MUST_USE;
/* The same of the two records alone. */
enum err commit_read_newest(const uint8_t records[2 * COMMIT_RECORD_BYTES], struct commit *c) MUST_USE;
/* Where the record, and the provisional final frame, of a generation stand. */
size_t commit_record_offset(uint64_t generation);
size_t commit_side_offset(uint64_t generation);

/* Makes the OPEN object in a slot of slot_bytes a complete message: the provisional final frame goes behind
 * the committed bytes, the name becomes `….torn.encrypted`, size and hash are set, the state is CLOSED. The
 * record is not written. ERR_NOT_FOUND: nothing was committed; ERR_RANGE: lengths that the slot can't hold;
 * others as object_torn(). */
enum err commit_tear(uint8_t *slot, uint64_t slot_bytes, struct commit *c) MUST_USE;

#endif
