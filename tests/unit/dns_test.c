#include "net/dns.h"

#include <stdint.h>

#include "check.h"

#define ID 0x1234
#define HOST SPAN("www.example.test")

/* ---- answers, written by hand */

static uint8_t packet_bytes[DNS_PACKET_MAX];

static struct buf begin(uint16_t flags, uint16_t answers)
{
	struct buf b = BUF_OF(packet_bytes);
	buf_be16(&b, ID);
	buf_be16(&b, flags);
	buf_be16(&b, 1);
	buf_be16(&b, answers);
	buf_fill(&b, 0, 4);
	buf_str(&b, "\3www\7example\4test"); /* at 12; "example" at 16 */
	buf_u8(&b, 0);
	buf_be16(&b, 1);
	buf_be16(&b, 1);
	return b; /* 34 bytes */
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
	return dns_read(buf_span(b), ID, HOST, a);
}

/* ---- questions */

static void asks_one_question(void)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	CHECK(dns_query(&b, ID, SPAN("s3.test.")) == ERR_OK);
	CHECK_SPAN(buf_span(&b), SPAN("\x12\x34\x01\x00\0\1\0\0\0\0\0\0\2s3\4test\0\0\1\0\1"));
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
		CHECK(dns_query(&b, ID, span_str(cases[i].host)) == cases[i].e);
	}
	/* 253 characters are 255 bytes on the wire, the most there may be */
	char host[256];
	for (size_t i = 0; i < 254; i++)
		host[i] = i % 2 ? '.' : 'a';
	struct buf b = BUF_OF(packet_bytes);
	CHECK(dns_query(&b, ID, span_of(host, 253)) == ERR_OK);
	CHECK(b.len == 12 + 255 + 4);
	buf_reset(&b);
	host[252] = host[253] = host[254] = 'b';
	CHECK(dns_query(&b, ID, span_of(host, 254)) == ERR_TOO_LONG);
}

/* ---- answers */

static void reads_an_address(void)
{
	struct dns_answer a;
	struct buf b = begin(0x8180, 1);
	record(&b, THE_HOST, 1, 60, SPAN("\xc6\x12\0\1"));
	CHECK(read(&b, &a) == ERR_OK);
	CHECK(a.count == 1 && a.addr[0] == 0xc6120001 && a.ttl_s == 60);
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
	CHECK(a.count == 1 && a.addr[0] == 0xc6120002 && a.ttl_s == 20);
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
	CHECK(a.count == DNS_MAX_ADDRS && a.addr[7] == 0xc6120007 && a.ttl_s == 7);
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
	CHECK(dns_read(buf_span(&b), ID + 1, HOST, &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("www.example.tesu"), &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("www.example"), &a) == ERR_MORE);
	CHECK(dns_read(buf_span(&b), ID, SPAN("WWW.Example.test."), &a) == ERR_OK);
	packet_bytes[31] = 28; /* asked for AAAA */
	CHECK(read(&b, &a) == ERR_MORE);
	packet_bytes[31] = 1;
	packet_bytes[5] = 2; /* two questions */
	CHECK(read(&b, &a) == ERR_MORE);
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
		enum err e = dns_read(span_of(exact + sizeof(exact) - len, len), ID, HOST, &a);
		CHECK(e == (len < 34 ? ERR_MORE : ERR_SYNTAX));
	}
}

static void survives_mutations(void)
{
	struct dns_answer a;
	uint32_t random = 1;
	unsigned refused = 0;
	for (int i = 0; i < 200000; i++) {
		struct buf b = sample();
		for (int k = 0; k < 3; k++) {
			random = random * 1664525 + 1013904223;
			packet_bytes[12 + (random >> 8) % (b.len - 12)] = (uint8_t)(random >> 24);
		}
		enum err e = read(&b, &a);
		CHECK(a.count <= DNS_MAX_ADDRS);
		CHECK(e || a.count > 0);
		refused += e != ERR_OK;
	}
	CHECK(refused > 100000 && refused < 200000);
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
	RUN(survives_cuts, "an answer cut at any byte is refused");
	RUN(survives_mutations, "200,000 damaged answers harm nothing");
	return check_done();
}
