/* metrics: what the status role tells at /metrics, as OpenMetrics text 1.0. Sans I/O.
 *
 * The table in metrics.c is the reference: each metric's name, type, unit and what it means; where a NAT
 * gateway has the same, HELP has its name in CloudWatch. A counter of cloudwatch_sample joins by a row there.
 * No counter ever goes back while init lives: struct metrics stands in memory that init keeps, so that it
 * outlives this role, and what an earlier process of another role had counted is added to what its successor
 * counts.
 * Source: OpenMetrics 1.0.0 (github.com/prometheus/OpenMetrics, specification/OpenMetrics.md).
 */
#ifndef SEALTAP_ROLE_STATUS_METRICS_H
#define SEALTAP_ROLE_STATUS_METRICS_H

#include "role/msg.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_KEPT_BYTES 32768 /* of the shared memory: struct metrics_kept */
#define METRICS_TEXT_MAX 16384

/* Visitors of the port, by what became of them. */
enum metrics_visit {
	VISIT_ANSWERED,
	VISIT_SOURCE, /* closed at once: not of status.sources */
	VISIT_CROWD,  /* closed for the sake of others */
	VISIT_SLOW,   /* not done within its time */
	VISIT_BROKEN, /* closed by the other side, or an error of the connection */
	VISITS,
};

struct metrics {
	struct metrics_source {
		struct cloudwatch_sample now;    /* of the process that counts now */
		struct cloudwatch_sample before; /* counters of those before it, added up */
	} source[COUNTER_SOURCES];
	uint64_t visits[VISITS];
};

/* Two copies: a death while one is written leaves the other. Zeroed when the memory is made. */
struct metrics_kept {
	uint32_t current; /* 0 or 1 */
	struct metrics copy[2];
};

_Static_assert(sizeof(struct metrics_kept) <= METRICS_KEPT_BYTES, "it fits");

struct metrics *metrics_of(struct metrics_kept *k);
/* What a source told. A worker's counters outlive it, but for what it had not committed, and for frames and
 * effort_changes: these begin anew with each process, as all of the other roles' do. That they did shows by
 * one that is less than before: a successor whose first report has more of each is taken for the same
 * process. An unknown source is ignored. */
void metrics_take(struct metrics_kept *k, const struct msg_metrics *told);
/* Appends the whole text, `# EOF` included. */
void metrics_write(const struct metrics *m, const struct msg_health *h, const char *version, struct buf *out);

#endif
