#include "net/ntp.h"

#include "base/time.h"
#include "check.h"
#include "noise.h"

#define MS 1000000ull
#define BUILT_NS (1767225600ull * NS_PER_S) /* 2026-01-01 */
/* What is to be added to the local time. */
#define TRUE_NS (1790000000 * (int64_t)NS_PER_S)

static struct ntp n;
static struct ntp_estimate e;
static uint64_t nonces;
static uint8_t bytes[NTP_PACKET_BYTES];

static void put_time(uint8_t *p, uint64_t ns)
{
	store_be32(p, (uint32_t)(ns / NS_PER_S + 2208988800u));
	store_be32(p + 4, (uint32_t)(((ns % NS_PER_S << 32) + NS_PER_S - 1) / NS_PER_S));
}

/* A right answer to the nonce: received and sent by the server's clock. */
static struct span answer(uint64_t nonce, uint64_t received_ns, uint64_t sent_ns)
{
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x24;
	bytes[1] = 2;
	store_be32(bytes + 4, 0x00000100); /* root delay: 1/256 s */
	store_be32(bytes + 8, 0x00000080); /* root dispersion: 1/512 s */
	store_be32(bytes + 24, (uint32_t)(nonce >> 32));
	store_be32(bytes + 28, (uint32_t)nonce);
	put_time(bytes + 32, received_ns);
	put_time(bytes + 40, sent_ns);
	return span_of(bytes, sizeof(bytes));
}

#define ROOT_NS (3906250ull / 2 + 1953125ull)

static void start(uint32_t count, uint64_t now_ns)
{
	struct ip addr[NTP_SERVERS];
	for (uint32_t i = 0; i < count; i++)
		addr[i] = ip_from_v4(0xc0000200 + i);
	ntp_start(&n, addr, count, BUILT_NS, now_ns);
}

static uint64_t ask(uint32_t server, uint64_t now_ns)
{
	uint8_t sent[NTP_PACKET_BYTES];
	struct buf packet = BUF_OF(sent);
	uint64_t nonce = ++nonces * 0x9e3779b97f4a7c15ull;
	enum ntp_event event = ntp_tick(&n, server, now_ns, nonce, 0, &packet);
	CHECK((event == NTP_NOTHING || event == NTP_SILENT) && packet.len == NTP_PACKET_BYTES);
	CHECK(load_be64(sent + 40) == nonce);
	return nonce;
}

/* Asked at now_ns; the answer needs delay_ns there and back, half each way, and the server's clock is wrong.
 */
static enum ntp_event exchange(uint32_t server, uint64_t now_ns, uint64_t delay_ns, int64_t wrong_ns)
{
	uint64_t nonce = ask(server, now_ns);
	uint64_t there_ns = (uint64_t)(TRUE_NS + wrong_ns) + now_ns + delay_ns / 2;
	return ntp_receive(&n, server, now_ns + delay_ns, answer(nonce, there_ns, there_ns));
}

static bool about(int64_t got, int64_t want)
{
	return got - want < 1000 && want - got < 1000; /* the rounding of 2^-32 and 2^-16 s */
}

static bool best_is(uint64_t now_ns, int64_t wrong_ns)
{
	return ntp_best(&n, now_ns, &e) == ERR_OK && about(e.offset_ns, TRUE_NS + wrong_ns);
}

/* ---- one request and its answer */

static void request(void)
{
	uint8_t sent[NTP_PACKET_BYTES], want[NTP_PACKET_BYTES] = {0x23};
	struct buf b = BUF_OF(sent);
	ntp_wire_request(&b, 0x0102030405060708ull);
	for (uint8_t i = 0; i < 8; i++)
		want[40 + i] = (uint8_t)(i + 1);
	CHECK_SPAN(buf_span(&b), span_of(want, sizeof(want)));
}

