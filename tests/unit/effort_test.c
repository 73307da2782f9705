#include "check.h"

#include "base/time.h"
#include "lib/zstd.h"
#include "record/effort.h"

struct look {
	uint64_t at_s;
	unsigned filled_percent;
	enum effort_step then;
};

/* Each look with what the effort is after it; a look at 0 s ends the story. */
static void play(const struct look *looks)
{
	struct effort e = {.now = EFFORT_FULL};
	for (const struct look *l = looks; l->at_s; l++) {
		enum effort_step before = e.now;
		bool changed = effort_update(&e, l->filled_percent, l->at_s * NS_PER_S);
		CHECK(e.now == l->then && changed == (before != e.now));
	}
}

static void falls(void)
{
	static const struct look slowly[] = {{1, 0, EFFORT_FULL},
					     {2, 24, EFFORT_FULL},
					     {3, 25, EFFORT_FAST},
					     {4, 49, EFFORT_FAST},
					     {5, 50, EFFORT_STORED},
					     {6, 100, EFFORT_STORED},
					     {0, 0, 0}};
	static const struct look at_once[] = {{1, 80, EFFORT_STORED}, {0, 0, 0}};
	play(slowly);
	play(at_once);
}

static void recovers(void)
{
	static const struct look looks[] = {{100, 60, EFFORT_STORED}, {101, 6, EFFORT_STORED},
					    {110, 0, EFFORT_STORED},  {111, 6, EFFORT_FAST},
					    {120, 0, EFFORT_FAST},    {121, 0, EFFORT_FULL},
					    {500, 0, EFFORT_FULL},    {0, 0, 0}};
	play(looks);
}

static void not_while_it_fills(void)
{
	static const struct look looks[] = {{100, 30, EFFORT_FAST},
					    {101, 6, EFFORT_FAST},
					    {109, 7, EFFORT_FAST},
					    {111, 6, EFFORT_FAST},
					    {120, 6, EFFORT_FAST},
					    {121, 6, EFFORT_FULL},
					    {0, 0, 0}};
	static const struct look halfway[] = {{100, 30, EFFORT_FAST}, {900, 20, EFFORT_FAST}, {0, 0, 0}};
	play(looks);
	play(halfway);
}

/* Falls again as soon as it has recovered: it waits 10 s, then 20, up to 160; after a long calm 10 again. */
static void waits_longer(void)
{
	static const uint64_t want_s[] = {10, 20, 40, 80, 160, 160, 160};
	struct effort e = {.now = EFFORT_FULL};
	uint64_t now_s = 1000;
	for (size_t i = 0; i < sizeof(want_s) / sizeof(want_s[0]); i++) {
		CHECK(effort_update(&e, 30, now_s * NS_PER_S) && e.now == EFFORT_FAST);
		uint64_t calm_s = now_s + 1;
		for (now_s = calm_s; !effort_update(&e, 0, now_s * NS_PER_S); now_s++)
			if (now_s > calm_s + 1000)
				break;
		CHECK(now_s - calm_s == want_s[i] && e.now == EFFORT_FULL);
		now_s++;
	}
	now_s += 1000;
	CHECK(effort_update(&e, 30, now_s * NS_PER_S));
	CHECK(!effort_update(&e, 0, (now_s + 1) * NS_PER_S));
	CHECK(effort_update(&e, 0, (now_s + 11) * NS_PER_S) && e.now == EFFORT_FULL);
}

static void levels(void)
{
	static const int wishes[] = {-5, -1, 0, 1, 19};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		CHECK(effort_level(EFFORT_FULL, wishes[i]) == wishes[i]);
		CHECK(effort_level(EFFORT_FAST, wishes[i]) == (wishes[i] ? ZSTD_LEVEL_MIN : 0));
		CHECK(effort_level(EFFORT_STORED, wishes[i]) == 0);
	}
}

int main(void)
{
	RUN(falls, "it falls to fast at a quarter of the ring, to stored at half of it, at once");
	RUN(recovers, "it recovers a step at a time, each after ten seconds with the ring nearly empty");
	RUN(not_while_it_fills, "a ring that fills a little in between begins the wait anew");
	RUN(waits_longer, "where it fell again soon, the next recovery waits twice as long, up to 160 s");
	RUN(levels, "fast is level -5, stored none, and who wants none gets none");
	return check_done();
}
