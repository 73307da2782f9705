/* A byte moves the reader on by itself, except that a number ends only with the byte behind it. Between
 * tokens `phase` says what may come; within one, the token's own state does.
 */
#include "aws/json.h"

#include <string.h>

enum phase {
	/* between tokens: what may come, beside blanks */
	VALUE,
	VALUE_OR_END,
	KEY,
	KEY_OR_END,
	COLON,
	COMMA_OR_END,
	NOTHING,
	/* within one */
	STRING,
	NUMBER,
	WORD,
};

/* ---- the inside of a string */

enum { PLAIN, ESCAPE, HEX, SECOND_BACKSLASH, SECOND_U };

static enum err end_of_unicode_escape(struct json_string *s, struct buf *out)
{
	bool is_high = s->code >= 0xd800 && s->code <= 0xdbff;
	bool is_low = s->code >= 0xdc00 && s->code <= 0xdfff;
	if (is_low != (s->high != 0))
		return ERR_SYNTAX;
	s->phase = is_high ? SECOND_BACKSLASH : PLAIN;
	if (is_high) {
		s->high = s->code;
		return ERR_OK;
	}
	text_utf8(out, is_low ? 0x10000 + ((s->high - 0xd800) << 10) + (s->code - 0xdc00) : s->code);
	s->high = 0;
	return ERR_OK;
}

static enum err begin_unicode_escape(struct json_string *s)
{
	s->phase = HEX;
	s->code = s->digits = 0;
	return ERR_OK;
}

static enum err read_escape(struct json_string *s, uint8_t c, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	if (c == 'u')
		return begin_unicode_escape(s);
	const char *at = c ? strchr(names, c) : NULL;
	if (!at)
		return ERR_SYNTAX;
	s->phase = PLAIN;
	buf_u8(out, (uint8_t)values[at - names]);
	return ERR_OK;
}

/* Takes a byte and appends what has become complete by it: at most four bytes. */
static enum err string_byte(struct json_string *s, uint8_t c, struct buf *out)
{
	int digit = text_hex_digit(c);
	switch (s->phase) {
	case PLAIN:
		if (c == '\\')
			s->phase = ESCAPE;
		else
			buf_u8(out, c);
		return c < 0x20 ? ERR_SYNTAX : ERR_OK;
	case ESCAPE:
		return read_escape(s, c, out);
	case HEX:
		if (digit < 0)
			return ERR_SYNTAX;
		s->code = s->code << 4 | (uint32_t)digit;
		return ++s->digits == 4 ? end_of_unicode_escape(s, out) : ERR_OK;
	case SECOND_BACKSLASH:
		s->phase = SECOND_U;
		return c == '\\' ? ERR_OK : ERR_SYNTAX;
	default:
		return c == 'u' ? begin_unicode_escape(s) : ERR_SYNTAX;
	}
}

enum err json_unescape(struct span inside, struct buf *out)
{
	struct json_string s = {.phase = PLAIN};
	for (size_t i = 0; i < inside.len; i++)
		TRY(string_byte(&s, inside.p[i], out));
	return s.phase == PLAIN ? buf_err(out) : ERR_SYNTAX;
}

/* ---- the members wanted */

static void key_ended(struct json_reader *r)
{
	struct span key = span_of(r->key, r->key_len);
	for (size_t i = 0; i < r->wanted_count && key.len <= JSON_KEY_MAX; i++) {
		struct json_wanted *w = &r->wanted[i];
		bool last;
		if (r->depth != w->level + 1u ||
		    !span_eq(key, span_part(span_str(w->path), '/', w->level, &last)))
			continue;
		if (w->seen >> w->level & 1)
			w->result = ERR_DUPLICATE;
		w->seen |= 1u << w->level;
		w->at_value = w->result != ERR_DUPLICATE;
	}
}

/* c: its first byte. */
static void value_begins(struct json_reader *r, uint8_t c)
{
	for (size_t i = 0; i < r->wanted_count; i++) {
		struct json_wanted *w = &r->wanted[i];
		bool last;
		if (!w->at_value)
			continue;
		w->at_value = false;
		(void)span_part(span_str(w->path), '/', w->level, &last);
		if (!last)
			w->level = (uint8_t)(w->level + (c == '{'));
		else if (c == '"' || (w->scalar && c != '{' && c != '[' && c != 'n'))
			w->inside = true;
		else if (!w->scalar || c != 'n')
			w->result = ERR_SYNTAX;
	}
}

static void value_ended(struct json_reader *r)
{
	r->phase = r->depth ? COMMA_OR_END : NOTHING;
	for (size_t i = 0; i < r->wanted_count; i++) {
		struct json_wanted *w = &r->wanted[i];
		if (!w->inside)
			continue;
		w->inside = false;
		w->result = buf_err(w->string);
	}
}

