#include "cli/top.h"

#include "base/bytes.h"
#include "check.h"

static struct top t;

static void add(uint32_t key, uint64_t bytes)
{
	uint8_t k[4];
	store_le32(k, key);
	top_add(&t, span_of(k, sizeof(k)),
		&(struct top_sum){.bytes = bytes, .packets = 1, .flows = 2, .refused = 3});
}

static void few_keys_are_exact(void)
{
	top_begin(&t);
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < TOP_MAX; i++)
			add(i, i % 1000);
	top_sort(&t);
	CHECK(t.count == TOP_MAX && t.missing == 0);
	for (uint32_t i = 0; i < TOP_MAX; i++) {
		CHECK(t.sum[i].bytes == 3 * (uint64_t)(load_le32(t.sum[i].key) % 1000));
		CHECK(t.sum[i].packets == 3 && t.sum[i].flows == 6 && t.sum[i].refused == 9);
		CHECK(i == 0 || t.sum[i - 1].bytes >= t.sum[i].bytes);
	}
}

static void many_keys_keep_the_heavy_ones_within_the_bound(void)
{
	top_begin(&t);
	for (uint32_t i = 0; i < 5 * TOP_MAX; i++) {
		add(1000000 + i, 1 + i % 500);
		if (i % 100 == 0)
			add(i % 700, 100000);
	}
	uint64_t truth = 0;
	for (uint32_t i = 0; i < 5 * TOP_MAX; i += 100)
		truth += i % 700 == 0 ? 100000 : 0;
	top_sort(&t);
	CHECK(t.count <= TOP_MAX && t.missing > 0 && t.missing < 10000);
	for (uint32_t i = 0; i < 7; i++)
		CHECK(load_le32(t.sum[i].key) < 700);
	for (uint32_t i = 0; i < 7; i++)
		if (load_le32(t.sum[i].key) == 0)
			CHECK(t.sum[i].bytes <= truth && t.sum[i].bytes + t.missing >= truth);
}

static void equal_weights_beyond_the_room_end_in_nothing_worse_than_the_bound(void)
{
	top_begin(&t);
	for (uint32_t i = 0; i < TOP_MAX + 1; i++)
		add(i, 64);
	CHECK(t.count == 1 && t.missing == 64);
	add(TOP_MAX, 64);
	CHECK(t.count == 1 && t.sum[0].bytes == 128);
}

static void an_empty_key_is_one(void)
{
	top_begin(&t);
	top_add(&t, span_of(NULL, 0), &(struct top_sum){.bytes = 5});
	top_add(&t, span_of(NULL, 0), &(struct top_sum){.bytes = 6});
	CHECK(t.count == 1 && t.sum[0].bytes == 11);
}

int main(void)
{
	RUN(few_keys_are_exact, "as many keys as there is room for are summed exactly, and sorted");
	RUN(many_keys_keep_the_heavy_ones_within_the_bound,
	    "of more keys the heavy ones stay, too small by no more than is told");
	RUN(equal_weights_beyond_the_room_end_in_nothing_worse_than_the_bound,
	    "keys of one weight beyond the room are given up, and the bound tells");
	RUN(an_empty_key_is_one, "an empty key is a key");
	return check_done();
}
