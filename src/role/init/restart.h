/* restart: how long a role that died waits before it starts anew: not at all, but from the second death
 * within RESTART_WINDOW_NS on longer each time, up to max_ns. Pure.
 *
 * Those on whom recording depends before long wait no longer than a ring holds what comes at moderate rates:
 * capture; keys, which signs each object before the next one begins and has the data key of a worker that
 * died; and net, by whose names keys asks for another. A ring's 32 MiB are full after 1.3 s at 25 MB/s, its
 * 128 blocks after six seconds at any rate, for each is closed after 50 ms. upload is not missed before the
 * slots are full, status never.
 */
#ifndef SEALTAP_ROLE_INIT_RESTART_H
#define SEALTAP_ROLE_INIT_RESTART_H

#include "base/time.h"
#include "os/loop.h"

#define RESTART_WINDOW_NS (10 * NS_PER_S)
#define RESTART_BASE_NS (500 * NS_PER_MS)
#define RESTART_MAX_NS (30 * NS_PER_S)
#define RESTART_RECORDING_MAX_NS (1 * NS_PER_S)

/* Zeroed before the first use; max_ns and the timer are the caller's. */
struct restart {
	uint64_t max_ns;
	uint64_t died_ns; /* monotonic; 0: never */
	unsigned deaths;  /* in a row, each within the window (and the wait before) of the last */
	struct loop_timer timer;
};

uint64_t restart_delay_ns(struct restart *r, uint64_t now_ns);

#endif
