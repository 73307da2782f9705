#include "base/json_walk.h"

#include "check.h"

static const char line[] =
	" {\"time\":\"2026\" , \"n\":12,\"big\":18446744073709551615,\"neg\":-1,\"real\":1.5,\"yes\":true,"
	"\"orig\":{\"src\":\"10.0.0.5\",\"sport\":443,"
	"\"a}\":\"]\\\"}\"},\"list\":[\"a\",{\"b\":[]},3],\"\":null} ";

static void members_come_in_order(void)
{
	static const struct {
		const char *key, *value;
		enum json_kind kind;
	} want[] = {
		{"time", "2026", JSON_STRING},
		{"n", "12", JSON_NUMBER},
		{"big", "18446744073709551615", JSON_NUMBER},
		{"neg", "-1", JSON_NUMBER},
		{"real", "1.5", JSON_NUMBER},
		{"yes", "true", JSON_WORD},
		{"orig", "{\"src\":\"10.0.0.5\",\"sport\":443,\"a}\":\"]\\\"}\"}", JSON_OBJECT},
		{"list", "[\"a\",{\"b\":[]},3]", JSON_ARRAY},
		{"", "null", JSON_WORD},
	};
	struct json_walk w;
	struct json_member m;
	CHECK(json_walk(span_str(line), &w) == ERR_OK);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		CHECK(json_walk_next(&w, &m) == ERR_OK);
		CHECK_SPAN(m.key, span_str(want[i].key));
		CHECK_SPAN(m.value, span_str(want[i].value));
		CHECK(m.kind == want[i].kind);
	}
	CHECK(json_walk_next(&w, &m) == ERR_NOT_FOUND);
	CHECK(json_walk_next(&w, &m) == ERR_NOT_FOUND);
}

static void elements_have_no_key(void)
{
	struct json_walk w;
	struct json_member m;
	CHECK(json_walk(SPAN("[1, \"x\",{}]"), &w) == ERR_OK);
	CHECK(json_walk_next(&w, &m) == ERR_OK && m.key.len == 0);
	CHECK_SPAN(m.value, SPAN("1"));
	CHECK(json_walk_next(&w, &m) == ERR_OK && m.kind == JSON_STRING);
	CHECK(json_walk_next(&w, &m) == ERR_OK && m.kind == JSON_OBJECT);
	CHECK(json_walk_next(&w, &m) == ERR_NOT_FOUND);
}

static void numbers_are_found_by_path(void)
{
	uint64_t v = 0;
	struct json_member m;
	struct span text = span_str(line);
	CHECK(json_find_u64(text, "n", &v) == ERR_OK && v == 12);
	CHECK(json_find_u64(text, "big", &v) == ERR_OK && v == UINT64_MAX);
	CHECK(json_find_u64(text, "orig/sport", &v) == ERR_OK && v == 443);
	CHECK(json_find_u64(text, "orig/dport", &v) == ERR_NOT_FOUND);
	CHECK(json_find_u64(text, "none", &v) == ERR_NOT_FOUND);
	CHECK(json_find_u64(text, "neg", &v) == ERR_SYNTAX);
	CHECK(json_find_u64(text, "real", &v) == ERR_SYNTAX);
	CHECK(json_find_u64(text, "time", &v) == ERR_SYNTAX);
	CHECK(json_find_u64(text, "n/x", &v) == ERR_SYNTAX);
	CHECK(json_find_u64(SPAN("{\"n\":18446744073709551616}"), "n", &v) == ERR_RANGE);
	CHECK(json_walk_find(text, "orig/src", &m) == ERR_OK);
	CHECK_SPAN(m.value, SPAN("10.0.0.5"));
}

static enum err walk_to_end(struct span text)
{
	struct json_walk w;
	struct json_member m;
	enum err e = json_walk(text, &w);
	while (!e)
		e = json_walk_next(&w, &m);
	return e;
}

static void wrong_texts_are_refused(void)
{
	static const char *const wrong[] = {"",
					    " ",
					    "x",
					    "{",
					    "}",
					    "{\"a\"",
					    "{\"a\":",
					    "{\"a\":1",
					    "{\"a\":1]",
					    "{\"a\":[}",
					    "{\"a\":[}]}",
					    "{\"a\":\"",
					    "{a:1}",
					    "{\"a\" 1}",
					    "{\"a\":1 2}",
					    "{\"a\":}",
					    "{,}",
					    "{\"a\":1}x",
					    "[1",
					    "[1}",
					    "[1 2]",
					    "{\"a\":\"\\\"}",
					    "{\"a\":\"\n\"}"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(walk_to_end(span_str(wrong[i])) == ERR_SYNTAX);
	CHECK(walk_to_end(SPAN("{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}")) == ERR_TOO_LONG);
}

static void a_text_cut_anywhere_is_refused(void)
{
	struct span text = span_trim(span_str(line));
	CHECK(walk_to_end(text) == ERR_NOT_FOUND);
	for (size_t n = 0; n < text.len; n++) {
		/* of its own length, so that a sanitizer sees a read behind it */
		uint8_t *copy = malloc(n + 1);
		if (!copy)
			abort();
		memcpy(copy, text.p, n);
		CHECK(walk_to_end(span_of(copy, n)) == ERR_SYNTAX);
		free(copy);
	}
}

int main(void)
{
	RUN(members_come_in_order, "the members of an object come in order, of every kind");
	RUN(elements_have_no_key, "the elements of an array come without keys");
	RUN(numbers_are_found_by_path, "numbers are found by the path of keys");
	RUN(wrong_texts_are_refused, "what is no object is refused");
	RUN(a_text_cut_anywhere_is_refused, "an object that is cut anywhere is refused");
	return check_done();
}
