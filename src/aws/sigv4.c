/* The texts that are signed, exactly:
 *
 *   canonical request   METHOD \n path \n query \n (name:value \n)* \n names;joined \n payload-hash
 *   string to sign      AWS4-HMAC-SHA256 \n YYYYMMDDTHHMMSSZ \n scope \n hex(SHA-256(canonical request))
 *   scope               YYYYMMDD/region/service/aws4_request
 *   signing key         HMAC(HMAC(HMAC(HMAC("AWS4" secret, YYYYMMDD), region), service), "aws4_request")
 *
 * Header names are lower case and sorted; values are trimmed, runs of blanks become one space, and values
 * of one name are joined by commas in the request's order. Query parameters are sorted by encoded name,
 * then by encoded value.
 */
#include "aws/sigv4.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/hmac.h"

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static void put_segment(struct buf *b, struct span segment, bool encode)
{
	if (encode)
		text_percent(b, segment);
	else
		buf_put(b, segment);
}

/* Empty and "." segments go, ".." takes the one before it along. A slash at the end stays unless it is the
 * only one. */
static void put_normalized(struct buf *b, struct span path, bool encode)
{
	size_t start = b->len;
	bool slash = span_ends(path, SPAN("/"));
	while (path.len) {
		struct span segment = span_cut(&path, '/');
		if (segment.len == 0 || span_eq(segment, SPAN(".")))
			continue;
		if (span_eq(segment, SPAN(".."))) {
			while (b->len > start && b->p[--b->len] != '/')
				continue;
			continue;
		}
		buf_u8(b, '/');
		put_segment(b, segment, encode);
	}
	if (slash || b->len == start)
		buf_u8(b, '/');
}

static void put_path(struct buf *b, struct span path, unsigned rules)
{
	bool encode = rules & SIGV4_ENCODE;
	if (rules & SIGV4_NORMALIZE || path.len == 0) {
		put_normalized(b, path, encode);
		return;
	}
	for (;;) {
		size_t n = span_find(path, '/');
		put_segment(b, span_first(path, n), encode);
		if (n == path.len)
			return;
		buf_u8(b, '/');
		path = span_from(path, n + 1);
	}
}

struct param {
	struct span name, value; /* as they stand in the query */
};

/* Cuts one character off, decoded: what the query has encoded already is not encoded twice. */
static uint8_t take_decoded(struct span *s)
{
	uint8_t c = s->p[0], decoded[1];
	struct buf d = BUF_OF(decoded);
	size_t n = 1;
	if (c == '%' && s->len >= 3 && text_read_hex(span_first(span_from(*s, 1), 2), &d) == ERR_OK) {
		c = decoded[0];
		n = 3;
	}
	*s = span_from(*s, n);
	return c;
}

static void put_param_part(struct buf *b, struct span s)
{
	while (s.len) {
		uint8_t c = take_decoded(&s);
		text_percent(b, span_of(&c, 1));
	}
}

/* As their encoded forms compare. */
static int compare_part(struct span a, struct span b)
{
	while (a.len && b.len) {
		uint8_t ca = take_decoded(&a), cb = take_decoded(&b), ea[3], eb[3];
		struct buf ba = BUF_OF(ea), bb = BUF_OF(eb);
		text_percent(&ba, span_of(&ca, 1));
		text_percent(&bb, span_of(&cb, 1));
		int d = span_cmp(buf_span(&ba), buf_span(&bb));
		if (d)
			return d;
	}
	return a.len ? 1 : b.len ? -1 : 0;
}

static int compare_param(const struct param *a, const struct param *b)
{
	int d = compare_part(a->name, b->name);
	return d ? d : compare_part(a->value, b->value);
}

static enum err put_query(struct buf *b, struct span query)
{
	struct param sorted[SIGV4_PARAMS_MAX];
	size_t count = 0;
	while (query.len) {
		struct span pair = span_cut(&query, '&');
		if (pair.len == 0)
			continue;
		if (count == SIGV4_PARAMS_MAX)
			return ERR_TOO_LONG;
		struct param p = {.value = pair};
		p.name = span_cut(&p.value, '=');
		size_t at = count++;
		for (; at && compare_param(&sorted[at - 1], &p) > 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = p;
	}
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_u8(b, '&');
		put_param_part(b, sorted[i].name);
		buf_u8(b, '=');
		put_param_part(b, sorted[i].value);
	}
	return ERR_OK;
}

