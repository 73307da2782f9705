/* endpoint: where the services of a region are, and what a KMS key's ARN says.
 *
 * Partitions aws and aws-us-gov; the others (ERR_UNSUPPORTED) have other trust anchors. Source: AWS
 * General Reference, "Service endpoints".
 */
#ifndef SEALTAP_AWS_ENDPOINT_H
#define SEALTAP_AWS_ENDPOINT_H

#include "base/buf.h"

struct endpoint_partition {
	const char *name;   /* "aws"; static */
	const char *suffix; /* "amazonaws.com"; static */
};

/* ERR_SYNTAX when it is no region's name (us-east-1, us-gov-west-1). */
enum err endpoint_partition_of(struct span region, struct endpoint_partition *out) MUST_USE;

/* Append a host name: BUCKET.s3.REGION.SUFFIX and kms.REGION.SUFFIX. A bucket with dots is
 * ERR_UNSUPPORTED: certificates' wildcards match one label. */
enum err endpoint_s3_host(struct span bucket, struct span region, struct buf *host) MUST_USE;
enum err endpoint_kms_host(struct span region, struct buf *host) MUST_USE;

/* arn:PARTITION:kms:REGION:ACCOUNT:key/ID or alias/NAME; spans into the ARN. */
struct kms_arn {
	struct span partition, region, account;
	struct span resource; /* "key/ID" */
	bool alias;
};

/* ERR_SYNTAX; ERR_UNSUPPORTED when the partition is, or is not the region's. */
enum err endpoint_kms_arn(struct span arn, struct kms_arn *out) MUST_USE;

#endif
