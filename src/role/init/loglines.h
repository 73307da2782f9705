/* loglines: the way of a log line through init: checked, shown on the console where a person should see it,
 * handed to keys for the log stream. */
#ifndef SEALTAP_ROLE_INIT_LOGLINES_H
#define SEALTAP_ROLE_INIT_LOGLINES_H

#include "role/init/roster.h"

#define LOGLINES_MAX 256

/* Lines are kept until keys has committed them: its successor gets those that it had not. */
struct loglines {
	struct roster *roster; /* borrowed */
	bool verbose;          /* show every line, not warnings and errors alone */
	uint64_t lost;         /* lines for which there was no place, not told yet */
	struct msg_log line[LOGLINES_MAX];
	uint64_t last, sent, committed; /* numbers of lines */
	struct loop_watch own;          /* init's own lines */
};

/* From here on init itself may log. roster and verbose are set by the caller before. */
enum err loglines_open(struct loglines *l, struct loop *loop) MUST_USE;
/* A line in which `speaker` gives itself out for another role is dropped. */
void loglines_take(struct loglines *l, enum role_id speaker, const struct log_line *told);

void loglines_committed(struct loglines *l, uint64_t number);
/* keys is a new process. */
void loglines_again(struct loglines *l);

#endif
