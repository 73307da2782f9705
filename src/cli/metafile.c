#include "cli/metafile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/catalog.h"
#include "record/object_read.h"

static void put_member(struct buf *b, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	if (b->len && b->p[b->len - 1] != '{')
		buf_str(b, ",\n ");
	json_put_string(b, span_str(name));
	buf_str(b, ": ");
	json_put_string(b, value);
}

static void put_time(struct buf *b, const char *name, uint64_t ns)
{
	uint8_t text[40];
	struct buf t = BUF_OF(text);
	time_rfc3339(&t, ns);
	put_member(b, name, ns ? buf_span(&t) : SPAN(""));
}

static void put_metadata(struct buf *b, const struct object_meta *m)
{
	const char *name;
	uint8_t text[128];
	struct buf value = BUF_OF(text);
	buf_str(b, ",\n \"metadata\": {");
	for (unsigned i = 0; object_meta_field(m, i, true, &name, &value); i++) {
		put_member(b, name, buf_span(&value));
		buf_reset(&value);
	}
	buf_str(b, "}");
}

enum err metafile_put(struct buf *b, struct span key, const struct bucket_head *h)
{
	uint8_t digits[24];
	struct buf size = BUF_OF(digits);
	if (!text_is_utf8(key))
		return ERR_SYNTAX;
	text_u64(&size, h->size_bytes);
	buf_str(b, "{");
	put_member(b, "bucket", bucket_name());
	put_member(b, "key", key);
	put_member(b, "version", span_str(h->version));
	put_member(b, "size", buf_span(&size));
	put_member(b, "etag", span_str(h->etag));
	put_time(b, "last_modified", h->modified_ns);
	put_member(b, "storage_class", span_str(h->storage_class));
	put_member(b, "checksum_sha256", span_str(h->checksum_sha256));
	put_member(b, "retain_mode", span_str(h->retain_mode));
	put_time(b, "retain_until", h->retain_until_ns);
	put_member(b, "legal_hold", h->legal_hold ? SPAN("ON") : SPAN(""));
	if (h->has_meta)
		put_metadata(b, &h->meta);
	buf_str(b, "}\n");
	return buf_err(b);
}

/* What is missing stays empty. */
static enum err get(struct span json, const char *name, char *out, size_t cap)
{
	enum err e = json_find_text(json, name, out, cap);
	if (e == ERR_MISSING)
		out[0] = 0;
	return e == ERR_MISSING ? ERR_OK : e ? ERR_SYNTAX : ERR_OK;
}

static enum err get_time(struct span json, const char *name, uint64_t *ns)
{
	char text[40];
	TRY(get(json, name, text, sizeof(text)));
	*ns = 0;
	return text[0] ? time_read_rfc3339(span_str(text), ns) : ERR_OK;
}

static enum err get_metadata(struct span json, struct bucket_head *h, const char *key)
{
	struct object_meta *m = &h->meta;
	const struct object_meta names = {.seq = 0};
	struct catalog_object o;
	const char *name;
	uint32_t seen = 0;
	uint8_t ignored_text[128];
	struct buf ignored = BUF_OF(ignored_text);
	for (unsigned i = 0; object_meta_field(&names, i, true, &name, &ignored); i++) {
		char path[64], value[160];
		snprintf(path, sizeof(path), "metadata/%s", name);
		buf_reset(&ignored);
		TRY(get(json, path, value, sizeof(value)));
		if (value[0] && object_read_field(m, &seen, span_str(name), span_str(value)))
			return ERR_SYNTAX;
	}
	h->has_meta =
		seen == OBJECT_READ_ALL && strlen(key) < sizeof(m->name) && !catalog_name(span_str(key), &o);
	if (!h->has_meta)
		return ERR_OK;
	memcpy(m->name, key, strlen(key) + 1);
	memcpy(m->stream, o.stream, sizeof(m->stream));
	m->kind = o.kind;
	m->seq = o.seq;
	m->boot = o.boot;
	m->size_bytes = h->size_bytes;
	return ERR_OK;
}

enum err metafile_parse(struct span json, struct bucket_head *h, char key_text[BUCKET_KEY_MAX])
{
	char text[24];
	memset(h, 0, sizeof(*h));
	TRY(json_find_text(json, "key", key_text, BUCKET_KEY_MAX));
	TRY(json_find_text(json, "size", text, sizeof(text)));
	TRY(text_read_u64(span_str(text), INT64_MAX, &h->size_bytes));
	TRY(get(json, "version", h->version, sizeof(h->version)));
	TRY(get(json, "etag", h->etag, sizeof(h->etag)));
	TRY(get_time(json, "last_modified", &h->modified_ns));
	TRY(get(json, "storage_class", h->storage_class, sizeof(h->storage_class)));
	TRY(get(json, "checksum_sha256", h->checksum_sha256, sizeof(h->checksum_sha256)));
	TRY(get(json, "retain_mode", h->retain_mode, sizeof(h->retain_mode)));
	TRY(get_time(json, "retain_until", &h->retain_until_ns));
	TRY(get(json, "legal_hold", text, sizeof(text)));
	h->legal_hold = !strcmp(text, "ON");
	return get_metadata(json, h, key_text);
}

enum err metafile_load(const char *path, struct bucket_head *h, char key_text[BUCKET_KEY_MAX])
{
	static uint8_t text[METAFILE_MAX_BYTES];
	char name[4200];
	struct buf b = BUF_OF(name);
	buf_str(&b, path);
	buf_str(&b, ".json");
	if (!buf_cstr(&b))
		return ERR_TOO_LONG;
	FILE *f = fopen(name, "rb");
	if (!f)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	size_t n = fread(text, 1, sizeof(text), f);
	bool failed = ferror(f);
	fclose(f);
	if (failed)
		return ERR_SYSTEM;
	return n == sizeof(text) ? ERR_TOO_LONG : metafile_parse(span_of(text, n), h, key_text);
}
