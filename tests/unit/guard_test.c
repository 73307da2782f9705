#include "check.h"

#include "role/guard.h"

static struct guard g;
static struct progress page[2];
static struct guard_worker w[2];
static uint64_t now_ns;

static void start_with(enum conf_on_loss on_loss, enum conf_spool_full spool_full)
{
	static struct settings s;
	s.on_loss = on_loss;
	s.spool_full = spool_full;
	g = (struct guard){.reason = NULL};
	now_ns = 1000 * NS_PER_S;
	for (int i = 0; i < 2; i++) {
		page[i] = (struct progress){.turn_ns = now_ns, .drops = 7};
		w[i] = (struct guard_worker){.armed = true, .progress = &page[i]};
	}
	CHECK(guard_wanted(&s) == (on_loss || spool_full));
	CHECK(guard_pulse_ns(&s) == (on_loss || spool_full ? GUARD_PULSE_NS : 0));
	guard_begin(&g, &s, w, 2);
	CHECK(!guard_look(&g, w, 2, now_ns) && !g.stopped);
}

static void start(void)
{
	start_with(CONF_ON_LOSS_STOP, CONF_SPOOL_FULL_DROP_NEWEST);
}

/* Time passes in steps of the looks; the workers come round in each. True: something changed. */
static bool pass(uint64_t ns)
{
	bool changed = false;
	for (uint64_t end_ns = now_ns + ns; now_ns < end_ns && !changed;) {
		now_ns += GUARD_LOOK_NS;
		page[0].turn_ns = page[1].turn_ns = now_ns;
		changed = guard_look(&g, w, 2, now_ns);
	}
	return changed;
}

static void well_for_a_while_before_it_opens_again(void)
{
	CHECK(g.stopped && g.reason);
	uint64_t since_ns = now_ns;
	CHECK(!pass(GUARD_WELL_NS - 2 * GUARD_LOOK_NS) && g.stopped);
	CHECK(pass(NS_PER_S) && !g.stopped && now_ns - since_ns >= GUARD_WELL_NS);
}

static void a_loss_stops_once(void)
{
	start();
	CHECK(!pass(10 * NS_PER_S)); /* what was lost before is no reason */
	page[1].drops++;
	CHECK(guard_look(&g, w, 2, now_ns));
	CHECK(!guard_look(&g, w, 2, now_ns));
	well_for_a_while_before_it_opens_again();
}

static void a_late_or_dead_worker_stops(void)
{
	start();
	CHECK(!guard_look(&g, w, 2, now_ns + GUARD_LATE_NS));
	CHECK(guard_look(&g, w, 2, now_ns + GUARD_LATE_NS + 1) && g.stopped);
	well_for_a_while_before_it_opens_again();
	w[0].armed = false;
	CHECK(guard_look(&g, w, 2, now_ns) && g.stopped);
	CHECK(!pass(20 * NS_PER_S) && g.stopped);
	w[0].armed = true;
	CHECK(!guard_look(&g, w, 2, now_ns));
	well_for_a_while_before_it_opens_again();
}

static void trouble_that_comes_back_starts_the_wait_anew(void)
{
	start();
	page[0].full = 1;
	CHECK(guard_look(&g, w, 2, now_ns) && g.stopped);
	page[0].full = 0;
	CHECK(!pass(GUARD_WELL_NS / 2));
	page[0].full = 1;
	CHECK(!pass(GUARD_LOOK_NS));
	page[0].full = 0;
	CHECK(!pass(GUARD_WELL_NS - GUARD_LOOK_NS) && g.stopped);
	CHECK(pass(4 * GUARD_LOOK_NS) && !g.stopped);
}

static void the_budget_keeps_it_closed(void)
{
	start();
	page[1].exhausted = 1;
	CHECK(guard_look(&g, w, 2, now_ns) && g.stopped && strstr(g.reason, "budget"));
	CHECK(!pass(60 * NS_PER_S) && g.stopped);
	page[1].exhausted = 0; /* another day */
	CHECK(!pass(GUARD_LOOK_NS));
	well_for_a_while_before_it_opens_again();
}

static void no_place_left_is_the_only_reason(void)
{
	start_with(CONF_ON_LOSS_RECORD, CONF_SPOOL_FULL_STOP);
	page[0].drops++;
	page[0].exhausted = 1;
	w[1].armed = false;
	CHECK(!pass(GUARD_WELL_NS) && !guard_look(&g, w, 2, now_ns + 10 * NS_PER_S) && !g.stopped);
	page[1].full = 1;
	CHECK(guard_look(&g, w, 2, now_ns) && g.stopped && strstr(g.reason, "no place"));
	CHECK(!pass(20 * NS_PER_S));
	page[1].full = 0;
	CHECK(!pass(GUARD_LOOK_NS));
	page[0].drops++;
	well_for_a_while_before_it_opens_again();
}

static void nothing_is_watched_without_a_policy(void)
{
	start_with(CONF_ON_LOSS_RECORD, CONF_SPOOL_FULL_DROP_NEWEST);
}

int main(void)
{
	RUN(a_loss_stops_once,
	    "a loss stops forwarding, which opens again when all has been well for a while");
	RUN(a_late_or_dead_worker_stops, "a worker that is late or dead stops forwarding until it is well");
	RUN(trouble_that_comes_back_starts_the_wait_anew, "trouble that comes back starts the wait anew");
	RUN(the_budget_keeps_it_closed, "a day's budget that is used up keeps it closed, until the next day");
	RUN(no_place_left_is_the_only_reason,
	    "spool.full = stop alone: no place left is the only reason to stop");
	RUN(nothing_is_watched_without_a_policy, "without a policy nothing is watched");
	return check_done();
}
