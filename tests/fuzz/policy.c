/* policy, rows: statements lie in the document, and questions about them end; rows of an answer are
 * terminated, printable and in the order of their groups. Input: a kind, the text. */
#include "aws/policy.h"

#include "aws/rows.h"
#include "fuzz.h"

static void policy(struct span in)
{
	struct policy_walk w;
	struct policy_statement s;
	if (policy_begin(in, &w))
		return;
	while (!policy_next(&w, &s)) {
		MUST(fuzz_within(s.action.value, in) && fuzz_within(s.principal.value, in));
		MUST(fuzz_within(s.resource.value, in) && fuzz_within(s.condition, in));
		(void)policy_about(&s, SPAN("kms:Decrypt"));
		(void)policy_for(&s, SPAN("arn:aws:iam::123456789012:role/a"), SPAN("123456789012"));
		MUST(!policy_condition_has(&s, SPAN("x")) || s.has_condition);
	}
}

struct last {
	unsigned group, rows;
};

static void on_row(void *arg, unsigned group, const char *const *v)
{
	struct last *last = arg;
	MUST(group >= last->group && (v[0][0] || v[1][0]));
	MUST(strlen(v[0]) < ROWS_VALUE_MAX && fuzz_printable(v[0]) && fuzz_printable(v[1]));
	last->group = group;
	last->rows++;
}

static void rows(struct span in)
{
	static const struct rows_list list = {.group_depth = 2,
					      .row_depth = 4,
					      .count = 2,
					      .column = {"r/s/item/t/item/a", "r/s/item/t/item/b/c"}};
	struct last first = {0}, second = {0};
	enum err e = rows_read(in, &list, on_row, &first);
	MUST(rows_read(in, &list, on_row, &second) == e && first.rows == second.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	(fuzz_byte(&in) & 1 ? rows : policy)(in);
	return 0;
}
