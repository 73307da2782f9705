#include "net/dns.h"

#include <stdint.h>

#include "check.h"
#include "noise.h"

#define ID 0x1234
#define HOST SPAN("www.example.test")

/* ---- answers, written by hand */

static uint8_t packet_bytes[DNS_PACKET_MAX];

static struct buf begin_of(enum dns_type type, uint16_t flags, uint16_t answers)
{
	struct buf b = BUF_OF(packet_bytes);
	buf_be16(&b, ID);
	buf_be16(&b, flags);
	buf_be16(&b, 1);
	buf_be16(&b, answers);
	buf_fill(&b, 0, 4);
	buf_str(&b, "\3www\7example\4test"); /* at 12; "example" at 16 */
	buf_u8(&b, 0);
	buf_be16(&b, (uint16_t)type);
	buf_be16(&b, 1);
	return b; /* 34 bytes */
}

static struct buf begin(uint16_t flags, uint16_t answers)
{
	return begin_of(DNS_A, flags, answers);
}

static void record(struct buf *b, struct span owner, uint16_t type, uint32_t ttl_s, struct span data)
{
	buf_put(b, owner);
	buf_be16(b, type);
	buf_be16(b, 1);
	buf_be32(b, ttl_s);
	buf_be16(b, (uint16_t)data.len);
	buf_put(b, data);
}

#define POINTER(offset) SPAN("\xc0" offset)
#define THE_HOST POINTER("\x0c")

static enum err read(const struct buf *b, struct dns_answer *a)
{
	return dns_read(buf_span(b), ID, HOST, DNS_A, a);
}

static enum err read6(const struct buf *b, struct dns_answer *a)
{
	return dns_read(buf_span(b), ID, HOST, DNS_AAAA, a);
}

static bool is_v4(const struct ip *a, uint32_t addr)
{
	return ip_is_v4(a) && ip_to_v4(a) == addr;
}

/* ---- questions */

static void asks_one_question(void)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	CHECK(dns_query(&b, ID, SPAN("s3.test."), DNS_A) == ERR_OK);
	CHECK_SPAN(buf_span(&b), SPAN("\x12\x34\x01\x00\0\1\0\0\0\0\0\0\2s3\4test\0\0\1\0\1"));
	buf_reset(&b);
	CHECK(dns_query(&b, ID, SPAN("s3.test"), DNS_AAAA) == ERR_OK);
	CHECK_SPAN(span_from(buf_span(&b), 21), SPAN("\0\x1c\0\1"));
	buf_reset(&b);
	buf_u8(&b, '#');
	CHECK(dns_tcp_query(&b, ID, SPAN("s3.test"), DNS_A) == ERR_OK);
	CHECK_SPAN(buf_span(&b), SPAN("#\0\x19\x12\x34\x01\x00\0\1\0\0\0\0\0\0\2s3\4test\0\0\1\0\1"));
}

static void refuses_hosts(void)
{
	static const struct {
		const char *host;
		enum err e;
	} cases[] = {
		{"", ERR_SYNTAX},
		{".", ERR_SYNTAX},
		{"a..b", ERR_SYNTAX},
		{".a", ERR_SYNTAX},
		{"a b", ERR_SYNTAX},
		{"a.b..", ERR_SYNTAX},
		{"a/b", ERR_SYNTAX},
		{"\xc3\xa4", ERR_SYNTAX},
		{"a123456789b123456789c123456789d123456789e123456789f123456789abcd", ERR_TOO_LONG},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[DNS_PACKET_MAX];
		struct buf b = BUF_OF(bytes);
		CHECK(dns_query(&b, ID, span_str(cases[i].host), DNS_A) == cases[i].e);
	}
	/* 253 characters are 255 bytes on the wire, the most there may be */
	char host[256];
	for (size_t i = 0; i < 254; i++)
		host[i] = i % 2 ? '.' : 'a';
	struct buf b = BUF_OF(packet_bytes);
	CHECK(dns_query(&b, ID, span_of(host, 253), DNS_A) == ERR_OK);
	CHECK(b.len == 12 + 255 + 4);
	buf_reset(&b);
	host[252] = host[253] = host[254] = 'b';
	CHECK(dns_query(&b, ID, span_of(host, 254), DNS_A) == ERR_TOO_LONG);
}

/* ---- answers */

static void reads_an_address(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_OK);
	CHECK(a.count == 1 && is_v4(&a.addr[0], 0xc6120001) && a.ttl_s == 60);
}

