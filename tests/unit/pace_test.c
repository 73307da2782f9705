#include "aws/pace.h"

#include "base/time.h"
#include "check.h"

static uint64_t random64(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void ends(struct pace *p, enum pace_outcome o, uint64_t started_ns, uint64_t now_ns)
{
	pace_ended(p, o, started_ns, now_ns, 0, random64());
}

/* Starts all that may; how many. */
static unsigned fill(struct pace *p, uint64_t now_ns)
{
	unsigned n = 0;
	for (; pace_may_start(p, now_ns); n++)
		pace_started(p);
	return n;
}

static void grows(void)
{
	struct pace p = {0};
	CHECK(fill(&p, 0) == 1);
	unsigned want[] = {2, 2, 3, 3, 3, 4, 4, 4, 4};
	uint64_t now_ns = 1;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ends(&p, PACE_GOOD, now_ns - 1, now_ns);
		fill(&p, now_ns++);
		CHECK(p.under_way == want[i]);
	}
}

static void falls_to_one(void)
{
	struct pace p = {.window = PACE_WINDOW_MAX};
	uint64_t now_ns = NS_PER_S;
	CHECK(fill(&p, now_ns) == PACE_WINDOW_MAX);
	/* they fail together, one after the other */
	for (unsigned i = 0; i < PACE_WINDOW_MAX; i++)
		ends(&p, PACE_BAD, now_ns, now_ns + i + 1);
	CHECK(p.failures == 1 && p.window == 1);
	CHECK(!pace_may_start(&p, now_ns + PACE_BASE_MS / 2 * NS_PER_MS));
	CHECK(fill(&p, p.not_before_ns) == 1);
}

static void late_success_is_no_recovery(void)
{
	struct pace p = {.window = 2};
	fill(&p, 10);
	ends(&p, PACE_BAD, 10, 20);
	uint64_t until_ns = p.not_before_ns;
	ends(&p, PACE_GOOD, 10, 30);
	CHECK(p.failures == 1 && p.window == 1 && p.not_before_ns == until_ns);
}

static void aside_changes_nothing(void)
{
	struct pace p = {.window = 3, .good = 1};
	fill(&p, 10);
	ends(&p, PACE_ASIDE, 10, 20);
	CHECK(p.window == 3 && p.good == 1 && p.failures == 0 && pace_may_start(&p, 20));
}

static void retry_after(void)
{
	struct pace p = {0};
	fill(&p, 0);
	pace_ended(&p, PACE_BAD, 0, NS_PER_S, 90, 0);
	CHECK(!pace_may_start(&p, 90 * NS_PER_S) && pace_may_start(&p, 91 * NS_PER_S));
	p.not_before_ns = 0;
	pace_started(&p);
	pace_ended(&p, PACE_BAD, 2 * NS_PER_S, 3 * NS_PER_S, 999999, 0);
	CHECK(p.not_before_ns == (3 + PACE_RETRY_AFTER_MAX_S) * NS_PER_S);
}

/* Runs a service that fails (with an answer after latency_ns) for outage_ns, from a full window on: how many
 * requests it sees. */
static unsigned outage(uint64_t outage_ns, uint64_t latency_ns, unsigned *first_second)
{
	struct pace p = {.window = PACE_WINDOW_MAX};
	unsigned seen = 0;
	uint64_t now_ns = 1;
	*first_second = 0;
	while (now_ns < outage_ns) {
		unsigned n = fill(&p, now_ns);
		uint64_t started_ns = now_ns;
		seen += n;
		if (now_ns < NS_PER_S)
			*first_second += n;
		now_ns += latency_ns;
		for (unsigned i = 0; i < n; i++)
			ends(&p, PACE_BAD, started_ns, now_ns);
		if (now_ns < p.not_before_ns)
			now_ns = p.not_before_ns;
	}
	return seen;
}

static void no_storm(void)
{
	for (int i = 0; i < 1000; i++) {
		unsigned first;
		unsigned minute = outage(60 * NS_PER_S, 20 * NS_PER_MS, &first);
		CHECK(first <= PACE_WINDOW_MAX + 4);
		CHECK(minute >= PACE_WINDOW_MAX + 2 && minute <= 40);
		unsigned hour = outage(3600 * NS_PER_S, 20 * NS_PER_MS, &first);
		CHECK(hour >= 150 && hour <= 400);
	}
}

/* Two appliances that failed at the same moment come back at different ones. */
static void jitter(void)
{
	uint64_t low_ns = UINT64_MAX, high_ns = 0;
	for (int i = 0; i < 1000; i++) {
		struct pace p = {.failures = 10};
		pace_started(&p);
		ends(&p, PACE_BAD, 1, 2);
		low_ns = p.not_before_ns < low_ns ? p.not_before_ns : low_ns;
		high_ns = p.not_before_ns > high_ns ? p.not_before_ns : high_ns;
	}
	CHECK(low_ns < 2 * NS_PER_S && high_ns > 28 * NS_PER_S && high_ns <= (PACE_CAP_MS + 1) * NS_PER_MS);
}

/* An hour's outage with a Retry-After of five minutes ends in the shutdown. */
static void hurries_at_the_end(void)
{
	struct pace p = {.failures = 20};
	uint64_t now_ns = NS_PER_S;
	pace_started(&p);
	pace_ended(&p, PACE_BAD, now_ns, now_ns, 300, random64());
	CHECK(p.not_before_ns == now_ns + 300 * NS_PER_S);
	pace_hurry(&p, now_ns);
	CHECK(p.not_before_ns == now_ns + PACE_HURRY_MS * NS_PER_MS);
	for (int i = 0; i < 1000; i++) {
		now_ns = p.not_before_ns;
		CHECK(fill(&p, now_ns) == 1);
		pace_ended(&p, PACE_BAD, now_ns, now_ns + 1, i % 2 ? 300 : 0, random64());
		CHECK(p.not_before_ns >= now_ns + PACE_BASE_MS / 2 * NS_PER_MS);
		CHECK(p.not_before_ns <= now_ns + 1 + PACE_HURRY_MS * NS_PER_MS);
	}
	struct pace soon = {.not_before_ns = now_ns + NS_PER_S}, never = {0};
	pace_hurry(&soon, now_ns);
	pace_hurry(&never, now_ns);
	CHECK(soon.not_before_ns == now_ns + NS_PER_S && never.not_before_ns == 0);
}

int main(void)
{
	RUN(grows, "the window grows by one after as many good answers as it is wide, up to four");
	RUN(falls_to_one, "requests that fail together are one failure, and one request at a time follows");
	RUN(late_success_is_no_recovery, "a good answer to what began before the failure opens nothing");
	RUN(aside_changes_nothing, "an answer about one request alone leaves the pace as it is");
	RUN(retry_after, "Retry-After is obeyed, up to five minutes");
	RUN(no_storm, "a minute of SlowDown sees at most forty requests, an hour at most four hundred");
	RUN(hurries_at_the_end, "at a shutdown no delay is longer than two seconds, and none is gone");
	RUN(jitter, "the delay is spread over its whole range");
	return check_done();
}
