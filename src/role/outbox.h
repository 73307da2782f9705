/* outbox: the sealed objects that wait to be shipped, oldest first, where their producers left them.
 *
 * An object's place is a slot of its producer's pool: its metadata in the slot's head, written by another
 * process and believed only as far as it is checked, then its ciphertext. The slot is the producer's again
 * when upload says so (MSG_FREE).
 */
#ifndef SEALTAP_ROLE_OUTBOX_H
#define SEALTAP_ROLE_OUTBOX_H

#include "aws/s3.h"
#include "os/pool.h"
#include "role/msg.h"

#define OUTBOX_LOG MSG_MAX_WORKERS /* producer: keys, with its log; 0.. are the workers */
#define OUTBOX_PRODUCERS (MSG_MAX_WORKERS + 1)
#define OUTBOX_MAX (OUTBOX_PRODUCERS * MSG_MAX_SEGMENTS)

struct outbox_place {
	uint32_t producer, slot;
	struct outbox_tries {
		unsigned renames, tries;
		struct s3_attempts attempts;
	} so_far;
};

/* Zeroed before the first use. */
struct outbox {
	struct pool pool[OUTBOX_PRODUCERS];
	struct outbox_place place[OUTBOX_MAX];
	uint32_t first, count;
};

/* fd is closed. */
void outbox_map(struct outbox *o, uint32_t producer, int fd, uint64_t slot_bytes, uint32_t slots);
/* Behind all others: a new object, or one that could not be stored. */
void outbox_add(struct outbox *o, struct outbox_place at);
/* The oldest; traps when there is none. */
struct outbox_place outbox_take(struct outbox *o);
/* Traps on metadata that is none. */
void outbox_meta(const struct outbox *o, struct outbox_place at, struct object_meta *meta);
/* The ciphertext; borrowed. */
struct span outbox_body(const struct outbox *o, struct outbox_place at, uint64_t size_bytes);
/* The ciphertext of all that is not shipped; `taken` as below. */
uint64_t outbox_bytes(const struct outbox *o, const struct outbox_place *taken, uint32_t taken_count);
/* What waits, and the room there is. `taken`: those taken out but not shipped yet. */
void outbox_count(const struct outbox *o, const struct outbox_place *taken, uint32_t taken_count,
		  uint64_t now_ns, struct cloudwatch_sample *c);

#endif
