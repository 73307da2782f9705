#include "aws/json.h"

#include "check.h"
#include "noise.h"

/* What a reading gives: the document's error and each member's result and value. */
struct outcome {
	enum err error, string_result, deep_result, next_result;
	size_t string_len, deep_len, next_len;
	uint8_t string[16], deep[16], next[16];
};

/* Reads text in pieces of `first`, then `step` bytes; wanted are "s", "o/s" and "n". */
static struct outcome read_in(struct span text, size_t first, size_t step)
{
	struct outcome o;
	memset(&o, 0, sizeof(o));
	struct buf string = BUF_OF(o.string), deep = BUF_OF(o.deep), next = BUF_OF(o.next);
	struct json_wanted wanted[] = {{.path = "s", .string = &string},
				       {.path = "o/s", .string = &deep},
				       {.path = "n", .string = &next}};
	struct json_reader r;
	json_begin(&r, wanted, 3);
	for (size_t n = first; text.len; n = step) {
		enum err e = json_feed(&r, span_first(text, n));
		CHECK(e == r.error);
		text = span_from(text, n);
	}
	o.error = json_end(&r);
	CHECK(json_end(&r) == o.error);
	o.string_result = wanted[0].result;
	o.deep_result = wanted[1].result;
	o.next_result = wanted[2].result;
	o.string_len = string.len;
	o.deep_len = deep.len;
	o.next_len = next.len;
	return o;
}

static bool same(struct outcome a, struct outcome b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* The error, the same for every way to cut the text in two and for single bytes. */
static enum err verdict(struct span text)
{
	struct outcome whole = read_in(text, SIZE_MAX, 1);
	CHECK(same(whole, read_in(text, 1, 1)));
	for (size_t cut = 1; cut < text.len; cut++)
		CHECK(same(whole, read_in(text, cut, SIZE_MAX)));
	return whole.error;
}

static void accepts_documents(void)
{
	static const char *const good[] = {
		"{}",
		" [ ] \r\n\t",
		"\"x\"",
		"0",
		"-0",
		"12 ",
		"-2.5e+3",
		"1E-0",
		"0.0",
		"true",
		" false",
		"null ",
		"{\"a\" : [1,-2.5e+3, true ,false,null,\"q\\\"\\u0041\"],\"b\":{\"c\":{}}}",
		"[[],{},[{}]]",
		"\"\\ud83d\\ude00\xc3\xa4\xf0\x9f\x98\x80\x7f\"",
		"{\"\":{\"\":1}}",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum err e = verdict(span_str(good[i]));
		if (e)
			printf("  %s: %s\n", good[i], err_text(e));
		CHECK(e == ERR_OK);
	}
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
	"1-2",
	"1+2",
	"1ee2",
	"1..2",
	"-a",
	"[1.]",
	"{\"a\":tru}",
	"\"\xe2\x82\"",
	"\"\\ud800\\n\"",
	"\"\\ud800\\",
	":",
	",",
};

static void refuses_malformed(void)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		enum err e = verdict(span_str(malformed[i]));
		if (e != ERR_SYNTAX)
			printf("  %s: %s\n", malformed[i], err_text(e));
		CHECK(e == ERR_SYNTAX);
	}
	CHECK(verdict(SPAN("{}\0")) == ERR_SYNTAX && verdict(SPAN("\"\0\"")) == ERR_SYNTAX);
}

static void bounds_everything(void)
{
	static char text[JSON_BYTES_MAX + 1];
	for (size_t deep = 1; deep <= JSON_DEPTH_MAX + 1; deep++) {
		memset(text, '[', deep);
		memset(text + deep, ']', deep);
		CHECK(verdict(span_of(text, 2 * deep)) == (deep <= JSON_DEPTH_MAX ? ERR_OK : ERR_TOO_LONG));
	}
	memset(text, ' ', sizeof(text));
	text[0] = '1';
	CHECK(read_in(span_of(text, JSON_BYTES_MAX), SIZE_MAX, 1).error == ERR_OK);
	CHECK(read_in(span_of(text, JSON_BYTES_MAX + 1), SIZE_MAX, 1).error == ERR_TOO_LONG);
	/* A key longer than any that is wanted is passed over, also when it begins like one. */
	memset(text, 's', sizeof(text));
	memcpy(text, "{\"s", 3);
	memcpy(text + 1000, "\":1}", 4);
	struct outcome o = read_in(span_of(text, 1004), 7, 7);
	CHECK(o.error == ERR_OK && o.string_result == ERR_MISSING);
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
	CHECK_SPAN(unescaped(SPAN("x\\")), SPAN("(error)"));
	CHECK_SPAN(unescaped(SPAN("\\u12")), SPAN("(error)"));
	uint8_t small[3];
	struct buf b = BUF_OF(small);
	CHECK(json_unescape(SPAN("ab\\u20ac"), &b) == ERR_FULL);
}

