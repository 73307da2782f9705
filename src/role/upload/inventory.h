/* inventory: tells keys of each object that was shipped, for the log stream, and gives its slot back only
 * when the log has it: whichever process dies in between, each object is listed once at least. upload's own.
 *
 * A keys process that is new is told again what its predecessor had not committed. When upload itself dies,
 * the producer tells its successor of the slot again, which finds the object stored.
 */
#ifndef SEALTAP_ROLE_UPLOAD_INVENTORY_H
#define SEALTAP_ROLE_UPLOAD_INVENTORY_H

#include "role/outbox.h"
#include "role/peer.h"

/* More objects than can be shipped until the log commits, which it does each second. */
#define INVENTORY_MAX 128

struct inventory {
	struct peer *keys; /* borrowed */
	/* The object is listed: its slot is its producer's again. */
	void (*listed_one)(struct outbox_place at);
	struct inventory_entry {
		struct msg_shipped shipped;
		struct outbox_place at;
	} entry[INVENTORY_MAX];
	uint64_t told, listed; /* numbers: of the last one told, and of the last one that is committed */
};

/* life: of this process; its numbers are above those of the processes before. */
void inventory_init(struct inventory *i, struct peer *keys, void (*listed_one)(struct outbox_place at),
		    uint32_t life);
void inventory_tell(struct inventory *i, const struct object_meta *meta, struct outbox_place at);
void inventory_listed(struct inventory *i, const struct msg_listed *m);
/* keys is a new process. */
void inventory_again(struct inventory *i);
/* How many of a producer's slots wait for being listed. */
uint32_t inventory_held(const struct inventory *i, uint32_t producer);
/* It is shipped, but not listed yet. */
bool inventory_holds(const struct inventory *i, uint32_t producer, uint32_t slot);

#endif
