/* log: one line an event, non-blocking, from any role to init, which owns the console and the log stream.
 *
 * A line is `<level> <role> <event> key=value ...`, with the time beside it. Values with blanks, quotes or
 * control bytes are quoted and escaped as JSON strings are; a value that does not fit is cut. Never a secret,
 * a token or a payload byte. A line that does not fit the socket is dropped and counted; the count goes out
 * with the next line as dropped=N.
 */
#ifndef SEALTAP_OS_LOG_H
#define SEALTAP_OS_LOG_H

#include <stdint.h>

#include "base/span.h"

#define LOG_LINE_BYTES 504

struct log_line {
	uint64_t real_ns;
	char line[LOG_LINE_BYTES]; /* terminated */
};

enum log_level {
	LOG_INFO,
	LOG_WARN,
	LOG_ALARM, /* something was lost or stopped, or will not get better by itself: also sent to
		      alarm.topic */
};

/* fd: channel towards init, borrowed. type: the message type that carries a struct log_line. role: its name,
 * static. */
void log_open(int fd, uint32_t type, const char *role);

/* As it stands in the line; static. */
const char *log_level_name(enum log_level level);

/* A line is built in one static buffer: log_begin, any number of values, log_end. */
void log_begin(enum log_level level, const char *event);
void log_str(const char *key, const char *value);
void log_span(const char *key, struct span value);
void log_u64(const char *key, uint64_t value);
void log_end(void);

/* An event with a single value. */
void log_event(enum log_level level, const char *event, const char *key, const char *value);

#endif
