/* The bucket: is it there, does it keep what it is given, and does its policy keep others out? */
#include <stdio.h>
#include <string.h>

#include "aws/policy.h"
#include "aws/xml.h"
#include "cli/doctor.h"
#include "cli/session.h"

#define SSE "ServerSideEncryptionConfiguration/Rule/ApplyServerSideEncryptionByDefault/"

/* Terminated; empty: there is none. */
static void find(struct span xml, const char *path, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap - 1);
	enum err e = xml_find_text(xml, path, &b);
	out[e ? 0 : b.len] = 0;
}

static bool is_there(struct doctor *d)
{
	struct call c;
	enum err e = doctor_ask_bucket(d, "", &c);
	if (e == ERR_NOT_FOUND)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_BUCKET, d->bucket, "there is no such bucket");
	else if (e)
		doctor_unknown(DOCTOR_BUCKET, d->bucket, "s3:ListBucket", &c);
	else
		doctor_tell(DOCTOR_OK, DOCTOR_BUCKET, d->bucket, "it answers");
	return e != ERR_NOT_FOUND && c.status;
}

static void look_at_versioning(const struct doctor *d)
{
	char status[32];
	struct call c;
	if (doctor_ask_bucket(d, "versioning", &c)) {
		doctor_unknown(DOCTOR_VERSIONING, d->bucket, "s3:GetBucketVersioning", &c);
		return;
	}
	find(c.answer, "VersioningConfiguration/Status", status, sizeof(status));
	bool on = !strcmp(status, "Enabled");
	doctor_tell(on ? DOCTOR_OK : DOCTOR_PROBLEM, DOCTOR_VERSIONING, d->bucket, "%s",
		    *status ? status : "never enabled");
}

static void look_at_lock(const struct doctor *d)
{
	char on[32], mode[32], days[32], years[32];
	struct call c;
	enum err e = doctor_ask_bucket(d, "object-lock", &c);
	if (e && e != ERR_NOT_FOUND) {
		doctor_unknown(DOCTOR_OBJECT_LOCK, d->bucket, "s3:GetBucketObjectLockConfiguration", &c);
		return;
	}
	struct span xml = e ? SPAN("") : c.answer;
	find(xml, "ObjectLockConfiguration/ObjectLockEnabled", on, sizeof(on));
	find(xml, "ObjectLockConfiguration/Rule/DefaultRetention/Mode", mode, sizeof(mode));
	find(xml, "ObjectLockConfiguration/Rule/DefaultRetention/Days", days, sizeof(days));
	find(xml, "ObjectLockConfiguration/Rule/DefaultRetention/Years", years, sizeof(years));
	if (strcmp(on, "Enabled") != 0)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_OBJECT_LOCK, d->bucket, "off");
	else if (!*mode)
		doctor_tell(DOCTOR_WARNING, DOCTOR_OBJECT_LOCK, d->bucket,
			    "on, but no default retention: nothing is locked");
	else
		doctor_tell(DOCTOR_OK, DOCTOR_OBJECT_LOCK, d->bucket, "%s, %s %s", mode, *days ? days : years,
			    *days ? "days" : "years");
}

static void look_at_public_access(const struct doctor *d)
{
	static const char *const paths[] = {"PublicAccessBlockConfiguration/BlockPublicAcls",
					    "PublicAccessBlockConfiguration/IgnorePublicAcls",
					    "PublicAccessBlockConfiguration/BlockPublicPolicy",
					    "PublicAccessBlockConfiguration/RestrictPublicBuckets"};
	unsigned on = 0;
	struct call c;
	enum err e = doctor_ask_bucket(d, "publicAccessBlock", &c);
	if (e && e != ERR_NOT_FOUND) {
		doctor_unknown(DOCTOR_PUBLIC_ACCESS, d->bucket, "s3:GetBucketPublicAccessBlock", &c);
		return;
	}
	for (size_t i = 0; !e && i < 4; i++) {
		char value[16];
		find(c.answer, paths[i], value, sizeof(value));
		on += span_ieq(span_str(value), SPAN("true"));
	}
	doctor_tell(on == 4 ? DOCTOR_OK : DOCTOR_PROBLEM, DOCTOR_PUBLIC_ACCESS, d->bucket,
		    "%u of 4 blocks are set", on);
}

