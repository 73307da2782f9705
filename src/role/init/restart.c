#include "role/init/restart.h"

static uint64_t delay_after(const struct restart *r)
{
	unsigned deaths = r->deaths;
	if (deaths < 2)
		return 0;
	unsigned doublings = deaths - 2 < 8 ? deaths - 2 : 8;
	uint64_t delay_ns = RESTART_BASE_NS << doublings;
	return delay_ns < r->max_ns ? delay_ns : r->max_ns;
}

uint64_t restart_delay_ns(struct restart *r, uint64_t now_ns)
{
	bool soon = r->died_ns && now_ns - r->died_ns < RESTART_WINDOW_NS + delay_after(r);
	r->deaths = soon ? r->deaths + 1 : 1;
	r->died_ns = now_ns;
	return delay_after(r);
}
