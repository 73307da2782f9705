/* Where the parts of a name stand (object format 1, src/FORMAT.md), from its end:
 *
 *   [PREFIX/]ACCOUNT/REGION/APPLIANCE/YYYY/MM/DD/HH/KIND/START-BOOT-STREAM-SEQ[-rN].EXT
 *
 * What was read is written again by record/object and must be the same.
 */
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/catalog.h"
#include "cli/say.h"

#define BOOT_CHARS 16
#define SEQ_CHARS 8

static enum err take(struct span *s, size_t n, struct span *out)
{
	*out = span_first(*s, n);
	*s = span_from(*s, n);
	return out->len == n ? ERR_OK : ERR_SYNTAX;
}

static enum err take_number(struct span *s, size_t n, unsigned *out)
{
	uint64_t v;
	struct span digits;
	TRY(take(s, n, &digits));
	TRY(text_read_u64(digits, UINT32_MAX, &v));
	*out = (unsigned)v;
	return ERR_OK;
}

static enum err skip(struct span *s, char c)
{
	struct span one;
	TRY(take(s, 1, &one));
	return one.p[0] == (uint8_t)c ? ERR_OK : ERR_SYNTAX;
}

static enum err take_start(struct span *s, uint64_t *start_ns)
{
	struct time_civil t;
	TRY(take_number(s, 4, &t.year));
	TRY(take_number(s, 2, &t.month));
	TRY(take_number(s, 2, &t.day));
	TRY(skip(s, 'T'));
	TRY(take_number(s, 2, &t.hour));
	TRY(take_number(s, 2, &t.minute));
	TRY(take_number(s, 2, &t.second));
	TRY(skip(s, '.'));
	TRY(take_number(s, 9, &t.ns));
	if (t.year < 1970 || t.year > 2553 || t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31)
		return ERR_SYNTAX;
	*start_ns = time_unix_ns(&t);
	return skip(s, 'Z');
}

static enum err take_boot(struct span *s, uint64_t *boot)
{
	struct span digits;
	TRY(take(s, BOOT_CHARS, &digits));
	*boot = 0;
	for (size_t i = 0; i < digits.len; i++) {
		int d = text_hex_digit(digits.p[i]);
		if (d < 0)
			return ERR_SYNTAX;
		*boot = *boot << 4 | (unsigned)d;
	}
	return ERR_OK;
}

static enum err take_stream(struct span *s, struct catalog_object *o)
{
	struct span stream = span_first(*s, span_find(*s, '-'));
	*s = span_from(*s, stream.len);
	if (stream.len == 0 || stream.len >= sizeof(o->stream))
		return ERR_SYNTAX;
	memcpy(o->stream, stream.p, stream.len);
	o->kind = OBJECT_PACKETS;
	if (span_eq(stream, SPAN("log")))
		o->kind = OBJECT_LOG;
	else if (span_eq(stream, SPAN("flows")))
		o->kind = OBJECT_FLOWS;
	else if (stream.p[0] != 'w')
		return ERR_SYNTAX;
	return ERR_OK;
}

/* The parts of the last one; they are checked by writing them again. */
static enum err read_last(struct span s, struct catalog_object *o)
{
	unsigned seq;
	TRY(take_start(&s, &o->start_ns));
	TRY(skip(&s, '-'));
	TRY(take_boot(&s, &o->boot));
	TRY(skip(&s, '-'));
	TRY(take_stream(&s, o));
	TRY(skip(&s, '-'));
	TRY(take_number(&s, SEQ_CHARS, &seq));
	o->seq = seq;
	if (span_starts(s, SPAN("-r")) && s.len > 2 && s.p[2] >= '1' && s.p[2] <= '9')
		o->beside = (uint8_t)(s.p[2] - '0');
	o->torn = span_ends(s, SPAN(".torn.encrypted"));
	return ERR_OK;
}

/* What record/object makes of it, behind the appliance. */
static enum err write_again(const struct catalog_object *o, char text[OBJECT_NAME_MAX], struct span *tail)
{
	static const struct object_identity nobody = {.account = "a", .region = "r", .appliance = "x"};
	static struct object_identity id;
	static struct object_meta m;
	id = nobody;
	id.boot = o->boot;
	m.kind = o->kind;
	memcpy(m.stream, o->stream, sizeof(m.stream));
	m.seq = o->seq;
	m.first_ns = o->start_ns;
	TRY(object_name(&id, &m));
	if (o->torn)
		TRY(object_torn(&m));
	if (o->beside)
		TRY(object_rename(&m, o->beside));
	memcpy(text, m.name, sizeof(m.name));
	*tail = span_from(span_str(text), strlen("a/r/x/"));
	return ERR_OK;
}

/* Where the last n parts of a path begin; 0 where there are no more. */
static size_t behind(struct span key, unsigned n)
{
	size_t at = key.len;
	while (at && (key.p[at - 1] != '/' || --n))
		at--;
	return at;
}

const char *catalog_kind_name(unsigned kind)
{
	static const char *const names[] = {
		[OBJECT_PACKETS] = "packets", [OBJECT_LOG] = "log", [OBJECT_FLOWS] = "flows"};
	return names[kind];
}

enum exit_status catalog_kinds(const char *text, unsigned *kinds)
{
	struct span rest = span_str(text ? text : "packets,log,flows");
	*kinds = 0;
	while (rest.len) {
		struct span name = span_cut(&rest, ',');
		unsigned i = OBJECT_PACKETS;
		while (i <= OBJECT_FLOWS && !span_eq(name, span_str(catalog_kind_name(i))))
			i++;
		if (i > OBJECT_FLOWS)
			return say(EXIT_WRONG_USAGE, "--kind %s: packets, log and flows are the kinds",
				   say_text(name));
		*kinds |= 1u << i;
	}
	return EXIT_DONE;
}

enum err catalog_name(struct span key, struct catalog_object *out)
{
	char text[OBJECT_NAME_MAX];
	struct span tail;
	size_t last = behind(key, 1), appliance;
	memset(out, 0, sizeof(*out));
	out->end_ns = UINT64_MAX;
	TRY(read_last(span_from(key, last), out));
	TRY(write_again(out, text, &tail));
	if (last == 0) {
		size_t n = behind(tail, 1);
		return span_eq(key, span_from(tail, n)) ? ERR_OK : ERR_SYNTAX;
	}
	if (!span_ends(key, tail) || key.len <= tail.len || key.p[key.len - tail.len - 1] != '/')
		return ERR_SYNTAX;
	out->appliance = span_first(key, key.len - tail.len - 1);
	appliance = behind(out->appliance, 3);
	out->appliance = span_from(out->appliance, appliance);
	bool parted = span_find(out->appliance, '/') < out->appliance.len;
	return parted ? ERR_OK : ERR_SYNTAX;
}