static void formulas(void)
{
	start(1, 5 * NS_PER_S);
	uint64_t nonce = ask(0, 5 * NS_PER_S);
	/* 10 ms on the way, of which the server takes 2 */
	uint64_t at_ns = (uint64_t)TRUE_NS + 5 * NS_PER_S;
	CHECK(ntp_receive(&n, 0, 5 * NS_PER_S + 10 * MS, answer(nonce, at_ns + 4 * MS, at_ns + 6 * MS)) ==
	      NTP_SAMPLE);
	CHECK(best_is(5 * NS_PER_S + 10 * MS, 0) && about((int64_t)e.delay_ns, 8 * MS));
	CHECK(about((int64_t)e.error_ns, 4 * MS + ROOT_NS) && e.stratum == 2 && e.leap == 0);
	CHECK(best_is(1005 * NS_PER_S + 10 * MS, 0));
	CHECK(about((int64_t)e.error_ns, 4 * MS + ROOT_NS + 15 * MS)); /* 15 ppm of 1000 s */
	/* all of the delay on one way: off by no more than the bound says */
	start(1, 0);
	nonce = ask(0, 0);
	CHECK(ntp_receive(&n, 0, 10 * MS, answer(nonce, TRUE_NS + 10 * MS, TRUE_NS + 10 * MS)) == NTP_SAMPLE);
	CHECK(best_is(10 * MS, 5 * MS) && e.error_ns >= 5 * MS);
}

static const struct {
	const char *what;
	size_t at, len;
	uint64_t value; /* len bytes, big-endian */
	enum err err;
} bad_fields[] = {
	{"a client's packet", 0, 1, 0x23, ERR_PROTOCOL},
	{"a broadcast", 0, 1, 0x25, ERR_PROTOCOL},
	{"version 2", 0, 1, 0x14, ERR_UNSUPPORTED},
	{"version 5", 0, 1, 0x2c, ERR_UNSUPPORTED},
	{"version 3", 0, 1, 0x1c, ERR_OK},
	{"not synchronised", 0, 1, 0xe4, ERR_SERVICE},
	{"a leap second comes", 0, 1, 0x64, ERR_OK},
	{"stratum 15", 1, 1, 15, ERR_OK},
	{"stratum 16", 1, 1, 16, ERR_RANGE},
	{"root delay of 1 s", 4, 4, 0x00010000, ERR_RANGE},
	{"a negative root delay", 4, 4, 0xffffff00, ERR_RANGE},
	{"root dispersion of 1 s", 8, 4, 0x00010000, ERR_RANGE},
	{"both nearly 1 s", 4, 8, 0x0000ffff0000ffff, ERR_TIMEOUT},
	{"another origin", 24, 8, 1, ERR_AUTH},
	{"no origin", 24, 8, 0, ERR_AUTH},
	{"no receive time", 32, 8, 0, ERR_RANGE},
	{"no transmit time", 40, 8, 0, ERR_RANGE},
	{"sent before it came", 32, 8, 0xffffffff00000000, ERR_RANGE},
};

static void fields(void)
{
	for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
		start(1, 0);
		uint64_t nonce = ask(0, 0);
		struct span d = answer(nonce, TRUE_NS + 5 * MS, TRUE_NS + 5 * MS);
		for (size_t k = 0; k < bad_fields[i].len; k++)
			bytes[bad_fields[i].at + k] =
				(uint8_t)(bad_fields[i].value >> 8 * (bad_fields[i].len - 1 - k));
		enum ntp_event event = ntp_receive(&n, 0, 10 * MS, d);
		bool right = n.server[0].refused == bad_fields[i].err &&
			     event == (bad_fields[i].err ? NTP_REFUSED : NTP_SAMPLE);
		if (!right)
			printf("  %s: %s\n", bad_fields[i].what, err_text(n.server[0].refused));
		CHECK(right && (ntp_best(&n, 10 * MS, &e) == ERR_OK) == !bad_fields[i].err);
		if (bad_fields[i].err) /* the true answer may still come */
			CHECK(ntp_receive(&n, 0, 10 * MS,
					  answer(nonce, TRUE_NS + 5 * MS, TRUE_NS + 5 * MS)) == NTP_SAMPLE);
	}
}

