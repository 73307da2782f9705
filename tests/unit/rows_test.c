#include "aws/rows.h"

#include "base/buf.h"

#include "check.h"

static char seen[512];

static void on_row(void *arg, unsigned group, const char *const *v)
{
	size_t n = strlen(seen);
	(void)arg;
	snprintf(seen + n, sizeof(seen) - n, "%u:%s,%s;", group, v[0], v[1]);
}

#define ANSWER                                                                                       \
	"<?xml version=\"1.0\"?><R xmlns=\"u\"><set><item><routes><item><to>a</to><by>1</by></item>" \
	"<item><by>2</by></item></routes><id>x</id><tags><item><k>t</k></item></tags></item>"        \
	"<item><id>y</id><routes/></item><item><routes><item><to> b\n</to></item></routes>"          \
	"<id>z</id></item></set><n>1</n></R>"

static void joins_groups(void)
{
	static const struct rows_list inner = {.group_depth = 2,
					       .row_depth = 4,
					       .count = 2,
					       .column = {"R/set/item/routes/item/to",
							  "R/set/item/routes/item/by"}};
	static const struct rows_list outer = {
		.group_depth = 2, .row_depth = 2, .count = 2, .column = {"R/set/item/id", "R/set/item/none"}};
	seen[0] = 0;
	CHECK(rows_read(SPAN(ANSWER), &inner, on_row, NULL) == ERR_OK);
	CHECK(!strcmp(seen, "0:a,1;0:,2;2:b,;"));
	seen[0] = 0;
	CHECK(rows_read(SPAN(ANSWER), &outer, on_row, NULL) == ERR_OK);
	CHECK(!strcmp(seen, "0:x,;1:y,;2:z,;"));
	struct span whole = SPAN(ANSWER);
	for (size_t n = 0; n < whole.len; n++) {
		seen[0] = 0;
		CHECK(rows_read(span_first(whole, n), &outer, on_row, NULL) == ERR_SYNTAX);
		CHECK(!strncmp(seen, "0:x,;1:y,;2:z,;", strlen(seen)));
	}
}

static void cuts_what_is_long(void)
{
	static char text[4096];
	static const struct rows_list list = {
		.group_depth = 1, .row_depth = 1, .count = 2, .column = {"r/i/a", "r/i/b"}};
	struct buf b = BUF_OF(text);
	buf_str(&b, "<r><i><a>");
	buf_fill(&b, 'x', 2000);
	buf_str(&b, "</a><b>\xc3\xa4&lt;</b></i></r>");
	seen[0] = 0;
	CHECK(rows_read(buf_span(&b), &list, on_row, NULL) == ERR_OK);
	CHECK(!strncmp(seen, "0:xxx", 5));
}

int main(void)
{
	RUN(joins_groups, "rows of two lists of one answer are joined by the number of their group");
	RUN(cuts_what_is_long, "a value that is too long is cut");
	return check_done();
}
