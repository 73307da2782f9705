/* words: splits a line into words as a POSIX shell would, without doing anything else that a shell does: no
 * variables, no patterns, no comments. AWS's tools read names of profiles and `credential_process` so.
 *
 * Blanks separate. '...' takes all as it stands; "..." too, but that a backslash takes the next '"' or '\' as
 * it is; outside of quotes a backslash takes any character as it is. Source: Python's shlex.split, which
 * botocore calls, with posix rules.
 */
#ifndef SEALTAP_AWS_WORDS_H
#define SEALTAP_AWS_WORDS_H

#include "base/buf.h"

/* Cuts the next word off *line and appends it. ERR_NOT_FOUND: there is no further one. ERR_SYNTAX: the
 * line ends in a quote or behind a backslash. ERR_FULL. */
enum err words_next(struct span *line, struct buf *word) MUST_USE;

#endif
