#include "check.h"
#include "logged.h"

#include "base/time.h"
#include "role/adapt.h"

static struct adapt a;

static void begin(void)
{
	a = (struct adapt){.changes = 0};
	logged_all();
}

static enum effort_step at(double s, int level, unsigned percent)
{
	return adapt_next(&a, "w0", level, percent, (uint64_t)(s * 1e9));
}

/* No slot was free from then to then. */
static void starve(double to_s)
{
	adapt_starved(&a);
	adapt_fed(&a, (uint64_t)(to_s * 1e9));
}

static void a_change_is_told_and_counted(void)
{
	begin();
	CHECK(at(100, 1, 24) == EFFORT_FULL && a.changes == 0 && !logged_line());
	CHECK(at(101, 1, 30) == EFFORT_FAST && a.changes == 1);
	CHECK_SPAN(logged_span(),
		   SPAN("warn capture compression stream=w0 from=full to=fast ring_filled_percent=30"));
	CHECK(at(102, 1, 3) == EFFORT_FAST && at(112, 1, 3) == EFFORT_FULL && a.changes == 2);
	CHECK_SPAN(logged_span(),
		   SPAN("info capture compression stream=w0 from=fast to=full ring_filled_percent=3"));
	CHECK(!logged_line());
}

/* However long the slot was missing: the source is full when it comes, and is worked off. */
static void a_source_that_filled_for_want_of_a_slot_is_no_reason(void)
{
	begin();
	adapt_fed(&a, 50 * NS_PER_S); /* a slot that nobody had waited for */
	starve(130);
	adapt_fed(&a, 131 * NS_PER_S);
	CHECK(at(130.1, 1, 100) == EFFORT_FULL && at(131.9, 1, 60) == EFFORT_FULL && a.changes == 0);
	CHECK(at(132, 1, 60) == EFFORT_STORED && a.changes == 1);
	begin();
	adapt_fed(&a, 130 * NS_PER_S);
	CHECK(at(130.1, 1, 100) == EFFORT_STORED);
}

/* Smaller objects are what helps then. */
static void for_want_of_slots_it_compresses_more_again(void)
{
	begin();
	CHECK(at(100, 1, 70) == EFFORT_STORED);
	logged_all();
	for (unsigned s = 101; s < 111; s++) {
		starve(s);
		CHECK(at(s, 1, 100) == EFFORT_STORED);
	}
	starve(111);
	CHECK(at(111, 1, 100) == EFFORT_FAST);
	CHECK_SPAN(logged_span(), SPAN("info capture compression stream=w0 from=stored to=fast "
				       "ring_filled_percent=100 starved=yes"));
	for (unsigned s = 112; s < 121; s++) {
		starve(s);
		CHECK(at(s, 1, 100) == EFFORT_FAST);
	}
	starve(121);
	CHECK(at(121, 1, 100) == EFFORT_FULL && a.changes == 3);
}

/* Level -5 is what a worker falls to first. */
static void where_less_effort_is_the_same_nothing_is_told(void)
{
	begin();
	CHECK(at(100, -5, 30) == EFFORT_FAST && a.changes == 0 && !logged_line());
	CHECK(at(101, -5, 60) == EFFORT_STORED && a.changes == 1);
	CHECK_SPAN(logged_span(),
		   SPAN("warn capture compression stream=w0 from=full to=stored ring_filled_percent=60"));
	CHECK(at(102, -5, 0) == EFFORT_STORED && at(112, -5, 0) == EFFORT_FAST && a.changes == 2);
	CHECK_SPAN(logged_span(),
		   SPAN("info capture compression stream=w0 from=stored to=full ring_filled_percent=0"));
	CHECK(at(123, -5, 0) == EFFORT_FULL && a.changes == 2 && !logged_line());
	CHECK(at(200, -4, 30) == EFFORT_FAST && a.changes == 3);
}

int main(void)
{
	logged_begin("capture");
	RUN(a_change_is_told_and_counted, "each change of the effort is logged and counted");
	RUN(a_source_that_filled_for_want_of_a_slot_is_no_reason,
	    "a source that filled for want of a slot, however long, is no reason to compress less");
	RUN(for_want_of_slots_it_compresses_more_again,
	    "a worker that stores frames and lacks slots compresses them again");
	RUN(where_less_effort_is_the_same_nothing_is_told,
	    "at level -5 the first step is no change: neither logged nor counted");
	return check_done();
}
