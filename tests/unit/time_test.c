#include "base/time.h"

#include "check.h"

static uint8_t mem[128];
static struct buf b;

static struct buf *fresh(void)
{
	b = buf_over(mem, sizeof(mem));
	return &b;
}

/* Day by day from 1970 to 2553, counted the plain way. */
static void counts_every_day(void)
{
	static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint64_t day = 0;
	unsigned wrong = 0;
	for (unsigned y = 1970; y <= 2553; y++) {
		bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
		for (unsigned m = 1; m <= 12; m++) {
			for (unsigned d = 1; d <= lengths[m - 1] + (m == 2 && leap); d++, day++) {
				uint64_t ns = day * 86400 * NS_PER_S + 86399 * NS_PER_S + 999999999;
				struct time_civil c = time_civil(ns);
				wrong += c.year != y || c.month != m || c.day != d || c.hour != 23 ||
					 c.minute != 59 || c.second != 59 || c.ns != 999999999 ||
					 time_unix_ns(&c) != ns;
			}
		}
	}
	CHECK(wrong == 0);
	CHECK(day == 213302);
}

static void writes_forms(void)
{
	uint64_t t = 1767323045ull * NS_PER_S + 123456789; /* `date -u -d @1767323045` */
	time_rfc3339(fresh(), t);
	CHECK_SPAN(buf_span(&b), SPAN("2026-01-02T03:04:05.123456789Z"));
	time_basic(fresh(), t);
	CHECK_SPAN(buf_span(&b), SPAN("20260102T030405Z"));
	time_date(fresh(), t);
	CHECK_SPAN(buf_span(&b), SPAN("20260102"));
	time_rfc3339(fresh(), 0);
	CHECK_SPAN(buf_span(&b), SPAN("1970-01-01T00:00:00.000000000Z"));
}

static void reads_rfc3339(void)
{
	uint64_t t = 0;
	CHECK(time_read_rfc3339(SPAN("2026-01-02T03:04:05Z"), &t) == ERR_OK && t == 1767323045ull * NS_PER_S);
	CHECK(time_read_rfc3339(SPAN("2026-01-02T03:04:05.5Z"), &t) == ERR_OK && t % NS_PER_S == 500000000);
	CHECK(time_read_rfc3339(SPAN("2026-01-02T03:04:05.000000001Z"), &t) == ERR_OK && t % NS_PER_S == 1);
	CHECK(time_read_rfc3339(SPAN("2024-02-29T00:00:00Z"), &t) == ERR_OK);
	static const struct {
		const char *text;
		enum err e;
	} bad[] = {
		{"", ERR_SYNTAX},
		{"2026-01-02T03:04:05", ERR_SYNTAX},
		{"2026-01-02 03:04:05Z", ERR_SYNTAX},
		{"2026-01-02T03:04:05+00:00", ERR_SYNTAX},
		{"2026-01-02T03:04:05Z ", ERR_SYNTAX},
		{"2026-1-02T03:04:05Z", ERR_SYNTAX},
		{"2026-01-02T03:04:05.Z", ERR_SYNTAX},
		{"2026-01-02T03:04:05.0000000001Z", ERR_SYNTAX},
		{"2026-01-02T03:04:05.5xZ", ERR_SYNTAX},
		{"2026-02-29T00:00:00Z", ERR_RANGE},
		{"2100-02-29T00:00:00Z", ERR_RANGE},
		{"2026-04-31T00:00:00Z", ERR_RANGE},
		{"2026-00-01T00:00:00Z", ERR_RANGE},
		{"2026-13-01T00:00:00Z", ERR_RANGE},
		{"2026-01-00T00:00:00Z", ERR_RANGE},
		{"2026-01-01T24:00:00Z", ERR_RANGE},
		{"2026-01-01T00:60:00Z", ERR_RANGE},
		{"2026-01-01T00:00:60Z", ERR_RANGE},
		{"1969-12-31T23:59:59Z", ERR_RANGE},
		{"2554-01-01T00:00:00Z", ERR_RANGE},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(time_read_rfc3339(span_str(bad[i].text), &t) == bad[i].e);
	struct span whole = SPAN("2026-01-02T03:04:05.123456789Z");
	for (size_t n = 0; n < whole.len; n++)
		CHECK(time_read_rfc3339(span_first(whole, n), &t) != ERR_OK);
}

static void reads_http_dates(void)
{
	uint64_t t = 0;
	static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
					    "Sun Nov  6 08:49:37 1994"}; /* RFC 9110's examples */
	for (size_t i = 0; i < 3; i++) {
		struct span whole = span_str(forms[i]);
		CHECK(time_read_http(whole, &t) == ERR_OK && t == 784111777ull * NS_PER_S);
		for (size_t n = 0; n < whole.len; n++)
			CHECK(time_read_http(span_first(whole, n), &t) == ERR_SYNTAX);
	}
	CHECK(time_read_http(SPAN("Sat, 31 Dec 2016 23:59:60 GMT"), &t) == ERR_OK &&
	      t == 1483228800ull * NS_PER_S);
	CHECK(time_read_http(SPAN("Thursday, 01-Jan-70 00:00:00 GMT"), &t) == ERR_OK && t == 0);
	CHECK(time_read_http(SPAN("Friday, 02-Jan-26 03:04:05 GMT"), &t) == ERR_OK &&
	      t == 1767323045ull * NS_PER_S);
	CHECK(time_read_http(SPAN("Wed Dec 31 23:59:60 2025"), &t) == ERR_OK &&
	      t == 1767225600ull * NS_PER_S);
	static const char *const bad[] = {
		"Sun, 06 Nov 1994 08:49:37 UTC", "sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 NOV 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun,  6 Nov 1994 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",   "Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",       "Sun Nov  6 08:49:37 1994 GMT",
		"Sun Nov   6 08:49:37 1994",     "Sun, 06 Nov 94 08:49:37 GMT",
		"06 Nov 1994 08:49:37 GMT",      "Sun, +6 Nov 1994 08:49:37 GMT",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(time_read_http(span_str(bad[i]), &t) == ERR_SYNTAX);
	CHECK(time_read_http(SPAN("Sun, 31 Feb 1994 08:49:37 GMT"), &t) == ERR_RANGE);
	CHECK(time_read_http(SPAN("Sun, 06 Nov 1994 08:49:61 GMT"), &t) == ERR_RANGE);
	CHECK(time_read_http(SPAN("Sun Nov  0 08:49:37 1994"), &t) == ERR_RANGE);
}

int main(void)
{
	RUN(counts_every_day, "every day from 1970 to 2553 has its date and the date its day");
	RUN(writes_forms, "times are written as RFC 3339 and as SigV4 wants them");
	RUN(reads_rfc3339, "RFC 3339 times are read exactly, impossible ones refused");
	RUN(reads_http_dates, "HTTP dates are read in their three forms");
	return check_done();
}