static void times(void)
{
	struct ntp_answer a;
	static const struct {
		uint64_t built_s, says_s;
		enum err err;
	} rows[] = {
		{1767225600, 1767225600, ERR_OK},
		{1767225600, 1767225599, ERR_CLOCK},
		{1767225600, 1, ERR_CLOCK},
		{1767225600, 1767225600 + 20 * 31536000ull, ERR_OK},
		{1767225600, 1767225600 + 21 * 31536000ull, ERR_RANGE},
		{1767225600, 2085978496, ERR_OK}, /* 2036-02-07T06:28:16Z: the second era begins */
		{2100000000, 2100000001, ERR_OK},
		{2100000000, 2085978000, ERR_CLOCK},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = rows[i].says_s * NS_PER_S + 1;
		enum err got = ntp_wire_read(answer(7, ns, ns), 7, rows[i].built_s * NS_PER_S, &a);
		CHECK(got == rows[i].err);
		CHECK(got || about((int64_t)a.sent_ns, (int64_t)ns));
	}
	/* the server can't have had it for longer than it was away */
	start(1, 0);
	CHECK(ntp_receive(&n, 0, 10 * MS, answer(ask(0, 0), TRUE_NS, TRUE_NS + 11 * MS)) == NTP_REFUSED);
	CHECK(n.server[0].refused == ERR_RANGE);
	/* and one that was away for two seconds and more says nothing */
	CHECK(exchange(0, NS_PER_S, 2 * NS_PER_S, 0) == NTP_REFUSED && n.server[0].refused == ERR_TIMEOUT);
}

static void lengths(void)
{
	uint8_t longer[200];
	start(1, 0);
	struct span d = answer(ask(0, 0), TRUE_NS + 5 * MS, TRUE_NS + 5 * MS);
	memset(longer, 0xff, sizeof(longer));
	memcpy(longer, d.p, d.len);
	for (size_t len = 0; len < NTP_PACKET_BYTES; len++) {
		CHECK(ntp_receive(&n, 0, 10 * MS, span_first(d, len)) == NTP_REFUSED);
		CHECK(n.server[0].refused == ERR_TRUNCATED);
	}
	CHECK(ntp_receive(&n, 0, 10 * MS, span_of(longer, sizeof(longer))) == NTP_SAMPLE);
}

static void nonce_once(void)
{
	start(2, 0);
	CHECK(ntp_receive(&n, 0, 0, answer(0, TRUE_NS, TRUE_NS)) == NTP_REFUSED); /* nothing was asked */
	uint64_t first = ask(0, 0), other = ask(1, 0);
	CHECK(ntp_receive(&n, 0, 10 * MS, answer(other, TRUE_NS, TRUE_NS)) == NTP_REFUSED);
	CHECK(ntp_receive(&n, 0, 10 * MS, answer(first, TRUE_NS + 5 * MS, TRUE_NS + 5 * MS)) == NTP_SAMPLE);
	/* the same once more, and a liar's, in place of the next */
	CHECK(ntp_receive(&n, 0, 11 * MS, answer(first, TRUE_NS + 5 * MS, TRUE_NS + 5 * MS)) == NTP_REFUSED);
	CHECK(n.server[0].refused == ERR_AUTH);
	uint64_t second = ask(0, NS_PER_S);
	CHECK(ntp_receive(&n, 0, NS_PER_S + MS, answer(first, TRUE_NS + NS_PER_S, TRUE_NS + NS_PER_S)) ==
	      NTP_REFUSED);
	CHECK(ntp_receive(&n, 0, NS_PER_S + MS, answer(second, TRUE_NS + NS_PER_S, TRUE_NS + NS_PER_S)) ==
	      NTP_SAMPLE);
	/* one that was asked again: the answer to the first request comes too late */
	uint64_t late = ask(0, 2 * NS_PER_S);
	ask(0, 4 * NS_PER_S);
	CHECK(ntp_receive(&n, 0, 4 * NS_PER_S + MS, answer(late, TRUE_NS, TRUE_NS)) == NTP_REFUSED);
}

/* ---- the filter */

