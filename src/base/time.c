#include "base/time.h"

#include "base/text.h"

/* Days are counted in eras of 400 years (146,097 days) that begin on the first of March, so that the leap day
 * is the last day of its year and of its era. 1970-01-01 is day 719,468 since 0000-03-01. */
#define ERA_DAYS 146097u
#define EPOCH_DAYS 719468u
#define DAY_S 86400u

static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = month > 2 ? year : year - 1u;
	uint64_t m = month > 2 ? month - 3u : month + 9u; /* from March */
	/* The months from March on have 31 30 31 30 31 days, again and again: 153 days in five. */
	uint64_t day_of_year = (153 * m + 2) / 5 + day - 1;
	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - EPOCH_DAYS;
}

struct time_civil time_civil(uint64_t unix_ns)
{
	struct time_civil c;
	uint64_t seconds = unix_ns / NS_PER_S;
	uint64_t days = seconds / DAY_S + EPOCH_DAYS;
	unsigned of_day = (unsigned)(seconds % DAY_S);
	unsigned era = (unsigned)(days / ERA_DAYS);
	unsigned of_era = (unsigned)(days % ERA_DAYS);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned m = (5 * of_year + 2) / 153;
	c.day = of_year - (153 * m + 2) / 5 + 1;
	c.month = m < 10 ? m + 3 : m - 9;
	c.year = era * 400 + year_of_era + (c.month <= 2);
	c.hour = of_day / 3600;
	c.minute = of_day / 60 % 60;
	c.second = of_day % 60;
	c.ns = (unsigned)(unix_ns % NS_PER_S);
	return c;
}

uint64_t time_unix_ns(const struct time_civil *c)
{
	uint64_t seconds =
		days_of(c->year, c->month, c->day) * DAY_S + c->hour * 3600u + c->minute * 60u + c->second;
	return seconds * NS_PER_S + c->ns;
}

void time_rfc3339(struct buf *b, uint64_t unix_ns)
{
	struct time_civil c = time_civil(unix_ns);
	const struct {
		unsigned v, digits;
		char after;
	} part[] = {{c.year, 4, '-'},   {c.month, 2, '-'},  {c.day, 2, 'T'}, {c.hour, 2, ':'},
		    {c.minute, 2, ':'}, {c.second, 2, '.'}, {c.ns, 9, 'Z'}};
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		text_u64_pad(b, part[i].v, part[i].digits);
		buf_u8(b, (uint8_t)part[i].after);
	}
}

void time_date(struct buf *b, uint64_t unix_ns)
{
	struct time_civil c = time_civil(unix_ns);
	text_u64_pad(b, c.year, 4);
	text_u64_pad(b, c.month, 2);
	text_u64_pad(b, c.day, 2);
}

void time_basic(struct buf *b, uint64_t unix_ns)
{
	struct time_civil c = time_civil(unix_ns);
	time_date(b, unix_ns);
	buf_u8(b, 'T');
	text_u64_pad(b, c.hour, 2);
	text_u64_pad(b, c.minute, 2);
	text_u64_pad(b, c.second, 2);
	buf_u8(b, 'Z');
}

/* Cuts n digits and the literal after them off *s. */
static enum err read_part(struct span *s, size_t n, struct span after, unsigned *v)
{
	uint64_t u;
	if (s->len < n)
		return ERR_SYNTAX;
	TRY(text_read_u64(span_first(*s, n), UINT32_MAX, &u));
	*s = span_from(*s, n);
	if (!span_starts(*s, after))
		return ERR_SYNTAX;
	*s = span_from(*s, after.len);
	*v = (unsigned)u;
	return ERR_OK;
}

static enum err checked(const struct time_civil *c, uint64_t *unix_ns)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (c->year < 1970 || c->year > 2553 || c->month < 1 || c->month > 12)
		return ERR_RANGE;
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
	unsigned last = days[c->month - 1] + (c->month == 2 && leap);
	if (c->day < 1 || c->day > last || c->hour > 23 || c->minute > 59 || c->second > 59)
		return ERR_RANGE;
	*unix_ns = time_unix_ns(c);
	return ERR_OK;
}

/* ".123": 1 to 9 digits, the rest of them taken as zeros. */
static enum err read_fraction(struct span *s, unsigned *ns)
{
	size_t n = 1;
	while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (n < 2 || n > 10)
		return ERR_SYNTAX;
	*ns = 0;
	for (size_t i = 1; i < 10; i++)
		*ns = *ns * 10 + (i < n ? (unsigned)(s->p[i] - '0') : 0);
	*s = span_from(*s, n);
	return ERR_OK;
}

enum err time_read_rfc3339(struct span s, uint64_t *unix_ns)
{
	struct time_civil c = {0};
	TRY(read_part(&s, 4, SPAN("-"), &c.year));
	TRY(read_part(&s, 2, SPAN("-"), &c.month));
	TRY(read_part(&s, 2, SPAN("T"), &c.day));
	TRY(read_part(&s, 2, SPAN(":"), &c.hour));
	TRY(read_part(&s, 2, SPAN(":"), &c.minute));
	TRY(read_part(&s, 2, SPAN(""), &c.second));
	if (s.len && s.p[0] == '.')
		TRY(read_fraction(&s, &c.ns));
	if (!span_eq(s, SPAN("Z")))
		return ERR_SYNTAX;
	return checked(&c, unix_ns);
}

