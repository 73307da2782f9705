#include "aws/kms.h"

#include "aws/json.h"
#include "aws/sigv4.h"
#include "base/text.h"
#include "check.h"
#include "lib/sha.h"

#define KEY "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
#define ALIAS "arn:aws:kms:eu-central-1:111122223333:alias/tap"
/* Two pairs, as the message header has them: count, then length and bytes of each. */
#define CONTEXT "\0\2\0\3a\"b\0\1x\0\12sealtap-k2\0\2y/"

static struct aws_credentials creds = {"ASIAEXAMPLE", "secret", "session/token==", 0};
static struct endpoint endpoint = {"kms.eu-central-1.amazonaws.com", 443};
static uint8_t request_mem[KMS_REQUEST_MAX];
static struct buf request;

static enum err build(const char *arn)
{
	struct kms_call call = {span_str(arn), SPAN(CONTEXT), &endpoint,
				&creds,        NULL,          1767323045ull * 1000000000};
	request = BUF_OF(request_mem);
	return kms_generate_data_key(&call, &request);
}

/* Signs what was sent again, header by header as it stands there. */
static bool signature_fits(struct span head, struct span body)
{
	struct sigv4_header h[16];
	size_t n = 0;
	uint8_t digest[32], hex[64], auth_mem[SIGV4_AUTHORIZATION_MAX];
	struct buf hash = BUF_OF(hex), auth = BUF_OF(auth_mem);
	span_cut(&head, '\n');
	while (head.len) {
		struct span line = span_cut(&head, '\n'), name = span_cut(&line, ':');
		h[n++] = (struct sigv4_header){name, span_first(line, line.len - 1)};
	}
	sha256_of(body, digest);
	text_hex(&hash, span_of(digest, 32));
	struct sigv4_request r = {SPAN("POST"), SPAN("/"), SPAN(""), h, n, buf_span(&hash), SIGV4_GENERAL};
	struct sigv4_scope s = {SPAN("eu-central-1"), SPAN("kms"), 1767323045ull * 1000000000};
	return sigv4_sign(&r, &s, &creds, NULL, &auth) == ERR_OK &&
	       span_eq(h[n - 1].name, SPAN("Authorization")) &&
	       span_eq(span_trim(h[n - 1].value), buf_span(&auth));
}

static void builds_the_request(void)
{
	CHECK(build(KEY) == ERR_OK);
	struct span whole = buf_span(&request);
	struct span body = SPAN("{\"KeyId\":\"" KEY "\",\"NumberOfBytes\":32,"
				"\"EncryptionContext\":{\"a\\\"b\":\"x\",\"sealtap-k2\":\"y/\"}}");
	CHECK(span_ends(whole, body));
	CHECK(span_starts(
		whole,
		SPAN("POST / HTTP/1.1\r\nHost: kms.eu-central-1.amazonaws.com\r\nContent-Length: 132\r\n"
		     "Content-Type: application/x-amz-json-1.1\r\n"
		     "X-Amz-Target: TrentService.GenerateDataKey\r\n"
		     "X-Amz-Date: 20260102T030405Z\r\nX-Amz-Security-Token: session/token==\r\n"
		     "Authorization: AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260102/eu-central-1/kms/"
		     "aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date;"
		     "x-amz-security-token;x-amz-target, Signature=")));
	CHECK(body.len == 132);
	struct span head = span_first(whole, whole.len - body.len);
	CHECK(span_ends(head, SPAN("\r\n\r\n")));
	CHECK(signature_fits(span_first(head, head.len - 2), body));
	CHECK(build("arn:aws:kms:nowhere:111122223333:key/1") == ERR_SYNTAX);
	CHECK(build("arn:aws-cn:kms:cn-north-1:111122223333:key/1") == ERR_UNSUPPORTED);
	size_t len = whole.len;
	for (size_t cap = 0; cap < len; cap += 7) {
		struct kms_call call = {SPAN(KEY), SPAN(CONTEXT), &endpoint,
					&creds,    NULL,          1767323045ull * 1000000000};
		request = buf_over(request_mem, cap);
		CHECK(kms_generate_data_key(&call, &request) == ERR_FULL);
	}
	creds.token[0] = 0;
	CHECK(build(KEY) == ERR_OK);
	bool token = false;
	for (struct span rest = buf_span(&request); rest.len;)
		token = token || span_starts(span_cut(&rest, '\n'), SPAN("X-Amz-Security-Token"));
	CHECK(!token);
}

#define PLAIN "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ANSWER(blob, plain, key) \
	"{\"CiphertextBlob\":\"" blob "\",\"KeyId\":\"" key "\",\"Plaintext\":\"" plain "\"}"

static struct kms_data_key k;

static enum err read_for(const char *asked, const char *body)
{
	memset(&k, 0xaa, sizeof(k));
	return kms_read_data_key(span_str(body), span_str(asked), &k);
}

static bool wiped(void)
{
	static const struct kms_data_key none;
	return !memcmp(&k, &none, sizeof(k));
}

