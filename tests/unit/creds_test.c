#include "aws/creds.h"

#include "base/buf.h"

#include "check.h"

#define DOCUMENT(code, id, secret, token, expires)                                                       \
	"{\n  \"Code\" : \"" code "\",\n  \"LastUpdated\" : \"2026-01-02T03:04:05Z\",\n"                 \
	"  \"Type\" : \"AWS-HMAC\",\n  \"AccessKeyId\" : \"" id "\",\n  \"SecretAccessKey\" : \"" secret \
	"\",\n"                                                                                          \
	"  \"Token\" : \"" token "\",\n  \"Expiration\" : \"" expires "\"\n}"
#define GOOD DOCUMENT("Success", "ASIAEXAMPLE", "sec\\/ret+x", "IQoJ//token==", "2026-01-02T09:04:05Z")

static struct aws_credentials c;
static char code[64];

static void reads_the_document(void)
{
	CHECK(creds_read(SPAN(GOOD), &c, code) == ERR_OK);
	CHECK(!strcmp(c.access_key_id, "ASIAEXAMPLE") && !strcmp(c.secret, "sec/ret+x"));
	CHECK(!strcmp(c.token, "IQoJ//token==") && c.expires_ns == 1767344645000000000ull);
	CHECK(!code[0]);
}

static void keeps_the_old_on_error(void)
{
	CHECK(creds_read(SPAN(GOOD), &c, code) == ERR_OK);
	struct aws_credentials old = c;
	CHECK(creds_read(SPAN("{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"no\"}"), &c, code) ==
	      ERR_REFUSED);
	CHECK(!strcmp(code, "AssumeRoleUnauthorizedAccess"));
	static const struct {
		struct span text;
		enum err e;
	} bad[] = {
		{SPAN("{}"), ERR_MISSING},
		{SPAN("{\"Code\":\"Success\"}"), ERR_MISSING},
		{SPAN(DOCUMENT("", "A", "s", "t", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("a\\nb", "A", "s", "t", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "", "s", "t", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A", "", "t", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A", "s", "", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A", "s", "t\\r\\nX-Evil:1", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A B", "s", "t", "2026-01-02T09:04:05Z")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A", "s", "t", "tomorrow")), ERR_SYNTAX},
		{SPAN(DOCUMENT("Success", "A", "s", "t", "2026-13-02T09:04:05Z")), ERR_RANGE},
		{SPAN(DOCUMENT("Success", "A", "s", "t\", \"Token\": \"u", "2026-01-02T09:04:05Z")),
		 ERR_DUPLICATE},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(creds_read(bad[i].text, &c, code) == bad[i].e);
		CHECK(!code[0]);
		CHECK(!memcmp(&c, &old, sizeof(c)));
	}
	struct span whole = SPAN(GOOD);
	for (size_t n = 0; n < whole.len; n++)
		CHECK(creds_read(span_first(whole, n), &c, code) == ERR_SYNTAX);
	CHECK(!memcmp(&c, &old, sizeof(c)));
}

static void bounds_the_token(void)
{
	static char text[8192];
	for (size_t n = sizeof(c.token) - 2; n <= sizeof(c.token); n++) {
		struct buf b = BUF_OF(text);
		buf_str(&b,
			"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"");
		buf_fill(&b, 't', n);
		buf_str(&b, "\",\"Expiration\":\"2026-01-02T09:04:05Z\"}");
		CHECK(creds_read(buf_span(&b), &c, code) == (n < sizeof(c.token) ? ERR_OK : ERR_TOO_LONG));
	}
	CHECK(strlen(c.token) == sizeof(c.token) - 1);
}

static void refreshes_in_time(void)
{
	CHECK(creds_read(SPAN(GOOD), &c, code) == ERR_OK);
	CHECK(!creds_due(&c, 0));
	CHECK(!creds_due(&c, c.expires_ns - CREDS_REFRESH_NS - 1));
	CHECK(creds_due(&c, c.expires_ns - CREDS_REFRESH_NS));
	CHECK(creds_due(&c, UINT64_MAX));
	wipe(&c, sizeof(c));
	CHECK(creds_due(&c, 0));
}

int main(void)
{
	RUN(reads_the_document, "the role's credentials are read");
	RUN(keeps_the_old_on_error, "a bad document names its fault and leaves the old credentials");
	RUN(bounds_the_token, "a session token up to 4095 characters is held");
	RUN(refreshes_in_time, "credentials are due ten minutes before they expire and when there are none");
	return check_done();
}
