/* A byte moves the reader on by itself; what may come next is in `phase`, a row of the table `readers`.
 *
 *   document  [<?xml version="1.0" [encoding="UTF-8"]?>] misc* element misc*      misc: blank | comment
 *   element   <name (blank+ name=value)* blank*> (text | reference | comment | element)* </name blank*>
 *             or <name (blank+ name=value)* blank* / >
 */
#include "aws/xml.h"

#include <string.h>

enum phase {
	TEXT,
	REFERENCE, /* after & */
	MARKUP,    /* after < */
	BANG,      /* after <! */
	BANG_DASH,
	COMMENT,
	COMMENT_DASH,
	COMMENT_END,
	INSTRUCTION, /* after <? */
	START_NAME,
	END_NAME,
	END_BLANKS,
	TAG, /* where an attribute may begin */
	ATTRIBUTE,
	EQUALS,
	QUOTE,
	VALUE,
	AFTER_VALUE,
	EMPTY_END,       /* after the / of an empty element */
	DECLARATION_END, /* after the ? that ends it */
};

static enum err go(struct xml_reader *r, enum phase phase)
{
	r->phase = (uint8_t)phase;
	return ERR_OK;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool name_byte(uint8_t c, bool first)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
	return letter || c == '_' || c == ':' || c >= 0x80 || (later && !first);
}

/* Char of section 2.2. */
static bool allowed(uint32_t c)
{
	return c >= 0x20 ? (c < 0xd800 || c > 0xdfff) && c != 0xfffe && c != 0xffff && c <= 0x10ffff
			 : c == '\t' || c == '\n' || c == '\r';
}

static void put_text(struct xml_reader *r, struct span s)
{
	for (size_t i = 0; i < r->wanted_count; i++)
		if (r->wanted[i].inside)
			buf_put(r->wanted[i].out, s);
}

static void keep(struct xml_reader *r, uint8_t c)
{
	if (r->text_len < sizeof(r->text))
		r->text[r->text_len] = c;
	r->text_len += r->text_len <= sizeof(r->text);
}

static struct span kept(const struct xml_reader *r)
{
	return r->text_len <= sizeof(r->text) ? span_of(r->text, r->text_len) : SPAN("");
}

/* ---- names */

static enum err name_put(struct xml_reader *r, uint8_t c)
{
	if (r->names_len == sizeof(r->names))
		return ERR_TOO_LONG;
	r->names[r->names_len++] = (char)c;
	return ERR_OK;
}

static enum err name_begin(struct xml_reader *r, uint8_t c, enum phase phase)
{
	if (!name_byte(c, true))
		return ERR_SYNTAX;
	r->part_at = r->names_len;
	TRY(name_put(r, c));
	return go(r, phase);
}

/* Those open are kept; what came of a tag behind the name of the innermost is forgotten. */
static void forget_tag(struct xml_reader *r)
{
	r->names_len = 0;
	if (r->depth)
		r->names_len = r->open_at[r->depth - 1] + strlen(r->names + r->open_at[r->depth - 1]) + 1;
}

/* ---- elements */

static void blame(struct xml_wanted *w, enum err e)
{
	w->inside = false;
	if (w->result == ERR_OK || w->result == ERR_MISSING)
		w->result = e;
}

static void enter_wanted(struct xml_reader *r, struct xml_wanted *w, struct span name)
{
	bool last;
	if (w->inside)
		blame(w, ERR_SYNTAX);
	if (w->matched != r->depth || !span_eq(name, span_part(span_str(w->path), '/', r->depth, &last)))
		return;
	w->matched++;
	if (!last)
		return;
	if (w->result != ERR_MISSING) {
		blame(w, ERR_DUPLICATE);
		return;
	}
	w->result = ERR_OK;
	w->inside = true;
}

/* The name of a start tag is complete. */
static enum err enter(struct xml_reader *r)
{
	if (r->depth == XML_DEPTH_MAX)
		return ERR_TOO_LONG;
	struct span name = span_of(r->names + r->part_at, r->names_len - r->part_at);
	for (size_t i = 0; i < r->wanted_count; i++)
		enter_wanted(r, &r->wanted[i], name);
	r->open_at[r->depth++] = r->part_at;
	r->root_seen = true;
	return name_put(r, 0);
}

