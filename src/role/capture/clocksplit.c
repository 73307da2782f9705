#include "role/capture/clocksplit.h"

static bool differ(const struct msg_clock *a, const struct msg_clock *b)
{
	return a->synchronised != b->synchronised || a->steps != b->steps || !ip_eq(&a->server, &b->server);
}

static uint64_t half_ns(const struct msg_clock *c)
{
	return (c->step_from_ns > c->step_to_ns ? c->step_from_ns - c->step_to_ns
						: c->step_to_ns - c->step_from_ns) /
	       2;
}

bool clocksplit_expire(struct clocksplit *s)
{
	bool waited = s->waiting;
	if (waited)
		s->now = s->next;
	s->waiting = false;
	return waited;
}

bool clocksplit_tell(struct clocksplit *s, const struct msg_clock *clock)
{
	struct msg_clock *known = s->waiting ? &s->next : &s->now;
	bool other = differ(clock, known), stepped = clock->steps != known->steps;
	if (!stepped || clock->step_from_ns == clock->step_to_ns || s->last_ns == 0) {
		*known = *clock;
		return other && !s->waiting;
	}
	bool ended = clocksplit_expire(s);
	bool back = clock->step_to_ns < clock->step_from_ns;
	bool taken = back ? s->last_ns < clock->step_to_ns + half_ns(clock) : s->last_ns >= clock->step_to_ns;
	s->next = *clock;
	s->waiting = true;
	return (taken && clocksplit_expire(s)) || ended;
}

bool clocksplit_packet(struct clocksplit *s, uint64_t ts_ns)
{
	bool back = s->next.step_to_ns < s->next.step_from_ns;
	bool behind = back ? ts_ns + half_ns(&s->next) < s->last_ns : ts_ns >= s->next.step_to_ns;
	s->last_ns = ts_ns;
	return s->waiting && behind && clocksplit_expire(s);
}
