/* json: reads strings out of small JSON documents as their bytes come; writes strings.
 *
 * The reader keeps no text: it checks the document byte by byte and puts the values of the wanted members
 * where the caller says. Source: RFC 8259. Strict: UTF-8 is checked, also surrogate pairs in escapes; nothing
 * but blanks around the document; no control characters in strings; nesting at most JSON_DEPTH_MAX and
 * documents at most JSON_BYTES_MAX bytes (ERR_TOO_LONG). All else that is wrong is ERR_SYNTAX.
 */
#ifndef SEALTAP_AWS_JSON_H
#define SEALTAP_AWS_JSON_H

#include "base/text.h"

#define JSON_DEPTH_MAX 16
#define JSON_BYTES_MAX 65536
#define JSON_KEY_MAX 64 /* bytes of the longest key that can be wanted */

/* A member to be read: a string, or more. */
struct json_wanted {
	const char *path;   /* borrowed; "credentials/token": keys of nested objects, compared unescaped */
	struct buf *string; /* borrowed; the value is appended, unescaped */
	/* Also a number, true or false, as it stands; null counts as missing. */
	bool scalar;
	/* Valid after json_end, beside the document's own errors: ERR_MISSING; ERR_DUPLICATE: a key of the
	 * path stands twice in its object; ERR_SYNTAX: it is something else; ERR_FULL: `string` has its
	 * beginning. Values are set before it is known whether the document is whole. */
	enum err result;

	/* Inside. */
	uint32_t seen; /* bit i: key i of the path was met */
	uint8_t level; /* objects of the path that are open, less the root */
	bool at_value; /* the last token was key `level` of the path */
	bool inside;   /* in the value */
};

/* Inside: where a string's reading stands. */
struct json_string {
	uint8_t phase, digits;
	uint32_t code, high; /* high: a high surrogate that waits for its second half, or 0 */
};

struct json_reader {
	struct json_wanted *wanted; /* borrowed */
	size_t wanted_count;
	enum err error; /* the first one stays */
	size_t bytes;   /* taken so far */
	unsigned depth;
	uint32_t arrays; /* bit d: level d is an array */
	uint8_t phase, number_phase;
	bool in_key;
	const char *word; /* what is to come of true, false or null */
	struct text_utf8 utf8;
	struct json_string string;
	uint8_t key[JSON_KEY_MAX];
	size_t key_len; /* may be more than JSON_KEY_MAX: then it is none that is wanted */
};

/* wanted: count rows with path and string set; they outlive the reading. */
void json_begin(struct json_reader *r, struct json_wanted *wanted, size_t count);
enum err json_feed(struct json_reader *r, struct span piece) MUST_USE;
/* The text is over: ERR_OK when it was one whole document. Otherwise the error is every member's result. */
enum err json_end(struct json_reader *r) MUST_USE;

/* One member of a document that is at hand whole. On an error other than ERR_FULL nothing is appended. */
enum err json_find_string(struct span text, const char *path, struct buf *out) MUST_USE;
/* One without NULs into a terminated array of cap bytes. ERR_TOO_LONG when it does not fit. */
enum err json_find_text(struct span text, const char *path, char *out, size_t cap) MUST_USE;

/* Appends what the inside of a string means, as UTF-8. ERR_FULL when it does not fit. */
enum err json_unescape(struct span inside, struct buf *out) MUST_USE;
/* Appends a quoted and escaped string; s is UTF-8. No control character is left, of C1 neither: who shows it
 * on a terminal shows text. */
void json_put_string(struct buf *b, struct span s);

#endif
