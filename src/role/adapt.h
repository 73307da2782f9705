/* adapt: how hard a stream compresses, by how full its source is: asked before each frame, logged and
 * counted. */
#ifndef SEALTAP_ROLE_ADAPT_H
#define SEALTAP_ROLE_ADAPT_H

#include "record/effort.h"
#include "record/segment.h"

/* Zeroed: full effort, nothing counted. Counts are of this process. */
struct adapt {
	struct effort effort;
	uint64_t starved_ns;          /* monotonic: when no slot was free last; 0: never */
	uint64_t made[SEGMENT_MADES]; /* frames */
	uint64_t changes;             /* of the effort */
};

/* No slot was free. For ten seconds a full source is no sign of too much work then: to store frames would
 * only fill the slots sooner. */
void adapt_starved(struct adapt *a, uint64_t now_ns);
/* The effort for the next frame. percent: of the source's room, what is filled and not read yet. */
enum effort_step adapt_next(struct adapt *a, const char *stream, unsigned percent, uint64_t now_ns);

#endif