static void look_at_encryption(const struct doctor *d)
{
	char algorithm[32], key[300];
	struct call c;
	enum err e = doctor_ask_bucket(d, "encryption", &c);
	if (e && e != ERR_NOT_FOUND) {
		doctor_unknown(DOCTOR_ENCRYPTION, d->bucket, "s3:GetEncryptionConfiguration", &c);
		return;
	}
	find(e ? SPAN("") : c.answer, SSE "SSEAlgorithm", algorithm, sizeof(algorithm));
	find(e ? SPAN("") : c.answer, SSE "KMSMasterKeyID", key, sizeof(key));
	if (!strncmp(algorithm, "aws:kms", 7))
		doctor_tell(DOCTOR_WARNING, DOCTOR_ENCRYPTION, d->bucket, "%s by %s", algorithm,
			    *key ? key : "the account's key for S3");
	else
		doctor_tell(DOCTOR_OK, DOCTOR_ENCRYPTION, d->bucket, "%s",
			    *algorithm ? algorithm : "S3's own");
}

/* ---- policy */

struct policy_view {
	bool deletion_denied, writers_denied, plain_denied, all_allowed, appliance_denied;
};

/* A denial for everybody, but for whom its condition names. */
static void take(const struct doctor *d, const struct policy_statement *s, struct policy_view *v)
{
	bool everybody = policy_for(s, SPAN("*"), SPAN("")) && !s->allows;
	v->all_allowed =
		v->all_allowed || (s->allows && policy_for(s, SPAN("*"), SPAN("")) && !s->has_condition);
	if (!everybody)
		return;
	if (policy_about(s, SPAN("s3:DeleteObjectVersion")) &&
	    !policy_condition_has(s, SPAN("SecureTransport")))
		v->deletion_denied = true;
	if (policy_about(s, SPAN("s3:PutObject"))) {
		bool by_name = policy_condition_has(s, SPAN("aws:PrincipalArn"));
		v->writers_denied = v->writers_denied || by_name;
		v->appliance_denied =
			v->appliance_denied || !s->has_condition ||
			(by_name && *d->role_arn && !policy_condition_has(s, span_str(d->role_arn)));
	}
	v->plain_denied = v->plain_denied || policy_condition_has(s, SPAN("aws:SecureTransport"));
}

static enum err view_policy(const struct doctor *d, struct span document, struct policy_view *v)
{
	struct policy_walk w;
	struct policy_statement s;
	TRY(policy_begin(document, &w));
	for (;;) {
		enum err e = policy_next(&w, &s);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		take(d, &s, v);
	}
}

static void tell_policy(const struct doctor *d, const struct policy_view *v)
{
	if (v->all_allowed)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it allows something to everybody");
	if (v->appliance_denied)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it denies s3:PutObject to the appliance's role %s", d->role_arn);
	if (!v->deletion_denied)
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it denies nobody s3:DeleteObjectVersion");
	if (!v->writers_denied)
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it denies s3:PutObject to nobody: others than the appliance may write");
	if (!v->plain_denied)
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it does not deny requests without TLS");
	if (!v->all_allowed && !v->appliance_denied && v->deletion_denied && v->writers_denied &&
	    v->plain_denied)
		doctor_tell(DOCTOR_OK, DOCTOR_BUCKET_POLICY, d->bucket,
			    "it denies deletion, other writers and requests without TLS");
}

static void look_at_policy(const struct doctor *d)
{
	struct policy_view v = {0};
	struct call c;
	enum err e = doctor_ask_bucket(d, "policy", &c);
	if (e && e != ERR_NOT_FOUND) {
		doctor_unknown(DOCTOR_BUCKET_POLICY, d->bucket, "s3:GetBucketPolicy", &c);
		return;
	}
	if (e) {
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_BUCKET_POLICY, d->bucket,
			    "there is none: who may write and delete, the "
			    "account's policies alone say");
		return;
	}
	e = view_policy(d, c.answer, &v);
	if (e)
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET_POLICY, d->bucket, "it can't be read: %s",
			    err_text(e));
	else
		tell_policy(d, &v);
}

void doctor_bucket(struct doctor *d)
{
	static void (*const looks[])(const struct doctor *) = {
		look_at_versioning, look_at_lock, look_at_public_access, look_at_encryption, look_at_policy};
	const struct session_names *n = session_names();
	if (*n->bucket && *d->bucket && strcmp(n->bucket, d->bucket) != 0)
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET, d->bucket,
			    "the appliance writes here, but you have named %s", n->bucket);
	if (!*d->bucket)
		snprintf(d->bucket, sizeof(d->bucket), "%s", n->bucket);
	if (!*d->bucket) {
		doctor_tell(DOCTOR_WARNING, DOCTOR_BUCKET, "", "none is known: name it by --bucket");
		return;
	}
	if (!is_there(d))
		return;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		looks[i](d);
}
