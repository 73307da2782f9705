#include "role/alarms.h"

#include "check.h"

static struct alarms alarms;
static struct sns_alarm got;
static uint64_t wait_ns;

static void add(const char *event, const char *text, uint64_t now_ns)
{
	struct sns_alarm a = {.at_ns = now_ns};
	snprintf(a.event, sizeof(a.event), "%s", event);
	snprintf(a.text, sizeof(a.text), "%s", text);
	alarms_add(&alarms, &a, now_ns);
}

static bool next_is(uint64_t now_ns, const char *event, const char *text, uint32_t suppressed)
{
	return alarms_next(&alarms, now_ns, false, &got, &wait_ns) == ERR_OK && !strcmp(got.event, event) &&
	       !strcmp(got.text, text) && got.suppressed == suppressed;
}

static bool none(uint64_t now_ns)
{
	return alarms_next(&alarms, now_ns, false, &got, &wait_ns) == ERR_NOT_FOUND;
}

static void set_up(void)
{
	memset(&alarms, 0, sizeof(alarms));
}

static void lines_of_the_level_alarm_are_alarms(void)
{
	static const struct {
		const char *line, *event, *text; /* event NULL: none */
	} rows[] = {
		{"alarm capture lost cause=ring packets=7", "lost", "capture lost cause=ring packets=7"},
		{"alarm init shutdown", "shutdown", "init shutdown"},
		{"alarm", "", ""},
		{"warn capture lost cause=ring", NULL, NULL},
		{"info alarm lost", NULL, NULL},
		{"alarms capture lost", NULL, NULL},
		{"", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log_line l = {.real_ns = 5};
		strcpy(l.line, rows[i].line);
		bool is = alarms_of_line(&l, &got);
		CHECK(is == (rows[i].event != NULL));
		if (!is || !rows[i].event)
			continue;
		CHECK(got.at_ns == 5 && got.suppressed == 0);
		CHECK(!strcmp(got.event, rows[i].event) && !strcmp(got.text, rows[i].text));
	}
	struct log_line full;
	memset(&full, 'a', sizeof(full));
	memcpy(full.line, "alarm x ", 8);
	CHECK(alarms_of_line(&full, &got) && strlen(got.event) == sizeof(got.event) - 1);
}

static void the_first_goes_at_once_the_next_after_a_while(void)
{
	set_up();
	CHECK(none(0) && wait_ns == UINT64_MAX);
	add("lost", "1", 1000);
	CHECK(next_is(1000, "lost", "1", 0) && none(1000));
	for (uint64_t i = 0; i < 9; i++)
		add("lost", "2", 2000 + i);
	add("lost", "3", 3000);
	CHECK(none(4000) && wait_ns == ALARMS_QUIET_NS - 3000);
	CHECK(none(ALARMS_QUIET_NS + 999) && wait_ns == 1);
	CHECK(next_is(ALARMS_QUIET_NS + 1000, "lost", "3", 9) && none(UINT64_MAX / 2));
	CHECK(alarms.suppressed == 9);
	add("lost", "4", 3 * ALARMS_QUIET_NS);
	CHECK(next_is(3 * ALARMS_QUIET_NS, "lost", "4", 0));
}

static void events_do_not_hold_up_each_other(void)
{
	set_up();
	add("lost", "1", 1);
	add("shutdown", "2", 2);
	CHECK(next_is(3, "lost", "1", 0) && next_is(3, "shutdown", "2", 0) && none(3));
	add("shutdown", "4", 4);
	add("lost", "5", 5);
	CHECK(none(6));
	CHECK(alarms_next(&alarms, 6, true, &got, &wait_ns) == ERR_OK && !strcmp(got.text, "4"));
	CHECK(alarms_next(&alarms, 6, true, &got, &wait_ns) == ERR_OK && !strcmp(got.text, "5"));
	CHECK(alarms_next(&alarms, 6, true, &got, &wait_ns) == ERR_NOT_FOUND);
}

static void more_events_than_places(void)
{
	char event[16];
	set_up();
	for (unsigned i = 0; i < ALARMS_EVENTS + 5; i++) {
		snprintf(event, sizeof(event), "event-%u", i);
		add(event, event, i);
	}
	/* the last place holds the last of them, and says that others were there */
	for (unsigned i = 0; i < ALARMS_EVENTS - 1; i++) {
		snprintf(event, sizeof(event), "event-%u", i);
		CHECK(next_is(100, event, event, 0));
	}
	CHECK(next_is(100, "event-28", "event-28", 5) && alarms.suppressed == 5);
	/* places of events that are quiet are used again, the longest quiet first */
	for (unsigned i = 50; i < 50 + 2 * ALARMS_EVENTS; i++) {
		snprintf(event, sizeof(event), "event-%u", i);
		add(event, event, i);
		CHECK(next_is(200 + i, event, event, 0));
	}
	snprintf(event, sizeof(event), "event-%u", 49u + 2 * ALARMS_EVENTS);
	add(event, "again", 400);
	CHECK(none(400));
}

int main(void)
{
	RUN(lines_of_the_level_alarm_are_alarms, "a log line of the level alarm is an alarm, no other");
	RUN(the_first_goes_at_once_the_next_after_a_while,
	    "an event's first alarm goes at once, those of the next five minutes as one, with their number");
	RUN(events_do_not_hold_up_each_other, "events don't hold up each other; at the end all go");
	RUN(more_events_than_places, "more events than there is place for are counted");
	return check_done();
}
