#include "aws/s3.h"

#include "aws/sigv4.h"
#include "base/text.h"
#include "check.h"

static struct settings settings;
static struct object_identity identity;
static struct object_meta meta;
static struct aws_credentials creds = {"ASIAEXAMPLE", "secret", "session/token==", 0};

#define NOW_NS (1767323045ull * 1000000000)
#define PATH                                                           \
	"tap/x/111122223333/eu-central-1/tap-1/2026/01/02/03/packets/" \
	"20260102T030405.000000000Z-0011223344556677-w0-00000000.pcapng.zst.encrypted"

static void set_up(void)
{
	settings = (struct settings){.s3_bucket = "evidence", .s3_prefix = "tap/x"};
	identity = (struct object_identity){
		.account = "111122223333", .region = "eu-central-1", .appliance = "tap-1"};
	meta = (struct object_meta){.name = PATH,
				    .stream = "w0",
				    .first_ns = NOW_NS,
				    .last_ns = NOW_NS + 1,
				    .records = 3,
				    .raw_bytes = 400,
				    .size_bytes = 65536,
				    .sig_len = 70};
	for (unsigned i = 0; i < 32; i++)
		meta.sha256[i] = (uint8_t)i;
	strcpy(creds.token, "session/token==");
}

static char date_mem[20], auth_mem[SIGV4_AUTHORIZATION_MAX], head_mem[S3_HEAD_MAX];
static struct buf date, auth, head;

static enum err sign(void)
{
	date = BUF_OF(date_mem);
	auth = BUF_OF(auth_mem);
	return s3_put_sign(&settings, &identity, &meta, &creds, NULL, NOW_NS, &date, &auth);
}

static enum err build(void)
{
	TRY(sign());
	head = BUF_OF(head_mem);
	return s3_put_head(&settings, &identity, &meta, buf_span(&date), buf_span(&auth),
			   span_str(creds.token), &head);
}

#define SHA_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void sends_what_is_promised(void)
{
	static const char front[] =
		"PUT /" PATH
		" HTTP/1.1\r\nHost: evidence.s3.eu-central-1.amazonaws.com\r\nContent-Length: 65536\r\n"
		"Content-Type: application/octet-stream\r\nIf-None-Match: *\r\nX-Amz-Content-Sha256: " SHA_HEX
		"\r\n"
		"X-Amz-Checksum-Sha256: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n"
		"X-Amz-Sdk-Checksum-Algorithm: SHA256\r\nX-Amz-Expected-Bucket-Owner: 111122223333\r\n";
	uint8_t want_mem[S3_HEAD_MAX], value_mem[256];
	struct buf want = BUF_OF(want_mem);
	const char *name;
	set_up();
	buf_str(&want, front);
	for (unsigned i = 0;; i++) {
		struct buf value = BUF_OF(value_mem);
		if (!object_meta_field(&meta, i, true, &name, &value))
			break;
		buf_str(&want, "X-Amz-Meta-");
		buf_str(&want, name);
		buf_str(&want, ": ");
		buf_put(&want, buf_span(&value));
		buf_str(&want, "\r\n");
	}
	buf_str(&want, "X-Amz-Date: 20260102T030405Z\r\nX-Amz-Security-Token: session/token==\r\n"
		       "User-Agent: sealtap\r\n"
		       "Authorization: ");
	CHECK(build() == ERR_OK);
	buf_put(&want, buf_span(&auth));
	buf_str(&want, "\r\n\r\n");
	CHECK_SPAN(buf_span(&head), buf_span(&want));
}

