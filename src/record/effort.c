#include "record/effort.h"

#include "base/err.h"
#include "base/time.h"
#include "lib/zstd.h"

#define LEVEL_FAST ZSTD_LEVEL_MIN

static enum effort_step wanted(unsigned filled_percent)
{
	return filled_percent >= EFFORT_STORED_PERCENT ? EFFORT_STORED
	       : filled_percent >= EFFORT_FAST_PERCENT ? EFFORT_FAST
						       : EFFORT_FULL;
}

static uint64_t wait_ns(const struct effort *e)
{
	return (e->wait_s ? e->wait_s : EFFORT_WAIT_MIN_S) * NS_PER_S;
}

static void fall(struct effort *e, enum effort_step to, uint64_t now_ns)
{
	uint32_t waited_s = (uint32_t)(wait_ns(e) / NS_PER_S);
	bool soon = e->risen_ns && now_ns - e->risen_ns < 2 * wait_ns(e);
	if (e->risen_ns)
		e->wait_s = !soon                          ? EFFORT_WAIT_MIN_S
			    : waited_s < EFFORT_WAIT_MAX_S ? 2 * waited_s
							   : EFFORT_WAIT_MAX_S;
	e->risen_ns = 0; /* two steps down are one fall */
	e->now = to;
}

bool effort_update(struct effort *e, unsigned filled_percent, uint64_t now_ns)
{
	enum effort_step want = wanted(filled_percent);
	bool calm = filled_percent < EFFORT_CALM_PERCENT;
	if (calm && !e->calm)
		e->calm_since_ns = now_ns;
	e->calm = calm;
	if (want > e->now) {
		fall(e, want, now_ns);
		return true;
	}
	if (e->now == EFFORT_FULL || !calm || now_ns - e->calm_since_ns < wait_ns(e))
		return false;
	e->now--;
	e->risen_ns = e->calm_since_ns = now_ns;
	return true;
}

int effort_level(enum effort_step step, int wish)
{
	switch (step) {
	case EFFORT_STORED:
		return 0;
	case EFFORT_FAST:
		return wish ? LEVEL_FAST : 0;
	default:
		return wish;
	}
}

const char *effort_name(enum effort_step step)
{
	static const char *const names[EFFORT_STEPS] = {"full", "fast", "stored"};
	ASSERT(step < EFFORT_STEPS);
	return names[step];
}
