/* Deliberately another design than aws/json: the two judge each other. */
#include "json_pull.h"

#include <string.h>

#include "base/text.h"

/* What may come next, beside blanks. */
enum expect { VALUE, VALUE_OR_END, KEY_OR_END, KEY, COMMA_OR_END, NOTHING };

void pull_begin(struct pull_reader *r, struct span text)
{
	*r = (struct pull_reader){.text = text, .expect = VALUE};
	if (!text_is_utf8(text))
		r->error = ERR_SYNTAX;
}

/* The next byte, or -1 at the end. */
static int peek(const struct pull_reader *r)
{
	return r->at < r->text.len ? r->text.p[r->at] : -1;
}

static void skip_blanks(struct pull_reader *r)
{
	int c = peek(r);
	while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		r->at++;
		c = peek(r);
	}
}

static enum err read_hex4(struct span *s, uint32_t *v)
{
	uint8_t bytes[2];
	struct buf b = BUF_OF(bytes);
	if (s->len < 4 || text_read_hex(span_first(*s, 4), &b))
		return ERR_SYNTAX;
	*s = span_from(*s, 4);
	*v = load_be16(bytes);
	return ERR_OK;
}

/* What follows "\u": one code point, of a surrogate pair where it begins one. */
static enum err read_unicode_escape(struct span *s, uint32_t *code)
{
	uint32_t low;
	TRY(read_hex4(s, code));
	if (*code < 0xd800 || *code > 0xdfff)
		return ERR_OK;
	if (*code > 0xdbff || !span_starts(*s, SPAN("\\u")))
		return ERR_SYNTAX;
	*s = span_from(*s, 2);
	TRY(read_hex4(s, &low));
	if (low < 0xdc00 || low > 0xdfff)
		return ERR_SYNTAX;
	*code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
	return ERR_OK;
}

static const char escape_names[] = "\"\\/bfnrt";
static const char escape_values[] = "\"\\/\b\f\n\r\t";

/* Cuts what follows a backslash off *s. */
static enum err read_escape(struct span *s, uint32_t *code)
{
	if (s->len == 0)
		return ERR_SYNTAX;
	uint8_t c = s->p[0];
	*s = span_from(*s, 1);
	if (c == 'u')
		return read_unicode_escape(s, code);
	const char *at = c ? strchr(escape_names, c) : NULL;
	if (!at)
		return ERR_SYNTAX;
	*code = (uint8_t)escape_values[at - escape_names];
	return ERR_OK;
}

static void put_utf8(struct buf *b, uint32_t code)
{
	if (code < 0x80) {
		buf_u8(b, (uint8_t)code);
		return;
	}
	unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	uint32_t lead = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
	buf_u8(b, (uint8_t)(lead | code >> (6 * more)));
	while (more--)
		buf_u8(b, (uint8_t)(0x80 | (code >> (6 * more) & 0x3f)));
}

enum err pull_unescape(struct span token, struct buf *out)
{
	while (token.len) {
		uint32_t code;
		size_t plain = span_find(token, '\\');
		buf_put(out, span_first(token, plain));
		token = span_from(token, plain);
		if (token.len == 0)
			break;
		token = span_from(token, 1);
		TRY(read_escape(&token, &code));
		put_utf8(out, code);
	}
	return buf_err(out);
}

/* From after the opening quote to after the closing one. */
static enum err read_string(struct pull_reader *r)
{
	struct span s = span_from(r->text, r->at), start = s;
	while (s.len && s.p[0] != '"') {
		uint32_t code;
		uint8_t c = s.p[0];
		if (c < 0x20)
			return ERR_SYNTAX;
		s = span_from(s, 1);
		if (c == '\\')
			TRY(read_escape(&s, &code));
	}
	if (s.len == 0)
		return ERR_SYNTAX;
	r->token = span_first(start, start.len - s.len);
	r->at += r->token.len + 1;
	return ERR_OK;
}

static size_t skip_digits(struct pull_reader *r)
{
	size_t from = r->at;
	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	return r->at - from;
}

static enum err read_number(struct pull_reader *r)
{
	size_t from = r->at;
	if (peek(r) == '-')
		r->at++;
	bool zero = peek(r) == '0';
	size_t whole = skip_digits(r);
	if (whole == 0 || (zero && whole > 1))
		return ERR_SYNTAX;
	if (peek(r) == '.') {
		r->at++;
		if (skip_digits(r) == 0)
			return ERR_SYNTAX;
	}
	if (peek(r) == 'e' || peek(r) == 'E') {
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		if (skip_digits(r) == 0)
			return ERR_SYNTAX;
	}
	r->token = span_first(span_from(r->text, from), r->at - from);
	return ERR_OK;
}

static void after_value(struct pull_reader *r)
{
	r->expect = r->depth ? COMMA_OR_END : NOTHING;
}

static bool in_array(const struct pull_reader *r)
{
	return r->depth && r->arrays >> r->depth & 1;
}

static enum err open_level(struct pull_reader *r, bool array)
{
	if (r->depth == PULL_DEPTH_MAX)
		return ERR_TOO_LONG;
	r->depth++;
	r->arrays = array ? r->arrays | 1u << r->depth : r->arrays & ~(1u << r->depth);
	r->expect = array ? VALUE_OR_END : KEY_OR_END;
	return ERR_OK;
}