static void least_delay(void)
{
	static const uint64_t delays_ms[] = {40, 6, 90, 30, 12, 200, 50, 70};
	start(1, 0);
	for (uint64_t i = 0; i < 8; i++) {
		/* what is late is late on one way */
		uint64_t now_ns = i * 16 * NS_PER_S, nonce = ask(0, now_ns);
		uint64_t there_ns = (uint64_t)TRUE_NS + now_ns + (delays_ms[i] - 3) * MS;
		CHECK(ntp_receive(&n, 0, now_ns + delays_ms[i] * MS, answer(nonce, there_ns, there_ns)) ==
		      NTP_SAMPLE);
		if (i >= 1)
			CHECK(ntp_best(&n, now_ns + delays_ms[i] * MS, &e) == ERR_OK &&
			      about((int64_t)e.delay_ns, 6 * MS));
	}
	CHECK(best_is(112 * NS_PER_S + 70 * MS, 0));
	/* an old one makes room, even when those after it are worse */
	CHECK(exchange(0, 128 * NS_PER_S, 60 * MS, 0) == NTP_SAMPLE);
	CHECK(exchange(0, 144 * NS_PER_S, 60 * MS, 0) == NTP_SAMPLE);
	CHECK(ntp_best(&n, 145 * NS_PER_S, &e) == ERR_OK && about((int64_t)e.delay_ns, 12 * MS));
	/* and what is old enough is worse than what was slower: 13 ms more of delay, 1000 s */
	start(1, 0);
	CHECK(exchange(0, 0, 2 * MS, 0) == NTP_SAMPLE);
	CHECK(exchange(0, 1000 * NS_PER_S, 15 * MS, 0) == NTP_SAMPLE);
	CHECK(ntp_best(&n, 1001 * NS_PER_S, &e) == ERR_OK && about((int64_t)e.delay_ns, 15 * MS));
}

static uint64_t settled_server(void)
{
	start(1, 0);
	for (uint64_t i = 0; i < 6; i++)
		CHECK(exchange(0, i * 2 * NS_PER_S, 2 * MS, 0) == NTP_SAMPLE);
	return 12 * NS_PER_S;
}

static void spikes(void)
{
	const int64_t hour_ns = 3600 * (int64_t)NS_PER_S;
	static const uint64_t step_ns = 2 * NS_PER_S;
	uint64_t now_ns = settled_server();
	for (int i = 0; i < NTP_CONFIRM - 1; i++, now_ns += step_ns)
		CHECK(exchange(0, now_ns, 2 * MS, hour_ns) == NTP_SPIKE && best_is(now_ns, 0));
	CHECK(exchange(0, now_ns, 2 * MS, 0) == NTP_SAMPLE); /* it was one */
	for (int i = 0; i < NTP_CONFIRM - 1; i++)
		CHECK(exchange(0, now_ns += step_ns, 2 * MS, hour_ns) == NTP_SPIKE && best_is(now_ns, 0));
	CHECK(exchange(0, now_ns += step_ns, 2 * MS, hour_ns) == NTP_JUMPED && best_is(now_ns, hour_ns));
	CHECK(e.agreeing == NTP_CONFIRM);
	/* back again the same way */
	for (int i = 0; i < NTP_CONFIRM - 1; i++)
		CHECK(exchange(0, now_ns += step_ns, 2 * MS, 0) == NTP_SPIKE && best_is(now_ns, hour_ns));
	CHECK(exchange(0, now_ns += step_ns, 2 * MS, 0) == NTP_JUMPED && best_is(now_ns, 0));
	/* jumping between values, none of which agrees with the one before, it is not believed for long */
	for (int i = 0; i < 40; i++)
		CHECK(exchange(0, now_ns += step_ns, 2 * MS, hour_ns * (1 + i % 3)) == NTP_SPIKE &&
		      best_is(now_ns, 0));
	CHECK(e.error_ns > MS + ROOT_NS + 15 * 79000);
	/* one second is a spike as well, and so is an offset the other way */
	CHECK(exchange(0, now_ns += step_ns, 2 * MS, (int64_t)NS_PER_S) == NTP_SPIKE);
	CHECK(exchange(0, now_ns += step_ns, 2 * MS, -(int64_t)NS_PER_S) == NTP_SPIKE);
	/* what the delay explains is none */
	CHECK(exchange(0, now_ns += step_ns, 300 * MS, 140 * (int64_t)MS) == NTP_SAMPLE &&
	      best_is(now_ns, 0));
}

