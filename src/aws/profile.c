#include "aws/profile.h"

#include "aws/words.h"
#include "base/text.h"

#define NAME_MAX_BYTES 1024

/* ---- lines */

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static struct span strip(struct span s)
{
	while (s.len && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Without its end, which may be of any system. */
static struct span cut_line(struct span *text)
{
	size_t n = 0;
	while (n < text->len && text->p[n] != '\n' && text->p[n] != '\r')
		n++;
	struct span line = span_first(*text, n);
	bool two = n + 1 < text->len && text->p[n] == '\r' && text->p[n + 1] == '\n';
	*text = span_from(*text, n + (two ? 2 : 1) <= text->len ? n + (two ? 2 : 1) : text->len);
	return line;
}

static size_t indent(struct span line)
{
	size_t n = 0;
	while (n < line.len && is_blank(line.p[n]))
		n++;
	return n;
}

/* Nothing, or a comment. */
static bool says_nothing(struct span stripped)
{
	return !stripped.len || stripped.p[0] == '#' || stripped.p[0] == ';';
}

static struct span cut_entry_line(struct profile_reader *r)
{
	r->next_line++;
	return cut_line(&r->text);
}

/* ---- entries */

void profile_begin(struct profile_reader *r, struct span text)
{
	*r = (struct profile_reader){.text = text, .next_line = 1};
}

/* "[name]", and whatever stands behind it. */
static bool is_section(struct span line, struct span *name)
{
	if (line.len < 3 || line.p[0] != '[')
		return false;
	size_t end = line.len;
	while (end > 2 && line.p[end - 1] != ']')
		end--;
	if (end <= 2)
		return false;
	*name = span_of(line.p + 1, end - 2);
	return true;
}

/* Lines that stand further in, up to the last one that says something. */
static void take_rest_of_value(struct profile_reader *r, size_t key_indent, struct span *value)
{
	struct profile_reader look = *r;
	while (look.text.len) {
		struct span line = cut_entry_line(&look);
		if (says_nothing(strip(line)))
			continue;
		if (indent(line) <= key_indent)
			break;
		value->len = (size_t)(line.p + line.len - value->p);
		r->text = look.text;
		r->next_line = look.next_line;
	}
}

/* "key=value" in each line that says something. */
static enum err check_nested(const struct profile_entry *e)
{
	struct span rest = e->value;
	if (strip(cut_line(&rest)).len)
		return ERR_OK;
	while (rest.len) {
		struct span line = strip(cut_line(&rest));
		if (!says_nothing(line) && span_find(line, '=') == line.len)
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

static enum err read_key(struct profile_reader *r, struct span line, struct profile_entry *out)
{
	struct span stripped = strip(line);
	size_t at = 0;
	while (at < stripped.len && stripped.p[at] != '=' && stripped.p[at] != ':')
		at++;
	out->section = r->section;
	out->key = strip(span_first(stripped, at));
	if (!r->in_section || at == stripped.len || !out->key.len)
		return ERR_SYNTAX;
	out->value = span_of(stripped.p + at + 1, stripped.len - at - 1);
	take_rest_of_value(r, indent(line), &out->value);
	return check_nested(out);
}

enum err profile_next(struct profile_reader *r, struct profile_entry *out)
{
	while (r->text.len) {
		r->line = r->next_line;
		struct span line = cut_entry_line(r), stripped = strip(line);
		if (says_nothing(stripped))
			continue;
		if (!is_section(stripped, &r->section))
			return read_key(r, line, out);
		r->in_section = true;
		*out = (struct profile_entry){.section = r->section};
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

void profile_value(const struct profile_entry *e, struct buf *out)
{
	struct span rest = e->value;
	buf_put(out, strip(cut_line(&rest)));
	while (rest.len) {
		struct span line = strip(cut_line(&rest));
		if (line.len && says_nothing(line))
			continue;
		buf_u8(out, '\n');
		buf_put(out, line);
	}
}

/* ---- questions */

static bool is_default(struct span section)
{
	return span_eq(section, SPAN("DEFAULT"));
}

/* Two words, the second one is the name. */
static bool has_name(struct span section, struct span name)
{
	char memory[NAME_MAX_BYTES];
	struct buf word = BUF_OF(memory);
	if (words_next(&section, &word))
		return false;
	buf_reset(&word);
	if (words_next(&section, &word) || !span_eq(buf_span(&word), name))
		return false;
	return words_next(&section, &word) == ERR_NOT_FOUND;
}

static bool fits(struct span section, enum profile_kind kind, struct span name)
{
	static const char *const words[] = {
		[PROFILE_CONFIG] = "profile",
		[PROFILE_SERVICES] = "services",
		[PROFILE_SSO_SESSION] = "sso-session",
	};
	if (is_default(section))
		return false;
	if (kind == PROFILE_CREDENTIALS)
		return span_eq(section, name);
	if (span_starts(section, span_str(words[kind])))
		return has_name(section, name);
	return kind == PROFILE_CONFIG && span_eq(section, SPAN("default")) && span_eq(section, name);
}

/* What a walk through the text looks for, and what it found so far. */
struct search {
	enum profile_kind kind;
	struct span name, key;            /* key empty: the section alone */
	bool here;                        /* in the section */
	bool there;                       /* it was met */
	struct span section;              /* as it was written */
	struct profile_entry own, common; /* common: of [DEFAULT] */
};

/* The section of this name that comes last counts, alone. */
static enum err at_section(struct search *s, struct span section)
{
	s->here = fits(section, s->kind, s->name);
	if (!s->here)
		return ERR_OK;
	if (s->there && span_eq(section, s->section))
		return ERR_DUPLICATE;
	s->there = true;
	s->section = section;
	s->own.key.len = 0;
	return ERR_OK;
}

static enum err at_key(struct search *s, const struct profile_entry *e)
{
	bool common = is_default(e->section);
	struct profile_entry *to = common ? &s->common : &s->own;
	if ((!s->here && !common) || !span_ieq(e->key, s->key))
		return ERR_OK;
	if (to->key.len && to->key.p != e->key.p)
		return ERR_DUPLICATE;
	*to = *e;
	return ERR_OK;
}

static enum err walk(struct span text, struct search *s, unsigned *line)
{
	struct profile_reader r;
	struct profile_entry e;
	*line = 1;
	if (text.len > PROFILE_BYTES_MAX)
		return ERR_TOO_LONG;
	if (!text_is_utf8(text))
		return ERR_SYNTAX;
	profile_begin(&r, text);
	for (;;) {
		enum err error = profile_next(&r, &e);
		if (error == ERR_NOT_FOUND)
			return s->there ? ERR_OK : ERR_NOT_FOUND;
		if (!error)
			error = e.key.len ? at_key(s, &e) : at_section(s, e.section);
		*line = r.line;
		TRY(error);
	}
}

enum err profile_find_section(struct span text, enum profile_kind kind, struct span name, unsigned *line)
{
	struct search s = {.kind = kind, .name = name};
	return walk(text, &s, line);
}

/* The last line "key = value" of this key. */
static enum err find_nested(const struct profile_entry *e, struct span key, struct buf *out)
{
	struct span rest = e->value, found = {NULL, 0};
	bool there = false;
	if (strip(cut_line(&rest)).len)
		return ERR_NOT_FOUND;
	while (rest.len) {
		struct span value = strip(cut_line(&rest));
		if (says_nothing(value) || !span_eq(strip(span_cut(&value, '=')), key))
			continue;
		found = strip(value);
		there = true;
	}
	buf_put(out, found);
	return there ? buf_err(out) : ERR_NOT_FOUND;
}

enum err profile_find(struct span text, enum profile_kind kind, struct span name, const char *path,
		      struct buf *out, unsigned *line)
{
	bool last;
	struct search s = {.kind = kind, .name = name, .key = span_part(span_str(path), '/', 0, &last)};
	TRY(walk(text, &s, line));
	const struct profile_entry *e = s.own.key.len ? &s.own : &s.common;
	if (!e->key.len)
		return ERR_NOT_FOUND;
	if (!last)
		return find_nested(e, span_part(span_str(path), '/', 1, &last), out);
	profile_value(e, out);
	return buf_err(out);
}
