/* rows: reads the lists in XML answers of EC2 and IAM: elements that repeat, also within elements that
 * repeat, a row at a time. Source: the query APIs' answers, `<item>` and `<member>`.
 *
 * A list says where its rows are by the depth of the element that is one (the root's is 0). Where that
 * stands in another one that repeats, a row's group is that one's number, from 0: so that two lists of
 * one answer can be joined, whatever the order of their elements.
 */
#ifndef SEALTAP_AWS_ROWS_H
#define SEALTAP_AWS_ROWS_H

#include "base/err.h"
#include "base/span.h"

#define ROWS_COLUMNS_MAX 12
#define ROWS_VALUE_MAX 512           /* of a value, with its terminator; what is too long is cut */
#define ROWS_BYTES_MAX (1024 * 1024) /* of an answer */

struct rows_list {
	unsigned group_depth, row_depth;      /* the same: each row is a group of its own */
	unsigned count;                       /* of columns */
	const char *column[ROWS_COLUMNS_MAX]; /* paths from the root on */
};

/* values: count of them, terminated, printable, empty where there is none; not all are. */
typedef void rows_fn(void *arg, unsigned group, const char *const *values);

/* ERR_OK also where there are no rows; ERR_SYNTAX and others as aws/xml says: rows before were given. */
enum err rows_read(struct span xml, const struct rows_list *list, rows_fn *fn, void *arg) MUST_USE;

#endif
