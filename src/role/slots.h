/* slots: the slots of a stream's pool and the objects in them, as their commit records say (record/commit.h).
 * Their owner, the stream's recorder, alone writes there.
 */
#ifndef SEALTAP_ROLE_SLOTS_H
#define SEALTAP_ROLE_SLOTS_H

#include "os/pool.h"
#include "record/commit.h"

#define SLOTS_MAX 64

struct slots {
	struct pool pool;
	struct slots_one {
		uint64_t generation; /* of its newest commit record; 0: none */
		enum commit_state state;
		uint32_t seq; /* of the object in it */
	} slot[SLOTS_MAX];
};

/* What a process before this one left: false: nothing. Else the stream's newest object, and its slot. */
bool slots_read(struct slots *s, uint32_t *slot, struct commit *newest);
bool slots_find_free(const struct slots *s, uint32_t *slot);
/* An object begins there. The slot's record is the former object's until the first commit. */
void slots_take(struct slots *s, uint32_t slot);
/* Where the provisional final frame of the slot's next commit belongs. */
struct buf slots_side(const struct slots *s, uint32_t slot);
/* Writes c as the slot's next record; its generation is set here. */
void slots_commit(struct slots *s, uint32_t slot, struct commit *c);
/* The sealed object with the lowest number from `from` on. */
bool slots_find_sealed(const struct slots *s, uint64_t from, uint32_t *slot);
/* The sealed object of this generation is shipped. False: it is not there any more. */
bool slots_free(struct slots *s, uint32_t slot, uint64_t generation);

#endif
