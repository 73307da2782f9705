#include "aws/xml.h"

#include "base/text.h"

struct reader {
	struct span rest; /* what is still to be read */
	unsigned depth;   /* open elements */
	struct span open[XML_DEPTH_MAX];
	/* The path looked for: */
	struct span component[XML_DEPTH_MAX];
	unsigned components;
	unsigned matched; /* open elements that are the path's first components */
	bool inside;      /* in the element looked for */
	bool found;
	struct buf *out; /* borrowed */
};

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (r->rest.len && blank(r->rest.p[0]))
		r->rest = span_from(r->rest, 1);
}

static bool take(struct reader *r, struct span what)
{
	if (!span_starts(r->rest, what))
		return false;
	r->rest = span_from(r->rest, what.len);
	return true;
}

/* Everything up to `end`, and `end` itself, comes off; the part before it goes to *part. */
static enum err take_until(struct reader *r, struct span end, struct span *part)
{
	for (size_t i = 0; i + end.len <= r->rest.len; i++) {
		if (!span_starts(span_from(r->rest, i), end))
			continue;
		*part = span_first(r->rest, i);
		r->rest = span_from(r->rest, i + end.len);
		return ERR_OK;
	}
	return ERR_SYNTAX;
}

static bool name_byte(uint8_t c, bool first)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
	return letter || c == '_' || c == ':' || c >= 0x80 || (later && !first);
}

static enum err take_name(struct reader *r, struct span *name)
{
	size_t n = 0;
	while (n < r->rest.len && name_byte(r->rest.p[n], n == 0))
		n++;
	*name = span_first(r->rest, n);
	r->rest = span_from(r->rest, n);
	return n ? ERR_OK : ERR_SYNTAX;
}

/* The characters a reference may stand for and a text may hold: those of XML 1.0, section 2.2, that ASCII
 * has. */
static bool allowed_char(uint64_t c)
{
	return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
}

static enum err read_hex(struct span s, uint64_t *code)
{
	uint8_t padded[8], bytes[4];
	struct buf b = BUF_OF(padded), v = BUF_OF(bytes);
	if (s.len == 0 || s.len > 8)
		return ERR_SYNTAX;
	buf_fill(&b, '0', 8 - s.len);
	buf_put(&b, s);
	TRY(text_read_hex(buf_span(&b), &v));
	*code = load_be32(bytes);
	return ERR_OK;
}

/* What stands between '&' and ';', as a character. Only ASCII may be given by number. */
static enum err read_reference(struct span name, uint8_t *c)
{
	static const struct {
		const char *name;
		char meaning;
	} named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (span_eq(name, span_str(named[i].name))) {
			*c = (uint8_t)named[i].meaning;
			return ERR_OK;
		}
	}
	uint64_t code;
	if (span_starts(name, SPAN("#x")))
		TRY(read_hex(span_from(name, 2), &code));
	else if (span_starts(name, SPAN("#")))
		TRY(text_read_u64(span_from(name, 1), UINT32_MAX, &code));
	else
		return ERR_SYNTAX;
	if (code > 0x7e)
		return ERR_UNSUPPORTED;
	*c = (uint8_t)code;
	return allowed_char(code) ? ERR_OK : ERR_SYNTAX;
}

/* Text or an attribute's value; appended where out is not NULL. */
static enum err read_text(struct span s, struct buf *out)
{
	while (s.len) {
		uint8_t c = s.p[0];
		s = span_from(s, 1);
		if (!allowed_char(c) || c == '<')
			return ERR_SYNTAX;
		if (c == '&') {
			if (span_find(s, ';') == s.len)
				return ERR_SYNTAX;
			TRY(read_reference(span_cut(&s, ';'), &c));
		}
		if (out)
			buf_u8(out, c);
	}
	return out ? buf_err(out) : ERR_OK;
}

static enum err read_attribute(struct reader *r, struct span *name, struct span *value)
{
	TRY(take_name(r, name));
	skip_blanks(r);
	if (!take(r, SPAN("=")))
		return ERR_SYNTAX;
	skip_blanks(r);
	if (take(r, SPAN("\"")))
		TRY(take_until(r, SPAN("\""), value));
	else if (take(r, SPAN("'")))
		TRY(take_until(r, SPAN("'"), value));
	else
		return ERR_SYNTAX;
	return read_text(*value, NULL);
}

