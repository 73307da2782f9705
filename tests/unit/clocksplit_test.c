#include "check.h"

#include "base/time.h"
#include "role/capture/clocksplit.h"

#define NOON_NS (1764000000 * NS_PER_S)
#define HOUR_NS (3600 * NS_PER_S)

/* The word of a step at noon by so much. */
static struct msg_clock step(uint32_t number, int64_t by_ns)
{
	return (struct msg_clock){.synchronised = 1,
				  .steps = number,
				  .step_from_ns = NOON_NS,
				  .step_to_ns = NOON_NS + (uint64_t)by_ns};
}

static const int64_t steps_ns[] = {(int64_t)HOUR_NS, -(int64_t)HOUR_NS, NS_PER_S / 2, -(int64_t)NS_PER_S / 2};

/* A packet each 10 ms, 100 ms of them from before the step; the word of it comes behind packet `told`. */
static void object_ends_between(int64_t by_ns, size_t told)
{
	struct clocksplit s = {.now.synchronised = 1};
	struct msg_clock word = step(1, by_ns);
	for (size_t i = 0; i < 20; i++) {
		uint64_t ts_ns =
			NOON_NS - 95 * NS_PER_MS + i * 10 * NS_PER_MS + (i < 10 ? 0 : (uint64_t)by_ns);
		bool ended = clocksplit_packet(&s, ts_ns);
		CHECK(ended == (i == 10 && told < 10));
		CHECK(!clocksplit_packet(&s, ts_ns));
		if (i == told)
			CHECK(clocksplit_tell(&s, &word) == (told >= 10));
		CHECK(s.now.steps == (i >= 10 && i >= told));
	}
	CHECK(!s.waiting && !clocksplit_expire(&s) && !clocksplit_tell(&s, &word));
}

static void an_object_ends_at_the_first_packet_behind_a_step_whenever_the_word_comes(void)
{
	for (size_t i = 0; i < sizeof(steps_ns) / sizeof(*steps_ns); i++)
		for (size_t told = 0; told < 20; told++)
			object_ends_between(steps_ns[i], told);
}

static void without_a_packet_that_shows_it_the_wait_ends(void)
{
	struct clocksplit s = {.now.synchronised = 1};
	CHECK(!clocksplit_packet(&s, NOON_NS - NS_PER_S));
	struct msg_clock word = step(1, -(int64_t)HOUR_NS);
	CHECK(!clocksplit_tell(&s, &word) && s.waiting && s.now.steps == 0);
	CHECK(!clocksplit_tell(&s, &word) && s.waiting);
	CHECK(clocksplit_expire(&s) && s.now.steps == 1 && !s.waiting);
}

static void another_step_ends_the_wait_for_the_first(void)
{
	struct clocksplit s = {.now.synchronised = 1};
	CHECK(!clocksplit_packet(&s, NOON_NS - NS_PER_S));
	struct msg_clock first = step(1, -(int64_t)HOUR_NS), second = step(2, (int64_t)HOUR_NS);
	CHECK(!clocksplit_tell(&s, &first));
	CHECK(clocksplit_tell(&s, &second) && s.now.steps == 1 && s.waiting);
}

static void without_packets_or_a_step_a_word_holds_at_once(void)
{
	struct clocksplit s = {.waiting = false};
	struct msg_clock word = step(3, (int64_t)HOUR_NS);
	CHECK(clocksplit_tell(&s, &word) && s.now.steps == 3 && !s.waiting);
	CHECK(!clocksplit_packet(&s, NOON_NS));
	word.synchronised = 0;
	CHECK(clocksplit_tell(&s, &word) && !s.now.synchronised);
	word.error_ns = 5; /* a new bound alone ends nothing */
	CHECK(!clocksplit_tell(&s, &word) && s.now.error_ns == 5);
	CHECK(clocksplit_tell(&s, &(struct msg_clock){.steps = 0})); /* net was started again */
}

int main(void)
{
	RUN(an_object_ends_at_the_first_packet_behind_a_step_whenever_the_word_comes,
	    "an object ends at the first packet behind a step, whenever the word of it comes");
	RUN(without_a_packet_that_shows_it_the_wait_ends,
	    "without a packet that shows the step the wait for it ends");
	RUN(another_step_ends_the_wait_for_the_first,
	    "another step of the clock ends the wait for the first");
	RUN(without_packets_or_a_step_a_word_holds_at_once,
	    "without packets, or without a step, a word holds at once");
	return check_done();
}
