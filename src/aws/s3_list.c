/* A page, of which nothing else is looked at:
 *
 *   ListBucketResult    IsTruncated, NextContinuationToken, Contents*, CommonPrefixes*
 *   ListVersionsResult  IsTruncated, NextKeyMarker, NextVersionIdMarker, Version*, DeleteMarker*
 *     Contents, Version, DeleteMarker   Key, VersionId, IsLatest, LastModified, ETag, Size, StorageClass
 *     CommonPrefixes                    Prefix
 *
 * Keys, prefixes and key markers are encoded as in a form: %XX, and + for a blank.
 */
#include "aws/s3_list.h"

#include <string.h>

#include "base/time.h"

/* Of the page, then of an entry. */
enum row { TRUNCATED, TOKEN, MARKER, KEY, VERSION, LATEST, MODIFIED, ETAG, SIZE, CLASS, ROWS };

_Static_assert(ROWS <= S3_LIST_ROWS, "each row has a buffer");

struct place {
	enum row row;
	const char *path;
};

static const struct place of_objects[] = {
	{TRUNCATED, "ListBucketResult/IsTruncated"},
	{TOKEN, "ListBucketResult/NextContinuationToken"},
	{KEY, "ListBucketResult/Contents/Key"},
	{MODIFIED, "ListBucketResult/Contents/LastModified"},
	{ETAG, "ListBucketResult/Contents/ETag"},
	{SIZE, "ListBucketResult/Contents/Size"},
	{CLASS, "ListBucketResult/Contents/StorageClass"},
	{ROWS, NULL},
};

static const struct place of_versions[] = {
	{TRUNCATED, "ListVersionsResult/IsTruncated"},
	{TOKEN, "ListVersionsResult/NextKeyMarker"},
	{MARKER, "ListVersionsResult/NextVersionIdMarker"},
	{KEY, "ListVersionsResult/Version/Key"},
	{VERSION, "ListVersionsResult/Version/VersionId"},
	{LATEST, "ListVersionsResult/Version/IsLatest"},
	{MODIFIED, "ListVersionsResult/Version/LastModified"},
	{ETAG, "ListVersionsResult/Version/ETag"},
	{SIZE, "ListVersionsResult/Version/Size"},
	{CLASS, "ListVersionsResult/Version/StorageClass"},
	{KEY, "ListVersionsResult/DeleteMarker/Key"},
	{VERSION, "ListVersionsResult/DeleteMarker/VersionId"},
	{LATEST, "ListVersionsResult/DeleteMarker/IsLatest"},
	{MODIFIED, "ListVersionsResult/DeleteMarker/LastModified"},
	{ROWS, NULL},
};

static const struct place of_folders[] = {
	{TRUNCATED, "ListBucketResult/IsTruncated"},
	{TOKEN, "ListBucketResult/NextContinuationToken"},
	{KEY, "ListBucketResult/CommonPrefixes/Prefix"},
	{ROWS, NULL},
};

static const struct place of_version_folders[] = {
	{TRUNCATED, "ListVersionsResult/IsTruncated"},
	{TOKEN, "ListVersionsResult/NextKeyMarker"},
	{MARKER, "ListVersionsResult/NextVersionIdMarker"},
	{KEY, "ListVersionsResult/CommonPrefixes/Prefix"},
	{ROWS, NULL},
};

static const struct {
	const struct place *places;
	size_t of_page;             /* rows */
	const char *marker, *entry; /* elements: of delete markers, of all else */
} kinds[] = {
	[S3_LIST_OBJECTS] = {of_objects, 2, "", "Contents"},
	[S3_LIST_VERSIONS] = {of_versions, 3, "DeleteMarker", "Version"},
	[S3_LIST_FOLDERS] = {of_folders, 2, "", "CommonPrefixes"},
	[S3_LIST_VERSION_FOLDERS] = {of_version_folders, 3, "", "CommonPrefixes"},
};

/* ---- asking */

static bool of_folders_only(enum s3_list_kind kind)
{
	return kind == S3_LIST_FOLDERS || kind == S3_LIST_VERSION_FOLDERS;
}

static bool with_versions(enum s3_list_kind kind)
{
	return kind == S3_LIST_VERSIONS || kind == S3_LIST_VERSION_FOLDERS;
}

static void put(struct buf *b, const char *name, struct span value)
{
	if (b->len)
		buf_u8(b, '&');
	buf_str(b, name);
	buf_u8(b, '=');
	text_percent(b, value);
}

static void put_if(struct buf *b, const char *name, struct span value)
{
	if (value.len)
		put(b, name, value);
}

enum err s3_list_query(const struct s3_list_query *q, struct buf *out)
{
	uint8_t text[S3_LIST_QUERY_MAX];
	struct buf b = BUF_OF(text);
	bool versions = with_versions(q->kind);
	if (!versions)
		put_if(&b, "continuation-token", q->token);
	put_if(&b, "delimiter", of_folders_only(q->kind) ? SPAN("/") : SPAN(""));
	put(&b, "encoding-type", SPAN("url"));
	if (versions)
		put_if(&b, "key-marker", q->token);
	else
		put(&b, "list-type", SPAN("2"));
	put(&b, "prefix", q->prefix);
	if (!versions && !q->token.len)
		put_if(&b, "start-after", q->after);
	if (versions) {
		put_if(&b, "version-id-marker", q->version);
		put(&b, "versions", SPAN(""));
	}
	TRY(buf_err(&b));
	buf_put(out, buf_span(&b));
	return buf_err(out);
}

