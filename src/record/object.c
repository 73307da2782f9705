/* Encryption context, serialised (AWS Encryption SDK, message header): pair count u16, then {key length u16 |
 * key | value length u16 | value} sorted by key, big-endian. Keys: sealtap-account, -appliance, -boot,
 * -config, -format, -image, -instance, -keyseq, -pub, -region, -stream, -vpc. Numbers are decimal, boot and
 * hashes lower-case hexadecimal, pub base64; what is unknown is "none" (KMS takes no empty value).
 *
 * Name: <prefix>/<account>/<region>/<appliance>/YYYY/MM/DD/HH/<kind>/<start>-<boot>-<stream>-<seq>.<ext>
 */
#include "record/object.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define VALUE_MAX 128

static const struct {
	const char *kind, *ext;
} kinds[] = {
	[OBJECT_PACKETS] = {"packets", ".pcapng.zst.encrypted"},
	[OBJECT_LOG] = {"log", ".jsonl.zst.encrypted"},
	[OBJECT_FLOWS] = {"flows", ".jsonl.zst.encrypted"},
};

/* ---- name */

/* A component that is empty, or has a character that S3, a URL or a shell would treat in its own way, is
 * refused. */
static enum err put_component(struct buf *b, const char *s)
{
	struct span c = span_str(s);
	if (c.len == 0)
		return ERR_MISSING;
	if (!text_is_unreserved(c))
		return ERR_SYNTAX;
	buf_put(b, c);
	return ERR_OK;
}

static void put_date_path(struct buf *b, const struct time_civil *t)
{
	text_u64_pad(b, t->year, 4);
	buf_u8(b, '/');
	text_u64_pad(b, t->month, 2);
	buf_u8(b, '/');
	text_u64_pad(b, t->day, 2);
	buf_u8(b, '/');
	text_u64_pad(b, t->hour, 2);
}

static void put_start(struct buf *b, const struct time_civil *t)
{
	text_u64_pad(b, t->year, 4);
	text_u64_pad(b, t->month, 2);
	text_u64_pad(b, t->day, 2);
	buf_u8(b, 'T');
	text_u64_pad(b, t->hour, 2);
	text_u64_pad(b, t->minute, 2);
	text_u64_pad(b, t->second, 2);
	buf_u8(b, '.');
	text_u64_pad(b, t->ns, 9);
	buf_u8(b, 'Z');
}

static enum err put_directory(struct buf *b, const struct object_identity *id)
{
	const char *components[] = {id->account, id->region, id->appliance};
	struct span prefix = span_str(id->prefix);
	while (prefix.len) {
		struct span part = span_cut(&prefix, '/');
		if (part.len == 0)
			return ERR_SYNTAX;
		if (!text_is_unreserved(part))
			return ERR_SYNTAX;
		buf_put(b, part);
		buf_u8(b, '/');
	}
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		TRY(put_component(b, components[i]));
		buf_u8(b, '/');
	}
	return ERR_OK;
}

bool object_meta_sane(const struct object_meta *m)
{
	return memchr(m->name, 0, sizeof(m->name)) && memchr(m->stream, 0, sizeof(m->stream)) &&
	       m->sig_len <= sizeof(m->sig) && m->kind <= OBJECT_FLOWS;
}

enum err object_name(const struct object_identity *id, struct object_meta *meta)
{
	struct buf b = BUF_OF(meta->name);
	struct time_civil t = time_civil(meta->first_ns);
	ASSERT(meta->kind < sizeof(kinds) / sizeof(kinds[0]));
	meta->boot = id->boot;
	TRY(put_directory(&b, id));
	put_date_path(&b, &t);
	buf_u8(&b, '/');
	buf_str(&b, kinds[meta->kind].kind);
	buf_u8(&b, '/');
	put_start(&b, &t);
	buf_u8(&b, '-');
	text_hex64(&b, id->boot);
	buf_u8(&b, '-');
	TRY(put_component(&b, meta->stream));
	buf_u8(&b, '-');
	text_u64_pad(&b, meta->seq, 8);
	buf_str(&b, kinds[meta->kind].ext);
	return buf_cstr(&b) ? ERR_OK : ERR_FULL;
}

/* ---- encryption context */

static void put_pair(struct buf *aad, const char *key, struct span value)
{
	if (value.len == 0)
		value = SPAN("none");
	buf_be16(aad, (uint16_t)strlen(key));
	buf_str(aad, key);
	buf_be16(aad, (uint16_t)value.len);
	buf_put(aad, value);
}

static void put_text(struct buf *aad, const char *key, const char *value)
{
	put_pair(aad, key, span_str(value));
}

static void put_u64(struct buf *aad, const char *key, uint64_t value)
{
	uint8_t digits[24];
	struct buf b = BUF_OF(digits);
	text_u64(&b, value);
	put_pair(aad, key, buf_span(&b));
}

static void put_encoded(struct buf *aad, const char *key, struct span bytes,
			void (*encode)(struct buf *, struct span))
{
	uint8_t value[VALUE_MAX];
	struct buf b = BUF_OF(value);
	encode(&b, bytes);
	ASSERT(!b.overflow);
	put_pair(aad, key, buf_span(&b));
}

