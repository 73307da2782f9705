#include "role/flows/reconcile.h"

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"

#include "check.h"

#define TEN_S (10 * NS_PER_S)
#define OLD_S 300
#define FLOWS 8

static struct reconcile r;
static struct loop loop;
static uint64_t packets[FLOWS]; /* of each flow, as the kernel has them now */
static uint64_t age_s[FLOWS];
static unsigned refusals; /* so often there is no room */

static struct {
	struct ct_flow flow;
	const char *reason;
} told[32];
static unsigned told_count, sum_count;
static struct flowlines_reconciled sum;

/* The kernel's part: a dump is answered by the test. The archive's flowdump is not linked. */
void flowdump_init(struct flowdump *d, uint32_t life)
{
	(void)d;
	(void)life;
}

void flowdump_start(struct flowdump *d)
{
	d->active = true;
}

static bool is_room(void)
{
	if (!refusals)
		return true;
	refusals--;
	return false;
}

static bool on_write(void *arg, const struct ct_flow *f, const char *reason)
{
	(void)arg;
	if (!is_room())
		return false;
	told[told_count].flow = *f;
	told[told_count++].reason = reason;
	return true;
}

static bool on_end(void *arg, const struct ct_flow *f)
{
	return on_write(arg, f, "end");
}

static bool on_reconciled(void *arg, const struct flowlines_reconciled *s)
{
	(void)arg;
	if (!is_room())
		return false;
	sum = *s;
	sum_count++;
	return true;
}

static void on_dumped(void *arg, enum err e)
{
	(void)arg;
	(void)e;
}

static const struct reconcile_ops ops = {on_write, on_end, on_reconciled, on_dumped};

static struct ct_flow flow(unsigned i)
{
	struct ct_flow f = {.proto = CT_UDP, .id = 100 + i};
	f.orig = (struct ct_tuple){.src = ip_from_v4(0xc613000a), .dst = ip_from_v4(0xc633640a), .dport = 53};
	f.orig.sport = (uint16_t)(1000 + i);
	f.packets[CT_OUT] = packets[i];
	f.start_ns = clock_real_ns() - age_s[i] * NS_PER_S;
	return f;
}

/* The dump that is under way has these flows, named by their digits; the kernel offers one again for which
 * there was no room. */
static void dump(const char *live, const char *dying)
{
	CHECK(r.dump.active);
	for (const char *p = live; *p; p++) {
		struct ct_flow f = flow((unsigned)(*p - '0'));
		while (!r.dump.flow(r.dump.arg, &f, false))
			;
	}
	for (const char *p = dying; *p; p++) {
		struct ct_flow f = flow((unsigned)(*p - '0'));
		while (!r.dump.flow(r.dump.arg, &f, true))
			;
	}
	r.dump.active = false;
	r.dump.done(r.dump.arg, ERR_OK);
}

static void fails(void)
{
	r.dump.active = false;
	r.dump.done(r.dump.arg, ERR_TIMEOUT);
}

/* The next dump is due: its timer's time is over. */
static void later(void)
{
	CHECK(r.again.active && !r.dump.active);
	loop_timer_stop(&loop, &r.again);
	r.missed_ns -= r.missed_ns ? TEN_S : 0;
	r.again.fn(r.again.arg);
}

static void ends(unsigned i)
{
	struct ct_flow f = flow(i);
	if (!reconcile_told(&r, &f))
		on_end(NULL, &f);
	reconcile_ended(&r, &f);
}

/* Three flows live, and one dump has been answered. */
static void setup(void)
{
	memset(&r, 0, sizeof(r));
	memset(age_s, 0, sizeof(age_s));
	for (unsigned i = 0; i < FLOWS; i++)
		packets[i] = 10 + i;
	told_count = sum_count = refusals = 0;
	loop_init(&loop);
	r.ops = &ops;
	r.dump.loop = &loop;
	reconcile_init(&r, 1, FLOWTABLE_MIN);
	reconcile_begin(&r);
	dump("123", "");
	CHECK(!told_count && !sum_count && !r.again.active && r.table.count == 3);
}

static bool is_told(unsigned at, unsigned i, const char *reason)
{
	const char *was = told[at].reason;
	return at < told_count && told[at].flow.id == 100 + i &&
	       told[at].flow.packets[CT_OUT] == packets[i] &&
	       (reason && was ? strcmp(reason, was) == 0 : reason == was);
}

static void unseen(void)
{
	setup();
	reconcile_lost(&r);
	reconcile_lost(&r);
	later();
	dump("13", "");
	CHECK(!told_count && !sum_count);
	later();
	dump("13", "");
	CHECK(told_count == 1 && is_told(0, 2, "events-lost"));
	CHECK(sum_count == 1 && sum.losses == 2 && sum.live == 2 && sum.unknown == 0 && sum.ended == 1);
	CHECK(!r.again.active && r.table.count == 2);
}

