/* store: the slots of the spool's volume and the objects in them, by record/volume.h and record/commit.h, for
 * the spool role. All is on the disk; in memory stands only what finds it there.
 *
 * Writing an object, as often as it has grown: store_data() and store_side() for what is new, store_sync(),
 * then store_commit(), then store_sync() again: a record is never there before what it speaks of. A slot that
 * was freed is used again only after a sync: its record must not come back from a power cut.
 *
 * An error leaves the volume as it was last synced; the caller begins again from there (store_forget()).
 */
#ifndef SEALTAP_ROLE_SPOOL_STORE_H
#define SEALTAP_ROLE_SPOOL_STORE_H

#include "os/disk.h"
#include "record/commit.h"
#include "record/volume.h"

#define STORE_NONE UINT32_MAX

struct store_slot {
	uint64_t generation; /* of its newest record; 0: none */
	uint64_t lasting;    /* of its newest record that was synced */
	uint64_t boot, first_ns, last_ns, data_bytes;
	uint32_t state; /* enum commit_state; NONE and FREE: may be taken */
	uint32_t seq, kind;
	char stream[8];
	bool shipped;   /* to be freed */
	uint8_t unread; /* how often the device failed to give it */
	bool freed;     /* since the last sync */
	bool found;     /* a process before this one brought it there, and may have shown it to upload */
	bool taken;     /* it is being written, or upload has it */
	bool left;      /* it is not to be shipped: damaged, or not ours to ship */
};

/* What was there before this boot. */
struct store_found {
	bool gap;          /* a boot before did not end in order, and no log on the volume tells of it */
	uint64_t boot;     /* that one, the first of several */
	uint64_t until_ns; /* real time up to which all of it is there */
	uint32_t objects;  /* that wait to be shipped */
	uint32_t damaged;  /* slots that can't be read or make no sense: left as they are */
	bool formatted;    /* the disk was empty, or in need of another layout, and is made ours */
};

/* Zeroed before the first use. */
struct store {
	struct disk disk;
	uint64_t disk_bytes;
	uint64_t boot; /* the present one */
	struct volume_header header;
	bool unsynced; /* a slot was freed */
	struct store_slot slot[VOLUME_SLOTS_MAX];
};

/* Reads what is there, or formats a disk that is empty. Slots have slot_bytes, or what a boot before chose as
 * long as there are objects of it. workers: how many record now. ERR_CONFLICT: the disk holds something
 * foreign; ERR_TOO_LONG: it is too small for three slots; ERR_UNSUPPORTED: it was written by a newer version;
 * others as os/disk.h. */
enum err store_open(struct store *s, const struct disk *d, uint64_t boot, uint64_t slot_bytes,
		    uint32_t workers, struct store_found *found) MUST_USE;
/* This boot records since armed_ns: the header says so, and keeps what was found missing until it is told. */
enum err store_armed(struct store *s, uint64_t armed_ns, const struct store_found *found) MUST_USE;
/* All that was logged up to then (real time) lasts on the volume. */
bool store_logged(const struct store *s, uint64_t until_ns);
/* The gap before this boot is told for good. */
enum err store_told(struct store *s) MUST_USE;
/* This boot ended in order: so the header. */
enum err store_ended(struct store *s, uint64_t now_ns) MUST_USE;

/* A slot for a new object; the last free one is for the log's alone: its last words. STORE_NONE: the volume
 * is full. */
uint32_t store_take(struct store *s, enum object_kind kind);
/* The slot with an object, whatever its state; STORE_NONE. */
uint32_t store_find(const struct store *s, uint64_t boot, const char *stream, uint32_t seq);
/* Bytes of the message, at `at` of it. */
enum err store_data(struct store *s, uint32_t slot, uint64_t at, struct span bytes) MUST_USE;
/* The provisional final frame that the next record speaks of. */
enum err store_side(struct store *s, uint32_t slot, struct span side) MUST_USE;
/* Writes c as the slot's next record, with its generation there. */
enum err store_commit(struct store *s, uint32_t slot, const struct commit *c) MUST_USE;
enum err store_sync(struct store *s) MUST_USE;
/* After an error: nothing since the last sync may be there. */
void store_forget(struct store *s);
/* What is marked as shipped becomes free; it is tried again after an error. */
enum err store_free_shipped(struct store *s) MUST_USE;

/* The next object to ship that nobody has yet: of this boot the log's first, then the oldest; or of boots
 * before the oldest. STORE_NONE: there is none. */
uint32_t store_next(const struct store *s, bool earlier);
/* The newest record of a slot, and a part of its message or its provisional final frame. */
enum err store_read(const struct store *s, uint32_t slot, struct commit *c) MUST_USE;
enum err store_read_data(const struct store *s, uint32_t slot, uint64_t at, void *p, size_t len) MUST_USE;
enum err store_read_side(const struct store *s, uint32_t slot, uint64_t generation, void *p, size_t len)
	MUST_USE;

struct store_usage {
	uint64_t used_bytes, total_bytes, oldest_ns; /* of slots; oldest_ns 0: none */
	uint32_t objects;                            /* not shipped */
};
void store_usage(const struct store *s, struct store_usage *u);

#endif
