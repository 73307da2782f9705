/* vec_sigv4 DIR: runs Signature Version 4 test cases, laid out as in the official suite, stage by stage.
 *
 * DIR is a case (it has context.json and request.txt) or holds cases. Compared are the files that exist:
 * {header,query}- {canonical-request,string-to-sign,signature,signed-request}.txt. Signing by query is done
 * here, out of the product's stages. A line a case; exit status 1 when one fails or there is none, 2 when DIR
 * can't be read.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "aws/json.h"
#include "aws/sigv4.h"
#include "base/text.h"
#include "base/time.h"
#include "json_pull.h"
#include "lib/sha.h"

#define FILE_MAX_BYTES 65536
#define PATH_MAX_BYTES 4096

struct test_case {
	const char *dir;
	struct aws_credentials creds;
	char region[64], service[64];
	uint64_t now_ns, expires_s;
	bool normalize, sign_body, omit_token;
	struct span method, target, version, body;
	struct sigv4_header header[SIGV4_HEADERS_MAX];
	size_t headers;
	char context_text[FILE_MAX_BYTES], request_text[FILE_MAX_BYTES];
};

/* What one way of signing made; the stages' files are compared with it. */
struct stages {
	uint8_t canonical_text[FILE_MAX_BYTES], request_text[FILE_MAX_BYTES], names_text[4096],
		to_sign_text[512], signature_text[64], authorization_text[8192];
	struct buf canonical, request, names, to_sign, signature, authorization;
};

/* DIR/name; a longer one than fits names nothing. */
static const char *join(char path[PATH_MAX_BYTES], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX_BYTES, "%s/%s", dir, name);
	if (n < 0 || n >= PATH_MAX_BYTES)
		path[0] = 0;
	return path;
}

/* Reads DIR/name without carriage returns; false when it is not there. */
static bool read_file(const char *dir, const char *name, char text[FILE_MAX_BYTES], struct span *out)
{
	char path[PATH_MAX_BYTES];
	FILE *f = fopen(join(path, dir, name), "rb");
	if (!f)
		return false;
	size_t n = fread(text, 1, FILE_MAX_BYTES, f), kept = 0;
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\r')
			text[kept++] = text[i];
	*out = span_of(text, kept);
	return true;
}

static struct span without_end(struct span s)
{
	while (s.len && s.p[s.len - 1] == '\n')
		s.len--;
	return s;
}

static enum err read_flag(struct span json, const char *path, bool *flag)
{
	enum pull_event event;
	struct span token;
	enum err e = pull_find(json, path, &event, &token);
	*flag = !e && event == PULL_TRUE;
	if (e == ERR_MISSING)
		return ERR_OK;
	return e ? e : event == PULL_TRUE || event == PULL_FALSE ? ERR_OK : ERR_SYNTAX;
}

static enum err read_number(struct span json, const char *path, uint64_t *v)
{
	enum pull_event event;
	struct span token;
	TRY(pull_find(json, path, &event, &token));
	return event == PULL_NUMBER ? text_read_u64(token, UINT64_MAX, v) : ERR_SYNTAX;
}

static enum err read_context(struct test_case *c)
{
	struct span json;
	char timestamp[64];
	if (!read_file(c->dir, "context.json", c->context_text, &json))
		return ERR_NOT_FOUND;
	TRY(json_find_text(json, "credentials/access_key_id", c->creds.access_key_id, 129));
	TRY(json_find_text(json, "credentials/secret_access_key", c->creds.secret, 129));
	enum err e = json_find_text(json, "credentials/token", c->creds.token, sizeof(c->creds.token));
	if (e && e != ERR_MISSING)
		return e;
	TRY(json_find_text(json, "region", c->region, sizeof(c->region)));
	TRY(json_find_text(json, "service", c->service, sizeof(c->service)));
	TRY(json_find_text(json, "timestamp", timestamp, sizeof(timestamp)));
	TRY(time_read_rfc3339(span_str(timestamp), &c->now_ns));
	e = read_number(json, "expiration_in_seconds", &c->expires_s);
	if (e && e != ERR_MISSING)
		return e;
	TRY(read_flag(json, "normalize", &c->normalize));
	TRY(read_flag(json, "sign_body", &c->sign_body));
	return read_flag(json, "omit_session_token", &c->omit_token);
}

