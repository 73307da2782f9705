#include "base/text.h"

#include "check.h"

static uint8_t mem[256];
static struct buf b;

static struct buf *fresh(void)
{
	b = buf_over(mem, sizeof(mem));
	return &b;
}

static void writes_numbers(void)
{
	text_u64(fresh(), 0);
	buf_u8(&b, ' ');
	text_u64(&b, UINT64_MAX);
	buf_u8(&b, ' ');
	text_u64_pad(&b, 42, 8);
	buf_u8(&b, ' ');
	text_u64_pad(&b, 123456789, 8);
	buf_u8(&b, ' ');
	text_hex64(&b, 0x0123456789abcdef);
	CHECK_SPAN(buf_span(&b), SPAN("0 18446744073709551615 00000042 123456789 0123456789abcdef"));
}

static void reads_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t max;
		enum err e;
		uint64_t v;
	} rows[] = {
		{"0", 0, ERR_OK, 0},
		{"18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, ERR_RANGE, 0},
		{"99999999999999999999999", UINT64_MAX, ERR_RANGE, 0},
		{"99999999999999999999999x", UINT64_MAX, ERR_SYNTAX, 0},
		{"300", 300, ERR_OK, 300},
		{"301", 300, ERR_RANGE, 0},
		{"", 10, ERR_SYNTAX, 0},
		{" 1", 10, ERR_SYNTAX, 0},
		{"+1", 10, ERR_SYNTAX, 0},
		{"-1", 10, ERR_SYNTAX, 0},
		{"1 ", 10, ERR_SYNTAX, 0},
		{"0x1", 10, ERR_SYNTAX, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 77;
		enum err e = text_read_u64(span_str(rows[i].text), rows[i].max, &v);
		CHECK(e == rows[i].e);
		CHECK(v == (e ? 77 : rows[i].v));
	}
}

static void base64_is_strict(void)
{
	/* RFC 4648, section 10 */
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < 7; i++) {
		text_base64(fresh(), span_str(pairs[i][0]));
		CHECK_SPAN(buf_span(&b), span_str(pairs[i][1]));
		CHECK(text_read_base64(span_str(pairs[i][1]), fresh()) == ERR_OK);
		CHECK_SPAN(buf_span(&b), span_str(pairs[i][0]));
	}
	static const char *const bad[] = {"Z",    "Zg",       "Zg=",      "Zg==Zg==", "Zh==", "Zm9=", "====",
					  "Z===", "Zg= =",    "Zm9v\n",   "Zm9v Zm9", "Zm-v", "Zm_v", "=Zg=",
					  "Zm=v", "Zm9vY===", "Zm9vZg=a", "Zm9v====", "Z=g="};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(text_read_base64(span_str(bad[i]), fresh()) == ERR_SYNTAX);
	uint8_t all[256], again[256], small[2];
	for (size_t i = 0; i < 256; i++)
		all[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= 180; n++) {
		struct buf out = BUF_OF(again);
		text_base64(fresh(), span_of(all, n));
		CHECK(b.len == (n + 2) / 3 * 4);
		CHECK(text_read_base64(buf_span(&b), &out) == ERR_OK);
		CHECK_SPAN(buf_span(&out), span_of(all, n));
	}
	struct buf out = BUF_OF(small);
	CHECK(text_read_base64(SPAN("Zm9v"), &out) == ERR_FULL);
}

static void hex_both_ways(void)
{
	text_hex(fresh(), SPAN("\x00\x9f\xff"));
	CHECK_SPAN(buf_span(&b), SPAN("009fff"));
	CHECK(text_read_hex(SPAN("009fFF"), fresh()) == ERR_OK);
	CHECK_SPAN(buf_span(&b), SPAN("\x00\x9f\xff"));
	CHECK(text_read_hex(SPAN("0"), fresh()) == ERR_SYNTAX);
	CHECK(text_read_hex(SPAN("0g"), fresh()) == ERR_SYNTAX);
	CHECK(text_read_hex(SPAN("@1"), fresh()) == ERR_SYNTAX);
	CHECK(text_read_hex(SPAN("G1"), fresh()) == ERR_SYNTAX);
	CHECK(text_read_hex(SPAN(""), fresh()) == ERR_OK);
}

