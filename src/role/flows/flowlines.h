/* flowlines: the lines of the `flows` stream, one JSON object each. Addresses are texts, counts are numbers,
 * times RFC 3339 with nanoseconds; `time` is when the line was written. Format: at the top of flowlines.c.
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWLINES_H
#define SEALTAP_ROLE_FLOWS_FLOWLINES_H

#include "record/bloom.h"
#include "role/flows/unanswered.h"
#include "role/flows/verdicts.h"

/* The longest line with all its numbers; all verdicts, or all crowds, fit half a frame (record/recorder.h).
 */
#define FLOWLINES_FLOW_MAX 1024u
#define FLOWLINES_CROWD_MAX 960u
#define FLOWLINES_VERDICT_MAX 480u

/* Why a flow ended, as far as connection tracking lets one tell. Static. */
const char *flowlines_reason(const struct ct_flow *f);
/* The same of one that the kernel still has when recording ends. */
const char *flowlines_reason_at_shutdown(const struct ct_flow *f);
/* reason: NULL: it lives. */
void flowlines_flow(struct buf *b, uint64_t now_ns, const struct ct_flow *f, const char *reason);
void flowlines_crowd(struct buf *b, uint64_t now_ns, const struct unanswered_crowd *c);
void flowlines_verdict(struct buf *b, uint64_t now_ns, const struct verdicts_one *v);
/* The addresses and ports that stand in such a line, into its frame's filter. */
void flowlines_flow_keys(struct bloom *b, const struct ct_flow *f);
void flowlines_crowd_keys(struct bloom *b, const struct unanswered_crowd *c);
void flowlines_verdict_keys(struct bloom *b, const struct verdicts_one *v);
/* Connection tracking refused so many between two looks; whose they were is not known. */
void flowlines_refused(struct buf *b, uint64_t now_ns, const char *reason, uint64_t first_ns,
		       uint64_t last_ns, uint64_t packets);
/* So many logged packets found no room on their way here. */
void flowlines_verdicts_lost(struct buf *b, uint64_t now_ns, uint64_t packets);

/* After a loss of events. */
struct flowlines_reconciled {
	uint64_t losses;         /* how often events found no room; how many is not known */
	uint64_t live;           /* flows that the kernel has */
	uint64_t unknown, ended; /* of those not known before; ended without an event */
};
void flowlines_reconciled(struct buf *b, uint64_t now_ns, const struct flowlines_reconciled *r);

#endif
