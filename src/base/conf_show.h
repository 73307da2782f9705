/* conf_show: the effective settings as text, key by key, in the order of the table in conf.c: what was
 * configured, and the default where nothing was.
 *
 * A value is written as conf_read takes it. No setting is a secret: credentials come from IMDS, data keys
 * from KMS, and no key of the configuration carries either.
 */
#ifndef SEALTAP_BASE_CONF_SHOW_H
#define SEALTAP_BASE_CONF_SHOW_H

#include "base/conf.h"

#define CONF_VALUE_MAX 640 /* bytes of the longest value */

/* Zeroed: before the first value. */
struct conf_cursor {
	size_t row, item;
};

/* The next value into *value, which is emptied first and has room for CONF_VALUE_MAX. A repeatable key has
 * one turn for each of its values; what is not set has one turn with an empty value. False: there are no
 * more. *key is static. */
bool conf_show(const struct settings *s, struct conf_cursor *at, const char **key, struct buf *value);

#endif
