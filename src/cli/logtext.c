#include "cli/logtext.h"

void logtext_members(struct buf *b, const struct logline *l)
{
	struct json_walk w = l->rest;
	struct json_member m;
	for (bool first = true; !json_walk_next(&w, &m); first = false) {
		bool quoted =
			m.kind == JSON_STRING && (m.value.len == 0 || span_find(m.value, ' ') < m.value.len ||
						  span_find(m.value, '\\') < m.value.len);
		buf_str(b, first ? "" : " ");
		text_printable(b, m.key);
		buf_str(b, quoted ? "=\"" : "=");
		text_printable(b, m.value);
		buf_str(b, quoted ? "\"" : "");
	}
}

unsigned logtext_level(struct span level)
{
	return span_eq(level, SPAN("info")) ? 0 : span_eq(level, SPAN("warn")) ? 1 : 2;
}

struct span logtext_member(const struct logline *l, const char *key)
{
	struct json_walk w = l->rest;
	struct json_member m;
	while (!json_walk_next(&w, &m))
		if (span_eq(m.key, span_str(key)))
			return m.value;
	return span_of(NULL, 0);
}

uint64_t logtext_number(const struct logline *l, const char *key)
{
	uint64_t v;
	return text_read_u64(logtext_member(l, key), UINT64_MAX, &v) ? 0 : v;
}
