#include "base/ip.h"

#include "check.h"

static void holds_ipv4(void)
{
	struct ip a = ip_from_v4(0xc6120001), same = ip_from_v4(0xc6120001), other = ip_from_v4(0xc6120002);
	CHECK(memcmp(a.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x12\0\1", 16) == 0);
	CHECK(ip_is_v4(&a) && ip_to_v4(&a) == 0xc6120001);
	CHECK(ip_eq(&a, &same) && !ip_eq(&a, &other));
	a.bytes[0] = 0x20;
	CHECK(!ip_is_v4(&a) && !ip_eq(&a, &same));
}

static void is_written(void)
{
	/* RFC 5952 sections 4.1 to 4.3 */
	static const struct {
		char bytes[17];
		const char *text;
	} cases[] = {
		{"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x12\0\1", "198.18.0.1"},
		{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "::"},
		{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "::1"},
		{"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0", "2001:db8::"},
		{"\x20\1\x0d\xb8\0\0\0\1\0\1\0\1\0\1\0\1", "2001:db8:0:1:1:1:1:1"},
		{"\x20\1\0\0\0\0\0\1\0\0\0\0\0\0\0\1", "2001:0:0:1::1"},
		{"\x20\1\x0d\xb8\0\0\0\0\0\1\0\0\0\0\0\1", "2001:db8::1:0:0:1"},
		{"\0\0\0\0\0\1\0\2\0\3\0\4\0\5\xab\xcd", "::1:2:3:4:5:abcd"},
		{"\0\0\0\1\0\2\0\3\0\4\0\5\0\6\xab\xcd", "0:1:2:3:4:5:6:abcd"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t mem[39];
		struct buf b = BUF_OF(mem);
		struct ip a;
		memcpy(a.bytes, cases[i].bytes, sizeof(a.bytes));
		ip_text(&b, &a);
		CHECK(buf_err(&b) == ERR_OK);
		CHECK_SPAN(buf_span(&b), span_str(cases[i].text));
	}
}

static void is_read(void)
{
	static const char *const good[] = {"198.18.0.1",   "0.0.0.0", "::",      "::1",
					   "2001:db8::",   "1::8",    "fe80::1", "2001:db8:0:1:1:1:1:1",
					   "2001:0:0:1::1"};
	static const char *const bad[] = {"",
					  ":",
					  ":::",
					  "1",
					  "1.2.3",
					  "1.2.3.256",
					  "1:2",
					  "::1::",
					  "1:::2",
					  "12345::",
					  "g::",
					  "::ffff:1.2.3.4",
					  "::1:",
					  ":1::",
					  "1:2:3:4:5:6:7",
					  "fe80::1%1",
					  "1.2.3.4 ",
					  "1:2:3:4:5:6:7:8:9",
					  "1:2:3:4:5:6:7:8::",
					  "1::2:3:4:5:6:7:8"};
	uint8_t mem[64];
	struct ip a;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf b = BUF_OF(mem);
		CHECK(ip_read(span_str(good[i]), &a) == ERR_OK);
		ip_text(&b, &a);
		CHECK_SPAN(buf_span(&b), span_str(good[i]));
	}
	CHECK(ip_read(SPAN("2001:DB8:0::A"), &a) == ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(ip_read(span_str(bad[i]), &a) != ERR_OK);
}

static struct ip_net net(const char *text)
{
	struct ip_net n;
	CHECK(ip_net_read(span_str(text), &n) == ERR_OK);
	return n;
}

static bool has(const char *text, const char *addr)
{
	struct ip_net n = net(text);
	struct ip a;
	CHECK(ip_read(span_str(addr), &a) == ERR_OK);
	return ip_net_has(&n, &a);
}

static void networks(void)
{
	static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/",   "/8",
					  "::1/127",    "::/129",      "10.0.0.0/8/8"};
	static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0",     "198.18.0.1/32",
					   "::/0",       "2001:db8::/33", "::1/128"};
	struct ip_net n;
	uint8_t mem[64];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf b = BUF_OF(mem);
		n = net(good[i]);
		ip_net_text(&b, &n);
		CHECK_SPAN(buf_span(&b), span_str(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(ip_net_read(span_str(bad[i]), &n) != ERR_OK);
	CHECK(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.0"));
	CHECK(has("10.128.0.0/9", "10.128.0.1") && !has("10.128.0.0/9", "10.127.255.255"));
	CHECK(has("0.0.0.0/0", "1.2.3.4") && !has("0.0.0.0/0", "2001:db8::1"));
	CHECK(has("::/0", "2001:db8::1") && has("198.18.0.1", "198.18.0.1") &&
	      !has("198.18.0.1", "198.18.0.0"));
}

int main(void)
{
	RUN(holds_ipv4, "an address of either family is 16 bytes; an IPv4 one is known as such");
	RUN(is_written, "addresses are written as RFC 5952 says");
	RUN(is_read, "what is no address is refused, what is one reads as it was written");
	RUN(networks, "a network has the addresses of its prefix, and no bits behind it");
	return check_done();
}
