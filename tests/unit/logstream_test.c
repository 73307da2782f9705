#include "check.h"

#include "aws/json.h"
#include "role/keys/logstream.h"

/* A log stream that is not open yet: its lines wait in the queue, as JSON. */
static struct logstream s;

static struct span json_of(const char *line)
{
	struct msg_log l = {.number = 7, .line = {.real_ns = 1767225600000000000ull}};
	s.first = s.count = 0;
	memcpy(l.line.line, line, strlen(line));
	logstream_line(&s, &l);
	return span_of(s.queue[0].json, s.queue[0].len);
}

/* One whole JSON object and a newline, nothing else. */
static bool one_json_line(struct span line)
{
	struct json_reader r;
	if (line.len < 2 || line.p[line.len - 1] != '\n' || span_find(line, '\n') != line.len - 1)
		return false;
	json_begin(&r, NULL, 0);
	return !json_feed(&r, span_first(line, line.len - 1)) && !json_end(&r);
}

static void an_event_becomes_one_line_of_json(void)
{
	CHECK_SPAN(
		json_of("warn upload put-failed what=SlowDown tries=3 why=\"two words\""),
		SPAN("{\"time\":\"2026-01-01T00:00:00.000000000Z\",\"level\":\"warn\",\"role\":\"upload\","
		     "\"event\":\"put-failed\",\"what\":\"SlowDown\",\"tries\":3,\"why\":\"two words\"}\n"));
	CHECK(one_json_line(json_of("info net x")));
	CHECK(one_json_line(json_of("info net x k=007 l=1e9 m=-1 n=99999999999999999999")));
}

static void no_line_of_a_role_breaks_the_log(void)
{
	static const char *const hostile[] = {
		"",
		" ",
		"info",
		"info net",
		"info net x k",
		"info net x k=",
		"info net x =v",
		"info net x k=\"",
		"info net x k=\"open",
		"info net x k=\"a\n\\q\" l=1",
		"info net x k=\"\\u12\" l=1",
		"info net x k=\"\\ud800\"",
		"info net x k=\"a\\",
		"info net x k=\xff\xfe l=\"\x80\"",
		"info net x k=\"v\"w\"x\" y",
		"info net x k={\"a\":1},\"b\":2",
	};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct span line = json_of(hostile[i]);
		if (!one_json_line(line))
			printf("  line %zu: %.*s\n", i, (int)line.len, (const char *)line.p);
		CHECK(one_json_line(line));
	}
	uint32_t lcg = 7;
	for (int n = 0; n < 100000; n++) {
		char noise[64] = "info net x k=\"";
		static const char alphabet[] = "\\\"u0d8 =ab\x01\xc3{}n/";
		for (size_t i = 14; i < sizeof(noise) - 1; i++)
			noise[i] =
				alphabet[((lcg = lcg * 1664525 + 1013904223) >> 16) % (sizeof(alphabet) - 1)];
		CHECK(one_json_line(json_of(noise)));
	}
}

static void a_flood_of_events_leaves_room_for_the_inventory(void)
{
	struct msg_log line = {.line.line = "info net flood"};
	struct msg_shipped shipped = {.meta = {.name = "p/x", .sig_len = 3}};
	memset(&s, 0, sizeof(s));
	for (int i = 0; i < 10000; i++)
		logstream_line(&s, &line);
	CHECK(s.count == LOGSTREAM_LINES && s.dropped == 10000 - LOGSTREAM_LINES);
	for (uint32_t i = 0; i < PRODUCERS * MSG_MAX_SEGMENTS; i++)
		logstream_shipped(&s, &shipped);
	CHECK(s.count == LOGSTREAM_LINES + PRODUCERS * MSG_MAX_SEGMENTS);
	CHECK(s.dropped == 10000 - LOGSTREAM_LINES);
}

int main(void)
{
	RUN(an_event_becomes_one_line_of_json, "an event becomes one line of JSON");
	RUN(no_line_of_a_role_breaks_the_log, "no line of a role, however hostile, breaks the log");
	RUN(a_flood_of_events_leaves_room_for_the_inventory,
	    "a flood of events leaves room for the inventory");
	return check_done();
}
