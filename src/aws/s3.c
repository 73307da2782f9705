/* A PUT, in this order; all but User-Agent and Authorization are signed:
 *
 *   PUT /PREFIX/ACCOUNT/REGION/APPLIANCE/... HTTP/1.1     path style: /BUCKET/PREFIX/...
 *   Host, Content-Length, Content-Type, If-None-Match: *
 *   X-Amz-Content-Sha256 (hexadecimal), X-Amz-Checksum-Sha256 (base64), X-Amz-Sdk-Checksum-Algorithm: SHA256
 *   X-Amz-Expected-Bucket-Owner, X-Amz-Meta-Sealtap-* (record/object.h)
 *   X-Amz-Date, X-Amz-Security-Token where there is one, User-Agent, Authorization
 *
 * An error is <Error><Code/><Message/>...</Error>.
 */
#include "aws/s3.h"

#include <string.h>

#include "aws/xml.h"
#include "base/text.h"
#include "base/time.h"
#include "net/http1.h"

#define HEADERS_MAX 32
#define NAME_MAX 64
#define OBJECT_MAX_BYTES 1073741824 /* one PUT an object */

/* A request, made whole from the same inputs by both sides. */
struct put {
	struct sigv4_header header[HEADERS_MAX]; /* names terminated */
	size_t count;
	char path_text[sizeof(((struct settings *)0)->s3_bucket) + OBJECT_NAME_MAX + 1];
	struct span path;
	struct span hash;
	char text[6144]; /* what names and values point to */
	struct buf b;    /* over text */
};

static void add(struct put *p, const char *name, struct span value)
{
	ASSERT(p->count < HEADERS_MAX);
	p->header[p->count++] = (struct sigv4_header){span_str(name), value};
}

/* Adds a header whose value was written to p->b since `from`. */
static void add_written(struct put *p, const char *name, size_t from)
{
	add(p, name, span_from(buf_span(&p->b), from));
}

/* Each component of the name's front must be there in full. */
static bool takes(struct span *name, const char *component)
{
	struct span c = span_str(component);
	if (c.len == 0 || !span_starts(*name, c))
		return false;
	*name = span_from(*name, c.len);
	if (!span_starts(*name, SPAN("/")))
		return false;
	*name = span_from(*name, 1);
	return true;
}

static enum err check_name(const struct settings *s, const struct object_identity *id, struct span name)
{
	if (!takes(&name, s->s3_prefix) || !takes(&name, id->account) || !takes(&name, id->region) ||
	    !takes(&name, id->appliance) || name.len == 0 || span_ends(name, SPAN("/")))
		return ERR_DENIED;
	while (name.len) {
		struct span segment = span_cut(&name, '/');
		if (segment.len == 0 || !text_is_unreserved(segment) || span_eq(segment, SPAN(".")) ||
		    span_eq(segment, SPAN("..")))
			return ERR_DENIED;
	}
	return ERR_OK;
}

static void add_metadata(struct put *p, const struct object_meta *m)
{
	for (unsigned i = 0;; i++) {
		const char *name;
		size_t from = p->b.len;
		char *full = (char *)p->text + from;
		uint8_t value_text[256];
		struct buf value = BUF_OF(value_text);
		if (!object_meta_field(m, i, true, &name, &value))
			return;
		buf_str(&p->b, "X-Amz-Meta-");
		buf_str(&p->b, name);
		buf_u8(&p->b, 0);
		from = p->b.len;
		buf_put(&p->b, buf_span(&value));
		p->b.overflow = p->b.overflow || value.overflow;
		if (!p->b.overflow)
			add_written(p, full, from);
	}
}

static void add_digests(struct put *p, const struct object_meta *m)
{
	size_t from = p->b.len;
	text_hex(&p->b, span_of(m->sha256, sizeof(m->sha256)));
	add_written(p, "X-Amz-Content-Sha256", from);
	p->hash = p->header[p->count - 1].value;
	from = p->b.len;
	text_base64(&p->b, span_of(m->sha256, sizeof(m->sha256)));
	add_written(p, "X-Amz-Checksum-Sha256", from);
	add(p, "X-Amz-Sdk-Checksum-Algorithm", SPAN("SHA256"));
}

static void put_path(struct put *p, const struct settings *s, struct span name)
{
	struct buf path = BUF_OF(p->path_text);
	buf_u8(&path, '/');
	if (s3_path_style(s)) {
		buf_str(&path, s->s3_bucket);
		buf_u8(&path, '/');
	}
	buf_put(&path, name);
	ASSERT(!path.overflow);
	p->path = buf_span(&path);
}

static enum err fill(struct put *p, const struct settings *s, const struct object_identity *id,
		     const struct object_meta *m, struct span amz_date, struct span token)
{
	struct endpoint endpoint;
	struct span name = span_of(m->name, sizeof(m->name));
	name = span_first(name, span_find(name, 0));
	TRY(check_name(s, id, name));
	if (m->sig_len == 0)
		return ERR_MISSING;
	if (m->size_bytes == 0 || m->size_bytes > OBJECT_MAX_BYTES)
		return ERR_RANGE;
	TRY(s3_endpoint(s, id, &endpoint));
	put_path(p, s, name);
	p->count = 0;
	p->b = BUF_OF(p->text);
	endpoint_put_host(&p->b, &endpoint);
	add_written(p, "Host", 0);
	size_t from = p->b.len;
	text_u64(&p->b, m->size_bytes);
	add_written(p, "Content-Length", from);
	add(p, "Content-Type", SPAN("application/octet-stream"));
	add(p, "If-None-Match", SPAN("*"));
	add_digests(p, m);
	add(p, "X-Amz-Expected-Bucket-Owner", span_str(id->account));
	add_metadata(p, m);
	add(p, "X-Amz-Date", amz_date);
	if (token.len)
		add(p, "X-Amz-Security-Token", token);
	add(p, "User-Agent", SPAN("sealtap"));
	return buf_err(&p->b);
}