static void drift(void)
{
	start(1, 0);
	CHECK(exchange(0, 0, 2 * MS, 0) == NTP_SAMPLE && !n.has_drift);
	CHECK(exchange(0, 30 * NS_PER_S, 2 * MS, 30 * 40000) == NTP_SAMPLE && !n.has_drift);
	for (uint64_t s = 256; s <= 2560; s += 256) /* 40 ppm slow */
		CHECK(exchange(0, s * NS_PER_S, 2 * MS, (int64_t)s * 40000) == NTP_SAMPLE);
	CHECK(n.has_drift && n.drift_ppb > 39000 && n.drift_ppb < 41000);
	/* it is what moves the estimate on between the answers */
	CHECK(ntp_best(&n, 2760 * NS_PER_S, &e) == ERR_OK);
	int64_t wrong_ns = e.offset_ns - TRUE_NS - 2760 * 40000;
	CHECK(wrong_ns < 500000 && wrong_ns > -500000);
	/* nothing is read out of delays */
	start(1, 0);
	CHECK(exchange(0, 0, 200 * MS, 0) == NTP_SAMPLE);
	CHECK(exchange(0, 64 * NS_PER_S, 200 * MS, 50 * (int64_t)MS) == NTP_SAMPLE && !n.has_drift);
}

/* ---- when it asks */

static void polls(void)
{
	uint32_t server;
	start(1, 0);
	static const uint64_t burst_ns[] = {0, NS_PER_S / 4, NS_PER_S / 4 + 2 * NS_PER_S,
					    NS_PER_S / 4 + 4 * NS_PER_S};
	uint64_t due_ns = 0;
	for (int i = 0; i < 4; i++) {
		CHECK((due_ns = ntp_due_ns(&n, &server)) == burst_ns[i] && server == 0);
		CHECK(exchange(0, due_ns, MS, 0) == NTP_SAMPLE);
	}
	uint64_t longest_s = 0, last_ns = due_ns;
	for (int i = 0; i < 40; i++) {
		due_ns = ntp_due_ns(&n, &server);
		uint64_t apart_s = (due_ns - last_ns) / NS_PER_S;
		CHECK(apart_s >= (i ? longest_s : 64) && apart_s <= 256);
		longest_s = apart_s;
		last_ns = due_ns;
		CHECK(exchange(0, due_ns, MS, 0) == NTP_SAMPLE);
	}
	CHECK(longest_s == 256);
	/* up to an eighth earlier */
	for (uint64_t random = 0; random < 1000; random++) {
		uint8_t sent[NTP_PACKET_BYTES];
		struct buf packet = BUF_OF(sent);
		CHECK(ntp_tick(&n, 0, due_ns, 1 + random, random * 0x9e3779b97f4a7c15ull, &packet) <=
		      NTP_SILENT);
		uint64_t in_ns = ntp_due_ns(&n, &server) - due_ns;
		CHECK(in_ns <= 256 * NS_PER_S && in_ns > 224 * NS_PER_S);
	}
	/* a spike: four more, two seconds apart, then as at the beginning */
	start(1, 0);
	CHECK(exchange(0, 0, MS, 0) == NTP_SAMPLE);
	n.server[0].quick = 0;
	CHECK(exchange(0, 100 * NS_PER_S, MS, (int64_t)NS_PER_S) == NTP_SPIKE);
	for (uint64_t i = 1; i <= 3; i++) {
		CHECK(ntp_due_ns(&n, &server) / NS_PER_S == 100 + 2 * i);
		ask(0, ntp_due_ns(&n, &server));
	}
	start(0, 0);
	CHECK(ntp_due_ns(&n, &server) == UINT64_MAX && ntp_best(&n, 0, &e) == ERR_NOT_FOUND);
}

static enum ntp_event kissed(const char *code, uint64_t now_ns, bool true_origin)
{
	uint64_t nonce = ask(0, now_ns);
	answer(true_origin ? nonce : nonce + 1, 0, 0);
	bytes[0] = 0xe4;
	bytes[1] = 0;
	memcpy(bytes + 12, code, 4);
	return ntp_receive(&n, 0, now_ns + MS, span_of(bytes, sizeof(bytes)));
}

