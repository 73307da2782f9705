/* time: civil UTC time of nanoseconds since 1970-01-01T00:00:00Z, and its textual forms. Years 1970..2553.
 *
 * Leap seconds do not exist here, as in POSIX. Sources: RFC 3339; RFC 9110 section 5.6.7; ISO 8601's basic
 * form, as SigV4 uses it.
 */
#ifndef SEALTAP_BASE_TIME_H
#define SEALTAP_BASE_TIME_H

#include "base/buf.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct time_civil {
	unsigned year, month, day, hour, minute, second; /* month and day from 1 */
	unsigned ns;
};

struct time_civil time_civil(uint64_t unix_ns);
uint64_t time_unix_ns(const struct time_civil *c);

/* 2026-01-02T03:04:05.123456789Z */
void time_rfc3339(struct buf *b, uint64_t unix_ns);
/* 20260102T030405Z */
void time_basic(struct buf *b, uint64_t unix_ns);
/* 20260102 */
void time_date(struct buf *b, uint64_t unix_ns);
/* Reads 2026-01-02T03:04:05Z with an optional fraction. ERR_SYNTAX, ERR_RANGE. */
enum err time_read_rfc3339(struct span s, uint64_t *unix_ns) MUST_USE;
/* The same, or with an offset for the Z: "+02:00". */
enum err time_read_zoned(struct span s, uint64_t *unix_ns) MUST_USE;
/* Reads the three forms of RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94
 * 08:49:37 GMT" (years 70 to 99 are of the last century) and "Sun Nov  6 08:49:37 1994". The day's name is
 * not checked against the date. */
enum err time_read_http(struct span s, uint64_t *unix_ns) MUST_USE;

#endif
