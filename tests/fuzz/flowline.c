/* flowline: lines of flows and logs: what is read stays in the line, and a line that reads is an object that
 * walks to its end. Input: the line. */
#include "record/flowline.h"

#include "fuzz.h"
#include "record/logline.h"

static void check_inside(struct span text, struct span part)
{
	MUST(part.len == 0 || (part.p >= text.p && part.p + part.len <= text.p + text.len));
}

static void check_walks(struct span text)
{
	struct json_walk w;
	struct json_member m;
	enum err e = json_walk(text, &w);
	while (!e)
		e = json_walk_next(&w, &m);
	MUST(e == ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct flowline f;
	struct logline l;
	struct ip source;
	if (flowline_read(text, &f) == ERR_OK) {
		check_walks(text);
		check_inside(text, f.reason);
		check_inside(text, f.community_id);
		check_inside(text, f.sources);
		(void)flowline_is_translated(&f);
		for (unsigned i = 0; flowline_source(&f, i, &source); i++)
			MUST(i < size);
	}
	if (logline_read(text, &l) == ERR_OK) {
		check_walks(text);
		check_inside(text, l.event);
	}
	return 0;
}