/* The head alone, as a server sees it: every header but two is signed, and the signature is theirs. */
static void what_is_sent_is_what_was_signed(void)
{
	for (int round = 0; round < 4; round++) {
		bool token = round & 1, in_path = round & 2;
		struct sigv4_header h[40];
		size_t n = 0;
		uint8_t again_mem[SIGV4_AUTHORIZATION_MAX];
		struct buf again = BUF_OF(again_mem);
		set_up();
		if (!token)
			creds.token[0] = 0;
		settings.s3_endpoint = (struct endpoint){"s3.example", 444};
		if (!in_path)
			settings.s3_endpoint.host[0] = 0;
		CHECK(build() == ERR_OK);
		struct span rest = buf_span(&head), line = span_cut(&rest, '\n');
		CHECK(span_eq(span_cut(&line, ' '), SPAN("PUT")));
		struct span path = span_cut(&line, ' '), sent_auth = SPAN("");
		while (rest.len > 2) {
			line = span_cut(&rest, '\n');
			struct span name = span_cut(&line, ':');
			h[n++] = (struct sigv4_header){name, span_first(line, line.len - 1)};
			if (span_eq(name, SPAN("Authorization")))
				sent_auth = span_trim(h[n - 1].value);
		}
		struct sigv4_request r = {SPAN("PUT"), path, SPAN(""), h, n, SPAN(SHA_HEX), SIGV4_S3};
		struct sigv4_scope s = {SPAN("eu-central-1"), SPAN("s3"), NOW_NS};
		CHECK(sigv4_sign(&r, &s, &creds, NULL, &again) == ERR_OK);
		CHECK_SPAN(sent_auth, buf_span(&again));
		size_t signed_count = 1;
		span_cut(&sent_auth, ',');
		struct span names = span_cut(&sent_auth, ',');
		for (size_t i = 0; i < names.len; i++)
			signed_count += names.p[i] == ';';
		CHECK(signed_count == n - 2);
		CHECK(n == 22u + (unsigned)token);
	}
}

/* The head's first two lines and the signature's scope. */
static void check_target(const char *path, const char *host, const char *scope)
{
	char want[1024], credential[128];
	CHECK(build() == ERR_OK);
	int n = snprintf(want, sizeof(want), "PUT %s HTTP/1.1\r\nHost: %s\r\n", path, host);
	CHECK_SPAN(span_first(buf_span(&head), (size_t)n), span_of(want, (size_t)n));
	n = snprintf(credential, sizeof(credential),
		     "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260102/%s/s3/aws4_request,", scope);
	CHECK_SPAN(span_first(buf_span(&auth), (size_t)n), span_of(credential, (size_t)n));
}

static void finds_the_bucket(void)
{
	struct endpoint e;
	set_up();
	strcpy(settings.s3_region, "eu-west-3");
	check_target("/" PATH, "evidence.s3.eu-west-3.amazonaws.com", "eu-west-3");
	settings.endpoint_fips = settings.endpoint_dualstack = 1;
	check_target("/" PATH, "evidence.s3-fips.dualstack.eu-west-3.amazonaws.com", "eu-west-3");
	set_up();
	strcpy(settings.s3_bucket, "evi.dence");
	check_target("/evi.dence/" PATH, "s3.eu-central-1.amazonaws.com", "eu-central-1");
	set_up();
	settings.s3_endpoint = (struct endpoint){"bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com", 443};
	check_target("/evidence/" PATH, settings.s3_endpoint.host, "eu-central-1");
	settings.s3_endpoint.port = 8443;
	check_target("/evidence/" PATH, "bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com:8443",
		     "eu-central-1");
	CHECK(s3_endpoint(&settings, &identity, &e) == ERR_OK && e.port == 8443);
	CHECK(!strcmp(e.host, settings.s3_endpoint.host));
	strcpy(settings.s3_region, "us-gov-west-1"); /* the instance's credentials count for nothing there */
	CHECK(sign() == ERR_UNSUPPORTED && s3_endpoint(&settings, &identity, &e) == ERR_UNSUPPORTED);
	set_up();
	memset(settings.s3_bucket, 'b', 63);
	strcpy(settings.s3_endpoint.host, "");
	memset(meta.name + strlen(meta.name), 'x', OBJECT_NAME_MAX - 1 - strlen(meta.name));
	CHECK(build() == ERR_OK && s3_endpoint(&settings, &identity, &e) == ERR_OK);
	strcpy(settings.s3_endpoint.host, "a.example"); /* bucket and name at their longest in one path */
	CHECK(build() == ERR_OK);
}