static void put_boot(struct buf *aad, uint64_t boot)
{
	uint8_t hex[16];
	struct buf b = BUF_OF(hex);
	text_hex64(&b, boot);
	put_pair(aad, "sealtap-boot", buf_span(&b));
}

enum err object_rename(struct object_meta *meta, unsigned n)
{
	struct span name = span_str(meta->name);
	size_t slash = 0;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '/')
			slash = i + 1;
	/* the first '.' of the last component belongs to the start's fraction; the extension begins after the
	 * sequence number */
	size_t dot = slash + span_find(span_from(name, slash), 'Z');
	dot += span_find(span_from(name, dot), '.');
	char renamed[OBJECT_NAME_MAX];
	struct buf b = buf_over(renamed, sizeof(renamed) - 1);
	buf_put(&b, span_first(name, dot));
	buf_str(&b, "-r");
	text_u64(&b, n);
	buf_put(&b, span_from(name, dot));
	TRY(buf_err(&b));
	memset(meta->name, 0, sizeof(meta->name));
	memcpy(meta->name, renamed, b.len);
	return ERR_OK;
}

enum err object_torn(struct object_meta *meta)
{
	struct span name = span_str(meta->name), end = SPAN(".encrypted");
	if (!span_ends(name, end))
		return ERR_SYNTAX;
	struct buf b = buf_over(meta->name, sizeof(meta->name));
	b.len = name.len - end.len;
	buf_str(&b, ".torn.encrypted");
	return buf_cstr(&b) ? ERR_OK : ERR_FULL;
}

enum err object_context(const struct object_identity *id, const char *stream, uint32_t keyseq,
			struct buf *aad)
{
	buf_be16(aad, 12);
	put_text(aad, "sealtap-account", id->account);
	put_text(aad, "sealtap-appliance", id->appliance);
	put_boot(aad, id->boot);
	put_encoded(aad, "sealtap-config", span_of(id->config_sha256, sizeof(id->config_sha256)), text_hex);
	put_u64(aad, "sealtap-format", OBJECT_FORMAT);
	put_encoded(aad, "sealtap-image", span_of(id->image_sha256, sizeof(id->image_sha256)), text_hex);
	put_text(aad, "sealtap-instance", id->instance);
	put_u64(aad, "sealtap-keyseq", keyseq);
	put_encoded(aad, "sealtap-pub", span_of(id->pub, sizeof(id->pub)), text_base64);
	put_text(aad, "sealtap-region", id->region);
	put_text(aad, "sealtap-stream", stream);
	put_text(aad, "sealtap-vpc", id->vpc);
	return buf_err(aad);
}

/* ---- metadata and signature */

enum {
	FIELD_FORMAT,
	FIELD_FIRST,
	FIELD_LAST,
	FIELD_RECORDS,
	FIELD_BYTES,
	FIELD_LOST,
	FIELD_CUT,
	FIELD_FILTERED,
	FIELD_PREV,
	FIELD_SHA256,
	FIELD_SIG,
	FIELD_COUNT
};

#define PREFIX "sealtap-"

static const char *const fields[FIELD_COUNT] = {
	PREFIX "format", PREFIX "first",    PREFIX "last", PREFIX "records", PREFIX "bytes", PREFIX "lost",
	PREFIX "cut",    PREFIX "filtered", PREFIX "prev", PREFIX "sha256",  PREFIX "sig",
};

void object_put_sig(struct buf *b, const struct object_meta *m)
{
	if (m->sig_len)
		text_base64(b, span_of(m->sig, m->sig_len));
	else
		buf_str(b, "none");
}

bool object_meta_field(const struct object_meta *m, unsigned i, bool with_sig, const char **name,
		       struct buf *value)
{
	const uint64_t numbers[] = {OBJECT_FORMAT, m->first_ns, m->last_ns, m->records,
				    m->raw_bytes,  m->lost,     m->cut,     m->filtered};
	if (i >= (with_sig ? FIELD_COUNT : FIELD_SIG))
		return false;
	*name = fields[i];
	if (i < FIELD_PREV)
		text_u64(value, numbers[i]);
	else if (i == FIELD_SIG)
		object_put_sig(value, m);
	else
		text_hex(value, span_of(i == FIELD_PREV ? m->prev : m->sha256, 32));
	return true;
}

enum err object_signed_text(const struct object_meta *m, struct buf *out)
{
	const char *name;
	uint8_t text[VALUE_MAX];
	struct buf value = BUF_OF(text);
	buf_str(out, "name:");
	buf_str(out, m->name);
	buf_u8(out, '\n');
	for (unsigned i = 0; object_meta_field(m, i, false, &name, &value); i++) {
		buf_str(out, name + strlen(PREFIX));
		buf_u8(out, ':');
		buf_put(out, buf_span(&value));
		buf_u8(out, '\n');
		buf_reset(&value);
	}
	return buf_err(out);
}
