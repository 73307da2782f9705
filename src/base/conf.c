#include "base/conf.h"

#include <string.h>

#include "base/text.h"

/* How a value is read into the field at `offset`. */
enum kind { KIND_U64, KIND_U32, KIND_BUCKET, KIND_PREFIX, KIND_KEY_ARN, KIND_NAME, KIND_NAT };

struct row {
	const char *key;
	enum kind kind;
	bool required;
	size_t offset, size;    /* of the field in struct settings */
	uint64_t min, max;      /* of numbers */
	const char *default_to; /* NULL: leave it empty */
};

#define FIELD(name) offsetof(struct settings, name), sizeof(((struct settings *)0)->name)

static const struct row rows[] = {
	{"s3.bucket", KIND_BUCKET, true, FIELD(s3_bucket), 0, 0, NULL},
	{"s3.prefix", KIND_PREFIX, false, FIELD(s3_prefix), 0, 0, "sealtap"},
	{"kms.key", KIND_KEY_ARN, true, FIELD(kms_key), 0, 0, NULL},
	{"appliance", KIND_NAME, false, FIELD(appliance), 0, 0, NULL},
	{"object.max_bytes", KIND_U64, false, FIELD(object_max_bytes), 1048576, 1073741824, "67108864"},
	{"object.max_seconds", KIND_U64, false, FIELD(object_max_seconds), 1, 3600, "300"},
	{"key.max_seconds", KIND_U64, false, FIELD(key_max_seconds), 60, 86400, "3600"},
	{"key.max_bytes", KIND_U64, false, FIELD(key_max_bytes), 1048576, UINT64_MAX, "68719476736"},
	{"log.interval_seconds", KIND_U64, false, FIELD(log_interval_seconds), 1, 300, "300"},
	{"nat", KIND_NAT, false, FIELD(nat), 0, 0, "masquerade"},
	{"zstd.level", KIND_U32, false, FIELD(zstd_level), 1, 19, "1"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static enum err read_number(const struct row *r, struct span value, void *field)
{
	uint64_t v;
	TRY(text_read_u64(value, r->max, &v));
	if (v < r->min)
		return ERR_RANGE;
	if (r->kind == KIND_U64)
		*(uint64_t *)field = v;
	else
		*(uint32_t *)field = (uint32_t)v;
	return ERR_OK;
}

static bool lower_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static enum err check_bucket(struct span v)
{
	if (v.len < 3)
		return ERR_RANGE;
	if (!lower_or_digit(v.p[0]) || !lower_or_digit(v.p[v.len - 1]))
		return ERR_SYNTAX;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '.')
			return ERR_UNSUPPORTED;
		if (!lower_or_digit(v.p[i]) && v.p[i] != '-')
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

/* One component of an object's name. "." and ".." would be read as steps in a path. */
static enum err check_name(struct span v)
{
	if (v.len == 0 || !text_is_unreserved(v) || span_eq(v, SPAN(".")) || span_eq(v, SPAN("..")))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err check_prefix(struct span v)
{
	if (span_ends(v, SPAN("/")))
		return ERR_SYNTAX;
	do
		TRY(check_name(span_cut(&v, '/')));
	while (v.len);
	return ERR_OK;
}

static enum err check_key_arn(struct span v)
{
	struct span part[5];
	for (size_t i = 0; i < 5; i++)
		part[i] = span_cut(&v, ':');
	uint64_t account;
	if (!span_eq(part[0], SPAN("arn")) || !span_eq(part[2], SPAN("kms")) || part[4].len != 12 ||
	    text_read_u64(part[4], UINT64_MAX, &account))
		return ERR_SYNTAX;
	TRY(check_name(part[1]));
	TRY(check_name(part[3]));
	struct span type = span_cut(&v, '/');
	if (!span_eq(type, SPAN("key")) && !span_eq(type, SPAN("alias")))
		return ERR_SYNTAX;
	return check_prefix(v);
}

static enum err read_nat(struct span v, uint32_t *nat)
{
	if (span_eq(v, SPAN("masquerade")))
		*nat = CONF_NAT_MASQUERADE;
	else if (span_eq(v, SPAN("none")))
		*nat = CONF_NAT_NONE;
	else
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err read_text(const struct row *r, struct span v, char *field)
{
	if (v.len >= r->size)
		return ERR_TOO_LONG;
	switch (r->kind) {
	case KIND_BUCKET:
		TRY(check_bucket(v));
		break;
	case KIND_PREFIX:
		TRY(check_prefix(v));
		break;
	case KIND_KEY_ARN:
		TRY(check_key_arn(v));
		break;
	default:
		TRY(check_name(v));
	}
	memcpy(field, v.p, v.len);
	field[v.len] = 0;
	return ERR_OK;
}

static enum err read_value(const struct row *r, struct span v, struct settings *out)
{
	void *field = (uint8_t *)out + r->offset;
	switch (r->kind) {
	case KIND_U64:
	case KIND_U32:
		return read_number(r, v, field);
	case KIND_NAT:
		return read_nat(v, field);
	default:
		return read_text(r, v, field);
	}
}

/* Cuts a comment off: from a '#' at the line's start or after a blank. */
static struct span without_comment(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return span_first(line, i);
	return line;
}

static bool has_control(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
			return true;
	return false;
}

static void blame(struct conf_error *at, unsigned line, struct span key)
{
	size_t n = key.len < sizeof(at->key) - 1 ? key.len : sizeof(at->key) - 1;
	memset(at, 0, sizeof(*at));
	at->line = line;
	for (size_t i = 0; i < n; i++)
		at->key[i] = key.p[i] > 0x20 && key.p[i] < 0x7f ? (char)key.p[i] : '?';
}

/* `key` is set as soon as it is known, so that an error can name it. */
static enum err read_line(struct span line, bool seen[ROWS], struct settings *out, struct span *key)
{
	if (span_ends(line, SPAN("\r")))
		line.len--;
	if (has_control(line) || !text_is_utf8(line))
		return ERR_SYNTAX;
	line = span_trim(without_comment(line));
	if (line.len == 0)
		return ERR_OK;
	size_t equals = span_find(line, '=');
	*key = span_trim(span_first(line, equals));
	if (equals == line.len || key->len == 0)
		return ERR_SYNTAX;
	struct span value = span_trim(span_from(line, equals + 1));
	for (size_t i = 0; i < ROWS; i++) {
		if (!span_eq(*key, span_str(rows[i].key)))
			continue;
		if (seen[i])
			return ERR_DUPLICATE;
		seen[i] = true;
		return read_value(&rows[i], value, out);
	}
	return ERR_UNKNOWN_KEY;
}

static void set_defaults(struct settings *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].default_to)
			ASSERT(read_value(&rows[i], span_str(rows[i].default_to), out) == ERR_OK);
}

enum err conf_read(struct span text, struct settings *out, struct conf_error *at)
{
	bool seen[ROWS] = {false};
	set_defaults(out);
	blame(at, 0, SPAN(""));
	if (text.len > CONF_MAX_BYTES)
		return ERR_TOO_LONG;
	for (unsigned number = 1; text.len; number++) {
		struct span key = SPAN("");
		enum err e = read_line(span_cut(&text, '\n'), seen, out, &key);
		if (e) {
			blame(at, number, key);
			return e;
		}
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].required && !seen[i]) {
			blame(at, 0, span_str(rows[i].key));
			return ERR_MISSING;
		}
	}
	return ERR_OK;
}
