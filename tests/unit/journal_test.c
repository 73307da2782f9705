#include "role/flows/journal.h"

#include <stdlib.h>

#include "check.h"

static struct pool pool;
static struct journal j;

static void setup(void)
{
	free(pool.map);
	pool = (struct pool){
		.map = calloc(1, POOL_PAGE_BYTES + JOURNAL_BYTES), .slot_bytes = JOURNAL_BYTES, .slots = 1};
	journal_init(&j, &pool);
	journal_resume(&j, 0);
}

/* What the kernel does: an event with a number, of some length, at the place that was offered. */
static bool arrives(uint32_t number)
{
	struct buf b;
	if (!journal_room(&j, &b))
		return false;
	size_t mark = nlmsg_begin(&b, 258, 0, number);
	buf_fill(&b, (uint8_t)number, 100 + number % 300);
	nlmsg_end(&b, mark);
	return !b.overflow;
}

static bool put(uint32_t number)
{
	if (!arrives(number))
		return false;
	journal_received(&j, (16 + 100 + number % 300 + 3) / 4 * 4);
	return true;
}

static bool is_next(uint32_t number)
{
	struct nlmsg m;
	if (!journal_next(&j, &m) || m.seq != number || m.body.p[0] != (uint8_t)number)
		return false;
	journal_read(&j);
	return true;
}

static void laps(void)
{
	uint32_t in = 0, out = 0;
	setup();
	for (int lap = 0; lap < 5; lap++) {
		while (put(in))
			in++;
		CHECK(journal_tight(&j) && in > 20000u * (unsigned)(lap == 0));
		uint32_t half = out + (in - out) / 2;
		while (out < half)
			CHECK(is_next(out++));
		journal_release(&j, j.next);
	}
	while (out < in)
		CHECK(is_next(out++));
	struct nlmsg m;
	CHECK(!journal_next(&j, &m));
}

static void a_successor(void)
{
	setup();
	for (uint32_t i = 0; i < 10; i++)
		CHECK(put(i));
	for (uint32_t i = 0; i < 6; i++)
		CHECK(is_next(i));
	uint64_t at = j.next;
	CHECK(is_next(6));
	journal_settled(&j, at);
	journal_init(&j, &pool);
	CHECK(journal_settled_up_to(&j) == at);
	journal_resume(&j, at);
	for (uint32_t i = 6; i < 10; i++)
		CHECK(is_next(i));
	CHECK(put(10) && is_next(10));
}

static void death_while_receiving(void)
{
	struct nlmsg m;
	setup();
	CHECK(put(0) && arrives(1)); /* it is there, but was not counted */
	journal_init(&j, &pool);
	journal_resume(&j, 0);
	CHECK(is_next(0) && is_next(1) && !journal_next(&j, &m));
	/* a place that was only offered holds nothing */
	struct buf b;
	CHECK(put(2) && journal_room(&j, &b));
	journal_init(&j, &pool);
	journal_resume(&j, 0);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(is_next(i));
	CHECK(!journal_next(&j, &m));
}

#define ALIKE 300 /* numbers so far apart are events of one length */

static void death_between_two(void)
{
	struct nlmsg m;
	uint32_t number = 0;
	setup();
	for (; put(number); number += ALIKE)
		CHECK(is_next(number));
	journal_release(&j, j.next);
	/* the second lap: behind its last event stands one of the first */
	for (uint32_t i = 0; i < 10; i++, number += ALIKE)
		CHECK(put(number) && is_next(number));
	uint64_t at = j.next;
	journal_init(&j, &pool);
	journal_resume(&j, at);
	CHECK(!journal_next(&j, &m));
	/* a full one: what stands there is still needed */
	uint32_t first = number;
	while (put(number))
		number += ALIKE;
	journal_init(&j, &pool);
	journal_resume(&j, at);
	while (first < number && is_next(first))
		first += ALIKE;
	CHECK(first == number && !journal_next(&j, &m));
}

int main(void)
{
	RUN(laps, "events come out as they went in, lap after lap, and a full journal takes none");
	RUN(a_successor, "the next process goes on where its records end");
	RUN(death_while_receiving, "an event that was received when its process died is not lost");
	RUN(death_between_two, "what is left of an earlier lap is no event to the next process");
	free(pool.map);
	return check_done();
}
