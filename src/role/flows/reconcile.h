/* reconcile: keeps the table of live flows true: by events, and by dumps where events were lost, at the
 * start, for the lines of long flows, and at the end, when all that live are told. flows' own.
 *
 * Events and a dump's answer come by two sockets, in no common order: a flow that ends while a dump is under
 * way stays in the table, told, until that is over. A flow that two dumps do not have, ten seconds apart, and
 * whose end no event told, has ended unseen.
 */
#ifndef SEALTAP_ROLE_FLOWS_RECONCILE_H
#define SEALTAP_ROLE_FLOWS_RECONCILE_H

#include "role/flows/flowdump.h"
#include "role/flows/flowlines.h"
#include "role/flows/flowtable.h"

/* Those that return bool: false: there is no room now. */
struct reconcile_ops {
	/* A record. reason: NULL: it lives. */
	bool (*write)(void *arg, const struct ct_flow *f, const char *reason);
	/* It has ended, as an event would tell. */
	bool (*end)(void *arg, const struct ct_flow *f);
	bool (*reconciled)(void *arg, const struct flowlines_reconciled *r);
	/* A dump is over. */
	void (*dumped)(void *arg, enum err e);
};

/* Zeroed before the first use. */
struct reconcile {
	const struct reconcile_ops *ops; /* static; it, arg and the dump's are set by the caller before */
	void *arg;                       /* borrowed */
	struct flowdump dump;
	struct flowtable table;
	struct loop_timer again;
	struct flowlines_reconciled sum;
	uint32_t cycle;            /* number of the newest dump */
	uint64_t missed_ns;        /* monotonic: of the last one that lacked a flow anew */
	bool lives;                /* this dump is for the lines of long flows */
	bool tell_wanted, telling; /* this one tells of all that live */
	bool all_told;             /* and it is over */
};

void reconcile_init(struct reconcile *r, uint32_t life, uint32_t slots);
/* What is there already. */
void reconcile_begin(struct reconcile *r);
/* Events: a flow began; it ended, and its record is written; some were lost. */
void reconcile_began(struct reconcile *r, const struct ct_flow *f);
void reconcile_ended(struct reconcile *r, const struct ct_flow *f);
void reconcile_lost(struct reconcile *r);
/* Its record is written already. */
bool reconcile_told(struct reconcile *r, const struct ct_flow *f);
/* Lines of the flows that live long and have moved since their last one. */
void reconcile_live(struct reconcile *r);
/* The end: all that live get their records; all_told is set when it is done. */
void reconcile_tell_all(struct reconcile *r);
/* Behind that, when no event is left: those that ended unseen. False: no room now. */
bool reconcile_finish(struct reconcile *r);

#endif
