#include "base/span.h"

#include "check.h"

static void compares_bytes(void)
{
	CHECK(span_eq(SPAN("abc"), span_str("abc")));
	CHECK(!span_eq(SPAN("abc"), SPAN("abd")));
	CHECK(!span_eq(SPAN("abc"), SPAN("ab")));
	CHECK(span_eq(span_of(NULL, 0), SPAN("")));
	CHECK(span_ieq(SPAN("Content-LENGTH"), SPAN("content-length")));
	CHECK(!span_ieq(SPAN("a@"), SPAN("a`"))); /* these differ in the bit that case is */
	CHECK(!span_ieq(SPAN("a"), SPAN("ab")));
	CHECK(span_cmp(SPAN("a"), SPAN("b")) < 0);
	CHECK(span_cmp(SPAN("b"), SPAN("a")) > 0);
	CHECK(span_cmp(SPAN("a"), SPAN("ab")) < 0);
	CHECK(span_cmp(SPAN("ab"), SPAN("a")) > 0);
	CHECK(span_cmp(SPAN("\x80"), SPAN("a")) > 0);
	CHECK(span_cmp(SPAN(""), span_of(NULL, 0)) == 0);
}

static void finds_prefix_and_suffix(void)
{
	CHECK(span_starts(SPAN("abc"), SPAN("ab")));
	CHECK(span_starts(SPAN("abc"), SPAN("")));
	CHECK(!span_starts(SPAN("abc"), SPAN("abcd")));
	CHECK(!span_starts(SPAN("abc"), SPAN("b")));
	CHECK(span_ends(SPAN("abc"), SPAN("bc")));
	CHECK(span_ends(SPAN("abc"), SPAN("abc")));
	CHECK(span_ends(SPAN("abc"), SPAN("")));
	CHECK(!span_ends(SPAN("abc"), SPAN("ab")));
	CHECK(!span_ends(SPAN("bc"), SPAN("abc")));
}

static void takes_parts(void)
{
	CHECK_SPAN(span_from(SPAN("abc"), 1), SPAN("bc"));
	CHECK_SPAN(span_from(SPAN("abc"), 3), SPAN(""));
	CHECK_SPAN(span_from(SPAN("abc"), SIZE_MAX), SPAN(""));
	CHECK_SPAN(span_first(SPAN("abc"), 2), SPAN("ab"));
	CHECK_SPAN(span_first(SPAN("abc"), SIZE_MAX), SPAN("abc"));
	CHECK_SPAN(span_trim(SPAN(" \t a b\t ")), SPAN("a b"));
	CHECK_SPAN(span_trim(SPAN(" \t ")), SPAN(""));
	CHECK(span_find(SPAN("a:b:c"), ':') == 1);
	CHECK(span_find(SPAN("abc"), ':') == 3);
	CHECK(span_find(SPAN(""), ':') == 0);
}

static void cuts_fields(void)
{
	struct span s = SPAN("one,,three");
	CHECK_SPAN(span_cut(&s, ','), SPAN("one"));
	CHECK_SPAN(span_cut(&s, ','), SPAN(""));
	CHECK_SPAN(s, SPAN("three"));
	CHECK_SPAN(span_cut(&s, ','), SPAN("three"));
	CHECK(s.len == 0);
	CHECK_SPAN(span_cut(&s, ','), SPAN(""));
	s = SPAN("end,");
	CHECK_SPAN(span_cut(&s, ','), SPAN("end"));
	CHECK(s.len == 0);
}

static void counts_parts(void)
{
	static const char *const parts[] = {"a", "", "c", "", ""};
	for (size_t i = 0; i < 5; i++) {
		bool last;
		CHECK_SPAN(span_part(SPAN("a//c/"), '/', i, &last), span_str(parts[i]));
		CHECK(last == (i >= 3));
	}
}

static void collects_across_pieces(void)
{
	static const char whole[] = "abcdefg";
	for (size_t cut = 0; cut <= 7; cut++) {
		struct span first = span_of(whole, cut), rest = span_of(whole + cut, 7 - cut);
		uint8_t to[6] = "\0\0\0\0\0";
		size_t got = 0;
		CHECK(span_collect(&first, 5, to, &got) == (cut >= 5));
		CHECK(got == (cut < 5 ? cut : 5) && first.len == cut - got);
		CHECK(span_collect(&rest, 5, to, &got) && got == 5 && !memcmp(to, "abcde", 6));
		CHECK(rest.len == (cut < 5 ? 2 : 7 - cut));
	}
}

int main(void)
{
	RUN(compares_bytes, "spans compare by bytes, the shorter of two with one prefix first");
	RUN(finds_prefix_and_suffix, "a span knows its prefixes and suffixes");
	RUN(takes_parts, "parts of a span never reach beyond it");
	RUN(cuts_fields, "fields are cut off one by one, empty ones too");
	RUN(collects_across_pieces, "bytes are collected over pieces, as many as are wanted and no more");
	RUN(counts_parts, "the n-th part is found, empty ones too, and the last is known");
	return check_done();
}
