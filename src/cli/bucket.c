#include "cli/bucket.h"

#include <stdio.h>
#include <string.h>

#include "aws/s3_list.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/catalog.h"
#include "cli/say.h"
#include "cli/session.h"
#include "lib/sha.h"
#include "record/object_read.h"

static struct {
	char used[64]; /* by an operand; empty: the session's */
	struct s3_list list;
	char token[S3_LIST_TOKEN_MAX + 1], version[S3_LIST_VERSION_MAX + 1];
	uint8_t page[S3_LIST_BYTES_MAX];
	char url[8][BUCKET_KEY_MAX + 80];
	unsigned next_url;
	struct bucket_ask ask;
} g;

struct span bucket_name(void)
{
	return span_str(g.used[0] ? g.used : session_names()->bucket);
}

enum exit_status bucket_use(struct span name)
{
	struct span known = bucket_name();
	if (known.len && !span_eq(known, name))
		return say(EXIT_WRONG_USAGE, "one bucket at a time: %s, or %s?", say_text(known),
			   say_text(name));
	if (name.len == 0 || name.len >= sizeof(g.used) || !text_is_unreserved(name))
		return say(EXIT_WRONG_USAGE, "%s is no name of a bucket", say_text(name));
	memcpy(g.used, name.p, name.len);
	g.used[name.len] = 0;
	return EXIT_DONE;
}

const char *bucket_url(struct span key)
{
	char *url = g.url[g.next_url++ % 8];
	struct buf b = buf_over(url, sizeof(g.url[0]) - 1);
	buf_str(&b, "s3://");
	buf_put(&b, bucket_name());
	buf_u8(&b, '/');
	text_printable(&b, key);
	url[b.len] = 0;
	return url;
}

void bucket_put_path(struct buf *b, struct span key)
{
	buf_u8(b, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.p[i] == '/')
			buf_u8(b, '/');
		else
			text_percent(b, span_of(key.p + i, 1));
	}
}

void bucket_put_version(struct buf *b, struct span version)
{
	if (version.len == 0)
		return;
	if (b->len)
		buf_u8(b, '&');
	buf_str(b, "versionId=");
	text_percent(b, version);
}

/* ---- lists */

struct listing {
	bucket_entry_fn fn;
	void *arg;
};

static bool tell_entry(void *arg, const struct s3_list_entry *e)
{
	const struct listing *l = arg;
	struct bucket_entry entry = {
		.key = e->key,
		.version = e->version,
		.storage_class = e->storage_class,
		.etag = e->etag,
		.size_bytes = e->size_bytes,
		.modified_ns = e->modified_ns,
		.is_latest = e->is_latest,
		.is_marker = e->is_marker,
	};
	return l->fn(l->arg, &entry);
}

static struct span keep(struct span s, char *to, size_t cap)
{
	ASSERT(s.len < cap);
	memcpy(to, s.p, s.len);
	return span_of(to, s.len);
}

/* A page; *more: another is wanted, which q asks for then. */
static enum exit_status list_page(struct s3_list_query *q, struct listing *l, bool *more)
{
	static uint8_t text[S3_LIST_QUERY_MAX];
	struct buf query = BUF_OF(text);
	*more = false;
	if (s3_list_query(q, &query))
		return say(EXIT_WRONG_USAGE, "the prefix is too long: %s", say_text(q->prefix));
	struct call c = {
		.service = "s3",
		.method = "GET",
		.bucket = bucket_name(),
		.path = SPAN("/"),
		.query = buf_span(&query),
		.to = g.page,
		.to_bytes = sizeof(g.page),
	};
	bool versions = q->kind == S3_LIST_VERSIONS || q->kind == S3_LIST_VERSION_FOLDERS;
	if (call_run(&c))
		return call_say(&c, "list", span_str(bucket_url(q->prefix)),
				versions ? "s3:ListBucketVersions" : "s3:ListBucket");
	s3_list_begin(&g.list, q->kind, tell_entry, l);
	enum err e = s3_list_feed(&g.list, c.answer);
	if (!e)
		e = s3_list_end(&g.list);
	if (e)
		return say(EXIT_UNAVAILABLE, "can't list %s: the answer is none of S3's: %s",
			   bucket_url(q->prefix), err_text(e));
	*more = g.list.more && !g.list.stopped;
	q->token = keep(buf_span(&g.list.token), g.token, sizeof(g.token));
	q->version = keep(buf_span(&g.list.version), g.version, sizeof(g.version));
	return EXIT_DONE;
}

