#include "record/budget.h"

#include "base/time.h"

#include "check.h"
#include "noise.h"

#define LIMIT 1000000000ull
#define DAY_S 86400ull

static struct budget b;
static const uint8_t key[16] = "a key of test's";
static uint64_t now_ns;

static void start_as(uint64_t limit, bool to_the_end)
{
	memset(&b, 0, sizeof(b));
	budget_init(&b, limit, to_the_end, key);
	now_ns = 20000 * DAY_S * NS_PER_S;
}

static void start(uint64_t limit)
{
	start_as(limit, false);
}

static enum budget_verdict from(uint32_t source, uint64_t bytes, uint64_t header_bytes)
{
	struct ip a = ip_from_v4(source);
	return budget_decide(&b, &a, bytes, header_bytes, now_ns);
}

/* As many packets of the source as bring `bytes`; how many of them were not kept in full. */
static uint64_t send(uint32_t source, uint64_t bytes, uint64_t size, uint64_t header)
{
	uint64_t less = 0;
	for (uint64_t sent = 0; sent < bytes; sent += size)
		less += from(source, size, header) != BUDGET_KEEP;
	return less;
}

static void below(void)
{
	start(LIMIT);
	CHECK(send(1, LIMIT / 10 * 8 - 2000, 1600, 160) == 0);
	CHECK(budget_used_percent(&b) == 79 && b.cut == 0 && b.dropped == 0);
	CHECK(send(1, 8000, 1600, 160) > 0 && budget_used_percent(&b) == 80);
}

/* One source floods, a hundred others bring a little each, all day long. */
static void flood(uint64_t size, uint64_t header, bool is_cut)
{
	start(LIMIT);
	uint64_t light_less = 0, flood_kept = 0, flood_cut = 0, light_bytes = 0;
	for (unsigned minute = 0; minute < 24 * 60; minute++) {
		now_ns += 59 * NS_PER_S;
		for (unsigned i = 0; i < 10000; i++) {
			enum budget_verdict v = from(0xbad, size, header);
			flood_kept += v == BUDGET_KEEP;
			flood_cut += v == BUDGET_CUT;
		}
		for (uint32_t i = 0; i < 100 && light_bytes < LIMIT / 40; i++, light_bytes += 600)
			light_less += from(1000 + i, 600, 160) != BUDGET_KEEP;
	}
	printf("  # %u %% used; flood: %llu full, %llu cut, %llu dropped; light: %llu not in full\n",
	       budget_used_percent(&b), (unsigned long long)flood_kept, (unsigned long long)flood_cut,
	       (unsigned long long)b.dropped, (unsigned long long)light_less);
	CHECK(light_less == 0 && light_bytes >= LIMIT / 40);
	CHECK(flood_kept > 0 && (flood_cut > 0) == is_cut && b.used_bytes <= LIMIT);
	struct budget_source top[4];
	unsigned n = budget_heaviest(&b, top, 4);
	CHECK(n == 1 && ip_to_v4(&top[0].address) == 0xbad);
	CHECK(top[0].cut == flood_cut && top[0].cut == b.cut && top[0].dropped == b.dropped);
}

static void flood_large(void)
{
	flood(1600, 160, true);
}

static void flood_small(void)
{
	flood(168, 168, false);
}

/* Ten sources, each ten times as heavy as the one before. */
static void heaviest_first(void)
{
	start(LIMIT);
	uint64_t first_cut[5] = {0}, round = 0;
	for (uint64_t less = 0; less < 5 && round < 1000000; round++) {
		uint64_t weight = 1;
		less = 0;
		for (uint32_t i = 0; i < 5; i++, weight *= 3) {
			for (uint64_t k = 0; k < weight; k++)
				if (from(i, 1600, 160) != BUDGET_KEEP && !first_cut[i])
					first_cut[i] = round + 1;
			less += first_cut[i] != 0;
		}
	}
	for (uint32_t i = 1; i < 5; i++)
		CHECK(first_cut[i] && first_cut[i] <= first_cut[i - 1]);
	CHECK(first_cut[4] < first_cut[0]);
}

/* Each source's packets are as many as any other's: all are cut together, then dropped; never more than the
 * budget. */
static void random_sources(void)
{
	start(LIMIT);
	uint64_t dropped_at = 0;
	for (unsigned i = 0; i < 3000000; i++) {
		enum budget_verdict v = from((uint32_t)noise_u64(), 1600, 160);
		if (v == BUDGET_DROP && !dropped_at)
			dropped_at = b.used_bytes;
		CHECK(v != BUDGET_KEEP || b.used_bytes <= LIMIT / 10 * 9 + 1600);
	}
	CHECK(b.used_bytes <= LIMIT && dropped_at > LIMIT - 200 && b.cut > 500000);
}

/* Random sources fill each place with more than is left for one source; who gets such a place has none of it.
 */
