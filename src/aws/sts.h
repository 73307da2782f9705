/* sts: the questions to the Security Token Service, as forms, and its answers. Source: AWS STS API
 * reference (AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity; version 2011-06-15).
 */
#ifndef SEALTAP_AWS_STS_H
#define SEALTAP_AWS_STS_H

#include "aws/creds.h"
#include "base/buf.h"

#define STS_ANSWER_MAX 32768

/* Borrowed, terminated; NULL: not sent. */
struct sts_role {
	const char *arn, *session;
	const char *external_id, *mfa_serial, *mfa_code, *duration_s;
	struct span web_token; /* with it: AssumeRoleWithWebIdentity, which nobody signs; secret */
};

void sts_put_role(struct buf *form, const struct sts_role *role);
void sts_put_caller(struct buf *form);

/* Of AssumeRole or, web, AssumeRoleWithWebIdentity. ERR_MISSING, ERR_SYNTAX, ERR_TOO_LONG, and as aws/xml
 * says. On error *out is as it was. */
enum err sts_read_role(struct span xml, bool web, struct aws_credentials *out) MUST_USE;

struct sts_caller {
	char arn[2049], account[13];
};
enum err sts_read_caller(struct span xml, struct sts_caller *out) MUST_USE;

#endif
