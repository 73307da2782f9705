/* session: who the operator is to AWS, found as the AWS command line finds it: options, environment,
 * the profile in ~/.aws/config and ~/.aws/credentials, assumed roles, credential_process, web identity,
 * container and instance metadata. One for the process.
 *
 * Options (session_options[], the `common` of each command that goes to AWS): --profile, --region,
 * --endpoint-url, --ca-bundle, --bucket BUCKET[/PREFIX] (else SEALTAP_BUCKET, else the profile's
 * sealtap_bucket), --appliance NAME, --key KEYFILE (cli/key.h: the data key or the raw AES wrapping key
 * instead of KMS), --quiet. Environment: AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID
 * ..., AWS_ENDPOINT_URL[_S3|_KMS|_STS| _EC2|_LOGS], AWS_CA_BUNDLE, AWS_CONFIG_FILE,
 * AWS_SHARED_CREDENTIALS_FILE and others that the AWS command line reads. Source: AWS SDKs and Tools
 * Reference Guide; botocore's behaviour, with which tests compare.
 */
#ifndef SEALTAP_CLI_SESSION_H
#define SEALTAP_CLI_SESSION_H

#include "aws/creds.h"
#include "base/conf.h"
#include "cli/command.h"

extern const struct option_row session_options[];

/* What the options and environment say; static, terminated, empty where nothing is said. */
struct session_names {
	char region[32];
	char bucket[64];
	char prefix[129];     /* without slashes at its ends */
	char appliance[65];   /* empty: all */
	const char *key_file; /* NULL: data keys come from KMS */
	bool quiet;
};

/* Once, after the options were read: profile, region, bucket and endpoints; no credentials yet, no
 * network. */
enum exit_status session_begin(void);
const struct session_names *session_names(void);

/* Credentials good for five more minutes, renewed where they can be; borrowed until the next call.
 * After EXIT_DENIED or EXIT_NOT_SET_UP it was said why, with every place that was looked at. force_new:
 * the service refused the ones in use as expired. */
enum exit_status session_credentials(bool force_new, uint64_t now_ns, const struct aws_credentials **c);

/* "s3", "kms", "sts", "ec2", "logs" (CloudWatch Logs), "iam" and others of the standard form
 * SERVICE.REGION.amazonaws.com. region empty: the session's. custom: an address that the operator gave
 * (path style for S3). EXIT_NOT_SET_UP: no region is known. */
enum exit_status session_endpoint(const char *service, const char *region, struct endpoint *out,
				  bool *custom);

/* That address was given as http://: without TLS. */
bool session_plain(const char *service);
/* A file of PEM certificates to trust in place of the built-in ones; NULL: none was named. */
const char *session_ca_bundle(void);

/* The caller's ARN and account (STS GetCallerIdentity), asked once; static. */
enum exit_status session_caller(const char **arn, const char **account);

#endif
