/* policy: the statements of a policy of IAM, a bucket or a key, for a look at who may do what. It does
 * not judge conditions: a statement says whether it has any. Source: IAM user guide, "JSON policy element
 * reference".
 */
#ifndef SEALTAP_AWS_POLICY_H
#define SEALTAP_AWS_POLICY_H

#include "base/json_walk.h"

/* All borrowed from the document. */
struct policy_statement {
	bool allows; /* else it denies */
	bool has_condition;
	struct json_member action;    /* a string or an array; key "Action" or "NotAction" */
	struct json_member principal; /* key empty: none, or "NotPrincipal" */
	struct json_member resource;  /* key empty: none */
	struct span condition;        /* an object, or empty */
};

struct policy_walk {
	struct json_walk statements;
	struct span only; /* Statement is an object, not a list */
};

enum err policy_begin(struct span document, struct policy_walk *w) MUST_USE;
/* ERR_NOT_FOUND: that was all. ERR_SYNTAX: no policy. */
enum err policy_next(struct policy_walk *w, struct policy_statement *out) MUST_USE;

/* Whether the statement is about this action: "kms:Decrypt" is named, or fits a pattern ("kms:*"), or is
 * not among those of NotAction. Case does not matter. */
bool policy_about(const struct policy_statement *s, struct span action);
/* Whether the statement is for this principal: its ARN, its account or the account's root, "*".
 * A role's ARN without a path, as a session tells it, is also that of the role of this name with a path. */
bool policy_for(const struct policy_statement *s, struct span arn, struct span account);
/* Whether a text stands in the condition. */
bool policy_condition_has(const struct policy_statement *s, struct span text);

#endif