static void follows_aliases(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 4);
	/* out of order, with a record of nobody's in between; names in other case */
	record(&b, SPAN("\1y\xc0\x10"), 1, 500, SPAN("\xc6\x12\0\2"));
	record(&b, SPAN("\1x\xc0\x10"), 5, 20, SPAN("\1Y\7EXAMPLE\4test\0"));
	record(&b, SPAN("\1z\xc0\x10"), 1, 1, SPAN("\xc6\x12\0\3"));
	record(&b, THE_HOST, 5, 300, SPAN("\1x\xc0\x10"));
	CHECK(read(&b, &a) == ERR_OK);
	CHECK(a.count == 1 && is_v4(&a.addr[0], 0xc6120002) && a.ttl_s == 20);
}

static void ends_circles(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 2);
	record(&b, THE_HOST, 5, 300, SPAN("\1x\xc0\x10"));
	record(&b, SPAN("\1x\xc0\x10"), 5, 300, THE_HOST);
	CHECK(read(&b, &a) == ERR_SYNTAX);
	/* a pointer to itself, and one forward */
	b = begin(0x8180, 1);
	record(&b, POINTER("\x22"), 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_SYNTAX);
	b = begin(0x8180, 1);
	record(&b, POINTER("\x30"), 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_SYNTAX);
	/* a name that runs into a pointer to its own beginning */
	b = begin(0x8180, 1);
	record(&b, SPAN("\1x\xc0\x22"), 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_SYNTAX);
}

static void keeps_to_its_size(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 20);
	for (uint32_t i = 0; i < 20; i++) {
		uint8_t addr[4] = {198, 18, 0, (uint8_t)i};
		record(&b, THE_HOST, 1, i == 19 ? 7 : 60, span_of(addr, 4));
	}
	CHECK(read(&b, &a) == ERR_OK);
	CHECK(a.count == DNS_MAX_ADDRS && is_v4(&a.addr[7], 0xc6120007) && a.ttl_s == 7);
	b = begin(0x8180, 1);
	record(&b, THE_HOST, 1, 0x80000001, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_OK && a.ttl_s == 0);
}

static void names_errors(void)
{
	static const struct {
		uint16_t flags;
		enum err e;
	} cases[] = {
		{0x8181, ERR_PROTOCOL},  {0x8182, ERR_SERVICE},   {0x8183, ERR_NOT_FOUND},
		{0x8184, ERR_PROTOCOL},  {0x8185, ERR_REFUSED},   {0x818f, ERR_PROTOCOL},
		{0x8380, ERR_TRUNCATED}, {0x8180, ERR_NOT_FOUND}, {0x0180, ERR_MORE},
		{0x9180, ERR_MORE},
	};
	struct dns_answer a;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = begin(cases[i].flags, 0);
		CHECK(read(&b, &a) == cases[i].e);
	}
	/* an address of a wrong length; only an IPv6 address */
	struct buf b = begin(0x8180, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0"));
	CHECK(read(&b, &a) == ERR_SYNTAX);
	b = begin(0x8180, 1);
	record(&b, THE_HOST, 28, 60, SPAN("0123456789abcdef"));
	CHECK(read(&b, &a) == ERR_NOT_FOUND);
}

static void takes_its_own_answers_alone(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(dns_read(buf_span(&b), ID + 1, HOST, DNS_A, &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("www.example.tesu"), DNS_A, &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("www.example"), DNS_A, &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("WWW.Example.test."), DNS_A, &a) == ERR_OK);
	CHECK(read6(&b, &a) == ERR_MORE);
	packet_bytes[31] = 28; /* asked for AAAA */
	CHECK(read(&b, &a) == ERR_MORE);
	packet_bytes[31] = 1;
	packet_bytes[5] = 2; /* two questions */
	CHECK(read(&b, &a) == ERR_MORE);
}

#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"