static void reads_the_data_key(void)
{
	CHECK(read_for(KEY, ANSWER("Zm9vYmFy", PLAIN, KEY)) == ERR_OK);
	CHECK_SPAN(span_of(k.edk, k.edk_len), SPAN("foobar"));
	CHECK(!strcmp(k.key_arn, KEY));
	for (unsigned i = 0; i < 32; i++)
		CHECK(k.plaintext[i] == i);
	CHECK(read_for(ALIAS, ANSWER("Zm9vYmFy", PLAIN, KEY)) == ERR_OK);
	CHECK(!strcmp(k.key_arn, KEY));
	kms_data_key_wipe(&k);
	CHECK(wiped());
}

static void refuses_other_keys_and_sizes(void)
{
	static const struct {
		const char *asked, *body;
		enum err e;
	} rows[] = {
		{KEY, ANSWER("Zm9v", PLAIN, "arn:aws:kms:eu-central-1:111122223333:key/other"), ERR_PROTOCOL},
		{KEY, ANSWER("Zm9v", PLAIN, "1234abcd"), ERR_PROTOCOL},
		{KEY, ANSWER("Zm9v", PLAIN, ALIAS), ERR_PROTOCOL},
		{ALIAS, ANSWER("Zm9v", PLAIN, ALIAS), ERR_PROTOCOL},
		{ALIAS, ANSWER("Zm9v", PLAIN, "arn:aws:kms:eu-central-1:444455556666:key/1234abcd"),
		 ERR_PROTOCOL},
		{ALIAS, ANSWER("Zm9v", PLAIN, "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"),
		 ERR_PROTOCOL},
		{KEY, ANSWER("Zm9v", "AAECAwQFBgcICQoLDA0ODw==", KEY), ERR_PROTOCOL},
		{KEY, ANSWER("Zm9v", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", KEY), ERR_PROTOCOL},
		{KEY, ANSWER("Zm9v", "", KEY), ERR_PROTOCOL},
		{KEY, ANSWER("", PLAIN, KEY), ERR_PROTOCOL},
		{KEY, ANSWER("Zm9", PLAIN, KEY), ERR_SYNTAX},
		{KEY, ANSWER("Zm9v", "!" PLAIN, KEY), ERR_SYNTAX},
		{KEY, "{\"KeyId\":\"" KEY "\",\"Plaintext\":\"" PLAIN "\"}", ERR_MISSING},
		{KEY, "{\"KeyId\":\"" KEY "\",\"CiphertextBlob\":\"Zm9v\"}", ERR_MISSING},
		{KEY, "{}", ERR_MISSING},
		{KEY, "", ERR_SYNTAX},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err e = read_for(rows[i].asked, rows[i].body);
		if (e != rows[i].e)
			printf("  %zu: %s\n", i, err_text(e));
		CHECK(e == rows[i].e && wiped());
	}
	struct span whole = SPAN(ANSWER("Zm9vYmFy", PLAIN, KEY));
	for (size_t n = 0; n < whole.len; n++) {
		CHECK(kms_read_data_key(span_first(whole, n), SPAN(KEY), &k) == ERR_SYNTAX);
		CHECK(wiped());
	}
}

static void bounds_the_encrypted_key(void)
{
	static uint8_t text[KMS_ANSWER_MAX], blob[KMS_EDK_MAX + 3];
	for (size_t n = KMS_EDK_MAX - 3; n <= KMS_EDK_MAX + 3; n += 3) {
		struct buf b = BUF_OF(text);
		buf_str(&b, "{\"KeyId\":\"" KEY "\",\"Plaintext\":\"" PLAIN "\",\"CiphertextBlob\":\"");
		text_base64(&b, span_of(blob, n));
		buf_str(&b, "\"}");
		CHECK(kms_read_data_key(buf_span(&b), SPAN(KEY), &k) ==
		      (n <= KMS_EDK_MAX ? ERR_OK : ERR_TOO_LONG));
		CHECK(n > KMS_EDK_MAX || k.edk_len == n);
	}
}

static void judges_errors(void)
{
	static const struct {
		unsigned status;
		const char *type, *body;
		enum kms_verdict v;
		const char *name;
	} rows[] = {
		{200, "", "", KMS_OK, ""},
		{400, "", "{\"__type\":\"ThrottlingException\"}", KMS_RETRY, "ThrottlingException"},
		{500, "", "{\"__type\":\"KMSInternalException\"}", KMS_RETRY, "KMSInternalException"},
		{500, "", "{\"__type\":\"KeyUnavailableException\"}", KMS_RETRY, "KeyUnavailableException"},
		{503, "", "{\"__type\":\"DependencyTimeoutException\"}", KMS_RETRY,
		 "DependencyTimeoutException"},
		{400, "", "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\"}", KMS_REFRESH,
		 "ExpiredTokenException"},
		{400, "",
		 "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: 2026\"}",
		 KMS_SKEW, "InvalidSignatureException"},
		{400, "",
		 "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature not yet current: 2026\"}",
		 KMS_SKEW, "InvalidSignatureException"},
		{400, "", "{\"__type\":\"RequestExpired\"}", KMS_SKEW, "RequestExpired"},
		{400, "", "{\"__type\":\"NotYetValid\"}", KMS_SKEW, "NotYetValid"},
		{400, "", "{\"__type\":\"SignatureDoesNotMatch\",\"message\":\"Signature expired: 2026\"}",
		 KMS_SKEW, "SignatureDoesNotMatch"},
		{400, "", "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request signature\"}",
		 KMS_DENIED, "InvalidSignatureException"},
		{400, "", "{\"__type\":\"AccessDeniedException\",\"Message\":\"User is not authorized\"}",
		 KMS_DENIED, "AccessDeniedException"},
		{400, "", "{\"__type\":\"NotFoundException\"}", KMS_DENIED, "NotFoundException"},
		{400, "", "{\"__type\":\"DisabledException\"}", KMS_DENIED, "DisabledException"},
		{400, "", "{\"__type\":\"KMSInvalidStateException\"}", KMS_DENIED,
		 "KMSInvalidStateException"},
		{400, "", "{\"__type\":\"UnrecognizedClientException\"}", KMS_DENIED,
		 "UnrecognizedClientException"},
		{400, "ThrottlingException:http://internal.amazon.com/", "{}", KMS_RETRY,
		 "ThrottlingException"},
		{400, "NotFoundException", "not json", KMS_DENIED, "NotFoundException"},
		{403, "", "<html>", KMS_DENIED, ""},
		{502, "", "<html>", KMS_RETRY, ""},
		{429, "", "", KMS_RETRY, ""},
		{301, "", "", KMS_DENIED, ""},
		{204, "", "", KMS_RETRY, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f;
		enum kms_verdict v =
			kms_classify(rows[i].status, span_str(rows[i].type), span_str(rows[i].body), &f);
		if (v != rows[i].v || strcmp(f.code, rows[i].name) != 0)
			printf("  %zu: %d %s\n", i, (int)v, f.code);
		CHECK(v == rows[i].v && !strcmp(f.code, rows[i].name));
	}
	struct fault f;
	kms_classify(400, SPAN(""), SPAN("{\"__type\":\"X\\u001b[2J\",\"Message\":\"a\\nb\xc3\xa4\"}"), &f);
	CHECK(!strcmp(f.code, "X?[2J") && !strcmp(f.message, "a?b??"));
}

static void says_what_to_do(void)
{
	static const struct {
		const char *name, *part;
	} rows[] = {
		{"AccessDeniedException", "kms:GenerateDataKey"},
		{"NotFoundException", "correct kms.key"},
		{"DisabledException", "enable the key"},
		{"KMSInvalidStateException", "cancel its deletion"},
		{"InvalidKeyUsageException", "symmetric"},
		{"InvalidGrantTokenException", "what answers"},
		{"DryRunOperationException", "what answers"},
		{"IncompleteSignature", "clock"},
		{"InvalidClientTokenId", "the role exists"},
		{"UnrecognizedClientException", "the role exists"},
		{"OptInRequired", "subscribe"},
		{"ValidationException", "correct kms.key"},
		{"Unheard", "check the key"},
		{"", "check the key"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[128];
		struct fault f;
		int n = snprintf(body, sizeof(body), "{\"__type\":\"%s\"}", rows[i].name);
		CHECK(kms_classify(400, SPAN(""), span_of(body, (size_t)n), &f) == KMS_DENIED);
		if (!strstr(f.remedy, rows[i].part))
			printf("  %s: %s\n", rows[i].name, f.remedy);
		CHECK(strstr(f.remedy, rows[i].part));
	}
}

static void finds_its_endpoint(void)
{
	static struct settings s;
	struct endpoint e;
	strcpy(s.kms_key, "arn:aws:kms:us-west-2:111122223333:key/1");
	CHECK(kms_endpoint(&s, &e) == ERR_OK && !strcmp(e.host, "kms.us-west-2.amazonaws.com"));
	s.kms_endpoint = (struct endpoint){"kms.example", 8443};
	CHECK(kms_endpoint(&s, &e) == ERR_OK && !strcmp(e.host, "kms.example"));
	endpoint = e;
	CHECK(build(KEY) == ERR_OK);
	static const char front[] = "POST / HTTP/1.1\r\nHost: kms.example:8443\r\n";
	CHECK_SPAN(span_first(buf_span(&request), sizeof(front) - 1), span_str(front));
	strcpy(s.kms_key, "arn:aws-cn:kms:cn-north-1:111122223333:key/1");
	CHECK(kms_endpoint(&s, &e) == ERR_UNSUPPORTED);
}

int main(void)
{
	RUN(builds_the_request, "GenerateDataKey is asked with its context and a signature that fits");
	RUN(finds_its_endpoint, "KMS is asked in the key's region or at the named endpoint");
	RUN(reads_the_data_key, "the data key is read in clear and encrypted");
	RUN(refuses_other_keys_and_sizes, "a key of another name or length is refused and wiped");
	RUN(bounds_the_encrypted_key, "an encrypted key up to its limit is held whole");
	RUN(judges_errors, "each named error is retried, refreshed, corrected or final");
	RUN(says_what_to_do, "each refusal comes with its remedy");
	return check_done();
}
