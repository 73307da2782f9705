/* The instance's role: is there one, and what may it do? */
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "aws/rows.h"
#include "cli/doctor.h"

#define PROFILE "GetInstanceProfileResponse/GetInstanceProfileResult/InstanceProfile/Roles/member/"
#define RESULT "SimulatePrincipalPolicyResponse/SimulatePrincipalPolicyResult/EvaluationResults/member/"

static const struct rows_list role_rows = {
	.group_depth = 4, .row_depth = 4, .count = 1, .column = {PROFILE "Arn"}};
static const struct rows_list result_rows = {
	.group_depth = 3,
	.row_depth = 3,
	.count = 2,
	.column = {RESULT "EvalActionName", RESULT "EvalDecision"},
};

static void on_role(void *arg, unsigned group, const char *const *v)
{
	struct doctor *d = arg;
	(void)group;
	snprintf(d->role_arn, sizeof(d->role_arn), "%s", v[0]);
}

static bool find_role(struct doctor *d)
{
	struct span arn = span_str(d->profile_arn);
	size_t slash = span_find(arn, '/');
	for (size_t more = slash; more < arn.len; more += 1 + span_find(span_from(arn, more + 1), '/'))
		slash = more;
	const char *const pairs[] = {"InstanceProfileName", d->profile_arn + slash + (slash < arn.len), NULL};
	struct call c;
	if (!arn.len) {
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROLE, d->instance,
			    "the instance has no instance profile, and so no role");
		return false;
	}
	enum err e = doctor_query("iam", "GetInstanceProfile", pairs, &c);
	if (!e)
		e = c.error = rows_read(c.answer, &role_rows, on_role, d);
	if (e)
		doctor_unknown(DOCTOR_ROLE, d->profile_arn, "iam:GetInstanceProfile", &c);
	else if (!*d->role_arn)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROLE, d->profile_arn, "the instance profile has no role");
	return !e && *d->role_arn;
}

/* ---- IAM's simulator */

struct decisions {
	const struct doctor *d;
	unsigned wrong, asked;
};

static const struct {
	const char *action;
	bool needed; /* else it must not be allowed */
} actions[] = {
	{"s3:PutObject", true},        {"kms:GenerateDataKey", true}, {"kms:Decrypt", false},
	{"s3:GetObject", false},       {"s3:DeleteObject", false},    {"s3:DeleteObjectVersion", false},
	{"s3:PutBucketPolicy", false}, {"kms:PutKeyPolicy", false},
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static void on_decision(void *arg, unsigned group, const char *const *v)
{
	struct decisions *all = arg;
	(void)group;
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].action, v[0]) != 0)
			continue;
		bool allowed = !strcmp(v[1], "allowed");
		all->asked++;
		if (allowed == actions[i].needed)
			return;
		all->wrong++;
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROLE, all->d->role_arn, "%s: %s, and it %s", v[0],
			    allowed ? "allowed" : v[1],
			    actions[i].needed ? "must be allowed" : "must not be");
	}
}

/* An action on a resource, as the appliance asks from its VPC and address. */
static enum err simulate(const struct doctor *d, struct decisions *all, const char *action,
			 const char *resource, struct call *c)
{
	const char *const pairs[] = {
		"PolicySourceArn",
		d->role_arn,
		"ActionNames.member.1",
		action,
		"ResourceArns.member.1",
		resource,
		"ContextEntries.member.1.ContextKeyName",
		"aws:SourceVpc",
		"ContextEntries.member.1.ContextKeyType",
		"string",
		"ContextEntries.member.1.ContextKeyValues.member.1",
		d->vpc,
		"ContextEntries.member.2.ContextKeyName",
		"aws:Ec2InstanceSourcePrivateIPv4",
		"ContextEntries.member.2.ContextKeyType",
		"ip",
		"ContextEntries.member.2.ContextKeyValues.member.1",
		d->interface[0].address,
		NULL,
	};
	TRY(doctor_query("iam", "SimulatePrincipalPolicy", pairs, c));
	return c->error = rows_read(c->answer, &result_rows, on_decision, all);
}

/* Policies name keys, and the simulator compares as they stand: an alias' key is asked for. */
static void find_key(const struct doctor *d, char *out, size_t cap)
{
	char text[512];
	struct buf body = BUF_OF(text);
	struct call c;
	buf_str(&body, "{\"KeyId\":");
	json_put_string(&body, span_str(d->key));
	buf_str(&body, "}");
	if (!strstr(d->key, ":alias/") || doctor_ask_kms(d, "DescribeKey", buf_span(&body), &c) ||
	    json_find_text(c.answer, "KeyMetadata/Arn", out, cap))
		snprintf(out, cap, "%s", d->key);
}

static void look_at_permissions(const struct doctor *d)
{
	char object[400], bucket[128], key[sizeof(d->key)];
	struct decisions all = {.d = d};
	struct call c;
	bool last;
	struct span partition = span_part(span_str(d->role_arn), ':', 1, &last);
	const char *name = *d->settings.appliance ? d->settings.appliance : d->instance;
	snprintf(bucket, sizeof(bucket), "arn:%.*s:s3:::%s", (int)partition.len, (const char *)partition.p,
		 d->bucket);
	snprintf(object, sizeof(object), "%s/%s/%s/%s/%s/x", bucket, d->settings.s3_prefix, d->account,
		 *d->bucket_region ? d->bucket_region : "*", name);
	find_key(d, key, sizeof(key));
	for (size_t i = 0; i < ACTIONS; i++) {
		bool of_key = !strncmp(actions[i].action, "kms:", 4),
		     of_bucket = strstr(actions[i].action, "Bucket");
		if (simulate(d, &all, actions[i].action, of_key ? key : of_bucket ? bucket : object, &c)) {
			doctor_unknown(DOCTOR_ROLE, d->role_arn, "iam:SimulatePrincipalPolicy", &c);
			return;
		}
	}
	if (!all.wrong && all.asked == ACTIONS)
		doctor_tell(DOCTOR_OK, DOCTOR_ROLE, d->role_arn,
			    "it may write and seal, and neither read, open nor delete");
	else if (!all.wrong)
		doctor_tell(DOCTOR_WARNING, DOCTOR_ROLE, d->role_arn,
			    "IAM's simulator answered %u of %u questions", all.asked, (unsigned)ACTIONS);
}

void doctor_role(struct doctor *d)
{
	if (find_role(d) && d->has_settings)
		look_at_permissions(d);
}