static void reads_ipv6(void)
{
	struct dns_answer a;
	struct ip want = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 7}};
	/* a chain of two aliases with addresses of both families at its end, an alias of the host's zone
	 * before */
	struct buf b = begin_of(DNS_AAAA, 0x8180, 6);
	record(&b, SPAN("\1y\xc0\x10"), 1, 5, SPAN("\xc6\x12\0\2"));
	record(&b, THE_HOST, 5, 300, SPAN("\1x\xc0\x10"));
	record(&b, SPAN("\1x\xc0\x10"), 5, 200, SPAN("\1y\xc0\x10"));
	record(&b, SPAN("\1y\xc0\x10"), 28, 100, SPAN(V6 "\7"));
	record(&b, SPAN("\1y\xc0\x10"), 28, 90, SPAN(V6 "\x08"));
	record(&b, SPAN("\1z\xc0\x10"), 28, 1, SPAN(V6 "\x09"));
	CHECK(read6(&b, &a) == ERR_OK);
	CHECK(a.count == 2 && ip_eq(&a.addr[0], &want) && a.addr[1].bytes[15] == 8 && a.ttl_s == 90);
	/* only of the other family; of a wrong length; an IPv4 address in disguise */
	b = begin_of(DNS_AAAA, 0x8180, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read6(&b, &a) == ERR_NOT_FOUND && a.count == 0);
	b = begin_of(DNS_AAAA, 0x8180, 1);
	record(&b, THE_HOST, 28, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read6(&b, &a) == ERR_SYNTAX);
	b = begin_of(DNS_AAAA, 0x8180, 1);
	record(&b, THE_HOST, 28, 60, SPAN("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x12\0\1"));
	CHECK(read6(&b, &a) == ERR_NOT_FOUND && a.count == 0);
}

/* An SOA's data with this minimum. */
#define SOA(minimum) SPAN("\2ns\xc0\x10\1h\xc0\x10SER1REF1RET1EXP1" minimum)

static void tells_how_long_absent(void)
{
	static const struct {
		uint16_t flags;
		uint32_t alias_ttl_s, soa_ttl_s, want_s; /* alias 0: none */
		struct span data;
	} cases[] = {
		{0x8180, 0, 900, 300, SOA("\0\0\1\x2c")},  {0x8183, 0, 900, 300, SOA("\0\0\1\x2c")},
		{0x8180, 0, 60, 60, SOA("\0\0\1\x2c")},    {0x8180, 20, 900, 20, SOA("\0\0\1\x2c")},
		{0x8180, 0, 900, 0, SOA("\0\0\0\0")},      {0x8180, 0, 900, 0, SOA("\0\0\1")},
		{0x8180, 0, 900, 0, SPAN("\xc0\x10\xc0")}, {0x8180, 0, 900, 0, SOA("\0\0\1\x2c\0")},
	};
	struct dns_answer a;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t alias_ttl_s = cases[i].alias_ttl_s;
		struct buf b = begin(cases[i].flags, alias_ttl_s != 0);
		packet_bytes[9] = 2; /* authorities */
		if (alias_ttl_s)
			record(&b, THE_HOST, 5, alias_ttl_s, SPAN("\1x\xc0\x10"));
		record(&b, POINTER("\x10"), 2, 1, SPAN("\2ns\xc0\x10"));
		record(&b, POINTER("\x10"), 6, cases[i].soa_ttl_s, cases[i].data);
		CHECK(read(&b, &a) == ERR_NOT_FOUND && a.count == 0 && a.ttl_s == cases[i].want_s);
	}
	/* a name that does not exist has no addresses, whatever else stands there */
	struct buf b = begin(0x8183, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_NOT_FOUND && a.count == 0 && a.ttl_s == 0);
}

/* ---- damage */

static struct buf sample(void)
{
	struct buf b = begin(0x8180, 3);
	record(&b, THE_HOST, 5, 300, SPAN("\1x\xc0\x10"));
	record(&b, SPAN("\1x\xc0\x10"), 1, 60, SPAN("\xc6\x12\0\1"));
	record(&b, SPAN("\1x\xc0\x10"), 1, 60, SPAN("\xc6\x12\0\2"));
	return b;
}

static void survives_cuts(void)
{
	struct dns_answer a;
	struct buf b = sample();
	CHECK(read(&b, &a) == ERR_OK && a.count == 2);
	for (size_t len = 0; len < b.len; len++) {
		/* memory of just that length, so that a sanitizer sees a read beyond it */
		uint8_t exact[DNS_PACKET_MAX];
		memcpy(exact + sizeof(exact) - len, packet_bytes, len);
		enum err e = dns_read(span_of(exact + sizeof(exact) - len, len), ID, HOST, DNS_A, &a);
		CHECK(e == (len < 34 ? ERR_MORE : ERR_SYNTAX));
	}
}

static void survives_mutations(void)
{
	struct dns_answer a;
	unsigned refused = 0;
	for (int i = 0; i < 200000; i++) {
		struct buf b = sample();
		noise_damage(packet_bytes, 12, b.len, 3);
		enum err e = read(&b, &a);
		CHECK(a.count <= DNS_MAX_ADDRS);
		CHECK(e || a.count > 0);
		refused += e != ERR_OK;
	}
	CHECK(refused > 100000 && refused < 200000);
}

