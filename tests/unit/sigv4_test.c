/* The stages are compared with whole cases by vec_sigv4; here are the limits and what cases don't show. */
#include "aws/sigv4.h"

#include "base/text.h"
#include "check.h"

static uint8_t canonical_mem[SIGV4_CANONICAL_MAX], names_mem[512], out_mem[SIGV4_AUTHORIZATION_MAX];
static struct buf canonical, names, out;

#define NOW_NS (1440938160ull * 1000000000) /* 2015-08-30T12:36:00Z, the suite's time */

static const struct sigv4_header host = {SPAN("Host"), SPAN("h")};

static enum err stage1(const char *path, const char *query, unsigned rules)
{
	struct sigv4_request r = {
		.method = SPAN("GET"),
		.path = span_str(path),
		.query = span_str(query),
		.headers = &host,
		.header_count = 1,
		.payload_hash = SPAN("HASH"),
		.rules = rules,
	};
	canonical = BUF_OF(canonical_mem);
	names = BUF_OF(names_mem);
	return sigv4_canonical(&r, &canonical, &names);
}

static bool gives(const char *path, const char *query, unsigned rules, const char *want_path,
		  const char *want_query)
{
	char want[512];
	int n = snprintf(want, sizeof(want), "GET\n%s\n%s\nhost:h\n\nhost\nHASH", want_path, want_query);
	if (stage1(path, query, rules))
		return false;
	if (span_eq(buf_span(&canonical), span_of(want, (size_t)n)))
		return true;
	printf("  %.*s\n", (int)canonical.len, (const char *)canonical.p);
	return false;
}

static void paths_follow_the_service(void)
{
	CHECK(gives("/a//./b/../c%20d", "", SIGV4_S3, "/a//./b/../c%20d", ""));
	CHECK(gives("/a//./b/../c%20d", "", SIGV4_GENERAL, "/a/c%2520d", ""));
	CHECK(gives("/a//./b/../c%20d", "", SIGV4_ENCODE, "/a//./b/../c%2520d", ""));
	CHECK(gives("/a//./b/../c%20d", "", SIGV4_NORMALIZE, "/a/c%20d", ""));
	CHECK(gives("", "", SIGV4_S3, "/", ""));
	CHECK(gives("", "", SIGV4_GENERAL, "/", ""));
	CHECK(gives("/..", "", SIGV4_GENERAL, "/", ""));
	CHECK(gives("/a/..", "", SIGV4_GENERAL, "/", ""));
	CHECK(gives("/a/../", "", SIGV4_GENERAL, "/", ""));
	CHECK(gives("/a/b/..", "", SIGV4_GENERAL, "/a", ""));
	CHECK(gives("/a/b/../", "", SIGV4_GENERAL, "/a/", ""));
	CHECK(gives("/a b/../c", "", SIGV4_GENERAL, "/c", ""));
	CHECK(gives("/...", "", SIGV4_GENERAL, "/...", ""));
}

static void queries_are_sorted_and_encoded_once(void)
{
	CHECK(gives("/", "b=2&a=1", SIGV4_S3, "/", "a=1&b=2"));
	CHECK(gives("/", "acl", SIGV4_S3, "/", "acl="));
	CHECK(gives("/", "a=b=c", SIGV4_S3, "/", "a=b%3Dc"));
	CHECK(gives("/", "a=%2f%2F/%zz%", SIGV4_S3, "/", "a=%2F%2F%2F%25zz%25"));
	CHECK(gives("/", "a=2&a=10&a=1", SIGV4_S3, "/", "a=1&a=10&a=2"));
	CHECK(gives("/", "ab=1&a=2&a-=3", SIGV4_S3, "/", "a=2&a-=3&ab=1"));
	CHECK(gives("/", "a=1&%61=0", SIGV4_S3, "/", "a=0&a=1"));
	CHECK(gives("/", "&&x&", SIGV4_S3, "/", "x="));
}

static void limits_are_errors(void)
{
	struct sigv4_header many[SIGV4_HEADERS_MAX + 1];
	struct sigv4_request r = {
		.method = SPAN("GET"), .path = SPAN("/"), .headers = many, .payload_hash = SPAN("H")};
	char query[2 * SIGV4_PARAMS_MAX + 3] = "";
	for (size_t i = 0; i < SIGV4_HEADERS_MAX + 1; i++)
		many[i] = (struct sigv4_header){SPAN("x"), SPAN("y")};
	for (r.header_count = SIGV4_HEADERS_MAX; r.header_count <= SIGV4_HEADERS_MAX + 1; r.header_count++) {
		canonical = BUF_OF(canonical_mem);
		names = BUF_OF(names_mem);
		CHECK(sigv4_canonical(&r, &canonical, &names) ==
		      (r.header_count > SIGV4_HEADERS_MAX ? ERR_TOO_LONG : ERR_OK));
	}
	for (int i = 0; i < SIGV4_PARAMS_MAX; i++)
		strcat(query, "a&");
	CHECK(stage1("/", query, SIGV4_S3) == ERR_OK);
	strcat(query, "a");
	CHECK(stage1("/", query, SIGV4_S3) == ERR_TOO_LONG);
	r.header_count = 1;
	for (size_t cap = 0; cap < 20; cap++) {
		canonical = buf_over(canonical_mem, cap);
		names = BUF_OF(names_mem);
		CHECK(sigv4_canonical(&r, &canonical, &names) ==
		      (cap < sizeof("GET\n/\n\nx:y\n\nx\nH") - 1 ? ERR_FULL : ERR_OK));
	}
}

