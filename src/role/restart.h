/* restart: how long a role that died waits before it starts anew: not at all, but from the second death
 * within RESTART_WINDOW_NS on longer each time, up to RESTART_MAX_NS. Pure. */
#ifndef SEALTAP_ROLE_RESTART_H
#define SEALTAP_ROLE_RESTART_H

#include "base/time.h"
#include "os/loop.h"

#define RESTART_WINDOW_NS (10 * NS_PER_S)
#define RESTART_BASE_NS (500 * NS_PER_MS)
#define RESTART_MAX_NS (30 * NS_PER_S)

/* Zeroed before the first use; the timer is the caller's. */
struct restart {
	uint64_t died_ns; /* monotonic; 0: never */
	unsigned deaths;  /* in a row, each within the window (and the wait before) of the last */
	struct loop_timer timer;
};

uint64_t restart_delay_ns(struct restart *r, uint64_t now_ns);

#endif