static void not_taken_for_another(void)
{
	start(LIMIT);
	while (b.used_bytes < LIMIT / 10000 * 8999)
		(void)from((uint32_t)noise_u64(), 1600, 160);
	for (uint32_t i = 0; i < 30; i++) {
		CHECK(from(0xa0000000 + i, 1600, 160) == BUDGET_KEEP);
		struct ip a = ip_from_v4(0xa0000000 + i);
		for (uint32_t k = 0; k < BUDGET_SETS * BUDGET_WAYS; k++) {
			const struct budget_source *p = &b.source[k / BUDGET_WAYS][k % BUDGET_WAYS];
			CHECK(!ip_eq(&p->address, &a) || p->inherited > LIMIT / 10000);
		}
	}
}

/* Fifty sources and packets of all sizes: the day's use is what was said to be kept. */
static void exact(void)
{
	start(3000000);
	uint64_t kept = 0;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t header = 100 + noise_below(100), bytes = header + noise_below(1500);
		enum budget_verdict v = from((uint32_t)noise_below(50), bytes, header);
		kept += v == BUDGET_KEEP ? bytes : v == BUDGET_CUT ? header : 0;
		CHECK(b.used_bytes == kept && kept <= 3000000);
	}
}

static void days(void)
{
	start(LIMIT);
	now_ns += (DAY_S - 1) * NS_PER_S;
	(void)send(1, 4 * LIMIT, 1600, 160);
	uint64_t used = b.used_bytes;
	CHECK(used > LIMIT / 100 * 80 && b.cut && b.dropped);
	now_ns += 2 * NS_PER_S; /* midnight */
	CHECK(from(1, 1600, 160) == BUDGET_KEEP && b.used_bytes == 1600 && !b.cut && !b.dropped);
	now_ns -= 2 * NS_PER_S; /* one of the day before comes late: the same day goes on */
	CHECK(from(1, 1600, 160) == BUDGET_KEEP && b.used_bytes == 3200);
	now_ns += 2 * NS_PER_S;
	CHECK(from(1, 1600, 160) == BUDGET_KEEP && b.used_bytes == 4800);
	now_ns -= 2 * DAY_S * NS_PER_S; /* the clock is set right, two days back: that day's budget counts */
	CHECK(from(1, 1600, 160) == BUDGET_KEEP && b.used_bytes == 1600);
}

/* One source brings headers until one is dropped; how much is used then. */
static uint64_t used_at_the_first_drop(uint64_t size, bool to_the_end)
{
	start_as(LIMIT, to_the_end);
	while (from(1, size, 168) != BUDGET_DROP)
		CHECK(!budget_exhausted(&b, now_ns));
	return b.used_bytes;
}

static void to_the_end(void)
{
	CHECK(used_at_the_first_drop(168, false) < LIMIT / 100 * 90);
	for (uint64_t size = 168; size <= 1680; size *= 10) {
		CHECK(used_at_the_first_drop(size, true) > LIMIT - 168 && b.used_bytes <= LIMIT);
		now_ns += (DAY_S - 1) * NS_PER_S;
		CHECK(budget_exhausted(&b, now_ns) && from(2, 168, 168) == BUDGET_DROP);
		now_ns += NS_PER_S; /* midnight, without a packet */
		CHECK(!budget_exhausted(&b, now_ns) && from(2, 168, 168) == BUDGET_KEEP);
	}
}

static void least_and_most(void)
{
	start(1);
	CHECK(from(1, 1600, 160) == BUDGET_DROP && b.used_bytes == 0);
	struct budget_source top[2];
	CHECK(budget_heaviest(&b, top, 2) == 1 && top[0].dropped == 1);
	start(UINT64_MAX);
	CHECK(from(1, 1600, 160) == BUDGET_KEEP && budget_used_percent(&b) == 0);
	budget_took(&b, UINT64_MAX / 2, now_ns);
	CHECK(budget_used_percent(&b) == 49 || budget_used_percent(&b) == 50);
	start(LIMIT);
	budget_took(&b, LIMIT, now_ns);
	CHECK(budget_used_percent(&b) == 100);
	for (uint32_t i = 0; i < 10; i++)
		for (uint32_t k = 0; k <= i; k++)
			CHECK(from(i, 1600, 160) == BUDGET_DROP);
	struct budget_source four[4];
	CHECK(budget_heaviest(&b, four, 4) == 4);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(ip_to_v4(&four[i].address) == 9 - i && four[i].dropped == 10 - i);
}

int main(void)
{
	RUN(below, "below 80 % of the day's budget everything is kept in full");
	RUN(flood_large,
	    "a flood of large packets is cut to headers, a hundred light sources stay in full all day");
	RUN(flood_small, "a flood of packets that are all headers leaves them room, too");
	RUN(heaviest_first, "the heaviest source is cut first");
	RUN(random_sources, "a flood from random sources is cut from 90 % on, and the budget holds");
	RUN(not_taken_for_another, "no source is taken for a heavier one whose place it got");
	RUN(exact, "what is used is exactly what was kept");
	RUN(days,
	    "a UTC day begins with nothing used; packets around midnight and a clock set back do no harm");
	RUN(to_the_end,
	    "where nothing may flow unrecorded headers are kept until nothing is left, until the day ends");
	RUN(least_and_most, "the least and the greatest budget, and the list of the heaviest");
	return check_done();
}
