#include "check.h"

#include <poll.h>
#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/loop.h"

static struct loop loop;
static char order[16];
static int fired;

static void mark(void *arg)
{
	order[fired++] = *(const char *)arg;
}

static void timers_fire_in_the_order_of_their_times(void)
{
	struct loop_timer a = {.fn = mark, .arg = "a"}, b = {.fn = mark, .arg = "b"},
			  c = {.fn = mark, .arg = "c"};
	loop_init(&loop);
	fired = 0;
	loop_timer_in(&loop, &c, 3 * NS_PER_MS);
	loop_timer_in(&loop, &a, 1 * NS_PER_MS);
	loop_timer_in(&loop, &b, 2 * NS_PER_MS);
	loop_timer_stop(&loop, &b);
	loop_timer_in(&loop, &b, 2 * NS_PER_MS);
	for (uint64_t end_ns = clock_mono_ns() + NS_PER_S; fired < 3 && clock_mono_ns() < end_ns;)
		loop_turn(&loop, 10 * NS_PER_MS);
	CHECK(fired == 3 && memcmp(order, "abc", 3) == 0);
}

static void stop_timer(void *arg)
{
	loop_timer_stop(&loop, arg);
	order[fired++] = 's';
}

static void a_stopped_timer_never_fires(void)
{
	struct loop_timer victim = {.fn = mark, .arg = "v"}, killer = {.fn = stop_timer, .arg = &victim};
	loop_init(&loop);
	fired = 0;
	uint64_t now_ns = clock_mono_ns();
	loop_timer_at(&loop, &killer, now_ns);
	loop_timer_at(&loop, &victim, now_ns); /* due in the same turn, after its killer */
	loop_turn(&loop, NS_PER_MS);
	loop_turn(&loop, NS_PER_MS);
	CHECK(fired == 1 && order[0] == 's' && !victim.active);
}

static struct loop_watch first, second;

static void remove_second(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	char c;
	CHECK(read(first.fd, &c, 1) == 1);
	loop_unwatch(&loop, &second);
	order[fired++] = '1';
}

static void never(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	order[fired++] = '2';
}

static void a_watch_removed_by_an_earlier_callback_of_the_turn_is_not_called(void)
{
	int p[2], q[2];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	loop_init(&loop);
	fired = 0;
	first = (struct loop_watch){.fd = p[0], .events = POLLIN, .fn = remove_second};
	second = (struct loop_watch){.fd = q[0], .events = POLLIN, .fn = never};
	loop_watch(&loop, &first);
	loop_watch(&loop, &second);
	CHECK(write(p[1], "x", 1) == 1 && write(q[1], "x", 1) == 1);
	loop_turn(&loop, NS_PER_S);
	CHECK(fired == 1 && order[0] == '1');
	loop_unwatch(&loop, &second); /* twice is harmless */
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

int main(void)
{
	RUN(timers_fire_in_the_order_of_their_times, "timers fire in the order of their times");
	RUN(a_stopped_timer_never_fires, "a stopped timer never fires");
	RUN(a_watch_removed_by_an_earlier_callback_of_the_turn_is_not_called,
	    "a watch removed by an earlier callback of the turn is not called");
	return check_done();
}
