/* when: times as operators write them: RFC 3339 (2026-11-22T10:00:00Z, +01:00, fractions), "2026-11-22
 * 10:00[:30]" and "2026-11-22" (UTC), "-15m", "-7d", "-1h30m" (before now; s m h d w), "now",
 * "@1763805600" (seconds since 1970). Local zones are not known: what has none is UTC.
 */
#ifndef SEALTAP_CLI_WHEN_H
#define SEALTAP_CLI_WHEN_H

#include "base/err.h"
#include "base/span.h"

/* ERR_SYNTAX, ERR_RANGE. */
enum err when_read(struct span text, uint64_t now_ns, uint64_t *unix_ns) MUST_USE;

#endif
