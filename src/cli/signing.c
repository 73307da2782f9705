/* A request, in this order; all but User-Agent and Authorization are signed:
 *
 *   METHOD PATH[?QUERY] HTTP/1.1      path style, at an operator's endpoint or with dots in it: /BUCKET/KEY
 *   Host, Content-Length where there is a body or the method wants one, the caller's own
 *   X-Amz-Content-Sha256 (S3 alone), X-Amz-Date, X-Amz-Security-Token where there is one
 *   User-Agent, Authorization
 */
#include "cli/signing.h"

#include <string.h>

#include "aws/endpoint.h"
#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/say.h"
#include "cli/session.h"
#include "lib/sha.h"

#define HEADERS (CALL_HEADERS + 6)
#define PATH_MAX_BYTES 4096

struct request {
	struct sigv4_header header[HEADERS]; /* names terminated */
	size_t count;
	uint8_t path_text[PATH_MAX_BYTES];
	struct span path;
	struct span hash;
	uint8_t text[1024]; /* what values point to */
	struct buf b;       /* over text */
};

static struct sigv4_cache cache;

static void add(struct request *r, const char *name, struct span value)
{
	ASSERT(r->count < HEADERS);
	r->header[r->count++] = (struct sigv4_header){span_str(name), value};
}

/* A header whose value was written to r->b since `from`. */
static void add_written(struct request *r, const char *name, size_t from)
{
	add(r, name, span_from(buf_span(&r->b), from));
}

static bool wants_length(const struct call *c)
{
	return c->body.len || !strcmp(c->method, "PUT") || !strcmp(c->method, "POST");
}

static void fill(struct request *r, const struct call *c, const struct endpoint *e, bool s3, uint64_t now_ns,
		 const struct aws_credentials *creds)
{
	uint8_t digest[32];
	r->b = BUF_OF(r->text);
	endpoint_put_host(&r->b, e);
	add_written(r, "Host", 0);
	size_t from = r->b.len;
	if (wants_length(c)) {
		text_u64(&r->b, c->body.len);
		add_written(r, "Content-Length", from);
	}
	for (unsigned i = 0; i < c->header_count; i++)
		add(r, (const char *)c->headers[i].name.p, c->headers[i].value);
	from = r->b.len;
	sha256_of(c->body, digest);
	text_hex(&r->b, span_of(digest, sizeof(digest)));
	r->hash = span_from(buf_span(&r->b), from);
	if (s3)
		add(r, "X-Amz-Content-Sha256", r->hash);
	from = r->b.len;
	time_basic(&r->b, now_ns);
	add_written(r, "X-Amz-Date", from);
	if (creds->token[0])
		add(r, "X-Amz-Security-Token", span_str(creds->token));
}

/* The bucket into the host or in front of the path. */
static enum err place(struct request *r, const struct call *c, bool custom, struct signing_target *to)
{
	struct buf path = BUF_OF(r->path_text);
	bool dotted = span_find(c->bucket, '.') < c->bucket.len;
	if (c->bucket.len && (custom || dotted)) {
		buf_u8(&path, '/');
		buf_put(&path, c->bucket);
	} else if (c->bucket.len) {
		uint8_t text[sizeof(to->endpoint.host)];
		struct buf host = BUF_OF(text);
		buf_put(&host, c->bucket);
		buf_u8(&host, '.');
		buf_str(&host, to->endpoint.host);
		if (!buf_cstr(&host))
			return ERR_TOO_LONG;
		memcpy(to->endpoint.host, text, host.len + 1);
	}
	buf_put(&path, c->path);
	r->path = buf_span(&path);
	return buf_err(&path);
}

static void write_head(const struct call *c, const struct request *r, struct span authorization,
		       struct buf *head)
{
	static uint8_t text[2 * PATH_MAX_BYTES];
	struct buf target = BUF_OF(text);
	buf_put(&target, r->path);
	if (c->query.len) {
		buf_u8(&target, '?');
		buf_put(&target, c->query);
	}
	head->overflow = head->overflow || target.overflow;
	http1_request_line(head, c->method, buf_span(&target));
	for (size_t i = 0; i < r->count; i++)
		http1_header(head, (const char *)r->header[i].name.p, r->header[i].value);
	http1_header(head, "User-Agent", SPAN("sealtap"));
	http1_header(head, "Authorization", authorization);
	http1_head_end(head);
}

static enum err sign(const struct call *c, const char *region, uint64_t now_ns, bool custom,
		     const struct aws_credentials *creds, struct signing_target *to, struct buf *head)
{
	static struct request r;
	uint8_t text[SIGV4_AUTHORIZATION_MAX];
	struct buf authorization = BUF_OF(text);
	bool s3 = !strcmp(c->service, "s3");
	r.count = 0;
	TRY(place(&r, c, custom, to));
	fill(&r, c, &to->endpoint, s3, now_ns, creds);
	TRY(buf_err(&r.b));
	struct sigv4_request q = {
		.method = span_str(c->method),
		.path = r.path,
		.query = c->query,
		.headers = r.header,
		.header_count = r.count,
		.payload_hash = r.hash,
		.rules = s3 ? SIGV4_S3 : SIGV4_GENERAL,
	};
	struct sigv4_scope scope = {span_str(region), span_str(c->service), now_ns};
	TRY(sigv4_sign(&q, &scope, creds, &cache, &authorization));
	write_head(c, &r, buf_span(&authorization), head);
	return buf_err(head);
}

enum exit_status signing_head(const struct call *c, const char *region, uint64_t now_ns, bool renew,
			      struct signing_target *to, struct buf *head)
{
	const struct aws_credentials *creds;
	bool custom;
	const char *at = region ? region : "";
	enum exit_status s = session_endpoint(c->service, at, &to->endpoint, &custom);
	if (!s)
		s = session_credentials(renew, now_ns, &creds);
	if (s)
		return s;
	to->tls = !session_plain(c->service);
	enum err e = sign(c, region ? region : session_names()->region, now_ns, custom, creds, to, head);
	return e ? say(EXIT_WRONG_USAGE, "can't make a request of %s to %s: %s", c->service,
		       to->endpoint.host, err_text(e))
		 : EXIT_DONE;
}
