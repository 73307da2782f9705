#include "role/init/restart.h"

static uint64_t delay_after(const struct restart *r)
{
	/* in half seconds (RESTART_BASE_NS), by the number of deaths in a row; behind the end as the last */
	static const uint8_t halves[] = {0, 0, 1, 2, 4, 8, 16, 32, 64};
	size_t last = sizeof(halves) - 1;
	uint64_t delay_ns = halves[r->deaths < last ? r->deaths : last] * RESTART_BASE_NS;
	return delay_ns < r->max_ns ? delay_ns : r->max_ns;
}

uint64_t restart_delay_ns(struct restart *r, uint64_t now_ns)
{
	bool soon = r->died_ns && now_ns - r->died_ns < RESTART_WINDOW_NS + delay_after(r);
	r->deaths = soon ? r->deaths + 1 : 1;
	r->died_ns = now_ns;
	return delay_after(r);
}
