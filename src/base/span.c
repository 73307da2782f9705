#include "base/span.h"

#include <string.h>

struct span span_str(const char *s)
{
	return span_of(s, strlen(s));
}

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool span_ieq(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_first(s, prefix.len), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_from(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, uint8_t c)
{
	const uint8_t *at = s.len ? memchr(s.p, c, s.len) : NULL;
	return at ? (size_t)(at - s.p) : s.len;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	while (s.len && blank(s.p[0]))
		s = span_from(s, 1);
	while (s.len && blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

int span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n ? memcmp(a.p, b.p, n) : 0;
	if (d)
		return d;
	return a.len < b.len ? -1 : a.len > b.len;
}

struct span span_cut(struct span *s, uint8_t c)
{
	size_t at = span_find(*s, c);
	struct span head = span_first(*s, at);
	*s = span_from(*s, at + 1);
	return head;
}

bool span_collect(struct span *s, size_t want, uint8_t *to, size_t *got)
{
	struct span part = span_first(*s, want - *got);
	if (part.len)
		memcpy(to + *got, part.p, part.len);
	*got += part.len;
	*s = span_from(*s, part.len);
	return *got == want;
}

struct span span_part(struct span s, uint8_t c, size_t n, bool *last)
{
	for (; n; n--)
		(void)span_cut(&s, c);
	*last = span_find(s, c) == s.len;
	return span_cut(&s, c);
}
