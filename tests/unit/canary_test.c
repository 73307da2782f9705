#include "check.h"

#include "net/canary.h"
#include "net/dns.h"

#define OWN 0xc612000au /* 198.18.0.10 */
#define BOOT 0x0123456789abcdefull

static uint8_t frame[1024];

/* The answer to a question: Ethernet, IPv4, UDP from port 53, then the question's own bytes. */
static struct span answer(uint32_t number)
{
	struct buf q = buf_over(frame + 42, DNS_PACKET_MAX);
	memset(frame, 0, sizeof(frame));
	CHECK(!canary_query(&q, 7, BOOT, number));
	frame[12] = 8;
	frame[14] = 0x45;
	frame[14 + 9] = 17;
	store_be32(frame + 14 + 16, OWN);
	frame[34 + 1] = 53;
	return span_of(frame, 42 + q.len);
}

static void an_answer_is_known_by_its_boot_and_number(void)
{
	uint32_t n = 0;
	CHECK(canary_find(answer(0), OWN, BOOT, &n) && n == 0);
	CHECK(canary_find(answer(4294967295u), OWN, BOOT, &n) && n == 4294967295u);
	CHECK(!canary_find(answer(5), OWN + 1, BOOT, &n));
	CHECK(!canary_find(answer(5), OWN, BOOT + 1, &n));
	CHECK(!canary_find(answer(5), 0, BOOT, &n));
}

static void what_is_none_is_none_however_it_is_cut(void)
{
	uint32_t n;
	struct span whole = answer(77);
	for (size_t len = 0; len < whole.len; len++)
		CHECK(!canary_find(span_first(whole, len), OWN, BOOT, &n) ||
		      (n == 77 && len >= 42 + 12 + 35));
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{12, 6},  {14, 0x44}, {14 + 9, 6}, {20, 0x20},
		       {35, 54}, {54, 200},  {54, 10},    {56, 'x'}};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		whole = answer(77);
		frame[changes[i].at] = changes[i].value;
		CHECK(!canary_find(whole, OWN, BOOT, &n));
	}
}

int main(void)
{
	RUN(an_answer_is_known_by_its_boot_and_number, "a canary's answer is known by its boot and number");
	RUN(what_is_none_is_none_however_it_is_cut,
	    "what is no canary is none, however it is cut or changed");
	return check_done();
}
