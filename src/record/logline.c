#include "record/logline.h"

#include "base/time.h"

static enum err text_member(struct json_walk *w, struct span key, struct span *value)
{
	struct json_member m;
	TRY(json_walk_next(w, &m));
	if (m.kind != JSON_STRING || !span_eq(m.key, key))
		return ERR_SYNTAX;
	*value = m.value;
	return ERR_OK;
}

enum err logline_read(struct span line, struct logline *l)
{
	struct json_walk w;
	struct json_member m;
	struct span time;
	enum err e;
	*l = (struct logline){.time_ns = 0};
	if (json_walk(line, &w) || text_member(&w, SPAN("time"), &time) ||
	    time_read_rfc3339(time, &l->time_ns) || text_member(&w, SPAN("level"), &l->level) ||
	    text_member(&w, SPAN("role"), &l->role) || text_member(&w, SPAN("event"), &l->event))
		return ERR_SYNTAX;
	l->rest = w;
	while (!(e = json_walk_next(&w, &m)))
		;
	return e == ERR_NOT_FOUND ? ERR_OK : ERR_SYNTAX;
}
