#include "aws/sts.h"

#include "base/time.h"

#include "check.h"

static struct aws_credentials c;

#define CREDENTIALS                                                                                      \
	"<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>se/cr+et</SecretAccessKey>" \
	"<SessionToken>tok==</SessionToken><Expiration>2026-01-02T09:04:05.000Z</Expiration></Credentials>"
#define ROLE                                                                                                \
	"<?xml version=\"1.0\"?>\n<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
	"<AssumeRoleResult>" CREDENTIALS "<AssumedRoleUser><Arn>a</Arn></AssumedRoleUser>"                  \
	"</AssumeRoleResult></AssumeRoleResponse>"
#define EXPIRES_NS 1767344645000000000ull

static bool is_example(const char *token)
{
	return !strcmp(c.access_key_id, "ASIAEXAMPLE") && !strcmp(c.secret, "se/cr+et") &&
	       !strcmp(c.token, token) && c.expires_ns == EXPIRES_NS;
}

static void reads_roles(void)
{
	CHECK(sts_read_role(SPAN(ROLE), false, &c) == ERR_OK && is_example("tok=="));
	memset(&c, 0, sizeof(c));
	CHECK(sts_read_role(SPAN(ROLE), true, &c) == ERR_MISSING && !c.access_key_id[0]);
	CHECK(sts_read_role(
		      SPAN("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>" CREDENTIALS
			   "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"),
		      true, &c) == ERR_OK);
	CHECK(is_example("tok=="));
	struct span whole = SPAN(ROLE);
	for (size_t n = 0; n < whole.len; n++)
		CHECK(sts_read_role(span_first(whole, n), false, &c) != ERR_OK);
	CHECK(is_example("tok=="));
}

static void reads_the_caller(void)
{
	struct sts_caller caller;
	CHECK(sts_read_caller(SPAN("<GetCallerIdentityResponse><GetCallerIdentityResult>"
				   "<Arn>arn:aws:iam::123456789012:user/a&amp;b</Arn><UserId>AID</UserId>"
				   "<Account>123456789012</Account></GetCallerIdentityResult>"
				   "</GetCallerIdentityResponse>"),
			      &caller) == ERR_OK);
	CHECK(!strcmp(caller.arn, "arn:aws:iam::123456789012:user/a&b") &&
	      !strcmp(caller.account, "123456789012"));
	CHECK(sts_read_caller(SPAN("<GetCallerIdentityResponse/>"), &caller) == ERR_MISSING);
}

static void asks(void)
{
	char memory[512];
	struct buf form = BUF_OF(memory);
	sts_put_role(&form,
		     &(struct sts_role){.arn = "arn:x", .session = "s", .mfa_serial = "m", .mfa_code = "1"});
	CHECK_SPAN(buf_span(&form),
		   SPAN("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ax&RoleSessionName=s"
			"&SerialNumber=m&TokenCode=1"));
	buf_reset(&form);
	sts_put_role(&form, &(struct sts_role){.arn = "a", .session = "s", .web_token = SPAN("t.u")});
	CHECK_SPAN(buf_span(&form), SPAN("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=a"
					 "&RoleSessionName=s&WebIdentityToken=t.u"));
}

#define PROCESS(more) \
	"{\"Version\": 1, \"AccessKeyId\": \"ASIAEXAMPLE\", \"SecretAccessKey\": \"se/cr+et\"" more "}"