static void kisses(void)
{
	uint32_t server;
	start(1, 0);
	CHECK(exchange(0, 0, 2 * MS, 0) == NTP_SAMPLE);
	uint64_t now_ns = NS_PER_S, wait_s = 128;
	for (int i = 0; i < 6; i++) {
		CHECK(kissed("RATE", now_ns, true) == NTP_KISS && n.server[0].refused == ERR_THROTTLED);
		uint64_t due_ns = ntp_due_ns(&n, &server);
		CHECK((due_ns - now_ns) / NS_PER_S == wait_s);
		now_ns = due_ns;
		wait_s = wait_s < 1024 ? wait_s * 2 : wait_s;
	}
	CHECK(best_is(now_ns, 0)); /* what it said stays */
	/* not faster again, after good answers and after spikes */
	for (int i = 0; i < 10; i++) {
		CHECK(exchange(0, now_ns, 2 * MS, i < 8 ? 0 : 3 * (int64_t)NS_PER_S) ==
		      (i < 8 ? NTP_SAMPLE : NTP_SPIKE));
		CHECK((ntp_due_ns(&n, &server) - now_ns) / NS_PER_S == 1024);
		now_ns = ntp_due_ns(&n, &server);
	}
	CHECK(kissed("DENY", now_ns, true) == NTP_KISS && n.server[0].refused == ERR_DENIED);
	CHECK((ntp_due_ns(&n, &server) - now_ns) / NS_PER_S == 86400);
	CHECK(kissed("RSTR", now_ns, true) == NTP_KISS && n.server[0].refused == ERR_DENIED);
	/* one that nobody asked for silences nobody; nor does one that is not known */
	start(1, 0);
	CHECK(kissed("DENY", 0, false) == NTP_REFUSED && n.server[0].refused == ERR_AUTH);
	CHECK(ntp_due_ns(&n, &server) <= 2 * NS_PER_S);
	CHECK(kissed("INIT", 0, true) == NTP_REFUSED && n.server[0].refused == ERR_SERVICE);
	CHECK(ntp_due_ns(&n, &server) <= 3 * NS_PER_S);
}

static void silence(void)
{
	uint8_t sent[NTP_PACKET_BYTES];
	start(2, 0);
	for (uint64_t i = 0; i <= NTP_SILENCE + 3; i++) {
		struct buf packet = BUF_OF(sent);
		CHECK(ntp_tick(&n, 0, i * NS_PER_S, 1, 0, &packet) ==
		      (i == NTP_SILENCE ? NTP_SILENT : NTP_NOTHING));
		CHECK(!ntp_complete(&n));
	}
	CHECK(exchange(1, 10 * NS_PER_S, MS, 0) == NTP_SAMPLE && ntp_complete(&n));
	CHECK(best_is(11 * NS_PER_S, 0) && e.server == 1);
	CHECK(exchange(0, 12 * NS_PER_S, MS, 0) == NTP_SAMPLE);
	CHECK(best_is(13 * NS_PER_S, 0) && e.server == 0); /* it is the first again */
	/* what it said serves on, with an error that grows, until that is a second */
	CHECK(ntp_best(&n, 60000 * NS_PER_S, &e) == ERR_OK && e.error_ns > 899 * MS);
	CHECK(ntp_best(&n, 70000 * NS_PER_S, &e) == ERR_NOT_FOUND);
}

/* ---- several servers */

static enum err of_three(int64_t a_ns, int64_t b_ns, int64_t c_ns)
{
	start(3, 0);
	CHECK(exchange(0, 0, 2 * MS, a_ns) == NTP_SAMPLE);
	CHECK(exchange(1, 0, 2 * MS, b_ns) == NTP_SAMPLE);
	CHECK(exchange(2, 0, 2 * MS, c_ns) == NTP_SAMPLE && ntp_complete(&n));
	return ntp_best(&n, 2 * MS, &e);
}