static enum err leave(struct xml_reader *r)
{
	r->depth--;
	for (size_t i = 0; i < r->wanted_count; i++) {
		struct xml_wanted *w = &r->wanted[i];
		w->inside = false;
		if (w->matched > r->depth)
			w->matched = (uint8_t)r->depth;
	}
	if (r->left)
		r->left(r->arg, span_str(r->names + r->open_at[r->depth]), r->depth);
	forget_tag(r);
	return go(r, TEXT);
}

/* ---- text and references */

static enum err read_text(struct xml_reader *r, uint8_t c)
{
	bool closes = r->brackets == 2 && c == '>';
	r->brackets = c != ']' ? 0 : r->brackets < 2 ? r->brackets + 1 : 2;
	if (c == '<')
		return go(r, MARKUP);
	if (r->depth == 0)
		return blank(c) ? ERR_OK : ERR_SYNTAX;
	if (closes) /* "]]>" ends CDATA alone */
		return ERR_SYNTAX;
	if (c == '&') {
		r->back = TEXT;
		r->text_len = 0;
		return go(r, REFERENCE);
	}
	put_text(r, span_of(&c, 1));
	return ERR_OK;
}

static enum err read_number(struct span digits, bool hex, uint32_t *code)
{
	uint64_t v = 0;
	int base = hex ? 16 : 10;
	if (digits.len == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < digits.len && v <= UINT32_MAX; i++) {
		int digit = text_hex_digit(digits.p[i]);
		if (digit < 0 || digit >= base)
			return ERR_SYNTAX;
		v = v * (uint64_t)base + (uint64_t)digit;
	}
	*code = v <= 0x10ffff ? (uint32_t)v : 0;
	return allowed(*code) ? ERR_OK : ERR_SYNTAX;
}

/* What stands between & and ; as a character. */
static enum err read_name_of_reference(struct span name, uint32_t *code)
{
	static const struct {
		const char *name;
		char meaning;
	} named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		*code = (uint8_t)named[i].meaning;
		if (span_eq(name, span_str(named[i].name)))
			return ERR_OK;
	}
	if (span_starts(name, SPAN("#x")))
		return read_number(span_from(name, 2), true, code);
	return span_starts(name, SPAN("#")) ? read_number(span_from(name, 1), false, code) : ERR_SYNTAX;
}

static enum err read_reference(struct xml_reader *r, uint8_t c)
{
	uint8_t bytes[4];
	struct buf b = BUF_OF(bytes);
	uint32_t code;
	if (c != ';') {
		keep(r, c);
		return r->text_len <= sizeof(r->text) ? ERR_OK : ERR_SYNTAX;
	}
	TRY(read_name_of_reference(kept(r), &code));
	text_utf8(&b, code);
	if (r->back == TEXT)
		put_text(r, buf_span(&b));
	return go(r, (enum phase)r->back);
}

/* ---- markup */

static enum err read_markup(struct xml_reader *r, uint8_t c)
{
	if (c == '!')
		return go(r, BANG);
	if (c == '?') {
		r->text_len = 0;
		return r->bytes == 2 ? go(r, INSTRUCTION) : ERR_UNSUPPORTED;
	}
	if (c == '/') {
		r->part_at = r->names_len;
		return r->depth ? go(r, END_NAME) : ERR_SYNTAX;
	}
	return r->depth || !r->root_seen ? name_begin(r, c, START_NAME) : ERR_SYNTAX;
}

static enum err read_bang(struct xml_reader *r, uint8_t c)
{
	return c == '-' ? go(r, BANG_DASH) : ERR_UNSUPPORTED;
}

static enum err read_bang_dash(struct xml_reader *r, uint8_t c)
{
	return c == '-' ? go(r, COMMENT) : ERR_SYNTAX;
}

static enum err read_comment(struct xml_reader *r, uint8_t c)
{
	return go(r, c == '-' ? COMMENT_DASH : COMMENT);
}

