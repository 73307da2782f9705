/* creds: credentials of the instance's role, or of the operator. Secret: in the appliance they stay in
 * the keys role; wiped when replaced.
 *
 * Refreshed CREDS_REFRESH_NS before they expire; where that fails the old ones stay in use (static
 * stability) and the caller says so.
 */
#ifndef SEALTAP_AWS_CREDS_H
#define SEALTAP_AWS_CREDS_H

#include "base/err.h"
#include "base/span.h"

#define CREDS_REFRESH_NS 600000000000ull /* 10 min */
#define CREDS_FOR_GOOD UINT64_MAX        /* of expires_ns: no end is known */

struct aws_credentials {
	char access_key_id[129]; /* empty: none are held */
	char secret[129];
	char token[4096]; /* empty: none */
	uint64_t expires_ns;
};

/* Reads IMDS's document. On error *out is as it was. ERR_REFUSED when its Code is not "Success": code[]
 * then holds it, terminated (else empty); ERR_MISSING, ERR_SYNTAX (also characters that can't stand in a
 * header), ERR_TOO_LONG. */
enum err creds_read(struct span json, struct aws_credentials *out, char code[64]) MUST_USE;
/* The same of a container's endpoint: there is no Code. */
enum err creds_read_container(struct span json, struct aws_credentials *out) MUST_USE;
/* What a credential_process prints: Version must be 1, SessionToken and Expiration may be missing.
 * ERR_UNSUPPORTED: another Version. Source: AWS SDKs and Tools Reference Guide, "Process credential
 * provider". */
enum err creds_read_process(struct span json, struct aws_credentials *out) MUST_USE;
/* What IAM Identity Center's portal gives for a token of its own (GetRoleCredentials). */
enum err creds_read_sso(struct span json, struct aws_credentials *out) MUST_USE;
/* One part, which must be able to stand in a header, into a terminated array. ERR_MISSING, ERR_SYNTAX,
 * ERR_TOO_LONG. */
enum err creds_copy(struct span part, char *out, size_t cap) MUST_USE;
/* Time to fetch new ones: none are held or they expire soon. */
bool creds_due(const struct aws_credentials *c, uint64_t now_ns);

#endif
