/* profile: reads the files in which AWS's tools keep profiles, ~/.aws/config and ~/.aws/credentials, as
 * botocore reads them. Nothing is kept: each question walks through the text.
 *
 * Lines: `[section]`; `key = value` or `key: value`, keys in any case; a line that stands further in than
 * the key's is more of its value; '#' or ';' begin a comment at a line's beginning alone. Values of a
 * section [DEFAULT] stand in each that does not have them. A value that begins with an empty line holds
 * `key = value` lines of its own ("s3" with "endpoint_url" below: the path s3/endpoint_url). A section or
 * key that is there twice, and anything else, is an error of the whole file. Source: Python's
 * configparser.RawConfigParser, with which botocore reads; its configloader.
 */
#ifndef SEALTAP_AWS_PROFILE_H
#define SEALTAP_AWS_PROFILE_H

#include "base/buf.h"

#define PROFILE_BYTES_MAX 262144

/* How a section is named. */
enum profile_kind {
	PROFILE_CREDENTIALS, /* [NAME]: of the credentials file */
	PROFILE_CONFIG,      /* [profile NAME], [default] */
	PROFILE_SERVICES,    /* [services NAME] */
	PROFILE_SSO_SESSION, /* [sso-session NAME] */
};

struct profile_reader {
	struct span text; /* borrowed; what is to come */
	unsigned line;    /* of the last entry, or of the error; from 1 */

	/* inside */
	unsigned next_line;
	struct span section;
	bool in_section;
};

/* All spans are into the text. */
struct profile_entry {
	struct span section;
	struct span key;   /* empty: the section's own line */
	struct span value; /* all its lines, with comments and blanks; profile_value */
};

void profile_begin(struct profile_reader *r, struct span text);
/* ERR_NOT_FOUND: that was all. ERR_SYNTAX: in r->line. */
enum err profile_next(struct profile_reader *r, struct profile_entry *out) MUST_USE;
/* Appends the value: its lines without blanks around them, joined by line ends. */
void profile_value(const struct profile_entry *e, struct buf *out);

/* Whether there is that section. ERR_NOT_FOUND; ERR_SYNTAX, ERR_DUPLICATE: *line tells where,
 * ERR_TOO_LONG. */
enum err profile_find_section(struct span text, enum profile_kind kind, struct span name, unsigned *line)
	MUST_USE;
/* Appends one value. path: "role_arn", "s3/endpoint_url". Errors as above; ERR_NOT_FOUND also when the
 * section has no such key; ERR_FULL. */
enum err profile_find(struct span text, enum profile_kind kind, struct span name, const char *path,
		      struct buf *out, unsigned *line) MUST_USE;

#endif
