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

int main(void)
{
	RUN(holds_ipv4, "an address of either family is 16 bytes; an IPv4 one is known as such");
	RUN(is_written, "addresses are written as RFC 5952 says");
	return check_done();
}