/* A header with its continuation lines, cut off *rest. */
static struct span take_header(struct span *rest)
{
	struct span start = *rest;
	do
		span_cut(rest, '\n');
	while (rest->len && (rest->p[0] == ' ' || rest->p[0] == '\t'));
	return without_end(span_first(start, start.len - rest->len));
}

static enum err read_request(struct test_case *c)
{
	struct span rest;
	if (!read_file(c->dir, "request.txt", c->request_text, &rest))
		return ERR_NOT_FOUND;
	struct span line = span_cut(&rest, '\n');
	c->method = span_cut(&line, ' ');
	size_t last = line.len;
	while (last && line.p[last - 1] != ' ')
		last--;
	if (last == 0)
		return ERR_SYNTAX;
	c->version = span_from(line, last);
	c->target = span_first(line, last - 1); /* may have blanks of its own */
	while (rest.len && rest.p[0] != '\n') {
		struct span header = take_header(&rest);
		if (span_find(header, ':') == header.len)
			return ERR_SYNTAX;
		if (c->headers + 3 >= SIGV4_HEADERS_MAX)
			return ERR_TOO_LONG;
		struct span name = span_cut(&header, ':');
		c->header[c->headers++] = (struct sigv4_header){name, header};
	}
	c->body = span_from(rest, 1);
	return ERR_OK;
}

static void begin_stages(struct stages *s)
{
	s->canonical = BUF_OF(s->canonical_text);
	s->request = BUF_OF(s->request_text);
	s->names = BUF_OF(s->names_text);
	s->to_sign = BUF_OF(s->to_sign_text);
	s->signature = BUF_OF(s->signature_text);
	s->authorization = BUF_OF(s->authorization_text);
}

/* Stages 1 to 4, with the product's functions. */
static enum err run_stages(const struct test_case *c, const struct sigv4_header *headers, size_t count,
			   struct span query, struct span hash, struct stages *s)
{
	struct span path = c->target;
	uint8_t key[32];
	/* The suite is for services in general; S3 signs its path as it stands. */
	unsigned rules =
		!strcmp(c->service, "s3") ? SIGV4_S3 : SIGV4_ENCODE | (c->normalize ? SIGV4_NORMALIZE : 0);
	struct sigv4_request r = {
		.method = c->method,
		.path = span_cut(&path, '?'),
		.query = query,
		.headers = headers,
		.header_count = count,
		.payload_hash = hash,
		.rules = rules,
	};
	struct sigv4_scope scope = {span_str(c->region), span_str(c->service), c->now_ns};
	TRY(sigv4_canonical(&r, &s->canonical, &s->names));
	TRY(sigv4_string_to_sign(&scope, buf_span(&s->canonical), &s->to_sign));
	sigv4_signing_key(&scope, span_str(c->creds.secret), key);
	TRY(sigv4_signature(key, buf_span(&s->to_sign), &s->signature));
	return sigv4_authorization(&scope, span_str(c->creds.access_key_id), buf_span(&s->names),
				   buf_span(&s->signature), &s->authorization);
}

static void put_line(struct buf *b, struct span name, struct span value)
{
	buf_put(b, name);
	buf_u8(b, ':');
	buf_put(b, value);
	buf_u8(b, '\n');
}

static void put_request(const struct test_case *c, struct span target, struct buf *b)
{
	buf_put(b, c->method);
	buf_u8(b, ' ');
	buf_put(b, target);
	buf_u8(b, ' ');
	buf_put(b, c->version);
	buf_u8(b, '\n');
	for (size_t i = 0; i < c->headers; i++)
		put_line(b, c->header[i].name, c->header[i].value);
}