struct span s3_region(const struct settings *s, const struct object_identity *id)
{
	return span_str(s->s3_region[0] ? s->s3_region : id->region);
}

bool s3_path_style(const struct settings *s)
{
	return s->s3_endpoint.host[0] || strchr(s->s3_bucket, '.');
}

enum err s3_endpoint(const struct settings *s, const struct object_identity *id, struct endpoint *out)
{
	struct endpoint service;
	TRY(endpoint_same_partition(s3_region(s, id), span_str(id->region)));
	TRY(endpoint_of(s, ENDPOINT_S3, s3_region(s, id), &service));
	*out = service;
	if (s3_path_style(s))
		return ERR_OK;
	struct buf host = buf_over(out->host, sizeof(out->host));
	buf_str(&host, s->s3_bucket);
	buf_u8(&host, '.');
	buf_str(&host, service.host);
	return buf_cstr(&host) ? ERR_OK : ERR_FULL;
}

enum err s3_put_sign(const struct settings *s, const struct object_identity *id, const struct object_meta *m,
		     const struct aws_credentials *c, struct sigv4_cache *cache, uint64_t now_ns,
		     struct buf *amz_date, struct buf *authorization)
{
	struct put p;
	size_t from = amz_date->len;
	time_basic(amz_date, now_ns);
	TRY(buf_err(amz_date));
	TRY(fill(&p, s, id, m, span_from(buf_span(amz_date), from), span_str(c->token)));
	struct sigv4_request r = {
		.method = SPAN("PUT"),
		.path = p.path,
		.headers = p.header,
		.header_count = p.count,
		.payload_hash = p.hash,
		.rules = SIGV4_S3,
	};
	struct sigv4_scope scope = {s3_region(s, id), SPAN("s3"), now_ns};
	return sigv4_sign(&r, &scope, c, cache, authorization);
}

enum err s3_put_head(const struct settings *s, const struct object_identity *id, const struct object_meta *m,
		     struct span amz_date, struct span authorization, struct span token, struct buf *head)
{
	struct put p;
	TRY(fill(&p, s, id, m, amz_date, token));
	http1_request_line(head, "PUT", p.path);
	for (size_t i = 0; i < p.count; i++)
		http1_header(head, (const char *)p.header[i].name.p, p.header[i].value);
	http1_header(head, "Authorization", authorization);
	http1_head_end(head);
	return buf_err(head);
}

static const struct {
	const char *code;
	enum s3_verdict verdict;
} verdicts[] = {
	{"SlowDown", S3_RETRY},
	{"InternalError", S3_RETRY},
	{"ServiceUnavailable", S3_RETRY},
	{"RequestTimeout", S3_RETRY},
	{"RequestTimeoutException", S3_RETRY},
	{"IncompleteBody", S3_RETRY},
	{"OperationAborted", S3_RETRY},
	{"ConditionalRequestConflict", S3_RETRY},
	{"Throttling", S3_RETRY},
	{"ThrottlingException", S3_RETRY},
	{"ThrottledException", S3_RETRY},
	{"RequestThrottled", S3_RETRY},
	{"RequestThrottledException", S3_RETRY},
	{"RequestLimitExceeded", S3_RETRY},
	{"BandwidthLimitExceeded", S3_RETRY},
	{"TooManyRequestsException", S3_RETRY},
	{"PriorRequestNotComplete", S3_RETRY},
	{"ExpiredToken", S3_REFRESH},
	{"ExpiredTokenException", S3_REFRESH},
	{"TokenRefreshRequired", S3_REFRESH},
	{"RequestTimeTooSkewed", S3_SKEW},
	{"RequestExpired", S3_SKEW},
};

static void read_member(struct span body, const char *path, char *out, size_t cap)
{
	uint8_t text[1024];
	struct buf b = BUF_OF(text);
	enum err e = xml_find_text(body, path, &b);
	size_t n = e ? 0 : b.len < cap - 1 ? b.len : cap - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
	out[n] = 0;
}

void s3_no_answer(struct s3_attempts *a)
{
	a->maybe_stored = true;
}

static bool all_blank(struct span s)
{
	while (s.len && (s.p[0] == '\r' || s.p[0] == '\n' || s.p[0] == ' '))
		s = span_from(s, 1);
	return s.len == 0;
}

static enum s3_verdict classify_error(unsigned status, struct span code)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (span_eq(code, span_str(verdicts[i].code)))
			return verdicts[i].verdict;
	switch (status) {
	case 307: /* a new bucket, not yet in every name server: the same endpoint will do soon */
	case 408:
	case 409:
	case 429:
		return S3_RETRY;
	case 501: /* a header that this service does not know */
		return S3_DENIED;
	default:
		return status >= 500 || status < 300 ? S3_RETRY : S3_DENIED;
	}
}

enum s3_verdict s3_classify(struct s3_attempts *a, unsigned status, struct span body, struct s3_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	if (status == 200 && all_blank(body))
		return S3_STORED;
	read_member(body, "Error/Code", fault->code, sizeof(fault->code));
	read_member(body, "Error/Message", fault->message, sizeof(fault->message));
	if (status == 412)
		return a->maybe_stored ? S3_STORED : S3_EXISTS;
	/* These tell nothing certain of what became of the object. */
	if (status < 300 || status == 500 || status == 502 || status == 504)
		a->maybe_stored = true;
	return classify_error(status, span_str(fault->code));
}
