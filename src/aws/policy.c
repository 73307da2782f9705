#include "aws/policy.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* '*' is any run of characters, '?' any one. */
static bool fits(struct span pattern, struct span text)
{
	size_t star = SIZE_MAX, mark = 0, p = 0, t = 0;
	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len &&
			   (pattern.p[p] == '?' || lower(pattern.p[p]) == lower(text.p[t]))) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/* One of a string or of an array's strings. */
static bool any_fits(const struct json_member *patterns, struct span text)
{
	struct json_walk w;
	struct json_member m;
	if (patterns->kind == JSON_STRING)
		return fits(patterns->value, text);
	if (patterns->kind != JSON_ARRAY || json_walk(patterns->value, &w))
		return false;
	while (!json_walk_next(&w, &m))
		if (m.kind == JSON_STRING && fits(m.value, text))
			return true;
	return false;
}

enum err policy_begin(struct span document, struct policy_walk *w)
{
	struct json_member m;
	*w = (struct policy_walk){.only = SPAN("")};
	TRY(json_walk_find(document, "Statement", &m));
	if (m.kind == JSON_ARRAY)
		return json_walk(m.value, &w->statements);
	w->only = m.value;
	return m.kind == JSON_OBJECT ? ERR_OK : ERR_SYNTAX;
}

static enum err read_statement(struct span text, struct policy_statement *out)
{
	struct json_walk w;
	struct json_member m;
	bool effect = false;
	*out = (struct policy_statement){.condition = SPAN("")};
	TRY(json_walk(text, &w));
	for (;;) {
		enum err e = json_walk_next(&w, &m);
		if (e == ERR_NOT_FOUND)
			return effect && out->action.key.len ? ERR_OK : ERR_SYNTAX;
		TRY(e);
		if (span_eq(m.key, SPAN("Effect"))) {
			effect = true;
			out->allows = span_eq(m.value, SPAN("Allow"));
		} else if (span_eq(m.key, SPAN("Action")) || span_eq(m.key, SPAN("NotAction"))) {
			out->action = m;
		} else if (span_eq(m.key, SPAN("Principal"))) {
			out->principal = m;
		} else if (span_eq(m.key, SPAN("Resource")) || span_eq(m.key, SPAN("NotResource"))) {
			out->resource = m;
		} else if (span_eq(m.key, SPAN("Condition"))) {
			out->condition = m.value;
			out->has_condition = true;
		}
	}
}

enum err policy_next(struct policy_walk *w, struct policy_statement *out)
{
	struct json_member m;
	if (w->only.len) {
		struct span text = w->only;
		w->only = SPAN("");
		w->statements.rest = SPAN("");
		return read_statement(text, out);
	}
	if (!w->statements.rest.len)
		return ERR_NOT_FOUND;
	TRY(json_walk_next(&w->statements, &m));
	return m.kind == JSON_OBJECT ? read_statement(m.value, out) : ERR_SYNTAX;
}

bool policy_about(const struct policy_statement *s, struct span action)
{
	return any_fits(&s->action, action) == span_eq(s->action.key, SPAN("Action"));
}

/* "arn:PARTITION:iam::ACCOUNT:root" */
static bool is_root_of(struct span pattern, struct span account)
{
	bool last;
	return account.len && span_ends(pattern, SPAN(":root")) &&
	       span_eq(span_part(pattern, ':', 4, &last), account);
}

/* "arn:PARTITION:iam::ACCOUNT:role/PATH/NAME": a name is unique in its account, whatever the path. */
static bool is_role(struct span pattern, struct span arn)
{
	bool last;
	struct span resource = span_part(arn, ':', 5, &last), name = span_part(resource, '/', 1, &last);
	struct span prefix = span_first(arn, arn.len - name.len);
	if (!span_starts(resource, SPAN("role/")) || !last || !span_starts(pattern, prefix) ||
	    pattern.len <= arn.len)
		return false;
	return span_ends(pattern, name) && pattern.p[pattern.len - name.len - 1] == '/';
}

static bool is_for(struct span pattern, struct span arn, struct span account)
{
	return fits(pattern, arn) || is_role(pattern, arn) || span_eq(pattern, account) ||
	       is_root_of(pattern, account);
}

static bool names(const struct json_member *m, struct span arn, struct span account)
{
	struct json_walk w;
	struct json_member each;
	if (m->kind == JSON_STRING)
		return is_for(m->value, arn, account);
	if (m->kind != JSON_ARRAY || json_walk(m->value, &w))
		return false;
	while (!json_walk_next(&w, &each))
		if (each.kind == JSON_STRING && is_for(each.value, arn, account))
			return true;
	return false;
}

bool policy_for(const struct policy_statement *s, struct span arn, struct span account)
{
	struct json_member m;
	if (s->principal.kind == JSON_STRING)
		return s->principal.key.len && names(&s->principal, arn, account);
	return s->principal.kind == JSON_OBJECT && !json_walk_find(s->principal.value, "AWS", &m) &&
	       names(&m, arn, account);
}

bool policy_condition_has(const struct policy_statement *s, struct span text)
{
	for (size_t i = 0; i + text.len <= s->condition.len; i++)
		if (span_eq(span_first(span_from(s->condition, i), text.len), text))
			return true;
	return false;
}
