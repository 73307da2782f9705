/* inspect_content: the records of one zstd frame of an object that is inspected: counts, times, what the
 * object says of itself, the filter that the index should have of it. */
#ifndef SEALTAP_RECORD_INSPECT_CONTENT_H
#define SEALTAP_RECORD_INSPECT_CONTENT_H

#include "record/inspect.h"

/* The next frame, whole. ERR_SYNTAX and others: these are no records of the object's kind. */
enum err inspect_content(struct inspect *in, struct span raw) MUST_USE;
/* Is `all` a filter that may hold what `some` holds? Both as written (bloom_fold()). */
bool inspect_filter_covers(struct span all, struct span some);

#endif
