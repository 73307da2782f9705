/* span: bytes that somebody else owns, with their length. Passed by value; never outlives its owner.
 *
 * All comparisons are by bytes. SPAN("text") makes one of a literal, without the terminator.
 */
#ifndef SEALTAP_BASE_SPAN_H
#define SEALTAP_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *p; /* borrowed; may be NULL when len is 0 */
	size_t len;       /* bytes */
};

#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){p, len};
}
/* A terminated string without its terminator. */
struct span span_str(const char *s);
bool span_eq(struct span a, struct span b);
/* ASCII case is ignored. */
bool span_ieq(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
/* The bytes from `from` on, or an empty span when from > len. */
static inline struct span span_from(struct span s, size_t from)
{
	if (from >= s.len)
		return span_of(s.p, 0);
	return span_of(s.p + from, s.len - from);
}
/* The first n bytes, or all when there are fewer. */
static inline struct span span_first(struct span s, size_t n)
{
	return span_of(s.p, n < s.len ? n : s.len);
}
/* Index of the first `c`, or s.len. */
size_t span_find(struct span s, uint8_t c);
/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);
/* <0, 0, >0 as memcmp; the shorter of two with one prefix sorts first. */
int span_cmp(struct span a, struct span b);
/* Cuts the part before the first `c` off *s and returns it; without a `c` returns all and leaves *s empty. */
struct span span_cut(struct span *s, uint8_t c);
/* Moves bytes from s's front to to[], which has *got of them, until it has `want`. False: *s ended before. */
bool span_collect(struct span *s, size_t want, uint8_t *to, size_t *got);
/* Part n, from 0, of those that `c` separates; *last: none follows. Past the last one: empty. */
struct span span_part(struct span s, uint8_t c, size_t n, bool *last);

#endif
