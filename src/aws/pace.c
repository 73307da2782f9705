#include "aws/pace.h"

#include "base/time.h"

static uint32_t window_of(const struct pace *p)
{
	return p->window ? p->window : 1;
}

bool pace_may_start(const struct pace *p, uint64_t now_ns)
{
	return p->under_way < window_of(p) && now_ns >= p->not_before_ns;
}

void pace_started(struct pace *p)
{
	ASSERT(p->under_way < window_of(p));
	p->under_way++;
}

static void widen(struct pace *p)
{
	p->failures = 0;
	if (++p->good < window_of(p) || window_of(p) == PACE_WINDOW_MAX)
		return;
	p->window = window_of(p) + 1;
	p->good = 0;
}

static uint64_t delay_ns(const struct pace *p, uint64_t random)
{
	uint64_t top_ms = (uint64_t)PACE_BASE_MS << (p->failures < 16 ? p->failures : 16);
	if (top_ms > PACE_CAP_MS)
		top_ms = PACE_CAP_MS;
	/* full jitter, but never at once */
	uint64_t low_ms = PACE_BASE_MS / 2;
	return (low_ms + random % (top_ms - low_ms + 1)) * NS_PER_MS;
}

static void fall_back(struct pace *p, uint64_t now_ns, uint64_t random)
{
	uint64_t at_ns = now_ns + delay_ns(p, random);
	p->failures++;
	p->window = 1;
	p->good = 0;
	p->failed_ns = now_ns;
	if (p->not_before_ns < at_ns)
		p->not_before_ns = at_ns;
}

static void bound(struct pace *p, uint64_t now_ns)
{
	uint64_t latest_ns = now_ns + PACE_HURRY_MS * NS_PER_MS;
	if (p->hurried && p->not_before_ns > latest_ns)
		p->not_before_ns = latest_ns;
}

void pace_hurry(struct pace *p, uint64_t now_ns)
{
	p->hurried = true;
	bound(p, now_ns);
}

void pace_ended(struct pace *p, enum pace_outcome outcome, uint64_t started_ns, uint64_t now_ns,
		uint64_t retry_after_s, uint64_t random)
{
	ASSERT(p->under_way > 0);
	p->under_way--;
	/* what began before the last failure shares its cause: neither a further failure nor a recovery */
	bool old = p->failures > 0 && started_ns <= p->failed_ns;
	if (outcome == PACE_GOOD && !old)
		widen(p);
	if (outcome == PACE_BAD && !old)
		fall_back(p, now_ns, random);
	if (outcome == PACE_GOOD)
		return;
	uint64_t asked_s = retry_after_s < PACE_RETRY_AFTER_MAX_S ? retry_after_s : PACE_RETRY_AFTER_MAX_S;
	uint64_t asked_ns = asked_s ? now_ns + asked_s * NS_PER_S : 0;
	if (p->not_before_ns < asked_ns)
		p->not_before_ns = asked_ns;
	bound(p, now_ns);
}
