/* effort: how hard a worker tries to compress: less while its ring fills faster than it seals.
 *
 *   FULL    the level of the settings
 *   FAST    zstd's level -5, or the settings' where that is lower still
 *   STORED  not compressed
 *
 * It falls at once and recovers a step at a time, after the ring has been nearly empty for a while; when it
 * falls again soon after that, the next recovery waits twice as long. Time is monotonic; pure.
 */
#ifndef SEALTAP_RECORD_EFFORT_H
#define SEALTAP_RECORD_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

enum effort_step { EFFORT_FULL, EFFORT_FAST, EFFORT_STORED, EFFORT_STEPS };

/* Percent of the ring's blocks that are filled and not read yet. */
#define EFFORT_FAST_PERCENT 25
#define EFFORT_STORED_PERCENT 50
#define EFFORT_CALM_PERCENT 7
#define EFFORT_WAIT_MIN_S 10
#define EFFORT_WAIT_MAX_S 160

/* Zeroed: FULL. */
struct effort {
	enum effort_step now;
	bool calm; /* since calm_since_ns */
	uint64_t calm_since_ns;
	uint64_t risen_ns; /* when it recovered last; 0: never */
	uint32_t wait_s;   /* what the next recovery waits; 0: the least */
};

/* True: e->now has changed. */
bool effort_update(struct effort *e, unsigned filled_percent, uint64_t now_ns);
/* Of zstd, where the settings say `wish`; 0: stored. */
int effort_level(enum effort_step step, int wish);
/* "full", "fast", "stored"; static. */
const char *effort_name(enum effort_step step);

#endif
