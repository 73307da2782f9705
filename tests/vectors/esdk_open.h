/* esdk_open: opens a sealed message that comes in parts, for tests. */
#ifndef SEALTAP_TESTS_ESDK_OPEN_H
#define SEALTAP_TESTS_ESDK_OPEN_H

#include "record/esdk_read.h"

/* Called when the header is read: gives the reader its key by esdk_read_key. */
typedef enum err esdk_give_key(struct esdk_reader *r, const void *arg);

/* Reads the part and appends what it opens to. */
static inline enum err esdk_open_part(struct esdk_reader *r, struct span part, esdk_give_key *give_key,
				      const void *arg, struct buf *out)
{
	enum esdk_read_event event;
	for (;;) {
		enum err e = esdk_read(r, &part, &event);
		if (e)
			return e == ERR_MORE ? ERR_OK : e;
		if (event == ESDK_READ_HEADER)
			TRY(give_key(r, arg));
		buf_put(out, r->content);
	}
}

/* A whole message, in parts of `step` bytes, after esdk_read_begin. */
static inline enum err esdk_open(struct esdk_reader *r, struct span message, size_t step,
				 esdk_give_key *give_key, const void *arg, struct buf *out)
{
	while (message.len) {
		TRY(esdk_open_part(r, span_first(message, step), give_key, arg, out));
		message = span_from(message, step);
	}
	TRY(buf_err(out));
	return esdk_read_end(r);
}

#endif