/* Headers that a proxy may change or that name the signature itself. */
static bool never_signed(struct span name)
{
	static const char *const names[] = {"authorization",     "connection", "expect",
					    "keep-alive",        "te",         "trailer",
					    "transfer-encoding", "upgrade",    "user-agent",
					    "x-amzn-trace-id"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_ieq(name, span_str(names[i])))
			return true;
	return span_ieq(span_first(name, 6), SPAN("proxy-"));
}

static int compare_names(struct span a, struct span b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int d = lower(a.p[i]) - lower(b.p[i]);
		if (d)
			return d;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

struct sorted_headers {
	const struct sigv4_header *header[SIGV4_HEADERS_MAX]; /* borrowed; equal names as requested */
	size_t count;
};

static enum err sort_headers(const struct sigv4_request *r, struct sorted_headers *s)
{
	s->count = 0;
	for (size_t i = 0; i < r->header_count; i++) {
		const struct sigv4_header *h = &r->headers[i];
		if (never_signed(h->name))
			continue;
		if (s->count == SIGV4_HEADERS_MAX)
			return ERR_TOO_LONG;
		size_t at = s->count++;
		for (; at && compare_names(s->header[at - 1]->name, h->name) > 0; at--)
			s->header[at] = s->header[at - 1];
		s->header[at] = h;
	}
	return ERR_OK;
}

static void put_lower(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_u8(b, lower(s.p[i]));
}

static void put_value(struct buf *b, struct span s)
{
	while (s.len && blank(s.p[s.len - 1]))
		s.len--;
	bool begun = false;
	for (size_t i = 0; i < s.len; i++) {
		if (blank(s.p[i]))
			continue;
		if (begun && blank(s.p[i - 1]))
			buf_u8(b, ' ');
		buf_u8(b, s.p[i]);
		begun = true;
	}
}

static void put_headers(const struct sorted_headers *s, struct buf *canonical, struct buf *names)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct sigv4_header *h = s->header[i];
		bool again = i && compare_names(s->header[i - 1]->name, h->name) == 0;
		if (i)
			buf_u8(canonical, again ? ',' : '\n');
		if (!again) {
			put_lower(canonical, h->name);
			buf_u8(canonical, ':');
			if (i)
				buf_u8(names, ';');
			put_lower(names, h->name);
		}
		put_value(canonical, h->value);
	}
	buf_str(canonical, "\n\n");
}

enum err sigv4_canonical(const struct sigv4_request *r, struct buf *canonical, struct buf *signed_headers)
{
	struct sorted_headers sorted;
	TRY(sort_headers(r, &sorted));
	buf_put(canonical, r->method);
	buf_u8(canonical, '\n');
	put_path(canonical, r->path, r->rules);
	buf_u8(canonical, '\n');
	TRY(put_query(canonical, r->query));
	buf_u8(canonical, '\n');
	size_t names_from = signed_headers->len;
	put_headers(&sorted, canonical, signed_headers);
	buf_put(canonical, span_from(buf_span(signed_headers), names_from));
	buf_u8(canonical, '\n');
	buf_put(canonical, r->payload_hash);
	TRY(buf_err(signed_headers));
	return buf_err(canonical);
}

static void put_scope(struct buf *b, const struct sigv4_scope *s)
{
	time_date(b, s->now_ns);
	buf_u8(b, '/');
	buf_put(b, s->region);
	buf_u8(b, '/');
	buf_put(b, s->service);
	buf_str(b, "/aws4_request");
}

enum err sigv4_string_to_sign(const struct sigv4_scope *s, struct span canonical, struct buf *out)
{
	uint8_t digest[32];
	sha256_of(canonical, digest);
	buf_str(out, "AWS4-HMAC-SHA256\n");
	time_basic(out, s->now_ns);
	buf_u8(out, '\n');
	put_scope(out, s);
	buf_u8(out, '\n');
	text_hex(out, span_of(digest, sizeof(digest)));
	return buf_err(out);
}

void sigv4_signing_key(const struct sigv4_scope *s, struct span secret, uint8_t key[32])
{
	uint8_t start[4 + sizeof(((struct aws_credentials *)0)->secret)], date[8], odd[32], even[32];
	struct buf k = BUF_OF(start), d = BUF_OF(date);
	buf_str(&k, "AWS4");
	buf_put(&k, secret);
	time_date(&d, s->now_ns);
	ASSERT(!k.overflow && !d.overflow);
	hmac_sha256(buf_span(&k), buf_span(&d), odd);
	hmac_sha256(span_of(odd, 32), s->region, even);
	hmac_sha256(span_of(even, 32), s->service, odd);
	hmac_sha256(span_of(odd, 32), SPAN("aws4_request"), key);
	wipe(start, sizeof(start));
	wipe(odd, sizeof(odd));
	wipe(even, sizeof(even));
}

