/* window: what open, follow and extcap do alike: a filter is compiled, a window of time is told, the
 * packets of listed objects go from merge to pcapout. */
#ifndef SEALTAP_CLI_WINDOW_H
#define SEALTAP_CLI_WINDOW_H

#include "cli/catalog.h"
#include "cli/merge.h"

struct window {
	uint64_t from_ns, to_ns; /* 0, UINT64_MAX: without a bound */
	const char *filter;      /* NULL: all packets */
	/* what window_copy() needs */
	const struct pcapfilter *compiled;              /* of the filter */
	bool (*wanted)(const struct catalog_object *o); /* merge's */
	void (*done)(const struct sealed *s);           /* merge's */
	bool goes_on; /* with the same catalog, behind the last packet that the call before gave */
};

/* libpcap's words, when it does not compile. */
enum exit_status window_filter(const char *filter, struct pcapfilter *out);
/* "2026-11-22T10:00:00Z to 2026-11-22T10:05:00Z"; static, until the next call. */
const char *window_text(const struct window *w);
/* The comment of the output's section; static. more: lines of key=value, or empty. */
struct span window_comment(const struct window *w, const char *more);
/* Moves the packets of the catalog's objects to the output; the outcome as merge_end()'s. */
enum exit_status window_copy(const struct window *w);

#endif