static enum err close_level(struct pull_reader *r, enum pull_event *event)
{
	*event = in_array(r) ? PULL_ARRAY_END : PULL_OBJECT_END;
	r->at++;
	r->depth--;
	after_value(r);
	return ERR_OK;
}

static enum err read_word(struct pull_reader *r, struct span word, enum pull_event meaning,
			  enum pull_event *event)
{
	if (!span_starts(span_from(r->text, r->at), word))
		return ERR_SYNTAX;
	r->at += word.len;
	*event = meaning;
	after_value(r);
	return ERR_OK;
}

static enum err read_value(struct pull_reader *r, enum pull_event *event)
{
	switch (peek(r)) {
	case '{':
	case '[':
		*event = peek(r) == '[' ? PULL_ARRAY : PULL_OBJECT;
		r->at++;
		return open_level(r, *event == PULL_ARRAY);
	case 't':
		return read_word(r, SPAN("true"), PULL_TRUE, event);
	case 'f':
		return read_word(r, SPAN("false"), PULL_FALSE, event);
	case 'n':
		return read_word(r, SPAN("null"), PULL_NULL, event);
	case '"':
		r->at++;
		*event = PULL_STRING;
		after_value(r);
		return read_string(r);
	default:
		*event = PULL_NUMBER;
		after_value(r);
		return read_number(r);
	}
}

static enum err read_key(struct pull_reader *r, enum pull_event *event)
{
	if (peek(r) != '"')
		return ERR_SYNTAX;
	r->at++;
	TRY(read_string(r));
	skip_blanks(r);
	if (peek(r) != ':')
		return ERR_SYNTAX;
	r->at++;
	r->expect = VALUE;
	*event = PULL_KEY;
	return ERR_OK;
}

static enum err read_next(struct pull_reader *r, enum pull_event *event)
{
	skip_blanks(r);
	int c = peek(r);
	if (r->expect == NOTHING) {
		*event = PULL_END;
		return c < 0 ? ERR_OK : ERR_SYNTAX;
	}
	bool may_end = r->expect == COMMA_OR_END || r->expect == VALUE_OR_END || r->expect == KEY_OR_END;
	if (may_end && c == (in_array(r) ? ']' : '}'))
		return close_level(r, event);
	if (r->expect == COMMA_OR_END) {
		if (c != ',')
			return ERR_SYNTAX;
		r->at++;
		skip_blanks(r);
		r->expect = in_array(r) ? VALUE : KEY;
	}
	if (r->expect == KEY || r->expect == KEY_OR_END)
		return read_key(r, event);
	return read_value(r, event);
}

enum err pull_next(struct pull_reader *r, enum pull_event *event)
{
	*event = PULL_END;
	if (!r->error) {
		r->token = SPAN("");
		r->error = read_next(r, event);
	}
	return r->error;
}

static bool key_is(struct span token, struct span name)
{
	uint8_t plain[256];
	struct buf b = BUF_OF(plain);
	return pull_unescape(token, &b) == ERR_OK && span_eq(buf_span(&b), name);
}

struct finder {
	struct span component[PULL_DEPTH_MAX];
	size_t components;
	size_t level; /* objects of the path that are open, less the root */
	bool seen[PULL_DEPTH_MAX];
	bool at_value; /* the last event was the key of component[level] */
};

/* True when the event is the value looked for. */
static enum err follow(struct finder *f, const struct pull_reader *r, enum pull_event event, bool *found)
{
	*found = false;
	if (f->at_value) {
		f->at_value = false;
		*found = f->level + 1 == f->components;
		if (!*found && event == PULL_OBJECT)
			f->level++;
	} else if (event == PULL_KEY && r->depth == f->level + 1 &&
		   key_is(r->token, f->component[f->level])) {
		if (f->seen[f->level])
			return ERR_DUPLICATE;
		f->seen[f->level] = true;
		f->at_value = true;
	} else if (event == PULL_OBJECT_END && f->level && r->depth == f->level) {
		f->level--;
	}
	return ERR_OK;
}

enum err pull_find(struct span text, const char *path, enum pull_event *event, struct span *token)
{
	struct finder f = {.components = 0};
	struct pull_reader r;
	struct span rest = span_str(path);
	bool any = false, found;
	do {
		ASSERT(f.components < PULL_DEPTH_MAX);
		f.component[f.components++] = span_cut(&rest, '/');
	} while (rest.len);
	pull_begin(&r, text);
	for (;;) {
		enum pull_event now;
		TRY(pull_next(&r, &now));
		if (now == PULL_END)
			return any ? ERR_OK : ERR_MISSING;
		TRY(follow(&f, &r, now, &found));
		if (found) {
			any = true;
			*event = now;
			*token = r.token;
		}
	}
}

enum err pull_find_string(struct span text, const char *path, struct buf *out)
{
	enum pull_event event;
	struct span token;
	TRY(pull_find(text, path, &event, &token));
	return event == PULL_STRING ? pull_unescape(token, out) : ERR_SYNTAX;
}

enum err pull_find_text(struct span text, const char *path, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap - 1);
	out[0] = 0;
	enum err e = pull_find_string(text, path, &b);
	if (e == ERR_FULL)
		e = ERR_TOO_LONG;
	else if (!e && span_find(buf_span(&b), 0) != b.len)
		e = ERR_SYNTAX;
	out[e ? 0 : b.len] = 0;
	return e;
}
