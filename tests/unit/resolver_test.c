#include "role/resolver.h"

#include "check.h"

static struct ip v4(uint8_t last)
{
	return ip_from_v4(0xc6120000u | last);
}

static struct ip v6(uint8_t last)
{
	return (struct ip){.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = last}};
}

/* The last bytes in their order. */
static uint32_t order(const struct ip *addr, uint32_t count, uint32_t random)
{
	struct ip out[8];
	uint32_t digits = 0;
	resolver_order(addr, count, random, out);
	for (uint32_t i = 0; i < count; i++)
		digits = digits * 10 + out[i].bytes[15];
	return digits;
}

static void rotates(void)
{
	const struct ip addr[] = {v4(1), v4(2), v4(3)};
	CHECK(order(addr, 3, 0) == 123 && order(addr, 3, 1) == 231 && order(addr, 3, 2) == 312);
	CHECK(order(addr, 3, 3) == 123 && order(addr, 3, UINT32_MAX) == 123);
	CHECK(order(addr, 1, 7) == 1 && order(addr, 2, 5) == 21);
}

static void ipv4_first(void)
{
	const struct ip addr[] = {v6(6), v4(1), v6(7), v4(2), v6(8)};
	CHECK(order(addr, 5, 0) == 12678 && order(addr, 5, 1) == 21786 && order(addr, 5, 2) == 12867);
	CHECK(order(addr, 1, 9) == 6);
}

static uint32_t calls, got_count, first_seen;
static enum err got;

static void on_answer(void *arg, enum err e, const struct ip *addr, uint32_t count)
{
	CHECK(arg == &calls && (count == 0) == (addr == NULL));
	calls++;
	got = e;
	got_count = count;
	if (count)
		first_seen |= 1u << addr[0].bytes[15];
}

static void answers_once(void)
{
	struct resolver r = {.id = 5, .fn = on_answer, .arg = &calls};
	struct msg_addresses a = {.id = 4, .count = 2, .addr = {v4(1), v4(2)}};
	resolver_answer(&r, &a); /* to another question */
	CHECK(calls == 0);
	a.id = 5;
	resolver_answer(&r, &a);
	resolver_answer(&r, &a);
	CHECK(calls == 1 && got == ERR_OK && got_count == 2 && r.id == 0);
	for (int i = 0; i < 100; i++) {
		r.id = 5;
		resolver_answer(&r, &a);
	}
	CHECK(first_seen == (1u << 1 | 1u << 2)); /* by chance; missed once in 2^100 */
	static const uint32_t impossible[] = {0, 9, UINT32_MAX};
	for (int i = 0; i < 3; i++) {
		r.id = 5;
		a.count = impossible[i];
		resolver_answer(&r, &a);
		CHECK(got == ERR_NOT_FOUND && got_count == 0);
	}
	r.id = 5;
	a.count = 1;
	a.error = ERR_TIMEOUT;
	resolver_answer(&r, &a);
	CHECK(got == ERR_TIMEOUT && got_count == 0);
}

int main(void)
{
	RUN(rotates, "names: a host's addresses are tried from a random one on, in their circle");
	RUN(ipv4_first, "names: IPv4 addresses come before IPv6 addresses, each family rotated");
	RUN(answers_once, "names: an answer is taken once, to its own question, with 1 to 8 addresses");
	return check_done();
}