enum err sigv4_signature(const uint8_t key[32], struct span string_to_sign, struct buf *out)
{
	uint8_t mac[32];
	hmac_sha256(span_of(key, 32), string_to_sign, mac);
	text_hex(out, span_of(mac, sizeof(mac)));
	return buf_err(out);
}

enum err sigv4_authorization(const struct sigv4_scope *s, struct span access_key_id,
			     struct span signed_headers, struct span signature, struct buf *out)
{
	buf_str(out, "AWS4-HMAC-SHA256 Credential=");
	buf_put(out, access_key_id);
	buf_u8(out, '/');
	put_scope(out, s);
	buf_str(out, ", SignedHeaders=");
	buf_put(out, signed_headers);
	buf_str(out, ", Signature=");
	buf_put(out, signature);
	return buf_err(out);
}

static void parent_of(const struct aws_credentials *c, uint8_t parent[32])
{
	uint8_t text[sizeof(c->access_key_id) + sizeof(c->secret)];
	struct buf b = BUF_OF(text);
	buf_str(&b, c->access_key_id);
	buf_u8(&b, '\n');
	buf_str(&b, c->secret);
	ASSERT(!b.overflow);
	sha256_of(buf_span(&b), parent);
	wipe(text, sizeof(text));
}

static void cached_key(struct sigv4_cache *cache, const struct sigv4_scope *s,
		       const struct aws_credentials *c, uint8_t key[32])
{
	char scope[sizeof(cache->entry[0].scope)] = "";
	struct buf b = buf_over(scope, sizeof(scope) - 1);
	uint8_t parent[32];
	put_scope(&b, s);
	if (!cache || b.overflow) {
		sigv4_signing_key(s, span_str(c->secret), key);
		return;
	}
	parent_of(c, parent);
	for (uint32_t i = 0; i < SIGV4_CACHE_ENTRIES; i++) {
		if (strcmp(cache->entry[i].scope, scope) == 0 &&
		    memcmp(cache->entry[i].parent, parent, sizeof(parent)) == 0) {
			memcpy(key, cache->entry[i].key, 32);
			return;
		}
	}
	uint32_t at = cache->next;
	cache->next = (at + 1) % SIGV4_CACHE_ENTRIES;
	sigv4_signing_key(s, span_str(c->secret), key);
	memcpy(cache->entry[at].scope, scope, sizeof(scope));
	memcpy(cache->entry[at].parent, parent, sizeof(parent));
	memcpy(cache->entry[at].key, key, 32);
}

/* Stages 1 to 3; `canonical` is the caller's scratch. */
static enum err sign_stages(const struct sigv4_request *r, const struct sigv4_scope *s,
			    const struct aws_credentials *c, struct sigv4_cache *cache, struct buf *canonical,
			    struct buf *names, struct buf *signature)
{
	uint8_t text[256], key[32];
	struct buf to_sign = BUF_OF(text);
	TRY(sigv4_canonical(r, canonical, names));
	TRY(sigv4_string_to_sign(s, buf_span(canonical), &to_sign));
	cached_key(cache, s, c, key);
	enum err e = sigv4_signature(key, buf_span(&to_sign), signature);
	wipe(key, sizeof(key));
	return e;
}

enum err sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *s,
		    const struct aws_credentials *c, struct sigv4_cache *cache, struct buf *authorization)
{
	uint8_t text[SIGV4_CANONICAL_MAX], name_text[SIGV4_AUTHORIZATION_MAX], digits[64];
	struct buf canonical = BUF_OF(text), names = BUF_OF(name_text), signature = BUF_OF(digits);
	enum err e = sign_stages(r, s, c, cache, &canonical, &names, &signature);
	wipe(text, sizeof(text));
	TRY(e);
	return sigv4_authorization(s, span_str(c->access_key_id), buf_span(&names), buf_span(&signature),
				   authorization);
}

enum err sigv4_sign_post(const struct sigv4_header *headers, size_t header_count, struct span body,
			 const struct sigv4_scope *s, const struct aws_credentials *c,
			 struct sigv4_cache *cache, struct buf *authorization)
{
	uint8_t digest[SHA256_BYTES], hex[2 * SHA256_BYTES];
	struct buf hash = BUF_OF(hex);
	sha256_of(body, digest);
	text_hex(&hash, span_of(digest, sizeof(digest)));
	struct sigv4_request r = {
		.method = SPAN("POST"),
		.path = SPAN("/"),
		.headers = headers,
		.header_count = header_count,
		.payload_hash = buf_span(&hash),
		.rules = SIGV4_GENERAL,
	};
	return sigv4_sign(&r, s, c, cache, authorization);
}