/* The documentation's own example of a derived key (AWS General Reference, "Examples of how to derive a
 * signing key"). */
static void derives_the_documented_key(void)
{
	uint8_t key[32];
	struct sigv4_scope s = {SPAN("us-east-1"), SPAN("iam"), NOW_NS};
	sigv4_signing_key(&s, SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), key);
	out = BUF_OF(out_mem);
	text_hex(&out, span_of(key, 32));
	CHECK_SPAN(buf_span(&out), SPAN("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"));
}

/* get-vanilla of the official suite. */
static void signs_the_vanilla_request(void)
{
	static const struct sigv4_header h[] = {
		{SPAN("User-Agent"), SPAN("never signed")},
		{SPAN("X-Amz-Date"), SPAN("20150830T123600Z")},
		{SPAN("Host"), SPAN("example.amazonaws.com")},
	};
	struct sigv4_request r = {
		.method = SPAN("GET"),
		.path = SPAN("/"),
		.headers = h,
		.header_count = 3,
		.payload_hash = SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
		.rules = SIGV4_GENERAL,
	};
	struct sigv4_scope s = {SPAN("us-east-1"), SPAN("service"), NOW_NS};
	static const struct aws_credentials c = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
						 "", 0};
	out = BUF_OF(out_mem);
	CHECK(sigv4_sign(&r, &s, &c, NULL, &out) == ERR_OK);
	CHECK_SPAN(buf_span(&out),
		   SPAN("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
			"SignedHeaders=host;x-amz-date, "
			"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
	out = buf_over(out_mem, 100);
	CHECK(sigv4_sign(&r, &s, &c, NULL, &out) == ERR_FULL);
}

/* Whether signing for this scope and secret takes `marked`, a key that was planted in the cache. */
static bool takes_planted(struct sigv4_cache *cache, const struct sigv4_scope *s,
			  const struct aws_credentials *c)
{
	struct sigv4_request r = {.method = SPAN("GET"),
				  .path = SPAN("/"),
				  .headers = &host,
				  .header_count = 1,
				  .payload_hash = SPAN("HASH")};
	uint8_t first_mem[SIGV4_AUTHORIZATION_MAX];
	struct buf first = BUF_OF(first_mem);
	out = BUF_OF(out_mem);
	CHECK(sigv4_sign(&r, s, c, NULL, &first) == ERR_OK);
	CHECK(sigv4_sign(&r, s, c, cache, &out) == ERR_OK);
	return !span_eq(buf_span(&first), buf_span(&out));
}

static void a_signing_key_is_derived_once(void)
{
	struct sigv4_cache cache = {.next = 0};
	struct aws_credentials c = {"AKIDEXAMPLE", "secret", "", 0};
	struct sigv4_scope s = {SPAN("us-east-1"), SPAN("s3"), NOW_NS};
	CHECK(!takes_planted(&cache, &s, &c));
	CHECK(!takes_planted(&cache, &s, &c) && cache.next == 1);
	cache.entry[0].key[0] ^= 1;
	CHECK(takes_planted(&cache, &s, &c)); /* the cached one is used .. */
	s.now_ns += 3600ull * 1000000000;
	CHECK(takes_planted(&cache, &s, &c)); /* .. the whole day */
	struct sigv4_scope other = s;
	other.now_ns += 86400ull * 1000000000;
	CHECK(!takes_planted(&cache, &other, &c));
	other = s;
	other.region = SPAN("us-east-2");
	CHECK(!takes_planted(&cache, &other, &c));
	other = s;
	other.service = SPAN("kms");
	CHECK(!takes_planted(&cache, &other, &c));
	struct aws_credentials changed = c;
	changed.secret[0] ^= 1; /* the same key id with another secret */
	CHECK(!takes_planted(&cache, &s, &changed));
	changed = c;
	changed.access_key_id[0] ^= 1;
	CHECK(!takes_planted(&cache, &s, &changed));
	CHECK(cache.next == 6);
	for (int i = 0; i < SIGV4_CACHE_ENTRIES; i++) {
		other.now_ns -= 86400ull * 1000000000;
		CHECK(!takes_planted(&cache, &other, &c));
	}
	CHECK(!takes_planted(&cache, &s, &c)); /* it was replaced */
	char longest[80];
	memset(longest, 'a', sizeof(longest));
	other.region = span_of(longest, sizeof(longest));
	uint32_t next = cache.next;
	CHECK(!takes_planted(&cache, &other, &c) && cache.next == next); /* too long to be kept */
}

int main(void)
{
	RUN(paths_follow_the_service, "S3's path is signed as it stands, others normalised and encoded");
	RUN(queries_are_sorted_and_encoded_once, "query parameters are sorted and encoded once");
	RUN(limits_are_errors, "more headers or parameters than allowed are refused, not dropped");
	RUN(derives_the_documented_key, "the derived key is the documented one");
	RUN(signs_the_vanilla_request, "a request is signed as the official suite signs it");
	RUN(a_signing_key_is_derived_once, "a signing key is derived once a day, region, service and secret");
	return check_done();
}