static void value_byte(struct json_reader *r, uint8_t c)
{
	for (size_t i = 0; i < r->wanted_count; i++)
		if (r->wanted[i].inside)
			buf_u8(r->wanted[i].string, c);
}

/* ---- tokens */

static bool in_array(const struct json_reader *r)
{
	return r->depth && r->arrays >> r->depth & 1;
}

static enum err open_level(struct json_reader *r, bool array)
{
	if (r->depth == JSON_DEPTH_MAX)
		return ERR_TOO_LONG;
	r->depth++;
	r->arrays = array ? r->arrays | 1u << r->depth : r->arrays & ~(1u << r->depth);
	r->phase = array ? VALUE_OR_END : KEY_OR_END;
	return ERR_OK;
}

static enum err close_level(struct json_reader *r, uint8_t c)
{
	if (r->depth == 0 || c != (in_array(r) ? ']' : '}'))
		return ERR_SYNTAX;
	for (size_t i = 0; i < r->wanted_count; i++)
		if (r->wanted[i].level && r->depth == r->wanted[i].level + 1u)
			r->wanted[i].level--;
	r->depth--;
	value_ended(r);
	return ERR_OK;
}

static enum err begin_string(struct json_reader *r, bool key)
{
	r->phase = STRING;
	r->in_key = key;
	r->key_len = 0;
	r->string = (struct json_string){.phase = PLAIN};
	return ERR_OK;
}

static enum err in_string(struct json_reader *r, uint8_t c)
{
	uint8_t bytes[4];
	struct buf piece = BUF_OF(bytes);
	if (c == '"' && r->string.phase == PLAIN) {
		if (r->in_key) {
			key_ended(r);
			r->phase = COLON;
		} else {
			value_ended(r);
		}
		return ERR_OK;
	}
	TRY(string_byte(&r->string, c, &piece));
	for (size_t i = 0; r->in_key && i < piece.len; i++) {
		if (r->key_len < JSON_KEY_MAX)
			r->key[r->key_len] = bytes[i];
		r->key_len += r->key_len <= JSON_KEY_MAX;
	}
	for (size_t i = 0; i < r->wanted_count; i++)
		if (r->wanted[i].inside)
			buf_put(r->wanted[i].string, buf_span(&piece));
	return ERR_OK;
}

enum number { MINUS, ZERO, WHOLE, POINT, FRACTION, EXPONENT, SIGNED, POWER, AFTER, BAD };

/* By what has come of a number, and the next byte. */
static const uint8_t number_next[][6] = {
	/*            0         1-9       .      e E       + -     other */
	[MINUS] = {ZERO, WHOLE, BAD, BAD, BAD, BAD},
	[ZERO] = {BAD, BAD, POINT, EXPONENT, BAD, AFTER},
	[WHOLE] = {WHOLE, WHOLE, POINT, EXPONENT, BAD, AFTER},
	[POINT] = {FRACTION, FRACTION, BAD, BAD, BAD, BAD},
	[FRACTION] = {FRACTION, FRACTION, BAD, EXPONENT, BAD, AFTER},
	[EXPONENT] = {POWER, POWER, BAD, BAD, SIGNED, BAD},
	[SIGNED] = {POWER, POWER, BAD, BAD, BAD, BAD},
	[POWER] = {POWER, POWER, BAD, BAD, BAD, AFTER},
};

static unsigned number_column(uint8_t c)
{
	return c == '0'               ? 0
	       : c >= '1' && c <= '9' ? 1
	       : c == '.'             ? 2
	       : (c | 0x20) == 'e'    ? 3
	       : c == '+' || c == '-' ? 4
				      : 5;
}

/* phase stays NUMBER when the byte belongs to it. */
static enum err in_number(struct json_reader *r, uint8_t c)
{
	r->number_phase = number_next[r->number_phase][number_column(c)];
	if (r->number_phase == BAD)
		return ERR_SYNTAX;
	if (r->number_phase == AFTER)
		value_ended(r);
	else
		value_byte(r, c);
	return ERR_OK;
}

static enum err begin_number(struct json_reader *r, uint8_t c)
{
	r->phase = NUMBER;
	r->number_phase = MINUS;
	if (c != '-')
		return in_number(r, c);
	value_byte(r, c);
	return ERR_OK;
}

static enum err begin_word(struct json_reader *r, uint8_t c, const char *rest)
{
	r->phase = WORD;
	r->word = rest;
	value_byte(r, c);
	return ERR_OK;
}

static enum err in_word(struct json_reader *r, uint8_t c)
{
	if (c != (uint8_t)*r->word)
		return ERR_SYNTAX;
	value_byte(r, c);
	if (!*++r->word)
		value_ended(r);
	return ERR_OK;
}

