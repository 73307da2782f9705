#include "role/guard.h"

static uint64_t word(const uint64_t *w)
{
	return __atomic_load_n(w, __ATOMIC_RELAXED);
}

/* What is wrong with a worker; NULL: nothing. */
static const char *wrong(struct guard *g, uint32_t i, const struct guard_worker *w, uint64_t now_ns)
{
	uint64_t drops = word(&w->progress->drops), turn_ns = word(&w->progress->turn_ns);
	bool lost = drops != g->drops[i];
	g->drops[i] = drops;
	if (g->on_loss && !w->armed)
		return "a capture worker is not there";
	if (g->on_loss && lost)
		return "packets were lost";
	if (word(&w->progress->full))
		return "no place is left for what is recorded";
	if (g->on_loss && word(&w->progress->exhausted))
		return "the day's budget is used up";
	if (g->on_loss && turn_ns < now_ns && now_ns - turn_ns > GUARD_LATE_NS)
		return "a capture worker is late";
	return NULL;
}

bool guard_wanted(const struct settings *s)
{
	return s->on_loss == CONF_ON_LOSS_STOP || s->spool_full == CONF_SPOOL_FULL_STOP;
}

uint64_t guard_pulse_ns(const struct settings *s)
{
	return guard_wanted(s) ? GUARD_PULSE_NS : s->status_port ? GUARD_STATUS_PULSE_NS : 0;
}

void guard_begin(struct guard *g, const struct settings *s, const struct guard_worker *w, uint32_t count)
{
	g->on_loss = s->on_loss == CONF_ON_LOSS_STOP;
	for (uint32_t i = 0; i < count; i++)
		g->drops[i] = word(&w[i].progress->drops);
	g->stopped = false;
}

bool guard_look(struct guard *g, const struct guard_worker *w, uint32_t count, uint64_t now_ns)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const char *found = wrong(g, i, &w[i], now_ns);
		reason = reason ? reason : found;
	}
	if (reason)
		g->well_since_ns = 0;
	else if (!g->well_since_ns)
		g->well_since_ns = now_ns;
	if (reason && !g->stopped) {
		g->stopped = true;
		g->reason = reason;
		return true;
	}
	if (!reason && g->stopped && now_ns - g->well_since_ns >= GUARD_WELL_NS) {
		g->stopped = false;
		return true;
	}
	return false;
}