static enum err read_comment_dash(struct xml_reader *r, uint8_t c)
{
	return go(r, c == '-' ? COMMENT_END : COMMENT);
}

static enum err read_comment_end(struct xml_reader *r, uint8_t c)
{
	return c == '>' ? go(r, TEXT) : ERR_SYNTAX;
}

static enum err read_instruction(struct xml_reader *r, uint8_t c)
{
	if (name_byte(c, r->text_len == 0)) {
		keep(r, c);
		return span_starts(SPAN("xml"), kept(r)) && r->text_len <= 3 ? ERR_OK : ERR_UNSUPPORTED;
	}
	r->declaration = true;
	return span_eq(kept(r), SPAN("xml")) && blank(c) ? go(r, TAG) : ERR_SYNTAX;
}

/* ---- tags and the declaration */

/* A byte after a name, a value or blanks in a tag, other than these. */
static enum err read_tag_end(struct xml_reader *r, uint8_t c)
{
	if (r->declaration)
		return c == '?' && r->attributes ? go(r, DECLARATION_END) : ERR_SYNTAX;
	if (c == '/')
		return go(r, EMPTY_END);
	if (c != '>')
		return ERR_SYNTAX;
	forget_tag(r);
	return go(r, TEXT);
}

static enum err read_start_name(struct xml_reader *r, uint8_t c)
{
	if (name_byte(c, false))
		return name_put(r, c);
	TRY(enter(r));
	return blank(c) ? go(r, TAG) : read_tag_end(r, c);
}

static enum err read_end_blanks(struct xml_reader *r, uint8_t c)
{
	if (blank(c))
		return ERR_OK;
	struct span name = span_of(r->names + r->part_at, r->names_len - r->part_at);
	if (c != '>' || !span_eq(name, span_str(r->names + r->open_at[r->depth - 1])))
		return ERR_SYNTAX;
	return leave(r);
}

static enum err read_end_name(struct xml_reader *r, uint8_t c)
{
	if (name_byte(c, r->names_len == r->part_at))
		return name_put(r, c);
	TRY(go(r, END_BLANKS));
	return read_end_blanks(r, c);
}

static enum err read_tag(struct xml_reader *r, uint8_t c)
{
	if (blank(c))
		return ERR_OK;
	return name_byte(c, true) ? name_begin(r, c, ATTRIBUTE) : read_tag_end(r, c);
}

/* The name of an attribute is complete: it must be the first of that name, in the declaration one that is
 * known. */
static enum err end_attribute_name(struct xml_reader *r)
{
	struct span name = span_of(r->names + r->part_at, r->names_len - r->part_at);
	if (r->declaration) {
		if (r->attributes > 1 || !span_eq(name, r->attributes ? SPAN("encoding") : SPAN("version")))
			return ERR_SYNTAX;
		return name_put(r, 0);
	}
	size_t at = r->open_at[r->depth - 1];
	for (at += strlen(r->names + at) + 1; at < r->part_at; at += strlen(r->names + at) + 1)
		if (span_eq(name, span_str(r->names + at)))
			return ERR_SYNTAX;
	return name_put(r, 0);
}

static enum err read_equals(struct xml_reader *r, uint8_t c)
{
	if (blank(c))
		return ERR_OK;
	return c == '=' ? go(r, QUOTE) : ERR_SYNTAX;
}

static enum err read_attribute(struct xml_reader *r, uint8_t c)
{
	if (name_byte(c, false))
		return name_put(r, c);
	TRY(end_attribute_name(r));
	TRY(go(r, EQUALS));
	return read_equals(r, c);
}

static enum err read_quote(struct xml_reader *r, uint8_t c)
{
	if (blank(c))
		return ERR_OK;
	r->quote = c;
	r->text_len = 0;
	return c == '"' || c == '\'' ? go(r, VALUE) : ERR_SYNTAX;
}

static enum err end_declared_value(struct xml_reader *r)
{
	bool good = r->attributes ? span_ieq(kept(r), SPAN("UTF-8")) : span_eq(kept(r), SPAN("1.0"));
	r->attributes++;
	return good ? go(r, AFTER_VALUE) : ERR_UNSUPPORTED;
}