static enum err begin_value(struct json_reader *r, uint8_t c)
{
	value_begins(r, c);
	switch (c) {
	case '{':
	case '[':
		return open_level(r, c == '[');
	case '"':
		return begin_string(r, false);
	case 't':
		return begin_word(r, c, "rue");
	case 'f':
		return begin_word(r, c, "alse");
	case 'n':
		return begin_word(r, c, "ull");
	default:
		return begin_number(r, c);
	}
}

static enum err between_tokens(struct json_reader *r, uint8_t c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return ERR_OK;
	switch (r->phase) {
	case VALUE:
		return begin_value(r, c);
	case VALUE_OR_END:
		return c == ']' ? close_level(r, c) : begin_value(r, c);
	case KEY:
		return c == '"' ? begin_string(r, true) : ERR_SYNTAX;
	case KEY_OR_END:
		return c == '"' ? begin_string(r, true) : close_level(r, c);
	case COLON:
		r->phase = VALUE;
		return c == ':' ? ERR_OK : ERR_SYNTAX;
	case COMMA_OR_END:
		if (c != ',')
			return close_level(r, c);
		r->phase = in_array(r) ? VALUE : KEY;
		return ERR_OK;
	default:
		return ERR_SYNTAX;
	}
}

static enum err feed_byte(struct json_reader *r, uint8_t c)
{
	if (r->bytes++ == JSON_BYTES_MAX)
		return ERR_TOO_LONG;
	if (!text_utf8_feed(&r->utf8, c))
		return ERR_SYNTAX;
	if (r->phase == STRING)
		return in_string(r, c);
	if (r->phase == WORD)
		return in_word(r, c);
	if (r->phase == NUMBER) {
		TRY(in_number(r, c));
		if (r->phase == NUMBER)
			return ERR_OK;
	}
	return between_tokens(r, c);
}

/* ---- documents */

void json_begin(struct json_reader *r, struct json_wanted *wanted, size_t count)
{
	*r = (struct json_reader){.wanted = wanted, .wanted_count = count, .phase = VALUE};
	for (size_t i = 0; i < count; i++)
		wanted[i] = (struct json_wanted){.path = wanted[i].path,
						 .string = wanted[i].string,
						 .scalar = wanted[i].scalar,
						 .result = ERR_MISSING};
}

enum err json_feed(struct json_reader *r, struct span piece)
{
	for (size_t i = 0; i < piece.len && !r->error; i++)
		r->error = feed_byte(r, piece.p[i]);
	return r->error;
}

enum err json_end(struct json_reader *r)
{
	if (!r->error && r->phase == NUMBER)
		r->error = in_number(r, ' ');
	if (!r->error && r->phase != NOTHING)
		r->error = ERR_SYNTAX;
	for (size_t i = 0; r->error && i < r->wanted_count; i++)
		r->wanted[i].result = r->error;
	return r->error;
}

static enum err find(struct span text, struct json_wanted *w)
{
	struct json_reader r;
	json_begin(&r, w, 1);
	TRY(json_feed(&r, text));
	TRY(json_end(&r));
	return w->result;
}

enum err json_find_string(struct span text, const char *path, struct buf *out)
{
	size_t before = out->len;
	enum err e = find(text, &(struct json_wanted){.path = path, .string = out});
	if (e && e != ERR_FULL) {
		wipe(out->p + before, out->len - before);
		out->len = before;
	}
	return e;
}

enum err json_find_text(struct span text, const char *path, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap - 1);
	enum err e = json_find_string(text, path, &b);
	if (e == ERR_FULL)
		e = ERR_TOO_LONG;
	else if (!e && span_find(buf_span(&b), 0) != b.len)
		e = ERR_SYNTAX;
	if (e)
		wipe(out, cap);
	else
		out[b.len] = 0;
	return e;
}

/* Bytes of the control character that s begins with, of C0, DEL or C1; 0: it is none. */
static size_t control_bytes(struct span s)
{
	if (s.p[0] < 0x20 || s.p[0] == 0x7f)
		return 1;
	return s.p[0] == 0xc2 && s.len > 1 && s.p[1] >= 0x80 && s.p[1] < 0xa0 ? 2 : 0;
}

void json_put_string(struct buf *b, struct span s)
{
	buf_u8(b, '"');
	while (s.len) {
		size_t control = control_bytes(s), n = control ? control : 1;
		if (control) {
			buf_str(b, "\\u00");
			text_hex(b, span_of(s.p + control - 1, 1));
		} else {
			if (s.p[0] == '"' || s.p[0] == '\\')
				buf_u8(b, '\\');
			buf_u8(b, s.p[0]);
		}
		s = span_from(s, n);
	}
	buf_u8(b, '"');
}
