#include "role/flows/flowtable.h"

#include "check.h"

static struct flowtable t;

static struct ct_flow flow(uint32_t i)
{
	struct ct_flow f = {.proto = CT_UDP, .id = i / 7};
	f.orig = (struct ct_tuple){
		.src = ip_from_v4(0xc6130000 + i % 3), .dst = ip_from_v4(0xc6336400), .dport = 53};
	f.orig.sport = (uint16_t)(i * 31);
	f.packets[CT_OUT] = i;
	return f;
}

static void setup(void)
{
	static const uint8_t key[SIPHASH_KEY_BYTES] = {1, 2, 3};
	memset(&t, 0, sizeof(t));
	flowtable_init(&t, FLOWTABLE_MIN, key);
}

static bool holds(uint32_t i)
{
	struct ct_flow f = flow(i);
	struct flowtable_place *p = flowtable_find(&t, &f);
	return p && p->flow.packets[CT_OUT] == i;
}

static void holds_what_is_put(void)
{
	setup();
	bool added;
	for (uint32_t i = 0; i < 1000; i++) {
		struct ct_flow f = flow(i);
		CHECK(!flowtable_find(&t, &f) && flowtable_put(&t, &f, &added) && added);
		CHECK(flowtable_put(&t, &f, &added) == flowtable_find(&t, &f) && !added);
	}
	for (uint32_t i = 0; i < 1000; i++)
		CHECK(holds(i));
	CHECK(t.count == 1000);
	struct ct_flow f = flow(5);
	f.id++; /* another life of the same tuple */
	CHECK(!flowtable_find(&t, &f));
}

static void any_order_of_removal(void)
{
	setup();
	bool added, in[3072] = {false};
	uint32_t random = 1, count = 0;
	for (int step = 0; step < 60000; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t i = (random >> 8) % 3072;
		struct ct_flow f = flow(i);
		if (in[i])
			flowtable_remove(&t, flowtable_find(&t, &f));
		else
			CHECK(flowtable_put(&t, &f, &added) && added);
		in[i] = !in[i];
		count += in[i] ? 1u : -1u;
	}
	CHECK(t.count == count);
	for (uint32_t i = 0; i < 3072; i++)
		CHECK(holds(i) == in[i]);
}

static void full(void)
{
	setup();
	bool added;
	for (uint32_t i = 0; i < FLOWTABLE_MIN / 4 * 3; i++) {
		struct ct_flow f = flow(i);
		CHECK(flowtable_put(&t, &f, &added));
	}
	struct ct_flow f = flow(100000), known = flow(7);
	CHECK(!flowtable_put(&t, &f, &added) && t.full == 1 && !flowtable_find(&t, &f));
	CHECK(flowtable_put(&t, &known, &added) && !added);
}

int main(void)
{
	RUN(holds_what_is_put, "a flow is found by its tuple and the kernel's number, and is there once");
	RUN(any_order_of_removal, "flows that come and go in any order leave the others to be found");
	RUN(full, "a full table takes no more flows, counts them, and keeps those it has");
	return check_done();
}
