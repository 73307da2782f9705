/* xml: a document reads the same whole, in pieces and one element at a time; what was read, escaped again,
 * reads back. Input: how it is cut, the document. */
#include "aws/xml.h"

#include "fuzz.h"

#define ELEMENTS 3

struct outcome {
	enum err error, result[ELEMENTS];
	uint8_t text[ELEMENTS][24];
	struct buf out[ELEMENTS];
};

static const char *const paths[ELEMENTS] = {"Error/Code", "Error/Message", "Error"};

static void read_in(struct span in, uint32_t seed, bool whole, struct outcome *o)
{
	struct xml_reader r;
	struct xml_wanted wanted[ELEMENTS];
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < ELEMENTS; i++) {
		o->out[i] = BUF_OF(o->text[i]);
		wanted[i] = (struct xml_wanted){.path = paths[i], .out = &o->out[i]};
	}
	xml_begin(&r, wanted, ELEMENTS);
	while (in.len) {
		struct span piece = whole ? in : fuzz_piece(&in, &seed);
		in = whole ? SPAN("") : in;
		MUST(xml_feed(&r, piece) == r.error);
	}
	o->error = xml_end(&r);
	for (size_t i = 0; i < ELEMENTS; i++)
		o->result[i] = wanted[i].result;
}

static void check_round_trip(struct span s)
{
	uint8_t doc[512], back[64];
	struct buf d = BUF_OF(doc), b = BUF_OF(back);
	buf_str(&d, "<a>");
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '<' || s.p[i] == '&')
			buf_str(&d, s.p[i] == '<' ? "&lt;" : "&amp;");
		else if (s.p[i] == '>')
			buf_str(&d, "&gt;");
		else
			buf_u8(&d, s.p[i]);
	}
	buf_str(&d, "</a>");
	MUST(!d.overflow && xml_find_text(buf_span(&d), "a", &b) == ERR_OK);
	MUST(span_eq(buf_span(&b), s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint32_t seed = fuzz_byte(&in);
	struct outcome whole, parts;
	read_in(in, seed, true, &whole);
	read_in(in, seed, false, &parts);
	MUST(whole.error == parts.error);
	for (size_t i = 0; i < ELEMENTS; i++) {
		uint8_t text[24];
		struct buf alone = BUF_OF(text);
		enum err e = xml_find_text(in, paths[i], &alone);
		MUST(whole.result[i] == parts.result[i] && whole.result[i] == e);
		MUST(span_eq(buf_span(&whole.out[i]), buf_span(&parts.out[i])));
		MUST(e || span_eq(buf_span(&alone), buf_span(&whole.out[i])));
		if (!e)
			check_round_trip(buf_span(&alone));
	}
	return 0;
}
