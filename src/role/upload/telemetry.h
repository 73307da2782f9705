/* telemetry: what upload tells CloudWatch each minute, also when nothing happens, and SNS on every alarm;
 * each only where the settings ask for it. keys signs both. What each role counted goes to the status role as
 * it comes, the owner's own counters each second.
 */
#ifndef SEALTAP_ROLE_UPLOAD_TELEMETRY_H
#define SEALTAP_ROLE_UPLOAD_TELEMETRY_H

#include "role/alarms.h"
#include "role/upload/poster.h"

/* Samples kept while CloudWatch can't be reached; then the oldest goes, and its counts go with the next. */
#define TELEMETRY_MINUTES 15
#define TELEMETRY_FLUSH_NS (10 * NS_PER_S) /* at the end they get so long */

struct telemetry {
	/* set by the owner before telemetry_init */
	struct loop *loop;                      /* borrowed */
	struct peer *keys, *net;                /* borrowed */
	struct peer *status;                    /* borrowed; NULL: nobody asks */
	const struct settings *settings;        /* borrowed */
	const struct object_identity *identity; /* borrowed */
	/* Sets the owner's own counters (COUNTER_UPLOAD) for the minute that ends now. */
	void (*count)(void *arg, struct cloudwatch_sample *own);
	/* After telemetry_flush: all is told, or its time is over. */
	void (*flushed)(void *arg);
	void *arg;  /* borrowed */
	bool again; /* a process before this one told CloudWatch: what a source says first was counted before,
		       and is not told again; what came within the minute of that death is in the log alone */

	struct poster metrics, alarm;
	struct alarms alarms;
	int64_t offset_ns; /* what keys adds to the clock when signing */
	struct cloudwatch_sample part[COUNTER_SOURCES], before;
	struct cloudwatch_sample owed; /* counts that go with the next minute */
	struct cloudwatch_sample queue[TELEMETRY_MINUTES];
	uint32_t first, count_queued;
	struct loop_timer minute, quiet, deadline, second;
	bool told_by[COUNTER_SOURCES]; /* that source has told something */
	bool started, flushing;
};

void telemetry_init(struct telemetry *t, const struct tls_anchors *anchors);
/* The settings are there. */
void telemetry_start(struct telemetry *t);
/* MSG_COUNTERS, MSG_ALARM, MSG_POST_SIGNED, MSG_RESOLVED, MSG_CLOCK_OFFSET. */
void telemetry_counters(struct telemetry *t, uint32_t source, const struct cloudwatch_sample *c);
void telemetry_alarm(struct telemetry *t, const struct sns_alarm *a);
void telemetry_signed(struct telemetry *t, const struct msg_signed *s);
void telemetry_resolved(struct telemetry *t, const struct msg_addresses *a);
void telemetry_clock(struct telemetry *t, const struct msg_skew *s);
/* The status role is a new process: all that is known. */
void telemetry_status_anew(struct telemetry *t);
/* The last minute ends now; what is to be told is told at once. flushed() is called, perhaps at once. */
void telemetry_flush(struct telemetry *t);

/* net or keys is a new process. */
void telemetry_again(struct telemetry *t, enum role_id anew);

#endif