static enum err enter(struct reader *r, struct span name)
{
	if (r->depth == XML_DEPTH_MAX)
		return ERR_TOO_LONG;
	if (r->inside)
		return ERR_SYNTAX;
	if (r->matched == r->depth && r->matched < r->components && span_eq(name, r->component[r->matched]))
		r->matched++;
	r->open[r->depth++] = name;
	if (r->matched == r->components && r->depth == r->components) {
		if (r->found)
			return ERR_DUPLICATE;
		r->found = r->inside = true;
	}
	return ERR_OK;
}

static enum err leave(struct reader *r)
{
	r->depth--;
	r->inside = false;
	if (r->matched > r->depth)
		r->matched = r->depth;
	return ERR_OK;
}

/* After '<' of a start tag. */
static enum err read_start_tag(struct reader *r)
{
	struct span name, attribute, value;
	TRY(take_name(r, &name));
	TRY(enter(r, name));
	for (;;) {
		size_t before = r->rest.len;
		skip_blanks(r);
		if (take(r, SPAN(">")))
			return ERR_OK;
		if (take(r, SPAN("/>")))
			return leave(r);
		if (r->rest.len == before)
			return ERR_SYNTAX;
		TRY(read_attribute(r, &attribute, &value));
	}
}

/* After "</". */
static enum err read_end_tag(struct reader *r)
{
	struct span name;
	TRY(take_name(r, &name));
	skip_blanks(r);
	if (!take(r, SPAN(">")) || !span_eq(name, r->open[r->depth - 1]))
		return ERR_SYNTAX;
	return leave(r);
}

/* After "<!--". */
static enum err read_comment(struct reader *r)
{
	struct span text;
	TRY(take_until(r, SPAN("--"), &text));
	return take(r, SPAN(">")) ? ERR_OK : ERR_SYNTAX;
}

static enum err read_markup(struct reader *r)
{
	if (take(r, SPAN("<!--")))
		return read_comment(r);
	if (span_starts(r->rest, SPAN("<!")) || span_starts(r->rest, SPAN("<?")))
		return ERR_UNSUPPORTED;
	if (take(r, SPAN("</")))
		return r->depth ? read_end_tag(r) : ERR_SYNTAX;
	return take(r, SPAN("<")) ? read_start_tag(r) : ERR_SYNTAX;
}

/* After "<?xml": a blank and the attribute `name`. */
static enum err read_declared(struct reader *r, struct span name, struct span *value)
{
	struct span got;
	if (!r->rest.len || !blank(r->rest.p[0]))
		return ERR_SYNTAX;
	skip_blanks(r);
	TRY(read_attribute(r, &got, value));
	return span_eq(got, name) ? ERR_OK : ERR_SYNTAX;
}

/* The version and, where it is said, the encoding: nothing else. */
static enum err read_declaration(struct reader *r)
{
	struct span value;
	if (!take(r, SPAN("<?xml")))
		return ERR_OK;
	TRY(read_declared(r, SPAN("version"), &value));
	if (!span_eq(value, SPAN("1.0")))
		return ERR_UNSUPPORTED;
	if (take(r, SPAN("?>")))
		return ERR_OK;
	TRY(read_declared(r, SPAN("encoding"), &value));
	if (!span_ieq(value, SPAN("UTF-8")))
		return ERR_UNSUPPORTED;
	skip_blanks(r);
	return take(r, SPAN("?>")) ? ERR_OK : ERR_SYNTAX;
}

/* Blanks and comments around the root element. */
static enum err read_misc(struct reader *r)
{
	skip_blanks(r);
	while (take(r, SPAN("<!--"))) {
		TRY(read_comment(r));
		skip_blanks(r);
	}
	return ERR_OK;
}

static enum err read_content(struct reader *r)
{
	size_t n = span_find(r->rest, '<');
	TRY(read_text(span_first(r->rest, n), r->inside ? r->out : NULL));
	r->rest = span_from(r->rest, n);
	return read_markup(r);
}

enum err xml_find_text(struct span text, const char *path, struct buf *out)
{
	struct reader r = {.rest = text, .out = out};
	struct span left = span_str(path);
	do {
		ASSERT(r.components < XML_DEPTH_MAX);
		r.component[r.components++] = span_cut(&left, '/');
	} while (left.len);
	if (text.len > XML_MAX_BYTES)
		return ERR_TOO_LONG;
	if (!text_is_utf8(text))
		return ERR_SYNTAX;
	TRY(read_declaration(&r));
	TRY(read_misc(&r));
	TRY(read_markup(&r));
	while (r.depth)
		TRY(read_content(&r));
	TRY(read_misc(&r));
	if (r.rest.len)
		return ERR_SYNTAX;
	return r.found ? ERR_OK : ERR_MISSING;
}
