/* json: a document reads the same whole and in pieces, and as the reader of whole documents (json_pull) reads
 * it; a string that was read reads back when it is written. Input: how it is cut, the document. */
#include "aws/json.h"

#include "fuzz.h"
#include "json_pull.h"

struct outcome {
	enum err error, result[3];
	uint8_t text[24], deep[24], next[24];
	struct buf text_buf, deep_buf, next_buf;
};

static void read_in(struct span in, uint32_t seed, bool whole, struct outcome *o)
{
	struct json_reader r;
	memset(o, 0, sizeof(*o));
	o->text_buf = BUF_OF(o->text);
	o->deep_buf = BUF_OF(o->deep);
	o->next_buf = BUF_OF(o->next);
	struct json_wanted wanted[] = {{.path = "s", .string = &o->text_buf},
				       {.path = "o/s", .string = &o->deep_buf},
				       {.path = "n", .string = &o->next_buf}};
	json_begin(&r, wanted, 3);
	while (in.len) {
		struct span piece = whole ? in : fuzz_piece(&in, &seed);
		in = whole ? SPAN("") : in;
		MUST(json_feed(&r, piece) == r.error);
	}
	o->error = json_end(&r);
	for (size_t i = 0; i < 3; i++)
		o->result[i] = wanted[i].result;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	MUST(a->error == b->error);
	MUST(memcmp(a->result, b->result, sizeof(a->result)) == 0);
	MUST(span_eq(buf_span(&a->text_buf), buf_span(&b->text_buf)));
	MUST(span_eq(buf_span(&a->deep_buf), buf_span(&b->deep_buf)));
	MUST(span_eq(buf_span(&a->next_buf), buf_span(&b->next_buf)));
}

static void check_second_opinion(struct span in, const struct outcome *o)
{
	uint8_t text[24];
	struct buf b = BUF_OF(text);
	struct pull_reader r;
	enum pull_event event = PULL_NULL;
	enum err e = ERR_OK;
	pull_begin(&r, in);
	while (!e && event != PULL_END)
		e = pull_next(&r, &event);
	MUST((e == ERR_OK) == (o->error == ERR_OK));
	if (e)
		return;
	e = pull_find_string(in, "s", &b);
	MUST(e == o->result[0] && (e || span_eq(buf_span(&b), buf_span(&o->text_buf))));
	buf_reset(&b);
	e = pull_find_string(in, "o/s", &b);
	MUST(e == o->result[1] && (e || span_eq(buf_span(&b), buf_span(&o->deep_buf))));
	buf_reset(&b);
	e = pull_find_string(in, "n", &b);
	MUST(e == o->result[2] && (e || span_eq(buf_span(&b), buf_span(&o->next_buf))));
}

static void check_round_trip(struct span s)
{
	uint8_t quoted[256], back[64];
	struct buf q = BUF_OF(quoted), b = BUF_OF(back);
	json_put_string(&q, s);
	MUST(!q.overflow && json_unescape(span_of(quoted + 1, q.len - 2), &b) == ERR_OK);
	MUST(span_eq(buf_span(&b), s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint32_t seed = fuzz_byte(&in);
	struct outcome whole, parts;
	char text[9];
	if (in.len > JSON_BYTES_MAX)
		return 0;
	read_in(in, seed, true, &whole);
	read_in(in, seed, false, &parts);
	check_same(&whole, &parts);
	check_second_opinion(in, &whole);
	if (!whole.error && !whole.result[0])
		check_round_trip(buf_span(&whole.text_buf));
	enum err e = json_find_text(in, "s", text, sizeof(text));
	MUST_END(text);
	MUST(!e || !text[0]);
	return 0;
}