static void addresses_both_ways(void)
{
	uint32_t addr = 0;
	unsigned len = 0;
	uint8_t mac[6] = {0};
	text_ipv4(fresh(), 0xa9fea9fe);
	CHECK_SPAN(buf_span(&b), SPAN("169.254.169.254"));
	CHECK(text_read_ipv4(SPAN("255.0.10.1"), &addr) == ERR_OK && addr == 0xff000a01);
	static const char *const bad[] = {"",         "1.2.3",    "1.2.3.4.5", "1.2.3.", ".1.2.3",
					  "1.2.3.4 ", "01.2.3.4", "1.2..4",    "a.2.3.4"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(text_read_ipv4(span_str(bad[i]), &addr) == ERR_SYNTAX);
	CHECK(text_read_ipv4(SPAN("1.2.3.256"), &addr) == ERR_RANGE);
	CHECK(addr == 0xff000a01);
	CHECK(text_read_cidr4(SPAN("10.1.2.3/20"), &addr, &len) == ERR_OK && addr == 0x0a010203 && len == 20);
	CHECK(text_read_cidr4(SPAN("0.0.0.0/0"), &addr, &len) == ERR_OK && len == 0);
	CHECK(text_read_cidr4(SPAN("10.1.2.3/33"), &addr, &len) == ERR_RANGE);
	CHECK(text_read_cidr4(SPAN("10.1.2.3"), &addr, &len) == ERR_SYNTAX);
	CHECK(text_read_cidr4(SPAN("10.1.2.3/"), &addr, &len) == ERR_SYNTAX);
	CHECK(text_read_mac(SPAN("0e:49:61:0F:c3:11"), mac) == ERR_OK);
	text_mac(fresh(), mac);
	CHECK_SPAN(buf_span(&b), SPAN("0e:49:61:0f:c3:11"));
	static const char *const bad_macs[] = {"0e:49:61:0f:c3:1",  "0e:49:61:0f:c3:111",
					       "0e-49-61-0f-c3-11", "0e:49:61:0f:c3:1g",
					       "0e:49:61:0f:c311:", "0e49610fc31100000"};
	for (size_t i = 0; i < sizeof(bad_macs) / sizeof(bad_macs[0]); i++)
		CHECK(text_read_mac(span_str(bad_macs[i]), mac) == ERR_SYNTAX);
	CHECK(mac[5] == 0x11);
}

/* The definition, the long way round: decode and look whether encoding gives the same bytes again. */
static bool decodes(const uint8_t *p, size_t n)
{
	uint32_t code = n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
	if (n == 1)
		return p[0] < 0x80;
	if ((unsigned)p[0] >> (7 - n) != (1u << (n + 1)) - 2)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return false;
		code = code << 6 | (p[i] & 0x3fu);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool whole(const uint8_t *p, size_t n)
{
	bool any = n == 0;
	for (size_t k = 1; k <= 4 && k <= n; k++)
		any = any || (decodes(p, k) && whole(p + k, n - k));
	return any;
}

static void utf8_is_checked(void)
{
	unsigned wrong = 0;
	for (uint32_t v = 0; v < 0x10000; v++) {
		uint8_t p[4] = {(uint8_t)(v >> 8), (uint8_t)v, 0x80, 0xbf};
		for (size_t n = 1; n <= 4; n++)
			wrong += text_is_utf8(span_of(p, n)) != whole(p, n);
	}
	CHECK(wrong == 0);
	CHECK(text_is_utf8(SPAN("")));
	CHECK(text_is_utf8(SPAN("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x89z")));
	CHECK(!text_is_utf8(SPAN("a\xf0\x9f\x8e")));
}

/* Every character goes both ways. */
static void utf8_both_ways(void)
{
	unsigned wrong = 0;
	for (uint32_t code = 0; code <= 0x10ffff; code += code == 0xd7ff ? 0x801 : 1) {
		uint8_t bytes[4];
		struct buf one = BUF_OF(bytes);
		struct text_utf8 u = {0};
		text_utf8(&one, code);
		for (size_t i = 0; i < one.len; i++)
			wrong += !text_utf8_feed(&u, bytes[i]) || u.more != one.len - 1 - i;
		wrong += u.code != code;
	}
	CHECK(wrong == 0);
}

static void classes_are_exact(void)
{
	size_t unreserved = 0, printable = 0;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c;
		unreserved += text_is_unreserved(span_of(&byte, 1));
		printable += text_is_printable(span_of(&byte, 1));
	}
	CHECK(unreserved == 26 + 26 + 10 + 4);
	CHECK(text_is_unreserved(SPAN("azAZ09-._~")));
	CHECK(!text_is_unreserved(SPAN("a/b")));
	CHECK(printable == 95);
	CHECK(text_is_printable(SPAN(" ~")));
	CHECK(!text_is_printable(SPAN("\t")));
}

static void hex_digits_are_exact(void)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	for (unsigned c = 0; c < 256; c++) {
		const char *l = c ? strchr(lower, (int)c) : NULL, *u = c ? strchr(upper, (int)c) : NULL;
		CHECK(text_hex_digit((uint8_t)c) == (l ? (int)(l - lower) : u ? (int)(u - upper) : -1));
	}
}

static void strange_text_becomes_printable(void)
{
	char cut[5];
	text_printable(fresh(), SPAN("a \n\x1f~\x7f\x80\xff"));
	CHECK_SPAN(buf_span(&b), SPAN("a ??~???"));
	text_printable_str(SPAN("ab\tdef"), cut, sizeof(cut));
	CHECK(!strcmp(cut, "ab?d"));
	text_printable_str(SPAN(""), cut, sizeof(cut));
	CHECK(!strcmp(cut, ""));
	for (unsigned c = 0; c < 256; c++) {
		uint8_t one = (uint8_t)c;
		CHECK(text_has_control(span_of(&one, 1)) == ((c < 0x20 && c != '\t') || c == 0x7f));
	}
}

int main(void)
{
	RUN(writes_numbers, "numbers are written in decimal and hexadecimal, padded");
	RUN(reads_numbers, "numbers are read whole and within their range or not at all");
	RUN(base64_is_strict, "base64 goes both ways and has one text for each value");
	RUN(hex_both_ways, "hexadecimal goes both ways");
	RUN(addresses_both_ways, "IPv4, CIDR and MAC addresses go both ways, malformed ones are refused");
	RUN(utf8_is_checked, "UTF-8 is well-formed exactly where decoding says so");
	RUN(utf8_both_ways, "every character is written as UTF-8 and read back byte by byte");
	RUN(hex_digits_are_exact,
	    "a hexadecimal digit has its value in either case, and nothing else has one");
	RUN(strange_text_becomes_printable,
	    "strangers' text is printable and terminated, cut to what holds it");
	RUN(classes_are_exact, "unreserved and printable characters are those of the RFCs");
	return check_done();
}