static void finds_members(void)
{
	struct span doc = SPAN("{\"n\":7,\"o\":{\"s\":\"in\",\"o\":{\"s\":\"deep\"},"
			       "\"l\":[{\"x\":1}]},\"s\":\"o\\u0075t\",\"big\":"
			       "18446744073709551616,\"max\":18446744073709551615,\"neg\":-1,\"half\":0.5,"
			       "\"\\u0065sc\":\"e\",\"z\":\"a\\u0000b\",\"t\":true,\"a/b\":\"slash\"}");
	char text[8];
	CHECK(json_find_text(doc, "s", text, sizeof(text)) == ERR_OK && !strcmp(text, "out"));
	CHECK(json_find_text(doc, "o/s", text, sizeof(text)) == ERR_OK && !strcmp(text, "in"));
	CHECK(json_find_text(doc, "o/o/s", text, sizeof(text)) == ERR_OK && !strcmp(text, "deep"));
	CHECK(json_find_text(doc, "esc", text, sizeof(text)) == ERR_OK && !strcmp(text, "e"));
	CHECK(json_find_text(doc, "o/o/s", text, 5) == ERR_OK);
	CHECK(json_find_text(doc, "o/o/s", text, 4) == ERR_TOO_LONG && !text[0]);
	CHECK(json_find_text(doc, "z", text, sizeof(text)) == ERR_SYNTAX && !text[0]);
	CHECK(json_find_text(doc, "n", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(doc, "t", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(doc, "o", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(doc, "x", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "o/l/x", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "s/s", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "o/n", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "a/b", text, sizeof(text)) == ERR_MISSING);
	CHECK(json_find_text(doc, "neg", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(doc, "half", text, sizeof(text)) == ERR_SYNTAX);
	CHECK(json_find_text(SPAN("[{\"a\":\"1\"}]"), "a", text, 8) == ERR_MISSING);
	CHECK(json_find_text(SPAN("3"), "a", text, 8) == ERR_MISSING);
}

/* All members at once, from pieces of every size. */
static void fills_its_table(void)
{
	struct span doc = SPAN("{\"x\":[{\"s\":\"no\"}],\"o\":{\"y\":{\"s\":\"no\"},\"s\":\"\\u20ac\"},"
			       "\"n\":\"42\",\"s\":\"yes\"}");
	for (size_t step = 1; step <= doc.len; step++) {
		struct outcome o = read_in(doc, step, step);
		CHECK(!o.error && !o.string_result && !o.deep_result && !o.next_result);
		CHECK_SPAN(span_of(o.next, o.next_len), SPAN("42"));
		CHECK_SPAN(span_of(o.string, o.string_len), SPAN("yes"));
		CHECK_SPAN(span_of(o.deep, o.deep_len), SPAN("\xe2\x82\xac"));
	}
	struct outcome o = read_in(SPAN("{\"s\":\"0123456789abcdefg\",\"n\":1}"), 1, 1);
	CHECK(!o.error && o.string_result == ERR_FULL && o.next_result == ERR_SYNTAX);
	CHECK_SPAN(span_of(o.string, o.string_len), SPAN("0123456789abcdef"));
	o = read_in(SPAN("{\"s\":\"x\",\"n\":1"), 1, 1);
	CHECK(o.error == ERR_SYNTAX && o.string_result == ERR_SYNTAX && o.next_result == ERR_SYNTAX &&
	      o.deep_result == ERR_SYNTAX);
}

/* What was appended before an error was seen may be a secret: it is taken back. */
static void leaves_nothing_of_broken_documents(void)
{
	uint8_t mem[32] = "kept";
	static const uint8_t zeros[27];
	struct buf b = BUF_OF(mem);
	b.len = 4;
	CHECK(json_find_string(SPAN("{\"k\":\"secret\",}"), "k", &b) == ERR_SYNTAX);
	CHECK_SPAN(buf_span(&b), SPAN("kept"));
	CHECK(memcmp(mem + 4, zeros, sizeof(zeros)) == 0);
	CHECK(json_find_string(SPAN("{\"k\":\"secret\",\"k\":1}"), "k", &b) == ERR_DUPLICATE && b.len == 4);
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
	CHECK(verdict(span_str(whole)) == ERR_OK);
	for (size_t n = 0; n + 1 < sizeof(whole); n++)
		CHECK(read_in(span_first(span_str(whole), n), 3, 3).error == ERR_SYNTAX);
}

static void mutations_read_the_same_however_split(void)
{
	unsigned good = 0, bad = 0;
	for (unsigned i = 0; i < 100000; i++) {
		char m[sizeof(whole)];
		memcpy(m, whole, sizeof(m));
		noise_mark(m, sizeof(m) - 1, "{}[]\",:\\0e");
		struct span text = span_of(m, sizeof(m) - 1);
		struct outcome o = read_in(text, SIZE_MAX, 1);
		CHECK(same(o, read_in(text, 1 + noise_below(9), 1 + noise_below(5))));
		good += !o.error;
		bad += o.error != ERR_OK;
	}
	CHECK(good > 1000 && bad > 1000);
}

static void writes_strings(void)
{
	uint8_t mem[128], back[64];
	struct buf b = BUF_OF(mem), again = BUF_OF(back);
	struct span s = SPAN("a\"b\\c/\n\x01\x7f\xc3\xa4\xc2\x9b");
	json_put_string(&b, s);
	CHECK_SPAN(buf_span(&b), SPAN("\"a\\\"b\\\\c/\\u000a\\u0001\\u007f\xc3\xa4\\u009b\""));
	CHECK(verdict(buf_span(&b)) == ERR_OK);
	CHECK(json_unescape(span_of(mem + 1, b.len - 2), &again) == ERR_OK);
	CHECK_SPAN(buf_span(&again), s);
}

/* Members that need not be strings, from pieces of any size. */
static void reads_scalars(void)
{
	static const struct {
		const char *text, *value;
		enum err result;
	} rows[] = {
		{"{\"n\": 1}", "1", ERR_OK},           {"{\"n\":-1.5e3,\"m\":2}", "-1.5e3", ERR_OK},
		{"{\"n\":true}", "true", ERR_OK},      {"{\"n\":false}", "false", ERR_OK},
		{"{\"n\":\"x\"}", "x", ERR_OK},        {"{\"n\":null}", "", ERR_MISSING},
		{"{\"n\":{\"n\":1}}", "", ERR_SYNTAX}, {"{\"n\":[1]}", "", ERR_SYNTAX},
		{"{\"m\":1}", "", ERR_MISSING},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 16; step++) {
			char memory[16];
			struct buf out = BUF_OF(memory);
			struct json_wanted wanted = {.path = "n", .string = &out, .scalar = true};
			struct json_reader r;
			json_begin(&r, &wanted, 1);
			for (struct span rest = span_str(rows[i].text); rest.len;
			     rest = span_from(rest, step))
				CHECK(json_feed(&r, span_first(rest, step)) == ERR_OK);
			CHECK(json_end(&r) == ERR_OK && wanted.result == rows[i].result);
			CHECK_SPAN(buf_span(&out), span_str(rows[i].value));
		}
	}
}

int main(void)
{
	RUN(accepts_documents, "JSON documents are accepted, whole or in pieces");
	RUN(refuses_malformed, "what RFC 8259 does not allow is refused, whole or in pieces");
	RUN(bounds_everything, "nesting, keys and length are bounded");
	RUN(unescapes, "escapes become UTF-8");
	RUN(finds_members, "members are found by path and type");
	RUN(fills_its_table, "all wanted members are read in one pass, from pieces of any size");
	RUN(leaves_nothing_of_broken_documents, "a broken document leaves nothing behind");
	RUN(refuses_duplicates, "a key that stands twice is refused where it is looked up");
	RUN(every_prefix_is_refused, "no beginning of a document is taken for a whole one");
	RUN(mutations_read_the_same_however_split, "mutated documents read the same however they are split");
	RUN(writes_strings, "strings are written so that they read back");
	RUN(reads_scalars, "a member that may be a number, true or false is read as it stands");
	return check_done();
}
