/* lines: the lines of the flows and log objects of a window, opened, authenticated, merged in the order of
 * their times over all boots and appliances.
 *
 * A line is a JSON object without its end of line, at most LINES_LINE_MAX bytes; members: base/json_walk,
 * record/flowline, record/logline. What can't be opened is said, and the rest goes on. Memory is static: at
 * most LINES_AT_ONCE streams are open at once; where more overlap, the lines of some come late, and that is
 * said.
 */
#ifndef SEALTAP_CLI_LINES_H
#define SEALTAP_CLI_LINES_H

#include "cli/catalog.h"

#define LINES_LINE_MAX 65536u
#define LINES_AT_ONCE 16u

struct lines_filter {
	uint64_t from_ns, to_ns; /* of the lines' `time` */
	unsigned kinds;          /* bits 1u << OBJECT_FLOWS, 1u << OBJECT_LOG */
};

struct lines_line {
	struct span text; /* borrowed for the callback */
	uint64_t time_ns;
	const struct catalog_object *object; /* in which it stands */
};

/* Says whether to go on. */
typedef bool (*lines_fn)(void *arg, const struct lines_line *l);

/* Reads the catalog (files and s3:// of the operands, or the session's bucket), then its lines. EXIT_DONE;
 * EXIT_INCOMPLETE: something could not be read; EXIT_DAMAGED: something is not genuine; the catalog's and the
 * service's. EXIT_NO_INPUT: there is no object in that time. */
enum exit_status lines_each(const struct lines_filter *f, char **operands, lines_fn fn, void *arg);
/* The same of a catalog that was read by the caller; its other kinds are passed over. */
enum exit_status lines_of_catalog(const struct lines_filter *f, lines_fn fn, void *arg);

/* Of the last call. */
struct lines_totals {
	uint64_t objects, lines, malformed; /* malformed: no JSON object with a time, or too long */
	uint64_t failed;                    /* objects that could not be read to their end */
};
const struct lines_totals *lines_totals(void);

/* Writes the line as it stands, with its end; what could steer a terminal as '?'. */
enum exit_status lines_put(const struct lines_line *l);

#endif
