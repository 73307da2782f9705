#include "cli/when.h"

#include "base/time.h"
#include "check.h"

#define NOW (1795820400ull * NS_PER_S + 5) /* 2026-11-27T23:00:00.000000005Z */

static bool is(const char *text, uint64_t want_ns)
{
	uint64_t got_ns = 0;
	enum err e = when_read(span_str(text), NOW, &got_ns);
	if (e || got_ns != want_ns)
		printf("  \"%s\": error %d, %llu\n", text, e, (unsigned long long)got_ns);
	return !e && got_ns == want_ns;
}

static void absolute(void)
{
	const uint64_t ten_s = 1763805600; /* 2025-11-22T10:00:00Z */
	CHECK(is("2025-11-22T10:00:00Z", ten_s * NS_PER_S));
	CHECK(is("2025-11-22t10:00:00z", ten_s * NS_PER_S));
	CHECK(is("2025-11-22 10:00", ten_s * NS_PER_S));
	CHECK(is("2025-11-22 10:00:30", (ten_s + 30) * NS_PER_S));
	CHECK(is("2025-11-22", (ten_s - 36000) * NS_PER_S));
	CHECK(is("2025-11-22T10:00:00.123456789Z", ten_s * NS_PER_S + 123456789));
	CHECK(is("2025-11-22 10:00:00.5", ten_s * NS_PER_S + 500000000));
	CHECK(is("@1763805600", ten_s * NS_PER_S));
	CHECK(is("@18429292799", 18429292799ull * NS_PER_S));
	CHECK(is("@0", 0));
}

static void zones(void)
{
	CHECK(is("2025-11-22T10:00:00+01:00", (1763805600ull - 3600) * NS_PER_S));
	CHECK(is("2025-11-22T10:00:00-05:30", (1763805600ull + 19800) * NS_PER_S));
	CHECK(is("2025-11-22T10:00+01:00", (1763805600ull - 3600) * NS_PER_S));
	CHECK(is("2025-11-22T10:00:00.25+00:00", 1763805600ull * NS_PER_S + 250000000));
}

static void relative(void)
{
	CHECK(is("now", NOW));
	CHECK(is("-15m", NOW - 900 * NS_PER_S));
	CHECK(is("-7d", NOW - 7 * 86400 * NS_PER_S));
	CHECK(is("-1h30m", NOW - 5400 * NS_PER_S));
	CHECK(is("-2w1s", NOW - (2 * 604800 + 1) * NS_PER_S));
	CHECK(is("-0s", NOW));
}

static void refused(void)
{
	static const struct {
		const char *text;
		enum err want;
	} cases[] = {
		{"", ERR_SYNTAX},
		{"-", ERR_SYNTAX},
		{"-15", ERR_SYNTAX},
		{"-m", ERR_SYNTAX},
		{"-15y", ERR_SYNTAX},
		{"-1h30", ERR_SYNTAX},
		{"--1h", ERR_SYNTAX},
		{"15m", ERR_SYNTAX},
		{"-99999999999999999999s", ERR_RANGE},
		{"-4000w", ERR_RANGE},
		{"-30000000000000w", ERR_RANGE},
		{"@", ERR_SYNTAX},
		{"@-1", ERR_SYNTAX},
		{"@18429292800", ERR_RANGE},
		{"yesterday", ERR_SYNTAX},
		{"now ", ERR_SYNTAX},
		{"2025-11-22T", ERR_SYNTAX},
		{"2025-11-22T10", ERR_SYNTAX},
		{"2025-11-22T1000", ERR_SYNTAX},
		{"2025-11-22_10:00", ERR_SYNTAX},
		{"2025-11-22T10:00:00+1:00", ERR_SYNTAX},
		{"2025-11-22T10:00:00+24:00", ERR_RANGE},
		{"1970-01-01T00:00:00+01:00", ERR_RANGE},
		{"2025-11-22T10:00:00.123456789123456789123456789123456789Z", ERR_SYNTAX},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v;
		enum err e = when_read(span_str(cases[i].text), NOW, &v);
		if (e != cases[i].want)
			printf("  \"%s\": %d, not %d\n", cases[i].text, e, cases[i].want);
		CHECK(e == cases[i].want);
	}
	uint64_t v;
	CHECK(when_read(SPAN("2025-13-22"), NOW, &v) != ERR_OK);
	CHECK(when_read(SPAN("2025-11-31"), NOW, &v) != ERR_OK);
	CHECK(when_read(SPAN("2025-11-22 24:00"), NOW, &v) != ERR_OK);
	CHECK(when_read(SPAN("1969-12-31"), NOW, &v) != ERR_OK);
}

int main(void)
{
	RUN(absolute, "dates and times as RFC 3339 has them, and shorter; without a zone they are UTC");
	RUN(zones, "an offset is taken off");
	RUN(relative, "so long before now");
	RUN(refused, "what is no time, or none that can be told, is refused");
	return check_done();
}