static enum err sign_by_header(const struct test_case *c, struct span hash, struct stages *s)
{
	struct sigv4_header h[SIGV4_HEADERS_MAX];
	size_t n = c->headers;
	uint8_t date_text[16];
	struct buf date = BUF_OF(date_text);
	struct span token = span_str(c->creds.token), query = c->target;
	span_cut(&query, '?');
	memcpy(h, c->header, n * sizeof(h[0]));
	time_basic(&date, c->now_ns);
	put_request(c, c->target, &s->request);
	if (token.len && !c->omit_token)
		h[n++] = (struct sigv4_header){SPAN("X-Amz-Security-Token"), token};
	if (token.len)
		put_line(&s->request, SPAN("X-Amz-Security-Token"), token);
	h[n++] = (struct sigv4_header){SPAN("X-Amz-Date"), buf_span(&date)};
	put_line(&s->request, SPAN("X-Amz-Date"), buf_span(&date));
	if (c->sign_body) {
		h[n++] = (struct sigv4_header){SPAN("x-amz-content-sha256"), hash};
		put_line(&s->request, SPAN("x-amz-content-sha256"), hash);
	}
	TRY(run_stages(c, h, n, query, hash, s));
	put_line(&s->request, SPAN("Authorization"), buf_span(&s->authorization));
	buf_u8(&s->request, '\n');
	buf_put(&s->request, c->body);
	return buf_err(&s->request);
}

static void put_param(struct buf *b, const char *name, struct span value)
{
	if (b->len)
		buf_u8(b, '&');
	buf_str(b, name);
	buf_u8(b, '=');
	for (size_t i = 0; i < value.len; i++) {
		char hex[4];
		if (text_is_unreserved(span_first(span_from(value, i), 1))) {
			buf_u8(b, value.p[i]);
			continue;
		}
		snprintf(hex, sizeof(hex), "%%%02X", value.p[i]);
		buf_str(b, hex);
	}
}

/* The names that the request's own headers give, through the product's first stage. */
static enum err signed_names(const struct test_case *c, struct span hash, struct buf *names)
{
	static struct stages s;
	begin_stages(&s);
	TRY(run_stages(c, c->header, c->headers, SPAN(""), hash, &s));
	buf_put(names, buf_span(&s.names));
	return buf_err(names);
}

static enum err sign_by_query(const struct test_case *c, struct span hash, struct stages *s)
{
	uint8_t text[256], query_text[16384], names_text[1024], target_text[32768];
	struct buf b = BUF_OF(text), query = BUF_OF(query_text), names = BUF_OF(names_text);
	struct buf target = BUF_OF(target_text);
	struct span token = span_str(c->creds.token), own = c->target;
	struct span path = span_cut(&own, '?');
	TRY(signed_names(c, hash, &names));
	buf_put(&query, own);
	put_param(&query, "X-Amz-Algorithm", SPAN("AWS4-HMAC-SHA256"));
	buf_str(&b, c->creds.access_key_id);
	buf_u8(&b, '/');
	time_date(&b, c->now_ns);
	buf_u8(&b, '/');
	buf_str(&b, c->region);
	buf_u8(&b, '/');
	buf_str(&b, c->service);
	buf_str(&b, "/aws4_request");
	put_param(&query, "X-Amz-Credential", buf_span(&b));
	buf_reset(&b);
	time_basic(&b, c->now_ns);
	put_param(&query, "X-Amz-Date", buf_span(&b));
	put_param(&query, "X-Amz-SignedHeaders", buf_span(&names));
	buf_reset(&b);
	text_u64(&b, c->expires_s);
	put_param(&query, "X-Amz-Expires", buf_span(&b));
	struct span to_sign = buf_span(&query);
	if (token.len)
		put_param(&query, "X-Amz-Security-Token", token);
	if (!c->omit_token)
		to_sign = buf_span(&query);
	TRY(run_stages(c, c->header, c->headers, to_sign, hash, s));
	put_param(&query, "X-Amz-Signature", buf_span(&s->signature));
	buf_put(&target, path);
	buf_u8(&target, '?');
	buf_put(&target, buf_span(&query));
	put_request(c, buf_span(&target), &s->request);
	buf_u8(&s->request, '\n');
	buf_put(&s->request, c->body);
	return target.overflow ? ERR_FULL : buf_err(&s->request);
}

