/* conf_table: the table of keys, which the reader (conf.c) and the writer (conf_show.c) share. Nobody else
 * includes it.
 *
 * A new key is a row in conf.c. A new kind of value is one word here, a reader in conf.c and a writer in
 * conf_show.c; without the writer the unit test traps.
 */
#ifndef SEALTAP_BASE_CONF_TABLE_H
#define SEALTAP_BASE_CONF_TABLE_H

#include "base/conf.h"

/* How a value is read into the field at `offset`; the last ones are text, checked by text_checks. */
enum conf_kind {
	KIND_U64,
	KIND_U32,
	KIND_LEVEL, /* -min to max */
	KIND_NAT,
	KIND_ON_LOSS,
	KIND_FLAG,
	KIND_SIDE,
	KIND_SPOOL_FULL,
	KIND_EVIDENCE,
	KIND_SPOOL,
	KIND_ENDPOINT,
	/* repeatable: the next of a list */
	KIND_RULE,
	KIND_PUBLISH,
	KIND_ALLOW, /* one list with KIND_DENY */
	KIND_DENY,
	KIND_NTP,
	KIND_ROUTES,
	KIND_NETS, /* more of the field, a struct conf_nets */
	/* text */
	KIND_BUCKET,
	KIND_PREFIX,
	KIND_KEY_ARN,
	KIND_TOPIC_ARN,
	KIND_NAMESPACE,
	KIND_NAME,
	KIND_COUNT,
};

struct conf_row {
	const char *key;
	enum conf_kind kind;
	bool required;
	size_t offset, size;    /* of the field in struct settings */
	uint64_t min, max;      /* of numbers */
	const char *default_to; /* NULL: leave it empty */
};

extern const struct conf_row conf_rows[];
extern const size_t conf_row_count;

/* What 0 and 1 are called where a kind is a choice of two; NULL elsewhere. */
extern const char *const conf_words[KIND_COUNT][2];
/* Of enum conf_keep. */
extern const char *const conf_keep_words[3];

#endif
