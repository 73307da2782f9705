/* The key: can it be used, who may seal and open with it, and may you? */
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "aws/policy.h"
#include "aws/rows.h"
#include "cli/doctor.h"

#define POLICY_MAX 65536

/* The user data may name an alias, of which KMS gives no policy. */
static char key_arn[320];

static void put_key(const char *key, struct buf *body)
{
	buf_str(body, "{\"KeyId\":");
	json_put_string(body, span_str(key));
}

static bool look_at_state(const struct doctor *d)
{
	char text[512], state[64];
	struct buf body = BUF_OF(text);
	struct call c;
	put_key(d->key, &body);
	buf_str(&body, "}");
	enum err e = doctor_ask_kms(d, "DescribeKey", buf_span(&body), &c);
	if (e == ERR_NOT_FOUND || (e && !strcmp(c.fault.code, "NotFoundException"))) {
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_KEY, d->key, "there is no such key");
		return false;
	}
	if (!e)
		e = c.error = json_find_text(c.answer, "KeyMetadata/KeyState", state, sizeof(state));
	if (!e)
		e = c.error = json_find_text(c.answer, "KeyMetadata/Arn", key_arn, sizeof(key_arn));
	if (e) {
		doctor_unknown(DOCTOR_KEY, d->key, "kms:DescribeKey", &c);
		return c.status != 0;
	}
	doctor_tell(strcmp(state, "Enabled") ? DOCTOR_PROBLEM : DOCTOR_OK, DOCTOR_KEY, d->key, "%s", state);
	return true;
}

/* What statements without a look at their conditions say. */
struct key_view {
	bool role_seals, role_opens, opened, caller_opens, caller_denied;
};

/* A session's ARN, arn:P:sts::ACCOUNT:assumed-role/NAME/SESSION, stands for its role's. */
static void role_of_caller(const char *arn, char *out, size_t cap)
{
	bool last;
	struct span s = span_str(arn), resource = span_part(s, ':', 5, &last);
	struct span partition = span_part(s, ':', 1, &last), account = span_part(s, ':', 4, &last);
	struct span role = span_part(resource, '/', 1, &last);
	if (!span_starts(resource, SPAN("assumed-role/"))) {
		snprintf(out, cap, "%s", arn);
		return;
	}
	snprintf(out, cap, "arn:%.*s:iam::%.*s:role/%.*s", (int)partition.len, (const char *)partition.p,
		 (int)account.len, (const char *)account.p, (int)role.len, (const char *)role.p);
}

static enum err view_policy(const struct doctor *d, struct span document, struct key_view *v)
{
	struct policy_walk w;
	struct policy_statement s;
	char caller[2100];
	role_of_caller(d->caller_arn, caller, sizeof(caller));
	struct span role = span_str(d->role_arn), me = span_str(caller), account = span_str(d->account);
	TRY(policy_begin(document, &w));
	for (;;) {
		enum err e = policy_next(&w, &s);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		bool opens = policy_about(&s, SPAN("kms:Decrypt"));
		bool mine = me.len && policy_for(&s, me, account);
		v->role_seals = v->role_seals || (s.allows && role.len && policy_for(&s, role, account) &&
						  policy_about(&s, SPAN("kms:GenerateDataKey")));
		v->role_opens =
			v->role_opens || (s.allows && role.len && opens && policy_for(&s, role, SPAN("")));
		v->opened = v->opened || (s.allows && opens);
		v->caller_opens = v->caller_opens || (s.allows && opens && mine);
		v->caller_denied = v->caller_denied || (!s.allows && opens && mine && !s.has_condition);
	}
}

static void tell_policy(const struct doctor *d, const struct key_view *v)
{
	bool role = *d->role_arn;
	if (role && !v->role_seals)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_KEY_POLICY, d->key,
			    "it does not allow kms:GenerateDataKey to %s", d->role_arn);
	if (v->role_opens)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_KEY_POLICY, d->key,
			    "it allows kms:Decrypt to the appliance's own role %s", d->role_arn);
	if (!v->opened)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_KEY_POLICY, d->key,
			    "it allows kms:Decrypt to nobody: nothing can be opened");
	if ((v->role_seals || !role) && !v->role_opens && v->opened)
		doctor_tell(DOCTOR_OK, DOCTOR_KEY_POLICY, d->key, "%s",
			    role ? "the appliance seals, others open" : "others than the appliance may open");
	bool may = v->caller_opens && !v->caller_denied;
	doctor_tell(may ? DOCTOR_OK : DOCTOR_WARNING, DOCTOR_DECRYPT, d->caller_arn,
		    may ? "the key's policy allows it, under its conditions"
			: "the key's policy does not allow it to you");
}

void doctor_key(const struct doctor *d)
{
	static char policy[POLICY_MAX];
	char text[512];
	struct buf body = BUF_OF(text), document = BUF_OF(policy);
	struct key_view v = {0};
	struct call c;
	if (!*d->key) {
		doctor_tell(DOCTOR_WARNING, DOCTOR_KEY, "", "none is known: the user data names it");
		return;
	}
	if (!look_at_state(d))
		return;
	put_key(*key_arn ? key_arn : d->key, &body);
	buf_str(&body, ",\"PolicyName\":\"default\"}");
	enum err e = doctor_ask_kms(d, "GetKeyPolicy", buf_span(&body), &c);
	if (!e)
		e = c.error = json_find_string(c.answer, "Policy", &document);
	if (!e)
		e = c.error = view_policy(d, buf_span(&document), &v);
	if (e)
		doctor_unknown(DOCTOR_KEY_POLICY, d->key, "kms:GetKeyPolicy", &c);
	else
		tell_policy(d, &v);
}