static void refuses_foreign_names(void)
{
	static const char *const names[] = {
		"",
		"/" PATH, /* NOLINT(bugprone-suspicious-missing-comma): one name */
		"x" PATH,
		"tap/x/111122223333/eu-central-1/tap-1",
		"tap/x/111122223333/eu-central-1/tap-1/",
		"tap/x/111122223333/eu-central-1/tap-1/a/",
		"tap/x/111122223333/eu-central-1/tap-2/a",
		"tap/x/111122223333/eu-central-1/tap-11/a",
		"tap/x/111122223333/us-east-1/tap-1/a",
		"tap/x/444455556666/eu-central-1/tap-1/a",
		"tap/111122223333/eu-central-1/tap-1/a",
		"tap/x/111122223333/eu-central-1/tap-1//a",
		"tap/x/111122223333/eu-central-1/tap-1/../tap-2/a",
		"tap/x/111122223333/eu-central-1/tap-1/./a",
		"tap/x/111122223333/eu-central-1/tap-1/a b",
		"tap/x/111122223333/eu-central-1/tap-1/a?acl",
		"tap/x/111122223333/eu-central-1/tap-1/a%2Fb",
		"tap/x/111122223333/eu-central-1/tap-1/a\r\nX: y",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_up();
		strcpy(meta.name, names[i]);
		CHECK(sign() == ERR_DENIED);
		head = BUF_OF(head_mem);
		CHECK(s3_put_head(&settings, &identity, &meta, SPAN("d"), SPAN("a"), SPAN(""), &head) ==
		      ERR_DENIED);
		CHECK(head.len == 0 && auth.len == 0);
	}
	set_up();
	memset(meta.name, 'a', sizeof(meta.name)); /* not terminated */
	CHECK(sign() == ERR_DENIED);
	set_up();
	identity.appliance[0] = 0;
	CHECK(sign() == ERR_DENIED);
}

static void an_object_whose_signing_key_died_says_that_it_has_none(void)
{
	set_up();
	meta.sig_len = 0;
	CHECK(build() == ERR_OK);
	head_mem[head.len] = 0;
	CHECK(strstr((const char *)head_mem, "\r\nX-Amz-Meta-sealtap-sig: none\r\n"));
}

static void refuses_unfinished_objects(void)
{
	set_up();
	meta.size_bytes = 0;
	CHECK(sign() == ERR_RANGE);
	meta.size_bytes = 1073741825;
	CHECK(sign() == ERR_RANGE);
	meta.size_bytes = 1073741824;
	CHECK(sign() == ERR_OK);
	strcpy(identity.region, "cn-north-1");
	strcpy(meta.name, "tap/x/111122223333/cn-north-1/tap-1/a");
	CHECK(sign() == ERR_UNSUPPORTED);
	set_up();
	CHECK(build() == ERR_OK);
	for (size_t cap = 0, len = head.len; cap < len; cap += 11) {
		head = buf_over(head_mem, cap);
		CHECK(s3_put_head(&settings, &identity, &meta, buf_span(&date), buf_span(&auth),
				  span_str(creds.token), &head) == ERR_FULL);
	}
	memset(creds.token, 't', sizeof(creds.token) - 1); /* the longest token there is */
	CHECK(build() == ERR_OK);
	set_up();
}

#define ERROR(code)                                                      \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" code \
	"</Code><Message>m&amp;m</Message></Error>"

