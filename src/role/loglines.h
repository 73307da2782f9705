/* loglines: the way of a log line through init: checked, shown on the console where a person should see it,
 * handed to keys for the log stream. */
#ifndef SEALTAP_ROLE_LOGLINES_H
#define SEALTAP_ROLE_LOGLINES_H

#include "role/roster.h"

#define LOGLINES_WAITING 64

struct loglines {
	struct roster *roster; /* borrowed */
	bool verbose;          /* show every line, not warnings and errors alone */
	uint64_t lost;         /* lines that keys could not take, not told yet */
	struct log_line waiting[LOGLINES_WAITING]; /* for keys to start anew */
	uint32_t waiting_count;
	struct loop_watch own; /* init's own lines */
};

/* From here on init itself may log. roster and verbose are set by the caller before. */
enum err loglines_open(struct loglines *l, struct loop *loop) MUST_USE;
/* m holds a struct log_line. A line in which `speaker` gives itself out for another role is dropped. */
void loglines_take(struct loglines *l, enum role_id speaker, const struct chan_msg *m);

/* keys is there again. */
void loglines_flush(struct loglines *l);

#endif