static void reads_programs(void)
{
	static const struct {
		struct span text;
		enum err e;
	} bad[] = {
		{SPAN("{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}"), ERR_MISSING},
		{SPAN("{\"Version\": 2, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}"),
		 ERR_UNSUPPORTED},
		{SPAN("{\"Version\": 1, \"AccessKeyId\": \"A\"}"), ERR_MISSING},
		{SPAN("{\"Version\": 1, \"AccessKeyId\": null, \"SecretAccessKey\": \"s\"}"), ERR_MISSING},
		{SPAN("{\"Version\": [1], \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}"), ERR_SYNTAX},
		{SPAN(PROCESS(", \"SessionToken\": \"a b\"")), ERR_SYNTAX},
		{SPAN(PROCESS(", \"Expiration\": \"soon\"")), ERR_SYNTAX},
		{SPAN("no JSON"), ERR_SYNTAX},
	};
	CHECK(creds_read_process(SPAN(PROCESS(", \"SessionToken\": \"t\", \"Expiration\": "
					      "\"2026-01-02T10:04:05+01:00\"")),
				 &c) == ERR_OK);
	CHECK(is_example("t"));
	struct aws_credentials before = c;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(creds_read_process(bad[i].text, &c) == bad[i].e && !memcmp(&before, &c, sizeof(c)));
	CHECK(creds_read_process(SPAN(PROCESS(", \"SessionToken\": null, \"Expiration\": null")), &c) ==
	      ERR_OK);
	CHECK(!c.token[0] && c.expires_ns == CREDS_FOR_GOOD && !creds_due(&c, 1ull << 62));
}

static void reads_containers(void)
{
	CHECK(creds_read_container(
		      SPAN("{\"RoleArn\":\"r\",\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":"
			   "\"se/cr+et\",\"Token\":\"t\",\"Expiration\":\"2026-01-02T09:04:05Z\"}"),
		      &c) == ERR_OK);
	CHECK(is_example("t"));
	CHECK(creds_read_container(SPAN("{\"code\":\"x\"}"), &c) == ERR_MISSING && is_example("t"));
}

static void reads_single_sign_on(void)
{
	static const struct {
		struct span text;
		enum err e;
	} bad[] = {
		{SPAN("{}"), ERR_MISSING},
		{SPAN("{\"roleCredentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s\","
		      "\"sessionToken\":\"t\"}}"),
		 ERR_MISSING},
		{SPAN("{\"roleCredentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s\","
		      "\"sessionToken\":\"t\",\"expiration\":1.5}}"),
		 ERR_SYNTAX},
		{SPAN("{\"roleCredentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s\","
		      "\"sessionToken\":\"t\",\"expiration\":99999999999999999}}"),
		 ERR_RANGE},
	};
	CHECK(creds_read_sso(SPAN("{\"roleCredentials\":{\"accessKeyId\":\"ASIAEXAMPLE\",\"secretAccessKey\":"
				  "\"se/cr+et\",\"sessionToken\":\"t\",\"expiration\":1767344645000}}"),
			     &c) == ERR_OK);
	CHECK(is_example("t"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(creds_read_sso(bad[i].text, &c) == bad[i].e && is_example("t"));
}

static void reads_offsets(void)
{
	static const struct {
		const char *text;
		enum err e;
	} rows[] = {
		{"2026-01-02T09:04:05Z", ERR_OK},         {"2026-01-02T10:34:05+01:30", ERR_OK},
		{"2026-01-02T04:04:05-05:00", ERR_OK},    {"2026-01-02T09:04:05+00:00", ERR_OK},
		{"2026-01-02T09:04:05", ERR_SYNTAX},      {"2026-01-02T09:04:05+24:00", ERR_RANGE},
		{"2026-01-02T09:04:05+0100", ERR_SYNTAX}, {"1970-01-01T00:00:00+01:00", ERR_RANGE},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = 0;
		CHECK(time_read_zoned(span_str(rows[i].text), &ns) == rows[i].e);
		CHECK(rows[i].e || ns == EXPIRES_NS);
	}
}

int main(void)
{
	RUN(reads_roles, "a role's credentials are read whole, or not at all");
	RUN(reads_the_caller, "the caller's ARN and account are read");
	RUN(asks, "a role is asked for by name, and a web token's request is another");
	RUN(reads_programs, "what a credential_process prints is read, null and missing members too");
	RUN(reads_containers, "what a container's endpoint gives is read");
	RUN(reads_single_sign_on, "what single sign-on gives for a role is read");
	RUN(reads_offsets, "a time may have an offset in place of the Z");
	return check_done();
}
