#include "base/json_walk.h"

#define NESTED_MAX 16

static void skip_blanks(struct span *s)
{
	while (s->len && (s->p[0] == ' ' || s->p[0] == '\t' || s->p[0] == '\n' || s->p[0] == '\r'))
		*s = span_from(*s, 1);
}

/* Bytes of the string that s begins with, both quotes included; 0: it has no end. */
static size_t string_bytes(struct span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] < 0x20)
			return 0;
		i += s.p[i] == '\\';
	}
	return 0;
}

/* Bytes of the object or array that s begins with. */
static enum err nested_bytes(struct span s, size_t *bytes)
{
	uint8_t close[NESTED_MAX];
	unsigned depth = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		if (c == '"') {
			size_t n = string_bytes(span_from(s, i));
			if (n == 0)
				return ERR_SYNTAX;
			i += n - 1;
		} else if (c == '{' || c == '[') {
			if (depth == NESTED_MAX)
				return ERR_TOO_LONG;
			close[depth++] = c == '{' ? '}' : ']';
		} else if (c == '}' || c == ']') {
			if (depth == 0 || c != close[--depth])
				return ERR_SYNTAX;
			*bytes = i + 1;
			if (depth == 0)
				return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}

static bool in_bare(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' || c == '-' ||
	       c == '.';
}

/* Cuts the value that *s begins with off. */
static enum err cut_value(struct span *s, struct json_member *m)
{
	size_t n = 0;
	if (s->len == 0)
		return ERR_SYNTAX;
	if (s->p[0] == '"') {
		n = string_bytes(*s);
		if (n == 0)
			return ERR_SYNTAX;
		m->kind = JSON_STRING;
		m->value = span_of(s->p + 1, n - 2);
	} else if (s->p[0] == '{' || s->p[0] == '[') {
		m->kind = s->p[0] == '{' ? JSON_OBJECT : JSON_ARRAY;
		TRY(nested_bytes(*s, &n));
		m->value = span_first(*s, n);
	} else {
		while (n < s->len && in_bare(s->p[n]))
			n++;
		if (n == 0)
			return ERR_SYNTAX;
		m->kind = s->p[0] >= 'a' ? JSON_WORD : JSON_NUMBER;
		m->value = span_first(*s, n);
	}
	*s = span_from(*s, n);
	return ERR_OK;
}

enum err json_walk(struct span text, struct json_walk *w)
{
	*w = (struct json_walk){.end = '}'};
	skip_blanks(&text);
	if (text.len == 0 || (text.p[0] != '{' && text.p[0] != '['))
		return ERR_SYNTAX;
	w->end = text.p[0] == '{' ? '}' : ']';
	w->rest = span_from(text, 1);
	return ERR_OK;
}

static enum err cut_key(struct json_walk *w, struct json_member *m)
{
	size_t n = w->rest.len && w->rest.p[0] == '"' ? string_bytes(w->rest) : 0;
	if (n == 0)
		return ERR_SYNTAX;
	m->key = span_of(w->rest.p + 1, n - 2);
	w->rest = span_from(w->rest, n);
	skip_blanks(&w->rest);
	if (w->rest.len == 0 || w->rest.p[0] != ':')
		return ERR_SYNTAX;
	w->rest = span_from(w->rest, 1);
	skip_blanks(&w->rest);
	return ERR_OK;
}

enum err json_walk_next(struct json_walk *w, struct json_member *m)
{
	*m = (struct json_member){.kind = JSON_WORD};
	skip_blanks(&w->rest);
	if (w->rest.len == 0)
		return ERR_SYNTAX;
	if (w->rest.p[0] == w->end) {
		struct span behind = span_from(w->rest, 1);
		skip_blanks(&behind);
		return behind.len ? ERR_SYNTAX : ERR_NOT_FOUND;
	}
	if (w->begun) {
		if (w->rest.p[0] != ',')
			return ERR_SYNTAX;
		w->rest = span_from(w->rest, 1);
		skip_blanks(&w->rest);
	}
	w->begun = true;
	if (w->end == '}')
		TRY(cut_key(w, m));
	return cut_value(&w->rest, m);
}

static enum err find_one(struct span text, struct span key, struct json_member *m)
{
	struct json_walk w;
	enum err e = json_walk(text, &w);
	while (!e && !(e = json_walk_next(&w, m)))
		if (span_eq(m->key, key))
			return ERR_OK;
	return e;
}

enum err json_walk_find(struct span text, const char *path, struct json_member *m)
{
	struct span rest = span_str(path);
	*m = (struct json_member){.kind = JSON_WORD};
	while (rest.len) {
		TRY(find_one(text, span_cut(&rest, '/'), m));
		text = m->value;
	}
	return ERR_OK;
}

enum err json_find_u64(struct span text, const char *path, uint64_t *v)
{
	struct json_member m;
	TRY(json_walk_find(text, path, &m));
	if (m.kind != JSON_NUMBER)
		return ERR_SYNTAX;
	return text_read_u64(m.value, UINT64_MAX, v);
}
