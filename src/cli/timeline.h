/* timeline: packets, bytes and losses over time, in bars of equal width, and the spans of time that are gaps.
 * The bars widen by themselves as the time grows: at least half of TIMELINE_BARS are used, but for short
 * times.
 */
#ifndef SEALTAP_CLI_TIMELINE_H
#define SEALTAP_CLI_TIMELINE_H

#include "base/span.h"

#define TIMELINE_BARS 240u
#define TIMELINE_GAPS 256u

struct timeline_bar {
	uint64_t packets, bytes, lost;
};

struct timeline_gap {
	uint64_t from_ns, to_ns;
	char why[160];
};

/* first_ns: nothing comes before it (what does, counts there). */
void timeline_begin(uint64_t first_ns);
/* at_ns .. bytes: of the packets as they were on the wire or as recorded: the caller's choice, but one. */
void timeline_add(uint64_t at_ns, uint64_t packets, uint64_t bytes);
void timeline_lose(uint64_t at_ns, uint64_t packets);
/* Those beyond TIMELINE_GAPS are counted only. */
void timeline_gap(uint64_t from_ns, uint64_t to_ns, const char *why);

struct timeline {
	uint64_t first_ns, bar_ns; /* where the first bar begins; how long each is */
	uint64_t last_ns;          /* of what was told last in time */
	uint32_t bars;             /* those up to the last one that has something */
	uint32_t gaps;             /* in gap, in the order of time */
	uint64_t gaps_more;
	struct timeline_bar sum;
	struct timeline_bar bar[TIMELINE_BARS];
	struct timeline_gap gap[TIMELINE_GAPS];
};
const struct timeline *timeline_end(void);

#endif
