/* Answers:
 *
 *   <AssumeRoleResponse><AssumeRoleResult><Credentials>
 *     <AccessKeyId/><SecretAccessKey/><SessionToken/><Expiration/>
 *   <GetCallerIdentityResponse><GetCallerIdentityResult><Arn/><UserId/><Account/>
 */
#include "aws/sts.h"

#include <string.h>

#include "aws/post.h"
#include "aws/xml.h"
#include "base/time.h"

#define VERSION "2011-06-15"

static void put_given(struct buf *form, const char *name, const char *value)
{
	if (value)
		post_field(form, name, span_str(value));
}

void sts_put_role(struct buf *form, const struct sts_role *role)
{
	bool web = role->web_token.len;
	post_field(form, "Action", web ? SPAN("AssumeRoleWithWebIdentity") : SPAN("AssumeRole"));
	post_field(form, "Version", SPAN(VERSION));
	put_given(form, "RoleArn", role->arn);
	put_given(form, "RoleSessionName", role->session);
	put_given(form, "ExternalId", role->external_id);
	put_given(form, "SerialNumber", role->mfa_serial);
	put_given(form, "TokenCode", role->mfa_code);
	put_given(form, "DurationSeconds", role->duration_s);
	if (web)
		post_field(form, "WebIdentityToken", role->web_token);
}

void sts_put_caller(struct buf *form)
{
	post_field(form, "Action", SPAN("GetCallerIdentity"));
	post_field(form, "Version", SPAN(VERSION));
}

/* count elements of one document; what is too long for its memory is ERR_TOO_LONG. */
static enum err read_elements(struct span xml, struct xml_wanted *wanted, size_t count)
{
	struct xml_reader r;
	xml_begin(&r, wanted, count);
	TRY(xml_feed(&r, xml));
	TRY(xml_end(&r));
	for (size_t i = 0; i < count; i++)
		TRY(wanted[i].result == ERR_FULL ? ERR_TOO_LONG : wanted[i].result);
	return ERR_OK;
}

enum { ID, SECRET, TOKEN, EXPIRES, ROLE_ELEMENTS };

static enum err read_role(struct xml_wanted *w, struct span xml, struct aws_credentials *c)
{
	TRY(read_elements(xml, w, ROLE_ELEMENTS));
	TRY(creds_copy(buf_span(w[ID].out), c->access_key_id, sizeof(c->access_key_id)));
	TRY(creds_copy(buf_span(w[SECRET].out), c->secret, sizeof(c->secret)));
	TRY(creds_copy(buf_span(w[TOKEN].out), c->token, sizeof(c->token)));
	return time_read_zoned(buf_span(w[EXPIRES].out), &c->expires_ns);
}

#define ROLE "AssumeRoleResponse/AssumeRoleResult/Credentials/"
#define WEB "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/"

enum err sts_read_role(struct span xml, bool web, struct aws_credentials *out)
{
	static const char *const paths[2][ROLE_ELEMENTS] = {
		{ROLE "AccessKeyId", ROLE "SecretAccessKey", ROLE "SessionToken", ROLE "Expiration"},
		{WEB "AccessKeyId", WEB "SecretAccessKey", WEB "SessionToken", WEB "Expiration"},
	};
	char memory[ROLE_ELEMENTS][sizeof(out->token)];
	struct buf text[ROLE_ELEMENTS];
	struct xml_wanted wanted[ROLE_ELEMENTS];
	struct aws_credentials c;
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < ROLE_ELEMENTS; i++) {
		text[i] = BUF_OF(memory[i]);
		wanted[i] = (struct xml_wanted){.path = paths[web][i], .out = &text[i]};
	}
	enum err e = read_role(wanted, xml, &c);
	if (!e)
		*out = c;
	wipe(&c, sizeof(c));
	wipe(memory, sizeof(memory));
	return e;
}

enum err sts_read_caller(struct span xml, struct sts_caller *out)
{
	char arn[sizeof(out->arn)], account[sizeof(out->account)];
	struct buf text[] = {BUF_OF(arn), BUF_OF(account)};
	struct xml_wanted wanted[] = {
		{.path = "GetCallerIdentityResponse/GetCallerIdentityResult/Arn", .out = &text[0]},
		{.path = "GetCallerIdentityResponse/GetCallerIdentityResult/Account", .out = &text[1]},
	};
	TRY(read_elements(xml, wanted, 2));
	TRY(creds_copy(buf_span(&text[0]), arn, sizeof(arn)));
	TRY(creds_copy(buf_span(&text[1]), account, sizeof(account)));
	memcpy(out->arn, arn, sizeof(arn));
	memcpy(out->account, account, sizeof(account));
	return ERR_OK;
}
