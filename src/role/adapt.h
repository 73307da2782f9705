/* adapt: how hard a stream compresses, by how full its source is: asked before each frame, logged and
 * counted. */
#ifndef SEALTAP_ROLE_ADAPT_H
#define SEALTAP_ROLE_ADAPT_H

#include "record/effort.h"
#include "record/segment.h"

/* Zeroed: full effort, nothing counted. Counts are of this process. */
struct adapt {
	struct effort effort;
	bool starving;                /* no slot is free */
	uint64_t fed_ns;              /* monotonic: when one was, after that; 0: never */
	uint64_t made[SEGMENT_MADES]; /* frames */
	uint64_t changes;             /* of the level that is used */
};

/* No slot is free: the source fills. */
void adapt_starved(struct adapt *a);
/* A slot is free. If there was none before, the source counts as empty for two seconds, in which a full one
 * is worked off: that it filled is no sign of too much work, and to store frames would only use up the slots
 * sooner. So who lacks slots again and again, and stores frames, compresses them again after the usual wait:
 * smaller objects are what helps then. */
void adapt_fed(struct adapt *a, uint64_t now_ns);
/* The effort for the next frame. level: of zstd, at full effort. percent: of the source's room, what is
 * filled and not read yet. A step to the same level is neither logged nor counted. */
enum effort_step adapt_next(struct adapt *a, const char *stream, int level, unsigned percent,
			    uint64_t now_ns);

#endif
