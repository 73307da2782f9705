/* guard: the policies on_loss = stop and spool.full = stop: whether traffic may flow now, by what is known of
 * each worker. Sans I/O.
 *
 * on_loss = stop stops at once: when a worker is not armed or dead, when its progress word is older than
 * GUARD_LATE_NS, when its ring lost packets, when it has no place left for what it records, when its share of
 * the day's budget is used up. spool.full = stop alone: when no place is left. It opens again when all this
 * has been well for GUARD_WELL_NS.
 */
#ifndef SEALTAP_ROLE_GUARD_H
#define SEALTAP_ROLE_GUARD_H

#include "base/conf.h"
#include "base/time.h"
#include "role/progress.h"

#define GUARD_WORKERS_MAX 8
#define GUARD_LOOK_NS (10 * NS_PER_MS)
#define GUARD_LATE_NS (50 * NS_PER_MS)
#define GUARD_WELL_NS (2 * NS_PER_S)
/* How often a worker that is watched comes round at least; if the status role alone asks, it is no hurry. */
#define GUARD_PULSE_NS (15 * NS_PER_MS)
#define GUARD_STATUS_PULSE_NS (500 * NS_PER_MS)

struct guard_worker {
	bool armed;                      /* it lives and records */
	const struct progress *progress; /* borrowed */
};

/* Zeroed before the first use. */
struct guard {
	bool on_loss; /* else no place left is the one reason */
	bool stopped;
	const char *reason;                /* static; of the last stop */
	uint64_t drops[GUARD_WORKERS_MAX]; /* as last seen */
	uint64_t well_since_ns;            /* 0: it is not well */
};

/* Is there a policy that needs it? */
bool guard_wanted(const struct settings *s);
/* The workers' pulse; 0: nobody needs it. */
uint64_t guard_pulse_ns(const struct settings *s);
/* Forwarding is open from now on: what was lost before is no reason. */
void guard_begin(struct guard *g, const struct settings *s, const struct guard_worker *w, uint32_t count);
/* True: it must be stopped, or may be opened again; g->stopped says which. */
bool guard_look(struct guard *g, const struct guard_worker *w, uint32_t count, uint64_t now_ns);

#endif
