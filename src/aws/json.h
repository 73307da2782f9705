/* json: reads and writes small JSON documents, whole in memory.
 *
 * Source: RFC 8259. Strict: UTF-8 is checked, also surrogate pairs in escapes; nothing but blanks after
 * the document; nesting at most JSON_DEPTH_MAX (ERR_TOO_LONG); no control characters in strings. Offsets
 * and spans point into the caller's text. Errors: ERR_SYNTAX, ERR_TOO_LONG, and those named below.
 */
#ifndef SEALTAP_AWS_JSON_H
#define SEALTAP_AWS_JSON_H

#include "base/buf.h"

#define JSON_DEPTH_MAX 16

enum json_event {
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
	JSON_END, /* the document is complete */
};

struct json_reader {
	struct span text; /* borrowed */
	size_t at;        /* next byte to read */
	struct span
		token; /* key, string (between its quotes, escapes as they are) or number of the last event */
	unsigned depth;
	uint32_t arrays; /* bit d: level d is an array */
	uint8_t expect;  /* what may come next */
	enum err error;  /* the first one stays */
};

void json_begin(struct json_reader *r, struct span text);
enum err json_next(struct json_reader *r, enum json_event *event) MUST_USE;
/* Appends what a string's token means, as UTF-8. ERR_FULL when it does not fit. */
enum err json_unescape(struct span token, struct buf *out) MUST_USE;

/* Finds a member by path ("credentials/token": keys of nested objects, compared unescaped); checks the
 * whole document. ERR_MISSING when there is none, ERR_DUPLICATE when a key of the path stands twice in its
 * object. *event says what it is; *token is set for strings and numbers. */
enum err json_find(struct span text, const char *path, enum json_event *event, struct span *token) MUST_USE;
/* The same for a member that must be a string (appended unescaped) or a whole number up to 2^64-1;
 * ERR_SYNTAX when it is something else. */
enum err json_find_string(struct span text, const char *path, struct buf *out) MUST_USE;
enum err json_find_u64(struct span text, const char *path, uint64_t *v) MUST_USE;
/* A string member without NULs into a terminated array of cap bytes. ERR_TOO_LONG when it does not fit. */
enum err json_find_text(struct span text, const char *path, char *out, size_t cap) MUST_USE;

/* Appends a quoted and escaped string; s is UTF-8. */
void json_put_string(struct buf *b, struct span s);

#endif
