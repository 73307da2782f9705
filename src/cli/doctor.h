/* doctor: what its parts share: findings, what is known of the deployment so far, and questions to AWS.
 *
 * A part looks at one thing and tells each finding: ok, a warning (also where it may not be looked), or a
 * problem, with why it matters and a remedy. What a right deployment is like: board/nitro/stack.yaml.
 */
#ifndef SEALTAP_CLI_DOCTOR_H
#define SEALTAP_CLI_DOCTOR_H

#include "base/conf.h"
#include "cli/call.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_PROBLEM };

enum doctor_check {
	DOCTOR_CALLER,
	DOCTOR_INSTANCE,
	DOCTOR_METADATA,
	DOCTOR_INTERFACES,
	DOCTOR_SOURCE_DEST,
	DOCTOR_ROUTE_INSIDE,
	DOCTOR_ROUTE_AROUND,
	DOCTOR_ROUTE_OUTSIDE,
	DOCTOR_ROUTE_BACK,
	DOCTOR_S3_ENDPOINT,
	DOCTOR_GROUPS,
	DOCTOR_USER_DATA,
	DOCTOR_VERDICT,
	DOCTOR_ROLE,
	DOCTOR_BUCKET,
	DOCTOR_VERSIONING,
	DOCTOR_OBJECT_LOCK,
	DOCTOR_PUBLIC_ACCESS,
	DOCTOR_ENCRYPTION,
	DOCTOR_BUCKET_POLICY,
	DOCTOR_KEY,
	DOCTOR_KEY_POLICY,
	DOCTOR_DECRYPT,
	DOCTOR_CHECKS,
};

/* what: "eni-0123", which thing. The sentence says what was found there. */
__attribute__((format(printf, 4, 5))) void doctor_tell(enum doctor_level level, enum doctor_check check,
						       const char *what, const char *format, ...);
/* A call failed, and with it the look: a warning that names the permission (denied), else what the
 * service said. */
void doctor_unknown(enum doctor_check check, const char *what, const char *permission, const struct call *c);

#define DOCTOR_INTERFACES_MAX 4
#define DOCTOR_GROUPS_MAX 16

struct doctor_interface {
	char id[64], subnet[64], address[64];
	unsigned groups;
	char group[DOCTOR_GROUPS_MAX][64];
	bool there, source_dest_check;
};

/* Strings are empty until they are known. */
struct doctor {
	char instance[64], vpc[64], profile_arn[256];
	/* by EC2's device number: outside 0, inside 1, evidence 2 */
	struct doctor_interface interface[DOCTOR_INTERFACES_MAX];
	bool has_settings;
	struct settings settings;
	char bucket[64], bucket_region[32], key[320];
	char role_arn[256];
	const char *caller_arn, *account;
};

/* The parts, in the order of doctor.c. */
void doctor_instance(struct doctor *d, const char *id);
void doctor_user_data(struct doctor *d);
void doctor_verdict(const struct doctor *d);
void doctor_routes(const struct doctor *d);
void doctor_groups(const struct doctor *d);
void doctor_role(struct doctor *d);
void doctor_bucket(struct doctor *d);
void doctor_key(const struct doctor *d);

/* ---- questions. The answer is good until the next question. */

/* EC2's or IAM's ("ec2", "iam") query API; pairs: names and values, then NULL. */
enum err doctor_query(const char *service, const char *action, const char *const *pairs, struct call *c)
	MUST_USE;
/* A bucket's subresource: "versioning"; empty: HEAD of the bucket. */
enum err doctor_ask_bucket(const struct doctor *d, const char *subresource, struct call *c) MUST_USE;
enum err doctor_ask_kms(const struct doctor *d, const char *action, struct span body, struct call *c)
	MUST_USE;

#endif