/* ---- reading */

/* In place: what is decoded is no longer. */
static enum err decode(struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->len; i++, n++) {
		uint8_t c = b->p[i];
		if (c == '%') {
			int high = i + 2 < b->len ? text_hex_digit(b->p[i + 1]) : -1;
			int low = high >= 0 ? text_hex_digit(b->p[i + 2]) : -1;
			if (low < 0)
				return ERR_SYNTAX;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		b->p[n] = b->p[i] == '+' && c == '+' ? ' ' : c;
	}
	b->len = n;
	return ERR_OK;
}

static enum err read_bool(struct span s, bool *v)
{
	*v = span_eq(s, SPAN("true"));
	return *v || s.len == 0 || span_eq(s, SPAN("false")) ? ERR_OK : ERR_SYNTAX;
}

/* What was wanted is there as it should be: each row at most once. */
static enum err check_rows(const struct s3_list *l, bool of_entry)
{
	for (size_t i = 0; i < l->xml.wanted_count; i++) {
		enum err e = l->wanted[i].result;
		bool mine = (i >= kinds[l->kind].of_page) == of_entry;
		if (mine && e != ERR_MISSING && e != ERR_OK)
			return e;
		if (mine && l->wanted[i].out->overflow)
			return ERR_TOO_LONG;
	}
	return ERR_OK;
}

static enum err read_entry(struct s3_list *l, bool is_marker, struct s3_list_entry *e)
{
	TRY(check_rows(l, true));
	TRY(decode(&l->out[KEY]));
	*e = (struct s3_list_entry){
		.key = buf_span(&l->out[KEY]),
		.version = buf_span(&l->out[VERSION]),
		.storage_class = buf_span(&l->out[CLASS]),
		.etag = buf_span(&l->out[ETAG]),
		.is_marker = is_marker,
	};
	if (e->key.len == 0 || e->key.len > S3_LIST_KEY_MAX)
		return ERR_SYNTAX;
	if (of_folders_only(l->kind))
		return ERR_OK;
	TRY(read_bool(buf_span(&l->out[LATEST]), &e->is_latest));
	TRY(time_read_rfc3339(buf_span(&l->out[MODIFIED]), &e->modified_ns));
	return is_marker ? ERR_OK : text_read_u64(buf_span(&l->out[SIZE]), INT64_MAX, &e->size_bytes);
}

static void left(void *arg, struct span name, unsigned depth)
{
	struct s3_list *l = arg;
	struct s3_list_entry e;
	bool is_marker = span_eq(name, span_str(kinds[l->kind].marker));
	if (depth != 1 || (!is_marker && !span_eq(name, span_str(kinds[l->kind].entry))))
		return;
	enum err err = read_entry(l, is_marker, &e);
	if (err && !l->error)
		l->error = err;
	if (!l->error && !l->stopped)
		l->stopped = !l->entry(l->arg, &e);
	xml_again(&l->xml, kinds[l->kind].of_page);
}

void s3_list_begin(struct s3_list *l, enum s3_list_kind kind,
		   bool (*entry)(void *arg, const struct s3_list_entry *e), void *arg)
{
	size_t n = 0;
	l->kind = kind;
	l->entry = entry;
	l->arg = arg;
	l->stopped = l->more = false;
	l->error = ERR_OK;
	for (size_t i = 0; i < ROWS; i++)
		l->out[i] = BUF_OF(l->texts[i]);
	l->out[KEY] = BUF_OF(l->key_text);
	l->out[VERSION] = BUF_OF(l->version_text);
	l->out[TOKEN] = BUF_OF(l->token_text);
	l->out[MARKER] = BUF_OF(l->marker_text);
	for (const struct place *p = kinds[kind].places; p->path; p++, n++)
		l->wanted[n] = (struct xml_wanted){.path = p->path, .out = &l->out[p->row]};
	xml_begin(&l->xml, l->wanted, n);
	l->xml.bytes_max = S3_LIST_BYTES_MAX;
	l->xml.left = left;
	l->xml.arg = l;
}

enum err s3_list_feed(struct s3_list *l, struct span piece)
{
	enum err e = xml_feed(&l->xml, piece);
	return l->error ? l->error : e; /* the first one: nothing is told behind an error of the document */
}

enum err s3_list_end(struct s3_list *l)
{
	TRY(l->error);
	TRY(xml_end(&l->xml));
	TRY(check_rows(l, false));
	TRY(read_bool(buf_span(&l->out[TRUNCATED]), &l->more));
	if (with_versions(l->kind))
		TRY(decode(&l->out[TOKEN]));
	l->token = l->out[TOKEN];
	l->version = l->out[MARKER];
	/* without it the same page would be asked for without end */
	return l->more && l->token.len == 0 ? ERR_SYNTAX : ERR_OK;
}
