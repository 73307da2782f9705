/* endpoint: where the services of a region are, and what the ARNs of a KMS key and an SNS topic say.
 *
 * Partitions aws and aws-us-gov; the others (aws-cn, aws-iso*, aws-eusc) are ERR_UNSUPPORTED: nobody has
 * checked that their certificates lead to the anchors in the image. FIPS endpoints exist in some regions,
 * dual-stack ones in most: a name without a server fails in the DNS, with the name in the message. Source:
 * AWS General Reference, "Service endpoints and quotas"; botocore's rule sets, with which tests/vectors
 * compares.
 */
#ifndef SEALTAP_AWS_ENDPOINT_H
#define SEALTAP_AWS_ENDPOINT_H

#include "base/buf.h"
#include "base/conf.h"

struct endpoint_partition {
	const char *name; /* "aws"; static */
};

/* ERR_SYNTAX when it is no region's name (us-east-1, us-gov-west-1). */
enum err endpoint_partition_of(struct span region, struct endpoint_partition *out) MUST_USE;

/* ERR_UNSUPPORTED unless both are of one partition; its credentials count there alone. */
enum err endpoint_same_partition(struct span region, struct span other) MUST_USE;

enum endpoint_service {
	ENDPOINT_S3, /* without the bucket */
	ENDPOINT_KMS,
	ENDPOINT_MONITORING, /* CloudWatch */
	ENDPOINT_SNS,
	/* of the operator's command alone; no setting names them */
	ENDPOINT_STS,
	ENDPOINT_EC2,
	ENDPOINT_LOGS, /* CloudWatch Logs */
	ENDPOINT_IAM,  /* one for all regions of a partition */
	ENDPOINT_SSO,  /* IAM Identity Center's portal */
};

/* The endpoint that the settings name for this service, else the region's. Always the regional one, never a
 * global one. The region's partition is checked in either case. */
enum err endpoint_of(const struct settings *s, enum endpoint_service service, struct span region,
		     struct endpoint *out) MUST_USE;
/* Appends the Host header's value: the port only where it is not 443. */
void endpoint_put_host(struct buf *b, const struct endpoint *e);

/* arn:PARTITION:kms:REGION:ACCOUNT:key/ID or alias/NAME; spans into the ARN. */
struct kms_arn {
	struct span partition, region, account;
	struct span resource; /* "key/ID" */
	bool alias;
};

/* ERR_SYNTAX; ERR_UNSUPPORTED when the partition is, or is not the region's. */
enum err endpoint_kms_arn(struct span arn, struct kms_arn *out) MUST_USE;

/* arn:PARTITION:sns:REGION:ACCOUNT:NAME; spans into the ARN. */
struct sns_arn {
	struct span partition, region, account, name;
};

enum err endpoint_sns_arn(struct span arn, struct sns_arn *out) MUST_USE;

/* Whether all regions that the settings name are of the instance's partition; if not, *key is the first key
 * (static) that names another one, or an unsupported one. */
enum err endpoint_check(const struct settings *s, struct span instance_region, const char **key) MUST_USE;

#endif