static void majority(void)
{
	const int64_t second_ns = (int64_t)NS_PER_S, ms = (int64_t)MS;
	CHECK(of_three(0, 0, 0) == ERR_OK && e.server == 0);
	CHECK(of_three(second_ns, 0, ms) == ERR_OK && e.server == 1 && about(e.offset_ns, TRUE_NS));
	CHECK(of_three(0, 3600 * second_ns, ms) == ERR_OK && e.server == 0);
	CHECK(of_three(ms, 0, -second_ns) == ERR_OK && e.server == 0 && about(e.offset_ns, TRUE_NS + ms));
	CHECK(of_three(0, second_ns, 2 * second_ns) == ERR_CONFLICT);
	CHECK(of_three(0, 9 * ms, 18 * ms) == ERR_OK); /* each meets its neighbour */
	CHECK(of_three(0, 20 * ms, 40 * ms) == ERR_CONFLICT);
	/* of four, two are no majority */
	start(4, 0);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(exchange(i, 0, 2 * MS, i < 2 ? 0 : second_ns) == NTP_SAMPLE);
	CHECK(ntp_best(&n, MS, &e) == ERR_CONFLICT);
	/* of three, two that answer must agree, one alone is believed */
	start(3, 0);
	CHECK(exchange(2, 0, 2 * MS, second_ns) == NTP_SAMPLE && !ntp_complete(&n));
	CHECK(best_is(MS, second_ns) && e.server == 2);
	CHECK(exchange(1, 0, 2 * MS, 0) == NTP_SAMPLE && ntp_best(&n, MS, &e) == ERR_CONFLICT);
	/* of two, the first */
	start(2, 0);
	CHECK(exchange(1, 0, 2 * MS, second_ns) == NTP_SAMPLE && best_is(MS, second_ns));
	CHECK(exchange(0, 0, 2 * MS, 0) == NTP_SAMPLE && best_is(MS, 0));
}

static void noise(void)
{
	uint8_t junk[128];
	for (uint32_t i = 0; i < 200000; i++) {
		if (i % 1000 == 0)
			start(1, 0);
		uint64_t nonce = ask(0, i * MS);
		struct span d = answer(nonce, TRUE_NS + i * MS, TRUE_NS + i * MS);
		memcpy(junk, d.p, d.len);
		for (size_t k = noise_below(4); k > 0; k--)
			junk[noise_below(NTP_PACKET_BYTES)] = (uint8_t)noise_u64();
		enum ntp_event event =
			ntp_receive(&n, 0, i * MS + noise_below(1000), span_of(junk, 40 + noise_below(20)));
		CHECK(event != NTP_NOTHING && event != NTP_SILENT);
		if (ntp_best(&n, i * MS + 1000, &e) == ERR_OK)
			CHECK(e.error_ns < NTP_ROOT_MAX_NS &&
			      e.offset_ns >= (int64_t)(BUILT_NS - NS_PER_S * 1000));
	}
}

int main(void)
{
	RUN(request, "a request carries nothing of this machine, but a nonce");
	RUN(formulas,
	    "offset, delay and error bound are as RFC 5905 has them, and the bound grows by 15 ppm");
	RUN(fields, "an answer with any wrong field is refused, and the true one still taken");
	RUN(times, "a time before the build or absurdly late is refused; the era after 2036 is known");
	RUN(lengths, "an answer is cut off at no length, and what follows it is left alone");
	RUN(nonce_once, "an answer must repeat the nonce of the one request that is out, once");
	RUN(least_delay, "of the last eight answers the one with the least error speaks");
	RUN(spikes, "a jump is believed when four in a row agree on it, a single one and a jumper never");
	RUN(drift, "the local clock's drift is measured over time, and carries the estimate on");
	RUN(polls, "four requests at the start, then one in 64 s, later in 256 s, with jitter");
	RUN(kisses, "RATE halves the requests, DENY and RSTR end them for a day; a forged kiss does nothing");
	RUN(silence, "a silent server is told once, the next one speaks for it, what it said grows old");
	RUN(majority, "of three or more a majority must agree; of two the first speaks");
	RUN(noise, "whatever is changed in answers breaks nothing");
	return check_done();
}