static const struct {
	unsigned status;
	const char *body;
	enum s3_verdict v;
	bool maybe; /* a 412 after it means that the object was stored */
} answers[] = {
	{200, "", S3_STORED, false},
	{200, "\r\n", S3_STORED, false},
	{200, ERROR("InternalError"), S3_RETRY, true},
	{200, ERROR("SlowDown"), S3_RETRY, true},
	{200, "<html>", S3_RETRY, true},
	{204, "", S3_RETRY, true},
	{301, ERROR("PermanentRedirect"), S3_MOVED, false},
	{301, "", S3_MOVED, false},
	{307, ERROR("TemporaryRedirect"), S3_MOVED, false},
	{400, ERROR("IllegalLocationConstraintException"), S3_MOVED, false},
	{400, ERROR("RequestTimeout"), S3_RETRY, false},
	{400, ERROR("ExpiredToken"), S3_REFRESH, false},
	{400, ERROR("InvalidToken"), S3_REFRESH, false},
	{400, ERROR("AuthorizationHeaderMalformed"), S3_MOVED, false},
	{400, ERROR("XAmzContentSHA256Mismatch"), S3_RETRY, false},
	{400, ERROR("BadDigest"), S3_RETRY, false},
	{400, ERROR("InvalidDigest"), S3_RETRY, false},
	{400, ERROR("TokenRefreshRequired"), S3_REFRESH, false},
	{400, ERROR("EntityTooLarge"), S3_DENIED, false},
	{400, ERROR("KMS.DisabledException"), S3_DENIED, false},
	{403, ERROR("RequestExpired"), S3_SKEW, false},
	{403, ERROR("AllAccessDisabled"), S3_DENIED, false},
	{403, ERROR("AccountProblem"), S3_DENIED, false},
	{409, ERROR("OperationAborted"), S3_RETRY, false},
	{503, ERROR("RequestLimitExceeded"), S3_RETRY, false},
	{503, "", S3_RETRY, false},
	{403, ERROR("RequestTimeTooSkewed"), S3_SKEW, false},
	{403, ERROR("AccessDenied"), S3_DENIED, false},
	{403, ERROR("InvalidAccessKeyId"), S3_DENIED, false},
	{403, ERROR("SignatureDoesNotMatch"), S3_DENIED, false},
	{403, "", S3_DENIED, false},
	{404, ERROR("NoSuchBucket"), S3_DENIED, false},
	{408, "", S3_RETRY, false},
	{409, ERROR("ConditionalRequestConflict"), S3_RETRY, false},
	{409, "", S3_RETRY, false},
	{412, ERROR("PreconditionFailed"), S3_EXISTS, false},
	{412, "", S3_EXISTS, false},
	{429, "", S3_RETRY, false},
	{500, ERROR("InternalError"), S3_RETRY, true},
	{501, ERROR("NotImplemented"), S3_DENIED, false},
	{502, "<html>", S3_RETRY, true},
	{503, ERROR("SlowDown"), S3_RETRY, false},
	{503, ERROR("ServiceUnavailable"), S3_RETRY, false},
	{504, "", S3_RETRY, true},
};

static void judges_answers(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct s3_attempts a = {0};
		struct fault f;
		enum s3_verdict v = s3_classify(&a, answers[i].status, span_str(answers[i].body), &f);
		if (v != answers[i].v || a.maybe_stored != answers[i].maybe)
			printf("  %zu: %d\n", i, (int)v);
		CHECK(v == answers[i].v && a.maybe_stored == answers[i].maybe);
		CHECK(v == S3_STORED || *f.remedy);
		CHECK(s3_classify(&a, 412, SPAN(""), &f) == (answers[i].maybe ? S3_STORED : S3_EXISTS));
	}
}

static void both_meanings_of_412(void)
{
	struct s3_attempts a = {0};
	struct fault f;
	CHECK(s3_classify(&a, 412, SPAN(ERROR("PreconditionFailed")), &f) == S3_EXISTS);
	CHECK(!strcmp(f.code, "PreconditionFailed") && !strcmp(f.message, "m&m"));
	CHECK(s3_classify(&a, 503, SPAN(ERROR("SlowDown")), &f) == S3_RETRY);
	CHECK(s3_classify(&a, 412, SPAN(""), &f) == S3_EXISTS && !f.code[0]);
	s3_no_answer(&a);
	CHECK(s3_classify(&a, 503, SPAN(ERROR("SlowDown")), &f) == S3_RETRY); /* does not take it back */
	CHECK(s3_classify(&a, 412, SPAN(ERROR("PreconditionFailed")), &f) == S3_STORED);
}

static void faults_are_printable(void)
{
	struct s3_attempts a = {0};
	struct fault f;
	char body[8192];
	for (size_t len = 600; len < 8000; len += 1000) {
		struct buf b = BUF_OF(body);
		buf_str(&b, "<Error><Code>A\xc3\xa4\tB</Code><Message>");
		buf_fill(&b, 'm', len);
		buf_str(&b, "</Message></Error>");
		CHECK(s3_classify(&a, 400, buf_span(&b), &f) == S3_DENIED);
		CHECK(!strcmp(f.code, "A???B") && strlen(f.message) == sizeof(f.message) - 1);
		CHECK(f.message[0] == 'm' && f.message[sizeof(f.message) - 2] == 'm');
	}
}

/* An element with len bytes of text, and one with them as S3 spells bytes. */
static void put_twice(struct buf *b, const char *name, size_t len)
{
	char element[256];
	buf_put(b, span_of(element, (size_t)snprintf(element, sizeof(element), "<%s>", name)));
	buf_fill(b, 'x', len);
	buf_put(b,
		span_of(element, (size_t)snprintf(element, sizeof(element), "</%s><%sBytes>", name, name)));
	for (size_t i = 0; i < len; i++)
		buf_str(b, i ? " 78" : "78");
	buf_put(b, span_of(element, (size_t)snprintf(element, sizeof(element), "</%sBytes>", name)));
}

