#include "aws/policy.h"

#include "check.h"

static struct policy_statement s;

static void first(const char *statement)
{
	static char text[1024];
	struct policy_walk w;
	snprintf(text, sizeof(text), "{\"Version\":\"2012-10-17\",\"Statement\":[%s]}", statement);
	memset(&s, 0, sizeof(s));
	CHECK(policy_begin(span_str(text), &w) == ERR_OK && policy_next(&w, &s) == ERR_OK);
	struct policy_statement rest;
	CHECK(policy_next(&w, &rest) == ERR_NOT_FOUND);
}

#define ARN SPAN("arn:aws:iam::123456789012:role/app")
#define ACCOUNT SPAN("123456789012")

static void knows_actions(void)
{
	first("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"s3:Get*\",\"KMS:decrypt\"]}");
	CHECK(s.allows && !s.has_condition);
	CHECK(policy_about(&s, SPAN("kms:Decrypt")) && policy_about(&s, SPAN("s3:GetObject")));
	CHECK(!policy_about(&s, SPAN("s3:PutObject")));
	first("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"NotAction\":\"s3:Pu?Object\"}");
	CHECK(!s.allows && policy_about(&s, SPAN("kms:Decrypt")) && !policy_about(&s, SPAN("s3:PutObject")));
	first("{\"Effect\":\"Deny\",\"Action\":\"*\","
	      "\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}");
	CHECK(policy_about(&s, SPAN("a:b")) && s.has_condition);
	CHECK(policy_condition_has(&s, SPAN("aws:SecureTransport")) &&
	      !policy_condition_has(&s, SPAN("aws:Other")));
	CHECK(!policy_for(&s, ARN, ACCOUNT)); /* no principal */
}

static void knows_principals(void)
{
	static const struct {
		const char *principal;
		bool role, account;
	} rows[] = {
		{"\"*\"", true, true},
		{"{\"AWS\":\"*\"}", true, true},
		{"{\"AWS\":\"arn:aws:iam::123456789012:role/app\"}", true, true},
		{"{\"AWS\":[\"x\",\"arn:aws:iam::123456789012:role/app\"]}", true, true},
		{"{\"AWS\":\"arn:aws:iam::123456789012:role/other\"}", false, false},
		{"{\"AWS\":\"arn:aws:iam::123456789012:role/aws-reserved/sso/eu-central-1/app\"}", true,
		 true},
		{"{\"AWS\":\"arn:aws:iam::123456789012:role/x/another-app\"}", false, false},
		{"{\"AWS\":\"arn:aws:iam::210987654321:role/x/app\"}", false, false},
		{"{\"AWS\":\"arn:aws:iam::123456789012:user/x/app\"}", false, false},
		{"{\"AWS\":\"arn:aws:iam::123456789012:root\"}", false, true},
		{"{\"AWS\":\"123456789012\"}", false, true},
		{"{\"AWS\":\"arn:aws:iam::210987654321:root\"}", false, false},
		{"{\"Service\":\"s3.amazonaws.com\"}", false, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), "{\"Effect\":\"Allow\",\"Principal\":%s,\"Action\":\"*\"}",
			 rows[i].principal);
		first(text);
		CHECK(policy_for(&s, ARN, SPAN("")) == rows[i].role);
		CHECK(policy_for(&s, ARN, ACCOUNT) == rows[i].account);
	}
}

static void refuses_what_is_none(void)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"Statement\":1}", "{\"Statement\":\"x\"}"};
	struct policy_walk w;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(policy_begin(span_str(bad[i]), &w) != ERR_OK);
	CHECK(policy_begin(SPAN("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\"}}"), &w) == ERR_OK);
	CHECK(policy_next(&w, &s) == ERR_OK && s.allows && policy_next(&w, &s) == ERR_NOT_FOUND);
	CHECK(policy_begin(SPAN("{\"Statement\":[{\"Effect\":\"Allow\"},7]}"), &w) == ERR_OK);
	CHECK(policy_next(&w, &s) == ERR_SYNTAX);
	CHECK(policy_begin(SPAN("{\"Statement\":[]}"), &w) == ERR_OK && policy_next(&w, &s) == ERR_NOT_FOUND);
}

int main(void)
{
	RUN(knows_actions, "a statement is about the actions that it names, by patterns too");
	RUN(knows_principals, "a statement is for a role by its ARN, its account or everybody");
	RUN(refuses_what_is_none, "what is no policy, or no statement, is refused");
	return check_done();
}