static enum err read_value(struct xml_reader *r, uint8_t c)
{
	if (c == r->quote)
		return r->declaration ? end_declared_value(r) : go(r, AFTER_VALUE);
	if (c == '<')
		return ERR_SYNTAX;
	if (r->declaration) {
		keep(r, c);
	} else if (c == '&') {
		r->back = VALUE;
		r->text_len = 0;
		return go(r, REFERENCE);
	}
	return ERR_OK;
}

static enum err read_after_value(struct xml_reader *r, uint8_t c)
{
	return blank(c) ? go(r, TAG) : read_tag_end(r, c);
}

static enum err read_empty_end(struct xml_reader *r, uint8_t c)
{
	return c == '>' ? leave(r) : ERR_SYNTAX;
}

static enum err read_declaration_end(struct xml_reader *r, uint8_t c)
{
	r->declaration = false;
	forget_tag(r);
	return c == '>' ? go(r, TEXT) : ERR_SYNTAX;
}

static enum err (*const readers[])(struct xml_reader *r, uint8_t c) = {
	[TEXT] = read_text,
	[REFERENCE] = read_reference,
	[MARKUP] = read_markup,
	[BANG] = read_bang,
	[BANG_DASH] = read_bang_dash,
	[COMMENT] = read_comment,
	[COMMENT_DASH] = read_comment_dash,
	[COMMENT_END] = read_comment_end,
	[INSTRUCTION] = read_instruction,
	[START_NAME] = read_start_name,
	[END_NAME] = read_end_name,
	[END_BLANKS] = read_end_blanks,
	[TAG] = read_tag,
	[ATTRIBUTE] = read_attribute,
	[EQUALS] = read_equals,
	[QUOTE] = read_quote,
	[VALUE] = read_value,
	[AFTER_VALUE] = read_after_value,
	[EMPTY_END] = read_empty_end,
	[DECLARATION_END] = read_declaration_end,
};

static enum err feed_byte(struct xml_reader *r, uint8_t c)
{
	if (r->bytes++ == r->bytes_max)
		return ERR_TOO_LONG;
	if (!text_utf8_feed(&r->utf8, c) || (r->utf8.more == 0 && !allowed(r->utf8.code)))
		return ERR_SYNTAX;
	return readers[r->phase](r, c);
}

/* ---- documents */

void xml_begin(struct xml_reader *r, struct xml_wanted *wanted, size_t count)
{
	*r = (struct xml_reader){
		.wanted = wanted, .wanted_count = count, .bytes_max = XML_BYTES_MAX, .phase = TEXT};
	for (size_t i = 0; i < count; i++)
		wanted[i] = (struct xml_wanted){
			.path = wanted[i].path, .out = wanted[i].out, .result = ERR_MISSING};
}

enum err xml_feed(struct xml_reader *r, struct span piece)
{
	for (size_t i = 0; i < piece.len && !r->error; i++)
		r->error = feed_byte(r, piece.p[i]);
	return r->error;
}

void xml_again(struct xml_reader *r, size_t from)
{
	for (size_t i = from; i < r->wanted_count; i++) {
		r->wanted[i].result = ERR_MISSING;
		buf_reset(r->wanted[i].out);
	}
}

enum err xml_end(struct xml_reader *r)
{
	if (!r->error && (r->phase != TEXT || r->depth || !r->root_seen))
		r->error = ERR_SYNTAX;
	for (size_t i = 0; i < r->wanted_count; i++) {
		struct xml_wanted *w = &r->wanted[i];
		if (r->error)
			w->result = r->error;
		else if (w->result == ERR_OK)
			w->result = buf_err(w->out);
	}
	return r->error;
}

enum err xml_find_text(struct span text, const char *path, struct buf *out)
{
	struct xml_wanted w = {.path = path, .out = out};
	struct xml_reader r;
	size_t before = out->len;
	xml_begin(&r, &w, 1);
	enum err e = xml_feed(&r, text) || xml_end(&r) ? r.error : w.result;
	if (e && e != ERR_FULL)
		out->len = before;
	return e;
}