static enum exit_status list(enum s3_list_kind kind, struct span prefix, struct span after,
			     bucket_entry_fn fn, void *arg)
{
	struct s3_list_query q = {.kind = kind, .prefix = prefix, .after = after};
	struct listing l = {fn, arg};
	bool more = true;
	if (bucket_name().len == 0)
		return say(EXIT_NOT_SET_UP,
			   "which bucket? give --bucket BUCKET[/PREFIX], or set SEALTAP_BUCKET");
	if (kind == S3_LIST_VERSIONS)
		q.token = after;
	enum exit_status s = EXIT_DONE;
	while (more && !s)
		s = list_page(&q, &l, &more);
	return s;
}

enum exit_status bucket_list(struct span prefix, struct span after, bucket_entry_fn fn, void *arg)
{
	return list(S3_LIST_OBJECTS, prefix, after, fn, arg);
}

enum exit_status bucket_list_versions(struct span prefix, bucket_entry_fn fn, void *arg)
{
	return list(S3_LIST_VERSIONS, prefix, SPAN(""), fn, arg);
}

enum exit_status bucket_list_from(bool versions, struct span prefix, struct span after, bucket_entry_fn fn,
				  void *arg)
{
	return list(versions ? S3_LIST_VERSIONS : S3_LIST_OBJECTS, prefix, after, fn, arg);
}

enum exit_status bucket_list_folders(bool versions, struct span prefix, bucket_entry_fn fn, void *arg)
{
	return list(versions ? S3_LIST_VERSION_FOLDERS : S3_LIST_FOLDERS, prefix, SPAN(""), fn, arg);
}

/* ---- questions about one object */

static void keep_text(char *field, size_t cap, struct span value)
{
	if (field[0] || value.len >= cap || !text_is_printable(value))
		return;
	memcpy(field, value.p, value.len);
	field[value.len] = 0;
}

