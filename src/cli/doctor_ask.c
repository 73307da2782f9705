/* Questions to AWS that the doctor asks. */
#include <string.h>

#include "aws/post.h"
#include "cli/doctor.h"
#include "cli/session.h"

#define ANSWER_MAX (1024 * 1024)

static uint8_t answer[ANSWER_MAX], form_memory[16384], query_memory[128];

static void begin(struct call *c, const char *service)
{
	memset(c, 0, sizeof(*c));
	c->service = service;
	c->method = "POST";
	c->path = SPAN("/");
	c->to = answer;
	c->to_bytes = sizeof(answer);
}

enum err doctor_query(const char *service, const char *action, const char *const *pairs, struct call *c)
{
	static const struct sigv4_header type[] = {
		{SPAN("Content-Type"), SPAN("application/x-www-form-urlencoded; charset=utf-8")}};
	bool iam = !strcmp(service, "iam");
	bool gov = !strncmp(session_names()->region, "us-gov-", 7);
	struct buf form = BUF_OF(form_memory);
	begin(c, service);
	post_field(&form, "Action", span_str(action));
	post_field(&form, "Version", iam ? SPAN("2010-05-08") : SPAN("2016-11-15"));
	for (; *pairs; pairs += 2)
		post_field(&form, pairs[0], span_str(pairs[1]));
	TRY(buf_err(&form));
	c->region = !iam ? NULL : gov ? "us-gov-west-1" : "us-east-1"; /* IAM is one for all regions */
	c->headers = type;
	c->header_count = 1;
	c->body = buf_span(&form);
	return call_run(c);
}

enum err doctor_ask_bucket(const struct doctor *d, const char *subresource, struct call *c)
{
	begin(c, "s3");
	struct buf query = BUF_OF(query_memory);
	buf_str(&query, subresource);
	if (*subresource)
		buf_u8(&query, '=');
	c->method = *subresource ? "GET" : "HEAD";
	c->region = *d->bucket_region ? d->bucket_region : NULL;
	c->bucket = span_str(d->bucket);
	c->query = buf_span(&query);
	return call_run(c);
}

enum err doctor_ask_kms(const struct doctor *d, const char *action, struct span body, struct call *c)
{
	static char region[32], target[64];
	struct buf t = BUF_OF(target), r = BUF_OF(region);
	struct kms_arn arn;
	begin(c, "kms");
	TRY(c->error = endpoint_kms_arn(span_str(d->key), &arn));
	buf_put(&r, arn.region);
	buf_str(&t, "TrentService.");
	buf_str(&t, action);
	if (!buf_cstr(&r) || t.overflow)
		return c->error = ERR_TOO_LONG;
	const struct sigv4_header headers[] = {
		{SPAN("Content-Type"), SPAN("application/x-amz-json-1.1")},
		{SPAN("X-Amz-Target"), buf_span(&t)},
	};
	c->region = region;
	c->headers = headers;
	c->header_count = 2;
	c->body = body;
	enum err e = call_run(c);
	c->headers = NULL;
	return e;
}
