/* outbox: the sealed objects that are not shipped yet, oldest first, where their producers left them.
 *
 * An object's place is a slot of its producer's pool: its metadata in the slot's commit record, written by
 * another process and believed only as far as it is checked, then its ciphertext. The slot is the producer's
 * again when upload says so (MSG_FREE). A producer that starts anew tells again of all its objects.
 */
#ifndef SEALTAP_ROLE_OUTBOX_H
#define SEALTAP_ROLE_OUTBOX_H

#include "aws/s3.h"
#include "os/pool.h"
#include "role/msg.h"

/* The producers as role/msg.h numbers them, and the spool, which has the others' objects where there is a
 * volume. */
#define OUTBOX_LOG PRODUCER_LOG
#define OUTBOX_SPOOL POOL_WINDOW
#define OUTBOX_PRODUCERS POOLS
#define OUTBOX_MAX (OUTBOX_PRODUCERS * MSG_MAX_SEGMENTS)

struct outbox_place {
	uint32_t producer, slot;
	uint64_t generation; /* of the slot's commit record */
	struct outbox_tries {
		unsigned renames, tries;
		struct s3_attempts attempts;
	} so_far;
};

/* Zeroed before the first use. */
struct outbox {
	struct pool pool[OUTBOX_PRODUCERS];    /* mapped by the owner, read-only */
	struct outbox_place place[OUTBOX_MAX]; /* those that wait: not under way */
	uint32_t first, count;
	uint32_t unshipped; /* waiting and under way */
	struct outbox_slot {
		uint64_t generation; /* of the last object there that was told of */
		bool unshipped;
	} slot[OUTBOX_PRODUCERS][MSG_MAX_SEGMENTS];
};

/* An object that a producer tells of, perhaps again. False: it is shipped already, as its producer's
 * predecessor was told. */
bool outbox_told(struct outbox *o, uint32_t producer, const struct msg_segment *s);
/* An object of that producer that is sealed, as its slot's record says, and was not told of; false: there is
 * none. A producer that lives may be about to tell of it, or to free it. */
bool outbox_untold(const struct outbox *o, uint32_t producer, struct msg_segment *s);
/* Behind all others: one that could not be stored. */
void outbox_add(struct outbox *o, struct outbox_place at);
/* The oldest that waits; traps when there is none. */
struct outbox_place outbox_take(struct outbox *o);
void outbox_shipped(struct outbox *o, struct outbox_place at);
/* Traps on metadata that is none. */
void outbox_meta(const struct outbox *o, struct outbox_place at, struct object_meta *meta);
/* The ciphertext; borrowed. */
struct span outbox_body(const struct outbox *o, struct outbox_place at, uint64_t size_bytes);
/* Of all that is not shipped: bytes of ciphertext; and what the metrics say, and of the room there is. */
uint64_t outbox_bytes(const struct outbox *o);
void outbox_count(const struct outbox *o, uint64_t now_ns, struct cloudwatch_sample *c);

#endif
