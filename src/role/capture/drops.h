/* drops: what a worker's ring lost, counted where it outlives the worker and told in objects and log.
 *
 * The kernel forgets its counter when it is read: it goes to the progress page at once.
 */
#ifndef SEALTAP_ROLE_CAPTURE_DROPS_H
#define SEALTAP_ROLE_CAPTURE_DROPS_H

#include "os/ring.h"
#include "role/progress.h"
#include "role/recorder.h"

struct drops {
	const struct ring *ring; /* borrowed, as all here */
	struct progress *progress;
	struct recorder *recorder;
	const char *stream;
	uint64_t unreported;          /* since the last packet written: for its drop count */
	uint64_t since_ns, logged_ns; /* since_ns: of what is not logged yet; 0: nothing */
};

/* Recording begins, for the first time: what was dropped while nobody read is lost like what is later. The
 * links have counted it since they were listed, and so do the books. */
void drops_begin(struct drops *d);
/* Asks the ring. */
void drops_count(struct drops *d);
/* The monotonic time of what came at first_ns by the real clock. One that has been stepped since may say more
 * than there was: then it is as early as can be, and what lies ahead is now. */
uint64_t drops_began_ns(uint64_t first_ns, uint64_t real_ns, uint64_t mono_ns);
/* Told in the open object and the log: lost between then and now. They are in the progress already. */
void drops_tell(struct drops *d, uint64_t packets, uint64_t since_ns);
/* One line a second at most: the channel to init is not endless. */
void drops_log(struct drops *d, bool now);

#endif
