/* json_pull: reads JSON documents that are whole in memory, token by token: for test vectors, and as
 * a second opinion on aws/json.
 *
 * Source: RFC 8259. Strict: UTF-8 is checked, also surrogate pairs in escapes; nothing but blanks after
 * the document; nesting at most PULL_DEPTH_MAX (ERR_TOO_LONG); no control characters in strings. Offsets
 * and spans point into the caller's text. Errors: ERR_SYNTAX, ERR_TOO_LONG, and those named below.
 */
#ifndef SEALTAP_TESTS_JSON_PULL_H
#define SEALTAP_TESTS_JSON_PULL_H

#include "base/buf.h"

#define PULL_DEPTH_MAX 16

enum pull_event {
	PULL_OBJECT,
	PULL_OBJECT_END,
	PULL_ARRAY,
	PULL_ARRAY_END,
	PULL_KEY,
	PULL_STRING,
	PULL_NUMBER,
	PULL_TRUE,
	PULL_FALSE,
	PULL_NULL,
	PULL_END, /* the document is complete */
};

struct pull_reader {
	struct span text; /* borrowed */
	size_t at;        /* next byte to read */
	struct span
		token; /* key, string (between its quotes, escapes as they are) or number of the last event */
	unsigned depth;
	uint32_t arrays; /* bit d: level d is an array */
	uint8_t expect;  /* what may come next */
	enum err error;  /* the first one stays */
};

void pull_begin(struct pull_reader *r, struct span text);
enum err pull_next(struct pull_reader *r, enum pull_event *event) MUST_USE;
/* Appends what a string's token means, as UTF-8. ERR_FULL when it does not fit. */
enum err pull_unescape(struct span token, struct buf *out) MUST_USE;

/* Finds a member by path ("credentials/token": keys of nested objects, compared unescaped); checks the
 * whole document. ERR_MISSING when there is none, ERR_DUPLICATE when a key of the path stands twice in its
 * object. *event says what it is; *token is set for strings and numbers. */
enum err pull_find(struct span text, const char *path, enum pull_event *event, struct span *token) MUST_USE;
/* The same for a string: unescaped and appended, or into a terminated array of cap bytes without NULs. */
enum err pull_find_string(struct span text, const char *path, struct buf *out) MUST_USE;
enum err pull_find_text(struct span text, const char *path, char *out, size_t cap) MUST_USE;

#endif