/* ---- over TCP */

#define LONG_LEN 1500

/* Three messages in one stream: a short one, an empty one, a long one. */
static struct span stream_of_three(void)
{
	static uint8_t bytes[2 + 5 + 2 + 2 + LONG_LEN];
	struct buf b = BUF_OF(bytes);
	buf_be16(&b, 5);
	buf_str(&b, "short");
	buf_be16(&b, 0);
	buf_be16(&b, LONG_LEN);
	for (size_t i = 0; i < LONG_LEN; i++)
		buf_u8(&b, (uint8_t)(i * 7));
	return buf_span(&b);
}

struct heard {
	unsigned count;
	size_t len[4];
	uint8_t last;
};

static enum err hear(struct dns_tcp *t, struct span in, struct heard *h)
{
	struct span packet;
	for (;;) {
		enum err e = dns_tcp_feed(t, &in, &packet);
		if (e == ERR_MORE)
			CHECK(in.len == 0);
		if (e)
			return e;
		if (h->count < 4)
			h->len[h->count] = packet.len;
		h->count++;
		h->last = packet.len ? packet.p[packet.len - 1] : 0;
	}
}

static bool all_three(const struct heard *h)
{
	return h->count == 3 && h->len[0] == 5 && h->len[1] == 0 && h->len[2] == LONG_LEN &&
	       h->last == (uint8_t)((LONG_LEN - 1) * 7);
}

static void reads_streams(void)
{
	static struct dns_tcp t;
	struct span all = stream_of_three();
	struct heard h = {0};
	CHECK(hear(&t, all, &h) == ERR_MORE && all_three(&h));
	t.len = 0;
	h = (struct heard){0};
	for (size_t i = 0; i < all.len; i++)
		CHECK(hear(&t, span_of(all.p + i, 1), &h) == ERR_MORE);
	CHECK(all_three(&h));
	for (size_t at = 0; at <= all.len; at++) {
		t.len = 0;
		h = (struct heard){0};
		CHECK(hear(&t, span_first(all, at), &h) == ERR_MORE);
		CHECK(h.count == 0u + (at >= 7) + (at >= 9) + (at >= all.len));
		CHECK(hear(&t, span_from(all, at), &h) == ERR_MORE && all_three(&h));
	}
}

static void bounds_streams(void)
{
	static struct dns_tcp t;
	static uint8_t message[2 + DNS_TCP_MAX];
	struct heard h = {0};
	message[0] = DNS_TCP_MAX >> 8;
	message[1] = DNS_TCP_MAX & 255;
	CHECK(hear(&t, span_of(message, sizeof(message)), &h) == ERR_MORE);
	CHECK(h.count == 1 && h.len[0] == DNS_TCP_MAX);
	t.len = 0;
	CHECK(hear(&t, SPAN("\x10\x01"), &h) == ERR_TOO_LONG);
	CHECK(hear(&t, SPAN("x"), &h) == ERR_TOO_LONG);
	t.len = 0;
	CHECK(hear(&t, SPAN("\xff"), &h) == ERR_MORE && hear(&t, SPAN("\xff"), &h) == ERR_TOO_LONG);
	CHECK(h.count == 1);
}

int main(void)
{
	RUN(asks_one_question, "a DNS question has one name, type A, recursion desired");
	RUN(refuses_hosts, "a host that is no name is refused before it is asked for");
	RUN(reads_an_address, "an address is read with its TTL");
	RUN(follows_aliases, "CNAMEs are followed in any order and case, and the shortest TTL counts");
	RUN(ends_circles, "circles of aliases and of compression pointers end in an error");
	RUN(keeps_to_its_size, "more than eight addresses are cut, a negative TTL is none");
	RUN(names_errors, "each way to fail has its own error");
	RUN(takes_its_own_answers_alone, "an answer to another question is passed over");
	RUN(reads_ipv6, "IPv6 addresses are read along CNAMEs, those of the other family passed over");
	RUN(tells_how_long_absent, "that there is no address holds as long as the zone's SOA says");
	RUN(reads_streams, "messages over TCP are read whole, byte by byte and cut at every byte");
	RUN(bounds_streams, "a message over TCP of more than 4,096 bytes is refused");
	RUN(survives_cuts, "an answer cut at any byte is refused");
	RUN(survives_mutations, "200,000 damaged answers harm nothing");
	return check_done();
}
