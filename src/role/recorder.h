/* recorder: one stream's way from records to sealed objects in its pool: frames by size and time, objects by
 * size and time, keys by age and volume, names, signatures and the chain.
 *
 * The producer (capture, flows, or keys for the log) asks for room, writes one record into it and says what
 * it wrote. NULL means that the recorder waits for a data key, a free slot or the last object's signature:
 * the producer keeps its record and goes on when ops->ready is called. Plaintext stays in `raw` until its
 * frame is sealed; nothing but ciphertext and the object's metadata reaches the pool.
 *
 * Each frame is committed in the slot's record (record/commit.h) with the place where the stream goes on.
 * When the producer died, the next one's recorder_recover() finds in the pool what was committed: an open
 * object becomes a torn one, numbers, chain and totals go on.
 *
 *   IDLE --first record, key and slot at hand--> OPEN --size, time, recorder_rotate()--> SIGNING
 * --recorder_signed()--> IDLE
 */
#ifndef SEALTAP_ROLE_RECORDER_H
#define SEALTAP_ROLE_RECORDER_H

#include "os/loop.h"
#include "record/bloom.h"
#include "record/segment.h"
#include "role/adapt.h"
#include "role/msg.h"
#include "role/progress.h"
#include "role/slots.h"

#define RECORDER_TAIL_MAX 4096
/* Records of a frame; with the tail it stays within the format's 1 MiB. */
#define RECORDER_RAW_MAX (1024u * 1024 - RECORDER_TAIL_MAX)
/* A slot must hold its head, one whole frame, the index and the envelope. */
#define RECORDER_SLOT_MIN (4u * 1024 * 1024)

struct recorder_ops {
	/* Writes the object's first block; prev is the stream's previous object, NULL for the first. */
	void (*head)(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		     struct buf *raw);
	/* Writes the object's last block, at most RECORDER_TAIL_MAX bytes. NULL: there is none. */
	void (*tail)(void *arg, struct buf *raw);
	/* Fills in where the source stands behind the last record; the totals are the recorder's. NULL: it
	 * stands nowhere. */
	void (*position)(void *arg, struct commit_resume *at);
	/* All records so far are committed: their source may be given back. */
	void (*committed)(void *arg);
	/* A data key is wanted; answered by recorder_key(). any: none is held, one given before will do. */
	void (*want_key)(void *arg, bool any);
	/* The object is complete: have it signed; answered by recorder_signed(). */
	void (*sign)(void *arg, const struct object_meta *meta);
	/* The slot holds an object to ship. */
	void (*sealed)(void *arg, const struct msg_segment *s);
	/* What it waited for has come. */
	void (*ready)(void *arg);
	/* Percent of the source's room that is filled and not read yet (record/effort). NULL: it has none. */
	unsigned (*behind)(void *arg);
};

struct recorder_setup {
	struct loop *loop;                      /* borrowed */
	const struct recorder_ops *ops;         /* static */
	void *arg;                              /* borrowed */
	const struct object_identity *identity; /* borrowed */
	const struct settings *settings;        /* borrowed */
	struct pool pool;
	enum object_kind kind;
	const char *stream; /* static; at most 7 characters */
	uint32_t raw_max;   /* bytes of records per frame, <= RECORDER_RAW_MAX */
	bool has_addresses; /* of the records: each frame gets a filter of them (recorder_bloom()) */
};

enum recorder_phase { RECORDER_IDLE, RECORDER_OPEN, RECORDER_SIGNING };

struct recorder {
	struct recorder_setup with; /* zeros: not set up yet */
	struct slots slots;
	uint32_t slot; /* of the object that is OPEN or SIGNING */
	enum recorder_phase phase;
	bool waiting; /* room was refused: call ready */
	bool ended;   /* no data key is wanted any more */

	struct msg_key key; /* secret; the one copy of the stream's data key in this process */
	bool has_key, key_asked, key_extended;
	bool key_unused; /* no record was written since it came */
	uint64_t key_since_ns;
	struct progress *progress; /* borrowed: the pool's page */

	struct adapt adapt;
	struct segment segment;
	struct segment_frame_info frame;
	struct bloom bloom; /* of the frame */
	struct buf raw;
	struct object_meta meta, prev;
	bool has_prev;
	uint32_t next_seq;                     /* of objects */
	uint64_t last_seq;                     /* of ring blocks: of the last record */
	uint64_t lost_before, filtered_before; /* since the last object */
	struct commit_resume total;            /* the totals alone */
	struct loop_timer frame_timer, object_timer, key_timer;
	_Alignas(64) uint8_t raw_bytes[RECORDER_RAW_MAX + RECORDER_TAIL_MAX];
};

/* r is zeroed static storage. */
void recorder_init(struct recorder *r, const struct recorder_setup *s);
/* Takes up what a process before this one left in the pool; before the first record. True: the stream goes on
 * behind *at. False: it is new. */
bool recorder_recover(struct recorder *r, struct commit_resume *at);
/* Tells again of each object that waits in the pool: whoever ships them is new. Before recorder_init()
 * nothing happens; so it is with the next one. */
void recorder_announce(struct recorder *r);
/* keys is new: its answers to what was asked will not come, and its signing key is another one. */
void recorder_keys_anew(struct recorder *r);
/* Asks for the first data key ahead of the first record. */
void recorder_prepare(struct recorder *r);
bool recorder_has_key(const struct recorder *r);
/* Copied: the caller wipes its own. The open object ends: it was begun under the key before. */
void recorder_key(struct recorder *r, const struct msg_key *key);
/* Room for a record of `bytes`, stamped real_ns, or NULL: wait. */
struct buf *recorder_room(struct recorder *r, size_t bytes, uint64_t real_ns);
/* A record was written there. seq: number of the ring block it came from. */
void recorder_wrote(struct recorder *r, uint64_t real_ns, uint64_t seq, bool cut);
/* For the addresses and ports of the record just written, each of which must be added now. */
struct bloom *recorder_bloom(struct recorder *r);
/* A block that is no record (statistics) may go into the open object; NULL when none is open. */
struct buf *recorder_aside(struct recorder *r, size_t bytes);
/* The record just written is a canary. */
void recorder_canary(struct recorder *r, uint32_t number);
void recorder_lost(struct recorder *r, uint64_t records);
/* Records that an operator's rule refused. */
void recorder_filtered(struct recorder *r, uint64_t records);
/* Seals what is there: the object ends. Nothing happens when none is open. */
void recorder_rotate(struct recorder *r);
/* No further record comes, and no object is open: the data key is wiped. What is sealed may still be signed,
 * announced and freed. */
void recorder_end(struct recorder *r);
void recorder_signed(struct recorder *r, const struct object_meta *meta);
/* It is shipped. Word of an object that is gone is passed over. */
void recorder_free(struct recorder *r, const struct msg_segment *s);
/* No object waits to be shipped. */
bool recorder_shipped(const struct recorder *r);
/* Records are held back for want of a slot. */
bool recorder_full(const struct recorder *r);
/* Of the data key in use; 0: none. */
uint64_t recorder_key_age_s(const struct recorder *r);
/* Of the first record that is not handed on yet; 0: none. */
uint64_t recorder_oldest_s(const struct recorder *r);
/* With what the open object holds. */
void recorder_totals(const struct recorder *r, struct msg_totals *t);

#endif
