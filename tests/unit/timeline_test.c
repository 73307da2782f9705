#include "cli/timeline.h"

#include "base/time.h"
#include "check.h"

static uint64_t sum_of(const struct timeline *t)
{
	uint64_t packets = 0;
	for (uint32_t i = 0; i < t->bars; i++)
		packets += t->bar[i].packets;
	return packets;
}

static void short_times_have_bars_of_a_second(void)
{
	timeline_begin(100 * NS_PER_S + 7);
	timeline_add(100 * NS_PER_S + 8, 2, 20);
	timeline_add(109 * NS_PER_S, 3, 30);
	const struct timeline *t = timeline_end();
	CHECK(t->bar_ns == NS_PER_S && t->bars == 10 && t->first_ns == 100 * NS_PER_S);
	CHECK(t->bar[0].packets == 2 && t->bar[9].packets == 3 && t->bar[9].bytes == 30);
}

static void bars_widen_and_nothing_gets_lost(void)
{
	timeline_begin(0);
	for (uint64_t s = 0; s < 100000; s += 7)
		timeline_add(s * NS_PER_S, 1, 10);
	timeline_lose(500 * NS_PER_S, 4);
	const struct timeline *t = timeline_end();
	CHECK(t->bars > TIMELINE_BARS / 2 && t->bars <= TIMELINE_BARS);
	CHECK(sum_of(t) == 14286 && t->sum.packets == 14286 && t->sum.bytes == 142860 && t->sum.lost == 4);
	CHECK(t->bar[500 * NS_PER_S / t->bar_ns].lost == 4);
}

static void what_comes_in_any_order_lands_in_its_bar(void)
{
	timeline_begin(10 * NS_PER_S);
	timeline_add(5000 * NS_PER_S, 1, 1);
	timeline_add(11 * NS_PER_S, 1, 1);
	timeline_add(3 * NS_PER_S, 1, 1); /* before the beginning: the first bar */
	const struct timeline *t = timeline_end();
	CHECK(t->bar[0].packets == 2 && sum_of(t) == 3 && t->bar[t->bars - 1].packets == 1);
}

static void gaps_are_in_order_and_those_beyond_are_counted(void)
{
	timeline_begin(0);
	for (uint64_t i = 0; i < TIMELINE_GAPS + 3; i++)
		timeline_gap((1000 - i) * NS_PER_S, 1001 * NS_PER_S, "why\x1b");
	const struct timeline *t = timeline_end();
	CHECK(t->gaps == TIMELINE_GAPS && t->gaps_more == 3);
	CHECK(t->gap[0].from_ns < t->gap[1].from_ns && !strcmp(t->gap[0].why, "why?"));
	CHECK(t->last_ns == 1001 * NS_PER_S);
}

int main(void)
{
	RUN(short_times_have_bars_of_a_second, "a short time has a bar a second");
	RUN(bars_widen_and_nothing_gets_lost, "bars widen as time grows, and no packet gets lost by it");
	RUN(what_comes_in_any_order_lands_in_its_bar, "what is told in any order lands in its bar");
	RUN(gaps_are_in_order_and_those_beyond_are_counted,
	    "gaps come in the order of time; those beyond the room are counted");
	return check_done();
}
