/* sealed_tail: finds index and seek table in the last bytes of an object's content, and checks that
 * they agree with each other and with its length. record/zframe checks the same, and the frames, from
 * the beginning on.
 *
 * Source: object format 1 (src/FORMAT.md). Layout: index.c, seek.c. */
#ifndef SEALTAP_RECORD_SEALED_TAIL_H
#define SEALTAP_RECORD_SEALED_TAIL_H

#include "record/index.h"

struct sealed_tail {
	struct index_head head;
	struct span index; /* its frame's content: index_read_entry()'s. Borrowed from tail, as the next */
	struct span seek;  /* its frame's content: seek_read_entry()'s */
};

/* tail: the content's last bytes, of plain_bytes in all. ERR_MORE: *want more than tail has are
 * needed, counted from the end. ERR_NOT_FOUND: no seek table stands at the end: the object is torn, or
 * none of ours. ERR_SYNTAX: they do not agree. ERR_UNSUPPORTED: an index of a later version. */
enum err sealed_tail_find(struct span tail, uint64_t plain_bytes, struct sealed_tail *t, uint64_t *want)
	MUST_USE;

#endif