static void seen_after_all(void)
{
	setup();
	reconcile_lost(&r);
	later();
	dump("13", "");
	ends(2); /* its event was late */
	CHECK(told_count == 1 && is_told(0, 2, "end"));
	later();
	dump("13", "");
	CHECK(told_count == 1 && sum_count == 1 && sum.ended == 0 && !r.again.active);
	reconcile_lost(&r);
	later();
	dump("1", "");
	later();
	dump("13", ""); /* the kernel had passed it over */
	CHECK(told_count == 1 && sum_count == 2 && sum.ended == 0 && !r.again.active);
}

/* Events and dumps come by two sockets: what the second one lacks, too, may be told in the next moment. */
static void too_soon(void)
{
	setup();
	reconcile_lost(&r);
	later();
	dump("13", "");
	reconcile_live(&r);
	dump("13", "");
	CHECK(!told_count && r.again.active);
	ends(2);
	later();
	dump("13", "");
	CHECK(told_count == 1 && is_told(0, 2, "end") && sum_count == 1 && sum.ended == 0);
}

static void during_a_dump(void)
{
	setup();
	reconcile_lost(&r);
	later();
	struct ct_flow begins = flow(4);
	reconcile_began(&r, &begins); /* behind the place where the dump is */
	ends(3);                      /* before it: the dump has it still */
	dump("1235", "");
	CHECK(told_count == 1 && is_told(0, 3, "end"));
	CHECK(sum_count == 1 && sum.unknown == 1 && sum.ended == 0 && !r.again.active);
	CHECK(r.table.count == 4); /* 1, 2, 4, 5 */
}

static void no_room(void)
{
	setup();
	reconcile_lost(&r);
	later();
	dump("1", "");
	refusals = 1;
	later();
	dump("1", ""); /* two are to be told, the first finds no room */
	CHECK(!told_count && !sum_count);
	later();
	dump("1", "");
	CHECK(told_count == 2 && told[0].flow.id != told[1].flow.id && sum_count == 1 && sum.ended == 2);
	refusals = 1;
	reconcile_lost(&r);
	later();
	dump("1", "");
	CHECK(sum_count == 1 && r.again.active);
	later();
	dump("1", "");
	CHECK(sum_count == 2 && told_count == 2);
}

static void failed(void)
{
	setup();
	reconcile_lost(&r);
	later();
	dump("13", "");
	later();
	fails(); /* it has nobody, and says nothing of anybody */
	CHECK(!told_count && !sum_count && r.again.active);
	later();
	dump("123", "");
	CHECK(!told_count && sum_count == 1 && sum.losses == 1);
}

static void lines_of_long_flows(void)
{
	setup();
	age_s[1] = age_s[2] = OLD_S + 1;
	age_s[3] = OLD_S - 1;
	refusals = 1;
	reconcile_live(&r);
	dump("123", "");
	CHECK(told_count == 2 && is_told(0, 1, NULL) && is_told(1, 2, NULL));
	packets[2]++;
	reconcile_live(&r);
	dump("123", "");
	CHECK(told_count == 3 && is_told(2, 2, NULL));
	reconcile_live(&r);
	dump("13", "2"); /* it is over, its event under way: that is its record */
	CHECK(told_count == 3);
	ends(2);
	CHECK(told_count == 4 && is_told(3, 2, "end"));
	reconcile_lost(&r); /* such a dump is for no lines */
	packets[1]++;
	later();
	dump("13", "");
	CHECK(told_count == 4);
}

static void at_the_end(void)
{
	setup();
	reconcile_tell_all(&r);
	refusals = 2;
	dump("1", "2"); /* 3 is gone, and no event told it */
	CHECK(r.all_told && told_count == 2 && is_told(0, 1, "shutdown") && is_told(1, 2, "end"));
	ends(1);
	ends(2);
	CHECK(told_count == 2);
	refusals = 1;
	CHECK(!reconcile_finish(&r) && told_count == 2);
	CHECK(reconcile_finish(&r) && told_count == 3 && is_told(2, 3, "events-lost"));
	CHECK(reconcile_finish(&r) && told_count == 3);
}

int main(void)
{
	log_open(-1, 0, "flows");
	RUN(unseen, "after lost events a flow that two dumps lack has one record, and the loss is told");
	RUN(seen_after_all, "a flow whose event comes late, or that a dump had passed over, is no lost one");
	RUN(too_soon, "two dumps within ten seconds say no more than one: an event may be under way");
	RUN(during_a_dump,
	    "flows that begin and end while a dump is under way are neither missed nor told twice");
	RUN(no_room, "what finds no room is told later, once");
	RUN(failed, "a dump that fails says nothing of any flow, and is repeated");
	RUN(lines_of_long_flows,
	    "a flow of more than five minutes has a line when it moved, and a record when it ends");
	RUN(at_the_end, "at the end each flow has one record: those that live, are over, or ended unseen");
	return check_done();
}