static void head_field(void *arg, struct span name, struct span value)
{
	struct bucket_ask *a = arg;
	struct bucket_head *h = &a->head;
	const struct {
		const char *name;
		char *field;
		size_t cap;
	} texts[] = {
		{"etag", h->etag, sizeof(h->etag)},
		{"x-amz-version-id", h->version, sizeof(h->version)},
		{"x-amz-storage-class", h->storage_class, sizeof(h->storage_class)},
		{"x-amz-restore", h->restore, sizeof(h->restore)},
		{"x-amz-checksum-sha256", h->checksum_sha256, sizeof(h->checksum_sha256)},
		{"x-amz-object-lock-mode", h->retain_mode, sizeof(h->retain_mode)},
	};
	struct span prefix = SPAN("x-amz-meta-");
	if (name.len == 0) {
		memset(h, 0, sizeof(*h));
		a->seen = 0;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (span_ieq(name, span_str(texts[i].name)))
			keep_text(texts[i].field, texts[i].cap, value);
	if (span_ieq(name, SPAN("content-length")) && text_read_u64(value, INT64_MAX, &h->size_bytes))
		h->size_bytes = 0;
	else if (span_ieq(name, SPAN("last-modified")) && time_read_http(value, &h->modified_ns))
		h->modified_ns = 0;
	else if (span_ieq(name, SPAN("x-amz-object-lock-legal-hold")))
		h->legal_hold = span_eq(value, SPAN("ON"));
	else if (span_ieq(name, SPAN("x-amz-object-lock-retain-until-date")) &&
		 time_read_rfc3339(value, &h->retain_until_ns))
		h->retain_until_ns = 0;
	else if (span_ieq(span_first(name, prefix.len), prefix)) {
		enum err e = object_read_field(&h->meta, &a->seen, span_from(name, prefix.len), value);
		if (e && e != ERR_NOT_FOUND)
			a->seen |= ~OBJECT_READ_ALL; /* as if one were missing */
	}
}

static void begin(struct bucket_ask *a, const char *method, struct span key, struct span version,
		  const char *parameter)
{
	struct buf path = BUF_OF(a->path), query = BUF_OF(a->query);
	bucket_put_path(&path, key);
	buf_str(&query, parameter);
	bucket_put_version(&query, version);
	ASSERT(!path.overflow && !query.overflow); /* who made them has looked at their lengths */
	memset(&a->call, 0, sizeof(a->call));
	a->call.service = "s3";
	a->call.method = method;
	a->call.bucket = bucket_name();
	a->call.path = buf_span(&path);
	a->call.query = buf_span(&query);
}

static void add_digest(struct bucket_ask *a)
{
	uint8_t hash[32];
	struct buf b = BUF_OF(a->digest);
	sha256_of(a->call.body, hash);
	text_base64(&b, span_of(hash, sizeof(hash)));
	a->header[0] = (struct sigv4_header){SPAN("X-Amz-Checksum-Sha256"), buf_span(&b)};
	a->header[1] = (struct sigv4_header){SPAN("X-Amz-Sdk-Checksum-Algorithm"), SPAN("SHA256")};
	a->call.headers = a->header;
	a->call.header_count = 2;
}

void bucket_head_start(struct bucket_ask *a, struct span key, struct span version)
{
	begin(a, "HEAD", key, version, "");
	a->header[0] = (struct sigv4_header){SPAN("X-Amz-Checksum-Mode"), SPAN("ENABLED")};
	a->call.headers = a->header;
	a->call.header_count = 1;
	a->call.field = head_field;
	a->call.arg = a;
	call_start(&a->call);
}

enum err bucket_head_end(struct bucket_ask *a)
{
	struct catalog_object o;
	struct object_meta *m = &a->head.meta;
	struct span key = span_from(a->call.path, 1); /* where it is a name of ours nothing is encoded */
	TRY(call_wait(&a->call));
	if (a->seen != OBJECT_READ_ALL || key.len >= sizeof(m->name) || catalog_name(key, &o))
		return ERR_OK;
	memcpy(m->name, key.p, key.len);
	memcpy(m->stream, o.stream, sizeof(m->stream));
	m->kind = o.kind;
	m->seq = o.seq;
	m->boot = o.boot;
	m->size_bytes = a->head.size_bytes;
	a->head.has_meta = true;
	return ERR_OK;
}

void bucket_hold_start(struct bucket_ask *a, struct span key, struct span version, bool on)
{
	struct buf b = BUF_OF(a->body);
	begin(a, "PUT", key, version, "legal-hold=");
	buf_str(&b, "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>");
	buf_str(&b, on ? "ON" : "OFF");
	buf_str(&b, "</Status></LegalHold>");
	a->call.body = buf_span(&b);
	add_digest(a);
	call_start(&a->call);
}

void bucket_restore_start(struct bucket_ask *a, struct span key, struct span version, uint64_t days,
			  const char *tier)
{
	struct buf b = BUF_OF(a->body);
	begin(a, "POST", key, version, "restore=");
	buf_str(&b, "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>");
	text_u64(&b, days);
	buf_str(&b, "</Days><GlacierJobParameters><Tier>");
	buf_str(&b, tier);
	buf_str(&b, "</Tier></GlacierJobParameters></RestoreRequest>");
	a->call.body = buf_span(&b);
	add_digest(a);
	call_start(&a->call);
}

static enum err waited(struct call *failed)
{
	enum err e = call_wait(&g.ask.call);
	if (failed)
		*failed = g.ask.call;
	return e;
}

enum err bucket_head(struct span key, struct span version, struct bucket_head *out, struct call *failed)
{
	bucket_head_start(&g.ask, key, version);
	TRY(waited(failed));
	TRY(bucket_head_end(&g.ask));
	*out = g.ask.head;
	return ERR_OK;
}

enum err bucket_set_hold(struct span key, struct span version, bool on, struct call *failed)
{
	bucket_hold_start(&g.ask, key, version, on);
	return waited(failed);
}

enum err bucket_restore(struct span key, struct span version, uint64_t days, const char *tier,
			struct call *failed)
{
	bucket_restore_start(&g.ask, key, version, days, tier);
	return waited(failed);
}
