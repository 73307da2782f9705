#include "check.h"

#include "role/init/restart.h"

static void a_role_starts_at_once_and_waits_only_from_its_second_death_in_ten_seconds(void)
{
	struct restart r = {.max_ns = RESTART_MAX_NS};
	uint64_t now_ns = 1000 * NS_PER_S;
	CHECK(restart_delay_ns(&r, now_ns) == 0);
	now_ns += 9 * NS_PER_S;
	CHECK(restart_delay_ns(&r, now_ns) == 500 * NS_PER_MS);
	now_ns += 9 * NS_PER_S;
	CHECK(restart_delay_ns(&r, now_ns) == NS_PER_S);
	now_ns += 12 * NS_PER_S;
	CHECK(restart_delay_ns(&r, now_ns) == 0);
}

static void the_wait_is_bounded_and_forgotten_after_a_quiet_time(void)
{
	struct restart r = {.max_ns = RESTART_MAX_NS};
	uint64_t now_ns = NS_PER_S, last_ns = 0;
	for (int i = 0; i < 40; i++) {
		uint64_t delay_ns = restart_delay_ns(&r, now_ns);
		CHECK(delay_ns >= last_ns && delay_ns <= RESTART_MAX_NS);
		last_ns = delay_ns;
		now_ns += delay_ns + NS_PER_MS;
	}
	CHECK(last_ns == RESTART_MAX_NS);
	CHECK(restart_delay_ns(&r, now_ns + RESTART_MAX_NS + RESTART_WINDOW_NS) == 0);
}

static void the_wait_doubles_from_half_a_second_to_half_a_minute(void)
{
	static const uint64_t want_ms[] = {0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct restart r = {.max_ns = RESTART_MAX_NS};
	uint64_t now_ns = NS_PER_S;
	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++) {
		CHECK(restart_delay_ns(&r, now_ns) == want_ms[i] * NS_PER_MS);
		now_ns += want_ms[i] * NS_PER_MS + NS_PER_MS;
	}
}

static void who_records_waits_no_longer_than_the_ring_holds(void)
{
	struct restart r = {.max_ns = RESTART_RECORDING_MAX_NS};
	uint64_t now_ns = NS_PER_S;
	CHECK(restart_delay_ns(&r, now_ns) == 0);
	CHECK(restart_delay_ns(&r, now_ns += NS_PER_S) == RESTART_BASE_NS);
	for (int i = 0; i < 40; i++)
		CHECK(restart_delay_ns(&r, now_ns += 2 * NS_PER_S) == RESTART_RECORDING_MAX_NS);
	CHECK(restart_delay_ns(&r, now_ns + RESTART_RECORDING_MAX_NS + RESTART_WINDOW_NS) == 0);
}

int main(void)
{
	RUN(a_role_starts_at_once_and_waits_only_from_its_second_death_in_ten_seconds,
	    "a role starts anew at once, and waits only from its second death within ten seconds");
	RUN(the_wait_is_bounded_and_forgotten_after_a_quiet_time,
	    "the wait is bounded, and forgotten after a quiet time");
	RUN(the_wait_doubles_from_half_a_second_to_half_a_minute,
	    "the wait doubles with each death in a row, from half a second to half a minute");
	RUN(who_records_waits_no_longer_than_the_ring_holds,
	    "whoever recording depends on never waits longer than the ring holds what comes");
	return check_done();
}
