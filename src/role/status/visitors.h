/* visitors: the connections to the status port: taken from the configured sources alone, a request each, an
 * answer, the end. The status role's own.
 *
 * Bounded: VISITORS_MAX at once, HTTP1_REQUEST_MAX bytes and VISITORS_NS each. When all places are taken, one
 * that has its answer goes for the next, or the one that has been there longest, at least
 * VISITORS_PATIENCE_NS: slow ones can't keep others out. Nothing is logged for a visitor; what became of each
 * is counted.
 */
#ifndef SEALTAP_ROLE_STATUS_VISITORS_H
#define SEALTAP_ROLE_STATUS_VISITORS_H

#include "base/conf.h"
#include "base/time.h"
#include "net/http1_request.h"
#include "os/loop.h"
#include "role/status/healthz.h"
#include "role/status/metrics.h"

#define VISITORS_MAX 32
#define VISITORS_NS (5 * NS_PER_S)
#define VISITORS_PATIENCE_NS (NS_PER_S / 2)
#define VISITORS_TEXT_MAX (HEALTHZ_TEXT_MAX > METRICS_TEXT_MAX ? HEALTHZ_TEXT_MAX : METRICS_TEXT_MAX)

struct visitor {
	enum { VISITOR_NONE, VISITOR_ASKS, VISITOR_READS, VISITOR_GOES } state;
	uint64_t since_ns;
	struct loop_watch watch;
	struct loop_timer timer;
	struct http1_request request;
	size_t sent;
	struct buf answer;
	uint8_t text[512 + VISITORS_TEXT_MAX];
};

/* Zeroed; all but `one` and what follows is set by the owner before visitors_open. */
struct visitors {
	struct loop *loop;             /* borrowed */
	const struct conf_nets *allow; /* borrowed */
	/* Appends the body for this path; the status, and the type (static). 404: there is no such path. */
	unsigned (*page)(const char *path, const char **type, struct buf *body);
	void (*ended)(enum metrics_visit how);

	struct visitor one[VISITORS_MAX];
	struct loop_watch listener;
	struct loop_timer room;
	int at_door; /* owned: a connection for which there is no place now; -1: none */
};

void visitors_open(struct visitors *v, int listener);

#endif
