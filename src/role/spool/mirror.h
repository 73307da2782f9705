/* mirror: brings what the producers commit in their pools onto the volume: again and again while an object
 * grows, until it is there whole. The spool's own.
 *
 * A producer's commit record says what may be believed (record/commit.h); the producer goes on writing
 * meanwhile. A turn takes what is new of all slots, in two syncs.
 */
#ifndef SEALTAP_ROLE_SPOOL_MIRROR_H
#define SEALTAP_ROLE_SPOOL_MIRROR_H

#include "role/outbox.h"
#include "role/spool/store.h"

#define MIRROR_PRODUCERS PRODUCERS

struct mirror {
	struct pool pool[MIRROR_PRODUCERS]; /* read-only; slots 0: no such producer */
	bool full; /* an object has no place on the volume, or is too large for its slots */
	struct mirror_slot {
		bool known;          /* an object is there */
		bool told;           /* its producer was told that it is kept elsewhere */
		uint32_t seq;        /* of that object */
		uint32_t at;         /* its slot of the volume; STORE_NONE: none yet */
		uint64_t generation; /* of its commit record that is on the volume; 0: none */
		uint64_t bytes;      /* of its message that were written */
		uint32_t crc;        /* of those */
		bool due;            /* `next` is to be written */
		struct commit next;
	} slot[MIRROR_PRODUCERS][MSG_MAX_SEGMENTS];
};

/* What is new goes to the volume, and lasts. After an error nothing of this turn may be taken to be there;
 * the next turn begins each object anew. */
enum err mirror_turn(struct mirror *m, struct store *s) MUST_USE;
/* The sealed object of a slot, not told of yet. lasting: only one that is whole on the volume. */
bool mirror_sealed(const struct mirror *m, uint32_t producer, uint32_t slot, bool lasting, struct commit *c);
/* The oldest of those. */
bool mirror_oldest(const struct mirror *m, bool lasting, uint32_t *producer, uint32_t *slot,
		   struct commit *oldest);
/* It is kept elsewhere: its producer is told, this once. */
void mirror_told(struct mirror *m, uint32_t producer, uint32_t slot, const struct commit *c);
/* Its producer was told so already of this object. */
bool mirror_knows(const struct mirror *m, uint32_t producer, const struct msg_segment *s, struct commit *c);
/* The producer's slot of the object that is at a slot of the volume, if it is still there. */
bool mirror_find(const struct mirror *m, uint32_t at, uint32_t *producer, uint32_t *slot);

/* Real time since when all workers record; 0: not yet. */
uint64_t mirror_armed_ns(const struct mirror *m);

#endif