enum err time_read_zoned(struct span s, uint64_t *unix_ns)
{
	char text[64];
	struct buf utc = BUF_OF(text);
	unsigned hours, minutes;
	if (s.len < 6 || (s.p[s.len - 6] != '+' && s.p[s.len - 6] != '-'))
		return time_read_rfc3339(s, unix_ns);
	struct span offset = span_from(s, s.len - 5);
	bool ahead = s.p[s.len - 6] == '+';
	TRY(read_part(&offset, 2, SPAN(":"), &hours));
	TRY(read_part(&offset, 2, SPAN(""), &minutes));
	buf_put(&utc, span_first(s, s.len - 6));
	buf_u8(&utc, 'Z');
	TRY(buf_err(&utc));
	TRY(time_read_rfc3339(buf_span(&utc), unix_ns));
	uint64_t by = (hours * 60ull + minutes) * 60 * NS_PER_S;
	if (hours > 23 || minutes > 59 || (ahead ? by > *unix_ns : by > UINT64_MAX - *unix_ns))
		return ERR_RANGE;
	*unix_ns = ahead ? *unix_ns - by : *unix_ns + by;
	return ERR_OK;
}

/* Cuts a name of the list off *s; *n is its place there. */
static enum err read_name(struct span *s, const char *const *names, unsigned count, unsigned *n)
{
	for (*n = 0; *n < count; ++*n) {
		struct span name = span_str(names[*n]);
		if (!span_starts(*s, name))
			continue;
		*s = span_from(*s, name.len);
		return ERR_OK;
	}
	return ERR_SYNTAX;
}

/* The long names first: the short ones begin them. */
static const char *const day_names[] = {"Sunday, ", "Monday, ",   "Tuesday, ", "Wednesday, ", "Thursday, ",
					"Friday, ", "Saturday, ", "Sun, ",     "Mon, ",       "Tue, ",
					"Wed, ",    "Thu, ",      "Fri, ",     "Sat, ",       "Sun ",
					"Mon ",     "Tue ",       "Wed ",      "Thu ",        "Fri ",
					"Sat "};
#define DAYS 7

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static enum err read_month(struct span *s, struct span after, unsigned *month)
{
	TRY(read_name(s, month_names, 12, month));
	++*month;
	if (!span_starts(*s, after))
		return ERR_SYNTAX;
	*s = span_from(*s, after.len);
	return ERR_OK;
}

static enum err read_clock(struct span *s, struct span after, struct time_civil *c)
{
	TRY(read_part(s, 2, SPAN(":"), &c->hour));
	TRY(read_part(s, 2, SPAN(":"), &c->minute));
	return read_part(s, 2, after, &c->second);
}

/* After "Sun, ": 06 Nov 1994 08:49:37 GMT */
static enum err read_fixdate(struct span *s, struct time_civil *c)
{
	TRY(read_part(s, 2, SPAN(" "), &c->day));
	TRY(read_month(s, SPAN(" "), &c->month));
	TRY(read_part(s, 4, SPAN(" "), &c->year));
	return read_clock(s, SPAN(" GMT"), c);
}

/* After "Sunday, ": 06-Nov-94 08:49:37 GMT */
static enum err read_rfc850(struct span *s, struct time_civil *c)
{
	TRY(read_part(s, 2, SPAN("-"), &c->day));
	TRY(read_month(s, SPAN("-"), &c->month));
	TRY(read_part(s, 2, SPAN(" "), &c->year));
	c->year += c->year < 70 ? 2000 : 1900;
	return read_clock(s, SPAN(" GMT"), c);
}

/* After "Sun ": Nov  6 08:49:37 1994 */
static enum err read_asctime(struct span *s, struct time_civil *c)
{
	TRY(read_month(s, SPAN(" "), &c->month));
	bool one_digit = span_starts(*s, SPAN(" "));
	*s = span_from(*s, one_digit);
	TRY(read_part(s, one_digit ? 1 : 2, SPAN(" "), &c->day));
	TRY(read_clock(s, SPAN(" "), c));
	return read_part(s, 4, SPAN(""), &c->year);
}

enum err time_read_http(struct span s, uint64_t *unix_ns)
{
	static enum err (*const forms[])(struct span *, struct time_civil *) = {read_rfc850, read_fixdate,
										read_asctime};
	struct time_civil c = {0};
	unsigned name;
	TRY(read_name(&s, day_names, 3 * DAYS, &name));
	TRY(forms[name / DAYS](&s, &c));
	if (s.len)
		return ERR_SYNTAX;
	/* A leap second counts as the second after it. */
	bool leap = c.second == 60;
	c.second -= leap;
	TRY(checked(&c, unix_ns));
	*unix_ns += leap ? NS_PER_S : 0;
	return ERR_OK;
}
