/* window: what open, follow and extcap do alike: a filter is compiled, a window of time is told, the
 * packets of listed objects go from merge to pcapout. */
#ifndef SEALTAP_CLI_WINDOW_H
#define SEALTAP_CLI_WINDOW_H

#include "cli/catalog.h"
#include "cli/merge.h"

struct window {
	uint64_t from_ns, to_ns; /* 0, UINT64_MAX: without a bound */
	const char *filter;      /* NULL: all packets */
};

/* libpcap's words, when it does not compile. */
enum exit_status window_filter(const char *filter, struct pcapfilter *out);
/* "2026-11-22T10:00:00Z to 2026-11-22T10:05:00Z"; static, until the next call. */
const char *window_text(const struct window *w);
/* The comment of the output's section; static. more: lines of key=value, or empty. */
struct span window_comment(const struct window *w, const char *more);
/* Moves the packets of the catalog's objects first .. first + count - 1 to the output. done: merge's. */
enum exit_status window_copy(const struct window *w, const struct pcapfilter *f, uint32_t first,
			     uint32_t count, void (*done)(const struct sealed *s));

#endif
