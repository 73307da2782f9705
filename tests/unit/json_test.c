#include "aws/json.h"

#include "check.h"

/* Events as letters, tokens in brackets; the error's text at the end when there is one. */
static struct span trace(struct span text)
{
	static uint8_t mem[4096];
	static const char letters[] = "{}<>ksn+-0.";
	struct buf b = BUF_OF(mem);
	struct json_reader r;
	enum json_event event;
	enum err e;
	json_begin(&r, text);
	do {
		e = json_next(&r, &event);
		if (e) {
			buf_str(&b, err_text(e));
			break;
		}
		buf_u8(&b, (uint8_t)letters[event]);
		if (event == JSON_KEY || event == JSON_STRING || event == JSON_NUMBER) {
			buf_u8(&b, '(');
			buf_put(&b, r.token);
			buf_u8(&b, ')');
			CHECK(r.token.p >= text.p && r.token.p + r.token.len <= text.p + text.len);
		}
	} while (event != JSON_END);
	return buf_span(&b);
}

static bool accepts(struct span text)
{
	return span_ends(trace(text), SPAN("."));
}

static void reads_documents(void)
{
	CHECK_SPAN(trace(SPAN("{}")), SPAN("{}."));
	CHECK_SPAN(trace(SPAN(" [ ] \r\n\t")), SPAN("<>."));
	CHECK_SPAN(trace(SPAN("\"x\"")), SPAN("s(x)."));
	CHECK_SPAN(trace(SPAN("0")), SPAN("n(0)."));
	CHECK_SPAN(trace(SPAN("{\"a\" : [1,-2.5e+3, true ,false,null,\"q\\\"\\u0041\"],\"b\":{\"c\":{}}}")),
		   SPAN("{k(a)<n(1)n(-2.5e+3)+-0s(q\\\"\\u0041)>k(b){k(c){}}}."));
}

static const char *const malformed[] = {
	"",
	" ",
	"{",
	"}",
	"[",
	"]",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"[1 2]",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,}",
	"{a:1}",
	"{1:2}",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"{\"a\":1]",
	"[1}",
	"{} {}",
	"{}x",
	"1 2",
	"tru",
	"True",
	"nul",
	"truefalse",
	"01",
	"-",
	"-01",
	"+1",
	"1.",
	".5",
	"1.e3",
	"1e",
	"1e+",
	"0x1",
	"NaN",
	"Infinity",
	"\"",
	"\"a",
	"\"\\",
	"\"\\\"",
	"\"\\x\"",
	"\"\\u12\"",
	"\"\\u12g4\"",
	"\"a\tb\"",
	"\"a\nb\"",
	"'a'",
	"\"\\ud800\"",
	"\"\\udc00\"",
	"\"\\ud800\\u0041\"",
	"\"\\ud800x\"",
	"\"\\ud800\\ud800\"",
	"\"\xff\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\xef\xbb\xbf{}",
	"//x\n1",
	"[1]/**/",
	"\xc2\xa0 1",
};

static void refuses_malformed(void)
{
	struct span syntax = span_str(err_text(ERR_SYNTAX));
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		bool refused = span_ends(trace(span_str(malformed[i])), syntax);
		if (!refused)
			printf("  %s\n", malformed[i]);
		CHECK(refused);
	}
	CHECK(span_ends(trace(SPAN("{}\0")), syntax));
}

static void bounds_depth(void)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	for (size_t deep = 1; deep <= JSON_DEPTH_MAX + 1; deep++) {
		memset(text, '[', deep);
		memset(text + deep, ']', deep);
		CHECK(accepts(span_of(text, 2 * deep)) == (deep <= JSON_DEPTH_MAX));
	}
	CHECK(span_ends(trace(span_of(text, sizeof(text) - 1)), span_str(err_text(ERR_TOO_LONG))));
}

static struct span unescaped(struct span token)
{
	static uint8_t mem[64];
	struct buf b = BUF_OF(mem);
	return json_unescape(token, &b) ? SPAN("(error)") : buf_span(&b);
}

static void unescapes(void)
{
	CHECK_SPAN(unescaped(SPAN("plain")), SPAN("plain"));
	CHECK_SPAN(unescaped(SPAN("\\\"\\\\\\/\\b\\f\\n\\r\\t")), SPAN("\"\\/\b\f\n\r\t"));
	CHECK_SPAN(unescaped(SPAN("\\u0000\\u007f\\u0080\\u07ff\\u0800\\uFfFf\\ud83c\\udf89")),
		   SPAN("\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x9f\x8e\x89"));
	uint8_t small[3];
	struct buf b = BUF_OF(small);
	CHECK(json_unescape(SPAN("ab\\u20ac"), &b) == ERR_FULL);
}

