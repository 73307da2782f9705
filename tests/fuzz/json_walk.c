/* json_walk: an object that the strict reader accepts is walked to its end; whatever comes, spans stay in the
 * text, and a number that is found reads as it stands. Input: the document. */
#include "base/json_walk.h"
#include "aws/json.h"

#include "fuzz.h"

static void check_inside(struct span text, struct span part)
{
	MUST(part.len == 0 || (part.p >= text.p && part.p + part.len <= text.p + text.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct json_reader strict;
	struct json_walk w;
	struct json_member m;
	uint64_t v;
	json_begin(&strict, NULL, 0);
	bool good = json_feed(&strict, text) == ERR_OK && json_end(&strict) == ERR_OK;
	enum err e = json_walk(text, &w);
	bool walked = e == ERR_OK;
	while (!e) {
		e = json_walk_next(&w, &m);
		check_inside(text, m.key);
		check_inside(text, m.value);
	}
	MUST(!good || !walked || e == ERR_NOT_FOUND);
	if (json_find_u64(text, "n", &v) == ERR_OK)
		MUST(json_walk_find(text, "n", &m) == ERR_OK && m.kind == JSON_NUMBER && m.value.len > 0);
	if (json_walk_find(text, "o/s", &m) == ERR_OK)
		check_inside(text, m.value);
	return 0;
}
