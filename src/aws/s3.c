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

#define HEADERS_MAX 32
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

enum err s3_check_name(const struct settings *s, const struct object_identity *id, struct span name)
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
	TRY(s3_check_name(s, id, name));
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

#define SUPPORT "settle it with AWS support: the account's or the bucket's access is shut off"
#define BUCKET_KEY "look after the KMS key of the bucket's default encryption"

static const struct fault_row faults[] = {
	{"IncompleteBody", FAULT_RETRY, NULL},
	{"OperationAborted", FAULT_RETRY, NULL},
	{"ConditionalRequestConflict", FAULT_RETRY, NULL},
	{"AccessDenied", FAULT_DENIED,
	 "let the role's policy and the bucket's allow s3:PutObject; the bucket must be this account's"},
	{"NoSuchBucket", FAULT_DENIED, "correct s3.bucket, or create it"},
	{"AllAccessDisabled", FAULT_DENIED, SUPPORT},
	{"AccountProblem", FAULT_DENIED, SUPPORT},
	{"KMS.DisabledException", FAULT_DENIED, BUCKET_KEY},
	{"KMS.InvalidKeyUsageException", FAULT_DENIED, BUCKET_KEY},
	{"KMS.KMSInvalidStateException", FAULT_DENIED, BUCKET_KEY},
	{"KMS.NotFoundException", FAULT_DENIED, BUCKET_KEY},
	{"EntityTooLarge", FAULT_DENIED, "lower object.max_bytes"},
	{NULL, FAULT_DENIED, NULL},
};

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

static bool is_one_of(const char *code, const char *const *names)
{
	while (*names && strcmp(*names, code) != 0)
		names++;
	return *names;
}

static bool has_moved(unsigned status, const char *code)
{
	static const char *const names[] = {"PermanentRedirect", "TemporaryRedirect",
					    "AuthorizationHeaderMalformed",
					    "IllegalLocationConstraintException", NULL};
	return status == 301 || status == 302 || status == 307 ||
	       (status >= 300 && status < 500 && is_one_of(code, names));
}

static enum s3_verdict judge(struct s3_attempts *a, unsigned status, struct fault *fault)
{
	static const enum s3_verdict verdicts[] = {
		[FAULT_RETRY] = S3_RETRY,
		[FAULT_REFRESH] = S3_REFRESH,
		[FAULT_SKEW] = S3_SKEW,
		[FAULT_DENIED] = S3_DENIED,
	};
	static const char *const digest[] = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", NULL};
	enum fault_kind kind = fault_judge(fault, status, faults,
					   "check the bucket, its policy and the role's s3:PutObject");
	if (has_moved(status, fault->code)) {
		fault->remedy = "set s3.region to the bucket's region";
		return S3_MOVED;
	}
	if (is_one_of(fault->code, digest)) {
		bool first = a->digest_refusals++ == 0;
		fault->remedy = first ? "sending it again: it may have been damaged on its way"
				      : "check the machine's memory and what stands between it and S3";
		return first ? S3_RETRY : S3_DENIED;
	}
	return verdicts[kind];
}

enum s3_verdict s3_classify(struct s3_attempts *a, unsigned status, struct span body, struct fault *fault)
{
	fault_clear(fault);
	if (status == 200 && all_blank(body))
		return S3_STORED;
	fault_read_xml(fault, body, "Error");
	if (status == 412) {
		fault->remedy = "the name is taken: shipping beside it";
		return a->maybe_stored ? S3_STORED : S3_EXISTS;
	}
	/* These tell nothing certain of what became of the object. */
	if (status < 300 || status == 500 || status == 502 || status == 504)
		a->maybe_stored = true;
	return judge(a, status, fault);
}

/* ---- where a bucket has moved */

/* What is said again must be the same. */
static enum err note(struct span found, char region[32])
{
	if (found.len == 0)
		return ERR_OK;
	if (found.len > 31 || (region[0] && !span_eq(found, span_str(region))))
		return ERR_DENIED;
	memcpy(region, found.p, found.len);
	region[found.len] = 0;
	return ERR_OK;
}

/* The region in the name of one of S3's own hosts, with or without the bucket; empty in the global one. */
static enum err region_of_host(struct span host, struct span bucket, struct span *region)
{
	static const char *const fronts[] = {"s3-fips.dualstack.", "s3-fips.", "s3.dualstack.", "s3.", "s3-"};
	struct span suffix = SPAN(".amazonaws.com"), rest = span_from(host, bucket.len);
	*region = SPAN("");
	if (span_starts(host, bucket) && span_starts(rest, SPAN(".")))
		host = span_from(rest, 1);
	if (span_eq(host, SPAN("s3.amazonaws.com")))
		return ERR_OK;
	if (!span_ends(host, suffix))
		return ERR_DENIED;
	host.len -= suffix.len;
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		if (span_starts(host, span_str(fronts[i]))) {
			*region = span_from(host, strlen(fronts[i]));
			return ERR_OK;
		}
	}
	return ERR_DENIED;
}

static enum err note_host(struct span host, const struct settings *s, char region[32])
{
	struct span found;
	if (host.len == 0)
		return ERR_OK;
	TRY(region_of_host(host, span_str(s->s3_bucket), &found));
	return note(found, region);
}

static enum err note_location(struct span location, const struct settings *s, char region[32])
{
	if (location.len == 0)
		return ERR_OK;
	if (!span_starts(location, SPAN("https://")))
		return ERR_DENIED;
	location = span_from(location, 8);
	return note_host(span_cut(&location, '/'), s, region);
}

/* An element of the error, or nothing. */
static struct span member(struct span body, const char *path, struct buf *text)
{
	return xml_find_text(body, path, text) ? SPAN("") : buf_span(text);
}

enum err s3_redirect(const struct settings *s, const struct object_identity *id,
		     const struct http1_response *answer, struct span body, char region[32])
{
	char named[32] = "";
	uint8_t text[2][256];
	struct buf b[2] = {BUF_OF(text[0]), BUF_OF(text[1])};
	if (s->s3_endpoint.host[0])
		return ERR_DENIED;
	TRY(note(span_str(answer->bucket_region), named));
	TRY(note(member(body, "Error/Region", &b[0]), named));
	TRY(note_host(member(body, "Error/Endpoint", &b[1]), s, named));
	TRY(note_location(span_str(answer->location), s, named));
	bool other = named[0] && !span_eq(span_str(named), s3_region(s, id));
	if (!other && answer->status != 307)
		return ERR_DENIED;
	struct span found = other ? span_str(named) : s3_region(s, id);
	if (endpoint_same_partition(found, span_str(id->region)))
		return ERR_DENIED;
	memmove(region, found.p, found.len); /* the caller may give settings.s3_region itself */
	region[found.len] = 0;
	return ERR_OK;
}
