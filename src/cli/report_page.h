/* report_page: the page that `report` writes: one HTML file, complete in itself: no script, nothing is
 * fetched (its content security policy forbids it). Light and dark, for keyboards and screen readers:
 * landmarks, captions, a table beside each chart. Into the file of cli/outfile.
 */
#ifndef SEALTAP_CLI_REPORT_PAGE_H
#define SEALTAP_CLI_REPORT_PAGE_H

#include "cli/flowtop.h"
#include "cli/health.h"
#include "cli/timeline.h"

#define REPORT_FINDINGS_MAX 500u

struct report_finding {
	const char *severity; /* "gap", "damage", "note" */
	const char *kind;
	uint64_t from_ns, to_ns; /* 0: not known */
	char name[200], text[300];
};

/* A stream of a boot. */
struct report_stream {
	struct span appliance; /* the catalog's */
	uint64_t boot;
	const char *stream;
	uint32_t first_seq, last_seq, objects, missing, torn;
	uint64_t bytes, packets, raw_bytes, first_ns, last_ns; /* packets, raw_bytes: of packets alone */
};
#define REPORT_STREAMS_MAX 4096u

/* All borrowed. */
struct report {
	const char *source; /* "s3://bucket/prefix", "files" */
	uint64_t from_ns, to_ns, made_ns;
	const struct timeline *timeline;
	uint64_t flows, refused; /* how many; packets that were not forwarded */
	bool verified;           /* then these hold: */
	enum exit_status verdict;
	uint64_t gaps, damages, notes, signed_good;
	uint32_t findings, findings_more;
	const struct report_finding *finding;
	uint32_t streams;
	uint64_t streams_more;
	const struct report_stream *stream;
	uint64_t unreadable; /* objects */
};

void report_page(const struct report *r);

/* Inside: the charts of the timeline, each with its table (report_chart.c); one bar of a share, 0 to 1000. */
void report_charts(const struct timeline *t);
void report_share(uint64_t part, uint64_t whole);
extern const char report_style[];

#endif
