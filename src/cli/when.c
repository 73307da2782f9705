#include "cli/when.h"

#include "base/text.h"
#include "base/time.h"

#define LAST_S 18429292799ull /* the last second of 2553: base/time goes no further */

static const struct {
	uint8_t letter;
	uint64_t seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};

static size_t digits_of(struct span s)
{
	size_t n = 0;
	while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static uint64_t unit_seconds(uint8_t letter)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].letter == letter)
			return units[i].seconds;
	return 0;
}

/* "1h30m" after the minus. */
static enum err read_before(struct span s, uint64_t now_ns, uint64_t *unix_ns)
{
	uint64_t all_s = 0, most_s = now_ns / NS_PER_S;
	if (!s.len)
		return ERR_SYNTAX;
	while (s.len) {
		size_t n = digits_of(s);
		uint64_t v, unit_s = n && n < s.len ? unit_seconds(s.p[n]) : 0;
		if (!unit_s)
			return ERR_SYNTAX;
		TRY(text_read_u64(span_first(s, n), UINT64_MAX, &v));
		if (v > (most_s - all_s) / unit_s)
			return ERR_RANGE;
		all_s += v * unit_s;
		s = span_from(s, n + 1);
	}
	*unix_ns = now_ns - all_s * NS_PER_S;
	return ERR_OK;
}

/* Two digits of hour or minute. */
static enum err read_two(struct span s, uint64_t max, uint64_t *v)
{
	return s.len == 2 ? text_read_u64(s, max, v) : ERR_SYNTAX;
}

/* "+01:00": the time before it is so much ahead of UTC. */
static enum err read_offset(struct span s, int64_t *offset_s)
{
	uint64_t h, m;
	if (s.len != 6 || s.p[3] != ':' || (s.p[0] != '+' && s.p[0] != '-'))
		return ERR_SYNTAX;
	TRY(read_two(span_first(span_from(s, 1), 2), 23, &h));
	TRY(read_two(span_from(s, 4), 59, &m));
	*offset_s = (int64_t)(h * 3600 + m * 60) * (s.p[0] == '+' ? 1 : -1);
	return ERR_OK;
}

/* What is written of "YYYY-MM-DD[ T]HH:MM[:SS[.fraction]][zone]" is brought to RFC 3339's whole form. */
static enum err read_civil(struct span s, uint64_t *unix_ns)
{
	uint8_t text[40];
	struct buf b = BUF_OF(text);
	int64_t offset_s = 0;
	if (s.len < 10)
		return ERR_SYNTAX;
	if (s.len > 10 && (s.p[s.len - 1] == 'Z' || s.p[s.len - 1] == 'z')) {
		s.len--;
	} else if (s.len > 16 && (s.p[s.len - 6] == '+' || s.p[s.len - 6] == '-')) {
		TRY(read_offset(span_from(s, s.len - 6), &offset_s));
		s.len -= 6;
	}
	buf_put(&b, span_first(s, 10));
	buf_u8(&b, 'T');
	if (s.len == 10) {
		buf_str(&b, "00:00:00");
	} else {
		if (s.p[10] != ' ' && s.p[10] != 'T' && s.p[10] != 't')
			return ERR_SYNTAX;
		buf_put(&b, span_from(s, 11));
		buf_str(&b, s.len == 16 ? ":00" : "");
	}
	buf_u8(&b, 'Z');
	uint64_t local_ns;
	TRY(b.overflow ? ERR_SYNTAX : time_read_rfc3339(buf_span(&b), &local_ns));
	if (offset_s > 0 && local_ns < (uint64_t)offset_s * NS_PER_S)
		return ERR_RANGE;
	*unix_ns = local_ns - (uint64_t)offset_s * NS_PER_S;
	return ERR_OK;
}

enum err when_read(struct span text, uint64_t now_ns, uint64_t *unix_ns)
{
	if (span_eq(text, SPAN("now"))) {
		*unix_ns = now_ns;
		return ERR_OK;
	}
	if (text.len && text.p[0] == '-')
		return read_before(span_from(text, 1), now_ns, unix_ns);
	if (text.len && text.p[0] == '@') {
		uint64_t seconds;
		TRY(text_read_u64(span_from(text, 1), LAST_S, &seconds));
		*unix_ns = seconds * NS_PER_S;
		return ERR_OK;
	}
	return read_civil(text, unix_ns);
}
