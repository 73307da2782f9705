#include "record/cutoff.h"

#include "check.h"

static struct cutoff c;
static const uint8_t key[16] = "a key of test's";
static uint64_t now_ns = 1000 * NS_PER_S;

static struct headers flow(uint32_t from, uint16_t port)
{
	return (struct headers){.has_addresses = true,
				.has_ports = true,
				.from = ip_from_v4(from),
				.to = ip_from_v4(0x0a000002),
				.protocol = 6,
				.from_port = port,
				.to_port = 443};
}

static void start(uint64_t limit)
{
	memset(&c, 0, sizeof(c));
	cutoff_init(&c, limit, key);
}

static void limit(void)
{
	start(3000);
	struct headers h = flow(1, 5);
	CHECK(!cutoff_reached(&c, &h, 1500, now_ns) && !cutoff_reached(&c, &h, 1499, now_ns));
	CHECK(!cutoff_reached(&c, &h, 1500, now_ns)); /* 2,999 before it */
	CHECK(cutoff_reached(&c, &h, 60, now_ns) && cutoff_reached(&c, &h, 60, now_ns));
}

static void directions(void)
{
	start(1000);
	struct headers h = flow(1, 5), other = flow(1, 6), back = flow(1, 5);
	struct ip from = back.from;
	back.from = back.to;
	back.to = from;
	back.from_port = 443;
	back.to_port = 5;
	CHECK(!cutoff_reached(&c, &h, 1000, now_ns) && cutoff_reached(&c, &h, 1, now_ns));
	CHECK(!cutoff_reached(&c, &other, 1, now_ns) && !cutoff_reached(&c, &back, 1, now_ns));
	h.protocol = 17;
	CHECK(!cutoff_reached(&c, &h, 1, now_ns));
}

static void begins_anew(void)
{
	start(1000);
	struct headers h = flow(1, 5);
	CHECK(!cutoff_reached(&c, &h, 1000, now_ns) && cutoff_reached(&c, &h, 1, now_ns));
	h.syn = true;
	CHECK(!cutoff_reached(&c, &h, 60, now_ns));
	h.syn = false;
	CHECK(!cutoff_reached(&c, &h, 940, now_ns) && cutoff_reached(&c, &h, 1, now_ns));
}

static void without_ports(void)
{
	start(1);
	struct headers h = flow(1, 0);
	h.has_ports = false;
	for (unsigned i = 0; i < 10; i++)
		CHECK(!cutoff_reached(&c, &h, 1500, now_ns));
	CHECK(c.untracked == 0);
}

static void ageing(void)
{
	start(1000);
	struct headers h = flow(1, 5);
	CHECK(!cutoff_reached(&c, &h, 1000, now_ns));
	/* nobody wants its place: it goes on where it was */
	CHECK(cutoff_reached(&c, &h, 1, now_ns + 2 * CUTOFF_IDLE_NS));
	/* the table is full of others, all idle: there is place again */
	for (uint32_t i = 0; i < 4 * CUTOFF_SETS * CUTOFF_WAYS; i++) {
		struct headers o = flow(i, 6);
		(void)cutoff_reached(&c, &o, 1, now_ns);
	}
	CHECK(c.untracked > 0);
	uint64_t untracked = c.untracked;
	for (uint32_t i = 0; i < CUTOFF_SETS; i++) {
		struct headers o = flow(i, 7);
		(void)cutoff_reached(&c, &o, 1, now_ns + CUTOFF_IDLE_NS + 1);
	}
	CHECK(c.untracked == untracked);
}

/* Sixty times more flows than there are places: those that had a place keep it, and so does their limit; of
 * the others everything is recorded, and counted. */
static void flooded(void)
{
	start(1000);
	struct headers first = flow(1, 5);
	CHECK(!cutoff_reached(&c, &first, 1000, now_ns));
	uint32_t flows = 60 * CUTOFF_SETS * CUTOFF_WAYS, reached = 0;
	for (uint32_t i = 0; i < flows; i++) {
		struct headers h = flow(i + 2, 9);
		reached += cutoff_reached(&c, &h, 2000, now_ns);
	}
	CHECK(reached == 0 && c.untracked > flows / 60 * 58 && c.untracked < flows / 60 * 60);
	CHECK(cutoff_reached(&c, &first, 1, now_ns));
}

#define CHOSEN 200

static void bring_chosen(const uint32_t chosen[CHOSEN], const uint8_t *with_key)
{
	memset(&c, 0, sizeof(c));
	cutoff_init(&c, 1000, with_key);
	for (uint32_t i = 0; i < CHOSEN; i++) {
		struct headers h = flow(chosen[i], 5);
		(void)cutoff_reached(&c, &h, 1, now_ns);
	}
}

/* Flows chosen under one key to share eight places are spread under another. */
static void no_chosen_collisions(void)
{
	static uint32_t chosen[CHOSEN];
	start(1000);
	for (uint32_t i = 0, n = 0; n < CHOSEN; i++) {
		struct headers h = flow(i, 5);
		memset(c.flow[0], 0, sizeof(c.flow[0]));
		(void)cutoff_reached(&c, &h, 1, now_ns);
		if (c.flow[0][0].tag)
			chosen[n++] = i;
	}
	bring_chosen(chosen, key);
	CHECK(c.untracked == CHOSEN - CUTOFF_WAYS);
	bring_chosen(chosen, (const uint8_t *)"another secret k");
	CHECK(c.untracked == 0);
}

int main(void)
{
	RUN(limit, "a flow is recorded in full until its direction has brought the limit");
	RUN(directions, "each direction of each flow has a limit of its own");
	RUN(begins_anew, "a SYN on the same addresses and ports begins anew");
	RUN(without_ports, "a packet that names no ports is never beyond the limit");
	RUN(ageing, "places of idle flows are given away where they are needed");
	RUN(flooded,
	    "a flood of flows takes no place from those that are tracked; it is recorded in full, counted");
	RUN(no_chosen_collisions, "flows that collide under one key do not under another");
	return check_done();
}
