/* inventory: tells keys of each object that was shipped, for the log stream, until the log has it: what a
 * keys process that died had not committed is told to the next one. upload's own.
 */
#ifndef SEALTAP_ROLE_INVENTORY_H
#define SEALTAP_ROLE_INVENTORY_H

#include "role/peer.h"

/* So many can be told again: more objects than can be shipped until the log commits, which it does each
 * second. */
#define INVENTORY_MAX 128

struct inventory {
	struct peer *keys; /* borrowed */
	struct msg_shipped shipped[INVENTORY_MAX];
	uint64_t told, listed; /* numbers: of the last one told, and of the last one that is committed */
};

/* life: of this process; its numbers are above those of the processes before. */
void inventory_init(struct inventory *i, struct peer *keys, uint32_t life);
void inventory_tell(struct inventory *i, const struct object_meta *meta);
void inventory_listed(struct inventory *i, const struct msg_listed *m);
/* keys is a new process. */
void inventory_again(struct inventory *i);

#endif
