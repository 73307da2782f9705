/* credentials: the operator's, from the first place that has some, in botocore's order. Part of
 * cli/session.
 *
 *   environment (not with --profile); the profile's role_arn (assumed); web identity, of the environment
 *   (not with --profile) or the profile; the profile's keys in the credentials file; its
 *   credential_process; its keys in the config file; the container's endpoint; the instance's metadata
 *   service.
 *
 * A place that has some but can't give them ends the search, so that nobody is taken for somebody else.
 * Of single sign-on the token is used that `aws sso login` left, never renewed; of `aws login` it is said
 * how `aws configure export-credentials` hands its credentials over. Secret: wiped when replaced, and
 * with credentials_wipe; no message holds one.
 */
#ifndef SEALTAP_CLI_CREDENTIALS_H
#define SEALTAP_CLI_CREDENTIALS_H

#include "aws/creds.h"
#include "cli/command.h"

#define CREDENTIALS_MARGIN_NS 300000000000ull /* 5 min */

/* As session_credentials. */
enum exit_status credentials_get(bool force_new, uint64_t now_ns, const struct aws_credentials **c);
/* The place that they come from, in words; static. */
const char *credentials_place(void);
void credentials_wipe(void);

#endif
