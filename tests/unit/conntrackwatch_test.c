#include "role/conntrackwatch.h"

#include "check.h"
#include "logged.h"

static struct conntrackwatch watch;
static struct conntrackwatch_counts counts;

static void set_up(void)
{
	watch = (struct conntrackwatch){.begun = false};
	counts = (struct conntrackwatch_counts){10, 1000, {5, 7, 1}};
}

/* Looks, and says what was logged. */
static const char *look(void)
{
	conntrackwatch_look(&watch, &counts);
	return logged_all();
}

static bool says(const char *event, const char *values)
{
	const char *said = look();
	if (event[0] == 0)
		return said[0] == 0;
	bool ok = strstr(said, event) && strstr(said, values) && !strchr(said, '\n');
	if (!ok)
		printf("  said: %s\n", said);
	return ok;
}

static void full_once(void)
{
	set_up();
	counts.flows = 999;
	CHECK(says("", ""));
	counts.stats.drop += 3;
	CHECK(says("alarm net conntrack-full", "flows=999 max=1000 packets=3 given_up=0"));
	counts.stats.drop += 4;
	CHECK(says("", ""));
	CHECK(says("", "")); /* nothing refused, but no room */
	counts.flows = 901;
	CHECK(says("", ""));
	counts.flows = 900;
	CHECK(says("info net conntrack-has-room", "flows=900 max=1000 packets=7"));
	CHECK(watch.counted.full == 7 && watch.counted.no_port == 0);
	CHECK(says("", ""));
	counts.stats.early_drop += 2;
	CHECK(says("alarm net conntrack-full", "flows=900 max=1000 packets=0 given_up=2"));
	CHECK(says("info net conntrack-has-room", "packets=0"));
	counts.flows = 1000;
	CHECK(says("alarm net conntrack-full", "packets=0 given_up=0"));
}

/* So many found no port. */
static void clash(uint32_t packets)
{
	counts.stats.drop += packets;
	counts.stats.insert_failed += packets;
}

static void not_full_by_clashes(void)
{
	set_up();
	CHECK(says("", ""));
	clash(15);
	CHECK(says("", ""));
	clash(15);
	CHECK(says("", ""));
	clash(16);
	CHECK(says("alarm net nat-ports-exhausted", "packets=16"));
	clash(1);
	CHECK(says("", ""));
	CHECK(says("info net nat-ports-free", "packets=17"));
	CHECK(watch.counted.no_port == 47 && watch.counted.full == 0);
	CHECK(says("", ""));
}

static void begins_anew(void)
{
	set_up();
	counts.stats = (struct ctstats){1u << 31, 1u << 31, 1u << 31};
	CHECK(says("", ""));
	counts.stats = (struct ctstats){2, 4, 0};
	CHECK(says("alarm net conntrack-full", "packets=2 given_up=0"));
	CHECK(watch.counted.full == 2 && watch.counted.no_port == 2);
}

static void room(void)
{
	CHECK(conntrackwatch_room(0) == 65536 && conntrackwatch_room(512ull << 20) == 65536);
	CHECK(conntrackwatch_room(4ull << 30) == 524288 &&
	      conntrackwatch_room((512ull << 20) + 8192) == 65537);
}

/* ---- the kernel's statistics */

static size_t put_stats(struct buf *b, uint16_t type, uint32_t failed, uint32_t drop, uint32_t early)
{
	size_t m = nlmsg_begin(b, type, 0, 1);
	buf_be32(b, 0);
	nlmsg_attr_be32(b, 2, 99);
	nlmsg_attr_be32(b, 9, failed);
	nlmsg_attr_be32(b, 10, drop);
	nlmsg_attr_be32(b, 11, early);
	nlmsg_end(b, m);
	return m;
}

static void adds_processors(void)
{
	uint8_t bytes[256];
	struct buf b = BUF_OF(bytes);
	struct ctstats sum = {0, 0, 0};
	struct nlmsg m;
	put_stats(&b, 1 << 8 | 4, 1, 20, UINT32_MAX);
	put_stats(&b, 1 << 8 | 4, 2, 30, 1);
	struct span in = buf_span(&b);
	for (int i = 0; i < 2; i++)
		CHECK(nlmsg_next(&in, &m) == ERR_OK && ctstats_add(&m, &sum) == ERR_OK);
	CHECK(sum.insert_failed == 3 && sum.drop == 50 && sum.early_drop == 1ull << 32);
	struct span whole = m.body;
	for (size_t n = 0; n < whole.len; n++) {
		struct ctstats cut = {7, 7, 7};
		m.body = span_first(whole, n);
		enum err e = ctstats_add(&m, &cut);
		CHECK(e == ERR_OK || (e == ERR_SYNTAX && cut.insert_failed == 7 && cut.drop == 7));
	}
	m.body = whole;
	m.type = 1 << 8 | 5;
	CHECK(ctstats_add(&m, &sum) == ERR_NOT_FOUND && sum.drop == 50);
}

int main(void)
{
	logged_begin("net");
	RUN(full_once, "a full table of flows is one alarm when it begins, and a line when a tenth is free");
	RUN(not_full_by_clashes,
	    "NAT without a free port is one alarm and no full table, a few clashes are neither");
	RUN(begins_anew, "statistics that begin anew count from there");
	RUN(room, "the table has room for a sixteenth of the memory, at least 65536 flows");
	RUN(adds_processors, "the statistics of all processors are added, whole or not at all");
	return check_done();
}
