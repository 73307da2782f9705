#include "aws/rows.h"

#include "aws/xml.h"
#include "base/text.h"

struct reading {
	const struct rows_list *list;
	rows_fn *fn;
	void *arg;
	unsigned group;
	struct xml_reader xml;
	struct xml_wanted wanted[ROWS_COLUMNS_MAX];
	struct buf text[ROWS_COLUMNS_MAX];
	char raw[ROWS_COLUMNS_MAX][ROWS_VALUE_MAX], shown[ROWS_COLUMNS_MAX][ROWS_VALUE_MAX];
};

static struct span strip(struct span s)
{
	while (s.len && s.p[0] <= ' ')
		s = span_from(s, 1);
	while (s.len && s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

static void give(struct reading *r)
{
	const char *values[ROWS_COLUMNS_MAX];
	bool any = false;
	for (unsigned i = 0; i < r->list->count; i++) {
		text_printable_str(strip(buf_span(&r->text[i])), r->shown[i], sizeof(r->shown[i]));
		values[i] = r->shown[i];
		any = any || r->shown[i][0];
	}
	if (any)
		r->fn(r->arg, r->group, values);
}

static void left(void *arg, struct span name, unsigned depth)
{
	struct reading *r = arg;
	(void)name;
	if (depth == r->list->row_depth) {
		give(r);
		xml_again(&r->xml, 0);
	}
	r->group += depth == r->list->group_depth;
}

enum err rows_read(struct span xml, const struct rows_list *list, rows_fn *fn, void *arg)
{
	struct reading r;
	r.list = list;
	r.fn = fn;
	r.arg = arg;
	r.group = 0;
	for (unsigned i = 0; i < list->count; i++) {
		r.text[i] = BUF_OF(r.raw[i]);
		r.wanted[i] = (struct xml_wanted){.path = list->column[i], .out = &r.text[i]};
	}
	xml_begin(&r.xml, r.wanted, list->count);
	r.xml.bytes_max = ROWS_BYTES_MAX;
	r.xml.left = left;
	r.xml.arg = &r;
	TRY(xml_feed(&r.xml, xml));
	return xml_end(&r.xml);
}