/* Compares one stage when its file exists; counts it. */
static bool compare(const struct test_case *c, const char *way, const char *stage, const struct buf *got,
		    unsigned *files)
{
	static char text[FILE_MAX_BYTES];
	struct span want, have = without_end(buf_span(got));
	char name[64];
	snprintf(name, sizeof(name), "%s-%s.txt", way, stage);
	if (!read_file(c->dir, name, text, &want))
		return true;
	++*files;
	want = without_end(want);
	if (span_eq(have, want))
		return true;
	printf("not ok %s: %s differs\n--- got\n%.*s\n--- want\n%.*s\n---\n", c->dir, name, (int)have.len,
	       (const char *)have.p, (int)want.len, (const char *)want.p);
	return false;
}

static bool has_way(const char *dir, const char *way)
{
	static const char *const stages[] = {"canonical-request", "string-to-sign", "signature",
					     "signed-request"};
	char path[PATH_MAX_BYTES], name[64];
	struct stat st;
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s-%s.txt", way, stages[i]);
		if (stat(join(path, dir, name), &st) == 0)
			return true;
	}
	return false;
}

static bool run_way(const struct test_case *c, const char *way, unsigned *files)
{
	static struct stages s;
	uint8_t digest[32], hex[64];
	struct buf hash = BUF_OF(hex);
	if (!has_way(c->dir, way))
		return true;
	sha256_of(c->body, digest);
	text_hex(&hash, span_of(digest, sizeof(digest)));
	begin_stages(&s);
	enum err e = (way[0] == 'h' ? sign_by_header : sign_by_query)(c, buf_span(&hash), &s);
	if (e) {
		printf("not ok %s: signing by %s: %s\n", c->dir, way, err_text(e));
		return false;
	}
	return compare(c, way, "canonical-request", &s.canonical, files) &&
	       compare(c, way, "string-to-sign", &s.to_sign, files) &&
	       compare(c, way, "signature", &s.signature, files) &&
	       compare(c, way, "signed-request", &s.request, files);
}

static bool run_case(const char *dir)
{
	static struct test_case c;
	unsigned files = 0;
	memset(&c, 0, sizeof(c));
	c.dir = dir;
	enum err e = read_context(&c);
	const char *what = "context.json";
	if (!e) {
		what = "request.txt";
		e = read_request(&c);
	}
	if (e) {
		printf("not ok %s: %s: %s\n", dir, what, err_text(e));
		return false;
	}
	if (!run_way(&c, "header", &files) || !run_way(&c, "query", &files))
		return false;
	printf("%s %s: %u files agree\n", files ? "ok" : "not ok", dir, files);
	return files > 0;
}

static bool is_case(const char *dir)
{
	char path[PATH_MAX_BYTES];
	struct stat st;
	return stat(join(path, dir, "request.txt"), &st) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	unsigned cases = 0, failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: vec_sigv4 DIR\n");
		return 2;
	}
	if (is_case(argv[1]))
		return !run_case(argv[1]);
	int n = scandir(argv[1], &entries, NULL, by_name);
	if (n < 0) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		static char dir[PATH_MAX_BYTES]; /* what is read of a case points there */
		join(dir, argv[1], entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && is_case(dir)) {
			cases++;
			failed += !run_case(dir);
		}
		free(entries[i]);
	}
	free(entries);
	printf("# %u cases, %u failed\n", cases, failed);
	return failed || !cases;
}
