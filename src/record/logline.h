/* logline: reads a line of the log back: what role/keys/logstream.c writes. Pure; nothing is copied.
 */
#ifndef SEALTAP_RECORD_LOGLINE_H
#define SEALTAP_RECORD_LOGLINE_H

#include "base/json_walk.h"

struct logline {
	uint64_t time_ns;
	struct span level, role, event; /* as they stand in JSON: no word of ours needs an escape */
	struct json_walk rest;          /* the members behind these: key=value of the event */
};

/* ERR_SYNTAX: it is no line of a log; all of it is looked at. */
enum err logline_read(struct span line, struct logline *l) MUST_USE;

#endif