static void finds_members(void)
{
	struct span doc = SPAN("{\"n\":7,\"o\":{\"s\":\"in\",\"o\":{\"s\":\"deep\"},"
			       "\"l\":[{\"x\":1}]},\"s\":\"o\\u0075t\",\"big\":"
			       "18446744073709551616,\"neg\":-1,\"half\":0.5,"
			       "\"\\u0065sc\":\"e\",\"z\":\"a\\u0000b\",\"t\":true}");
	char text[8];
	uint64_t v = 0;
	enum json_event event;
	struct span token;
	CHECK(json_find_text(doc, "s", text, sizeof(text)) == ERR_OK && !strcmp(text, "out"));
	CHECK(json_find_text(doc, "o/s", text, sizeof(text)) == ERR_OK && !strcmp(text, "in"));
	CHECK(json_find_text(doc, "o/o/s", text, sizeof(text)) == ERR_OK && !strcmp(text, "deep"));
	CHECK(json_find_text(doc, "esc", text, sizeof(text)) == ERR_OK && !strcmp(text, "e"));
	CHECK(json_find_text(doc, "o/o/s", text, 5) == ERR_OK);
	CHECK(json_find_text(doc, "o/o/s", text, 4) == ERR_TOO_LONG && !text[0]);
	CHECK(json_find_text(doc, "z", text, sizeof(text)) == ERR_SYNTAX && !text[0]);
	CHECK(json_find_text(doc, "n", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(doc, "x", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "o/l/x", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "s/s", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "o/n", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_u64(doc, "n", &v) == ERR_OK && v == 7);
	CHECK(json_find_u64(doc, "big", &v) == ERR_RANGE);
	CHECK(json_find_u64(doc, "neg", &v) == ERR_SYNTAX && json_find_u64(doc, "half", &v) == ERR_SYNTAX);
	CHECK(json_find_u64(doc, "s", &v) == ERR_SYNTAX);
	CHECK(json_find(doc, "t", &event, &token) == ERR_OK && event == JSON_TRUE);
	CHECK(json_find(doc, "o", &event, &token) == ERR_OK && event == JSON_OBJECT);
	CHECK(json_find(SPAN("[{\"a\":1}]"), "a", &event, &token) == ERR_MISSING);
	CHECK(json_find(SPAN("3"), "a", &event, &token) == ERR_MISSING);
}

static void refuses_duplicates(void)
{
	char text[8];
	CHECK(json_find_text(SPAN("{\"a\":\"1\",\"a\":\"2\"}"), "a", text, 8) == ERR_DUPLICATE);
	CHECK(json_find_text(SPAN("{\"a\":\"1\",\"\\u0061\":\"2\"}"), "a", text, 8) == ERR_DUPLICATE);
	CHECK(json_find_text(SPAN("{\"o\":{\"a\":\"1\"},\"o\":{}}"), "o/a", text, 8) == ERR_DUPLICATE);
	CHECK(json_find_text(SPAN("{\"o\":1,\"o\":{\"a\":\"1\"}}"), "o/a", text, 8) == ERR_DUPLICATE);
	CHECK(json_find_text(SPAN("{\"o\":{\"a\":\"1\",\"p\":{\"a\":\"3\"}},\"a\":\"2\"}"), "o/a", text, 8) ==
	      ERR_OK);
	/* What comes after the member is checked too. */
	CHECK(json_find_text(SPAN("{\"a\":\"1\",}"), "a", text, 8) == ERR_SYNTAX);
	CHECK(json_find_text(SPAN("{\"a\":\"1\"}}"), "a", text, 8) == ERR_SYNTAX);
}

static const char whole[] = "{\"Code\":\"Suc\\u0063ess\",\"n\":[0,1.5e-3,{\"k\":null}],\"t\":true,"
			    "\"u\":\"\xc3\xa4\\ud83d\\ude00\"}";

static void every_prefix_is_refused(void)
{
	CHECK(accepts(span_str(whole)));
	for (size_t n = 0; n + 1 < sizeof(whole); n++)
		CHECK(!accepts(span_first(span_str(whole), n)));
}

/* The same text, written again from its events, is accepted again. */
static void mutations_stay_inside(void)
{
	uint32_t x = 7;
	unsigned good = 0, bad = 0;
	for (unsigned i = 0; i < 200000; i++) {
		char m[sizeof(whole)];
		memcpy(m, whole, sizeof(m));
		x = x * 1664525 + 1013904223;
		m[(x >> 12) % (sizeof(m) - 1)] = i % 2 ? (char)(x >> 4) : "{}[]\",:\\0e"[(x >> 5) % 10];
		bool ok = accepts(span_of(m, sizeof(m) - 1));
		enum json_event event;
		struct span token;
		enum err e = json_find(span_of(m, sizeof(m) - 1), "n", &event, &token);
		CHECK(ok ? e == ERR_OK || e == ERR_MISSING || e == ERR_DUPLICATE : e == ERR_SYNTAX);
		good += ok;
		bad += !ok;
	}
	CHECK(good > 1000 && bad > 1000);
}

static void writes_strings(void)
{
	uint8_t mem[128], back[64];
	struct buf b = BUF_OF(mem), again = BUF_OF(back);
	struct span s = SPAN("a\"b\\c/\n\x01\x7f\xc3\xa4");
	json_put_string(&b, s);
	CHECK_SPAN(buf_span(&b), SPAN("\"a\\\"b\\\\c/\\u000a\\u0001\x7f\xc3\xa4\""));
	CHECK(accepts(buf_span(&b)));
	CHECK(json_unescape(span_of(mem + 1, b.len - 2), &again) == ERR_OK);
	CHECK_SPAN(buf_span(&again), s);
}

int main(void)
{
	RUN(reads_documents, "JSON documents are read event by event");
	RUN(refuses_malformed, "what RFC 8259 does not allow is refused");
	RUN(bounds_depth, "nesting is bounded");
	RUN(unescapes, "escapes become UTF-8");
	RUN(finds_members, "members are found by path and type");
	RUN(refuses_duplicates, "a key that stands twice is refused where it is looked up");
	RUN(every_prefix_is_refused, "no beginning of a document is taken for a whole one");
	RUN(mutations_stay_inside, "mutated documents are read alike by reader and finder");
	RUN(writes_strings, "strings are written so that they read back");
	return check_done();
}
