/* json_walk: walks the members of a JSON object that is at hand whole, as the lines of logs and flows are.
 * Nothing is copied: keys and values are spans into the text.
 *
 * It accepts every object that the strict reader (aws/json) accepts, of any length; of others it may accept
 * some, and never reads outside the text. Source: RFC 8259.
 */
#ifndef SEALTAP_BASE_JSON_WALK_H
#define SEALTAP_BASE_JSON_WALK_H

#include "base/text.h"

enum json_kind { JSON_STRING, JSON_NUMBER, JSON_OBJECT, JSON_ARRAY, JSON_WORD };

struct json_member {
	struct span key;   /* inside its quotes, escaped; an array's elements have none */
	struct span value; /* a string: inside its quotes, escaped; else as it stands */
	enum json_kind kind;
};

struct json_walk {
	struct span rest;
	uint8_t end; /* the bracket that closes it */
	bool begun;
};

/* ERR_SYNTAX: it is neither an object nor an array; the walk has nothing then. */
enum err json_walk(struct span text, struct json_walk *w) MUST_USE;
/* ERR_NOT_FOUND: that was all, and nothing but blanks follows. ERR_SYNTAX, ERR_TOO_LONG (nested too deep). */
enum err json_walk_next(struct json_walk *w, struct json_member *m) MUST_USE;

/* The first member of that key, compared as it stands; "orig/sport": of an object inside. ERR_NOT_FOUND,
 * ERR_SYNTAX. */
enum err json_walk_find(struct span text, const char *path, struct json_member *m) MUST_USE;
/* A whole number that is not negative. ERR_NOT_FOUND, ERR_SYNTAX: it is something else, ERR_RANGE. */
enum err json_find_u64(struct span text, const char *path, uint64_t *v) MUST_USE;

#endif