/* S3's answer in its true form: all that was signed, each twice. */
static void a_wrong_signature_is_told(void)
{
	static uint8_t body[S3_ANSWER_MAX];
	for (size_t canonical = 3300; canonical <= 13000; canonical += 9700) {
		struct s3_attempts a = {0};
		struct fault f;
		struct buf b = BUF_OF(body);
		buf_str(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			    "<Error><Code>SignatureDoesNotMatch</Code>"
			    "<Message>The request signature we calculated does not match.</Message>"
			    "<AWSAccessKeyId>ASIAEXAMPLE</AWSAccessKeyId>");
		put_twice(&b, "StringToSign", 150);
		buf_str(&b, "<SignatureProvided>" SHA_HEX "</SignatureProvided>");
		put_twice(&b, "CanonicalRequest", canonical);
		buf_str(&b, "<RequestId>4442587FB7D0A2F9</RequestId><HostId>a+b/c=</HostId></Error>");
		CHECK(!buf_err(&b) && b.len > canonical * 4 && b.len > 14000);
		CHECK(s3_classify(&a, 403, buf_span(&b), &f) == S3_DENIED);
		CHECK(!strcmp(f.code, "SignatureDoesNotMatch") && strstr(f.remedy, "clock"));
		CHECK(!strcmp(f.message, "The request signature we calculated does not match."));
	}
}

static const char *remedy(struct s3_attempts *a, unsigned status, const char *body, enum s3_verdict want)
{
	static struct fault f;
	CHECK(s3_classify(a, status, span_str(body), &f) == want);
	return f.remedy;
}

static void says_what_to_do(void)
{
	struct s3_attempts a = {0};
	CHECK(!strcmp(remedy(&a, 503, ERROR("SlowDown"), S3_RETRY), "trying again"));
	CHECK(!strcmp(remedy(&a, 404, ERROR("NoSuchBucket"), S3_DENIED), "correct s3.bucket, or create it"));
	CHECK(strstr(remedy(&a, 403, ERROR("AccessDenied"), S3_DENIED), "s3:PutObject"));
	CHECK(strstr(remedy(&a, 403, ERROR("SignatureDoesNotMatch"), S3_DENIED), "clock"));
	CHECK(strstr(remedy(&a, 403, ERROR("Unheard"), S3_DENIED), "s3:PutObject"));
	CHECK(strstr(remedy(&a, 301, ERROR("PermanentRedirect"), S3_MOVED), "s3.region"));
}

static void a_digest_is_refused_once(void)
{
	struct s3_attempts a = {0};
	CHECK(strstr(remedy(&a, 400, ERROR("BadDigest"), S3_RETRY), "again") && a.digest_refusals == 1);
	CHECK(!strcmp(remedy(&a, 503, ERROR("SlowDown"), S3_RETRY), "trying again"));
	CHECK(strstr(remedy(&a, 400, ERROR("XAmzContentSHA256Mismatch"), S3_DENIED), "memory"));
	CHECK(a.digest_refusals == 2 && !a.maybe_stored);
}

int main(void)
{
	RUN(sends_what_is_promised, "a PUT carries digest, checksum, condition, owner and metadata");
	RUN(finds_the_bucket, "the bucket is in the host or in the path, its region in the signature");
	RUN(what_is_sent_is_what_was_signed, "what is sent is exactly what was signed");
	RUN(refuses_foreign_names, "no name outside the appliance's own prefix is signed or sent");
	RUN(an_object_whose_signing_key_died_says_that_it_has_none,
	    "an object whose signing key died says that it has no signature");
	RUN(refuses_unfinished_objects, "empty and oversized objects are refused");
	RUN(judges_answers, "each answer is stored, retried, refreshed, corrected or final");
	RUN(both_meanings_of_412, "412 means stored only after an attempt that may have stored it");
	RUN(a_wrong_signature_is_told,
	    "S3's longest answer, with all that was signed, is a refusal like others");
	RUN(says_what_to_do, "each refusal comes with its remedy");
	RUN(a_digest_is_refused_once, "a refused digest is sent again once");
	RUN(faults_are_printable, "what the service said is cut and made printable for the log");
	return check_done();
}
