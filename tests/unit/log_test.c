#include "check.h"

#include "base/span.h"
#include "logged.h"

static void a_line_has_level_role_event_and_values(void)
{
	log_begin(LOG_WARN, "put-failed");
	log_str("what", "SlowDown");
	log_u64("tries", 3);
	log_end();
	CHECK_SPAN(logged_span(), SPAN("warn upload put-failed what=SlowDown tries=3"));
}

static void values_with_blanks_quotes_and_control_bytes_are_quoted(void)
{
	log_begin(LOG_INFO, "x");
	log_str("a", "two words");
	log_str("b", "say \"no\" \\");
	log_span("c", span_of("\n\xff", 2));
	log_str("d", "");
	log_end();
	CHECK_SPAN(
		logged_span(),
		SPAN("info upload x a=\"two words\" b=\"say \\\"no\\\" \\\\\" c=\"\\u000a\\u00ff\" d=\"\""));
}

static void a_value_that_does_not_fit_is_cut_and_the_line_stays_well_formed(void)
{
	static uint8_t big[LOG_LINE_BYTES];
	memset(big, 'x', sizeof(big));
	for (size_t len = 400; len < sizeof(big); len++) {
		log_begin(LOG_INFO, "x");
		log_span("k", span_of(big, len));
		log_str("after", "y");
		log_end();
		struct span line = logged_span();
		CHECK(line.len < LOG_LINE_BYTES && span_starts(line, SPAN("info upload x k=")));
		size_t quotes = 0;
		for (size_t i = 0; i < line.len; i++)
			quotes += line.p[i] == '"';
		CHECK(quotes % 2 == 0);
	}
}

static void lines_that_find_no_room_are_counted_and_the_next_line_says_how_many(void)
{
	for (int i = 0; i < 10000; i++)
		log_event(LOG_INFO, "flood", "n", "1");
	unsigned received = 0;
	while (logged_line())
		received++;
	log_event(LOG_INFO, "after", "n", "1");
	char want[64];
	snprintf(want, sizeof(want), "info upload after dropped=%u n=1", 10000 - received);
	CHECK(received < 10000);
	CHECK_SPAN(logged_span(), span_str(want));
}

int main(void)
{
	logged_begin("upload");
	RUN(a_line_has_level_role_event_and_values, "a log line has level, role, event and values");
	RUN(values_with_blanks_quotes_and_control_bytes_are_quoted,
	    "log values with blanks, quotes and control bytes are quoted");
	RUN(a_value_that_does_not_fit_is_cut_and_the_line_stays_well_formed,
	    "a log value that does not fit is cut and the line stays well-formed");
	RUN(lines_that_find_no_room_are_counted_and_the_next_line_says_how_many,
	    "log lines that find no room are counted and the next line says how many");
	return check_done();
}
