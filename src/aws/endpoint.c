#include "aws/endpoint.h"

#include <string.h>

#include "base/text.h"

/* The first row whose prefix fits decides. */
static const struct {
	const char *region_prefix;
	const char *name; /* NULL: not supported */
} partitions[] = {
	{"us-gov-", "aws-us-gov"}, {"cn-", NULL},   {"us-iso", NULL},
	{"eu-iso", NULL},          {"eusc-", NULL}, {"", "aws"},
};

#define FIPS 1
#define DUALSTACK 2

/* '*' is the region. The first row whose service and partition fit decides. */
static const struct {
	enum endpoint_service service;
	const char *partition; /* NULL: any */
	const char *host[4];   /* plain, FIPS, DUALSTACK, FIPS | DUALSTACK */
} hosts[] = {
	{ENDPOINT_S3,
	 NULL,
	 {"s3.*.amazonaws.com", "s3-fips.*.amazonaws.com", "s3.dualstack.*.amazonaws.com",
	  "s3-fips.dualstack.*.amazonaws.com"}},
	{ENDPOINT_KMS,
	 NULL,
	 {"kms.*.amazonaws.com", "kms-fips.*.amazonaws.com", "kms.*.api.aws", "kms-fips.*.api.aws"}},
	/* in aws-us-gov some plain names are the FIPS ones */
	{ENDPOINT_MONITORING,
	 "aws-us-gov",
	 {"monitoring.*.amazonaws.com", "monitoring.*.amazonaws.com", "monitoring.*.api.aws",
	  "monitoring.*.api.aws"}},
	{ENDPOINT_MONITORING,
	 NULL,
	 {"monitoring.*.amazonaws.com", "monitoring-fips.*.amazonaws.com", "monitoring.*.api.aws",
	  "monitoring-fips.*.api.aws"}},
	{ENDPOINT_SNS,
	 "aws-us-gov",
	 {"sns.*.amazonaws.com", "sns.*.amazonaws.com", "sns.*.api.aws", "sns-fips.*.api.aws"}},
	{ENDPOINT_SNS,
	 NULL,
	 {"sns.*.amazonaws.com", "sns-fips.*.amazonaws.com", "sns.*.api.aws", "sns-fips.*.api.aws"}},
	{ENDPOINT_STS,
	 "aws-us-gov",
	 {"sts.*.amazonaws.com", "sts.*.amazonaws.com", "sts.*.api.aws", "sts-fips.*.api.aws"}},
	{ENDPOINT_STS,
	 NULL,
	 {"sts.*.amazonaws.com", "sts-fips.*.amazonaws.com", "sts.*.api.aws", "sts-fips.*.api.aws"}},
	{ENDPOINT_EC2,
	 "aws-us-gov",
	 {"ec2.*.amazonaws.com", "ec2.*.amazonaws.com", "ec2.*.api.aws", "ec2-fips.*.api.aws"}},
	{ENDPOINT_EC2,
	 NULL,
	 {"ec2.*.amazonaws.com", "ec2-fips.*.amazonaws.com", "ec2.*.api.aws", "ec2-fips.*.api.aws"}},
	{ENDPOINT_LOGS,
	 "aws-us-gov",
	 {"logs.*.amazonaws.com", "logs.*.amazonaws.com", "logs.*.api.aws", "logs-fips.*.api.aws"}},
	{ENDPOINT_LOGS,
	 NULL,
	 {"logs.*.amazonaws.com", "logs-fips.*.amazonaws.com", "logs.*.api.aws", "logs-fips.*.api.aws"}},
	{ENDPOINT_IAM,
	 "aws-us-gov",
	 {"iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com", "iam.us-gov.api.aws",
	  "iam.us-gov.api.aws"}},
	{ENDPOINT_SSO,
	 "aws-us-gov",
	 {"portal.sso.*.amazonaws.com", "portal.sso.*.amazonaws.com", "portal.sso.*.api.aws",
	  "portal.sso-fips.*.api.aws"}},
	{ENDPOINT_SSO,
	 NULL,
	 {"portal.sso.*.amazonaws.com", "portal.sso-fips.*.amazonaws.com", "portal.sso.*.api.aws",
	  "portal.sso-fips.*.api.aws"}},
	{ENDPOINT_IAM,
	 NULL,
	 {"iam.amazonaws.com", "iam-fips.amazonaws.com", "iam.global.api.aws", "iam-fips.global.api.aws"}},
};

static size_t count_of(struct span s, uint8_t first, uint8_t last)
{
	size_t n = 0;
	while (n < s.len && s.p[n] >= first && s.p[n] <= last)
		n++;
	return n;
}

/* Words of letters and a number at the end, joined by hyphens: at least three parts. */
static bool is_region(struct span s)
{
	unsigned words = 0;
	for (;;) {
		size_t letters = count_of(s, 'a', 'z');
		if (letters == 0)
			break;
		if (letters == s.len || s.p[letters] != '-')
			return false;
		words++;
		s = span_from(s, letters + 1);
	}
	return words >= 2 && s.len > 0 && s.len <= 2 && count_of(s, '0', '9') == s.len;
}

enum err endpoint_partition_of(struct span region, struct endpoint_partition *out)
{
	if (region.len > 31 || !is_region(region))
		return ERR_SYNTAX;
	size_t i = 0;
	while (!span_starts(region, span_str(partitions[i].region_prefix)))
		i++;
	if (!partitions[i].name)
		return ERR_UNSUPPORTED;
	out->name = partitions[i].name;
	return ERR_OK;
}

enum err endpoint_same_partition(struct span region, struct span other)
{
	struct endpoint_partition a, b;
	TRY(endpoint_partition_of(region, &a));
	TRY(endpoint_partition_of(other, &b));
	return strcmp(a.name, b.name) == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

static const struct endpoint *named(const struct settings *s, enum endpoint_service service)
{
	const struct endpoint *const of_service[] = {
		[ENDPOINT_S3] = &s->s3_endpoint,
		[ENDPOINT_KMS] = &s->kms_endpoint,
		[ENDPOINT_MONITORING] = &s->cloudwatch_endpoint,
		[ENDPOINT_SNS] = &s->sns_endpoint,
	};
	return service <= ENDPOINT_SNS && of_service[service]->host[0] ? of_service[service] : NULL;
}

static const char *pattern_of(enum endpoint_service service, const char *partition, unsigned variant)
{
	size_t i = 0;
	while (hosts[i].service != service ||
	       (hosts[i].partition && strcmp(hosts[i].partition, partition) != 0))
		i++;
	return hosts[i].host[variant];
}

enum err endpoint_of(const struct settings *s, enum endpoint_service service, struct span region,
		     struct endpoint *out)
{
	struct endpoint_partition p;
	TRY(endpoint_partition_of(region, &p));
	if (named(s, service)) {
		*out = *named(s, service);
		return ERR_OK;
	}
	unsigned variant = (s->endpoint_fips ? FIPS : 0) | (s->endpoint_dualstack ? DUALSTACK : 0);
	struct span after = span_str(pattern_of(service, p.name, variant));
	bool regional = span_find(after, '*') < after.len;
	struct span before = span_cut(&after, '*');
	memset(out, 0, sizeof(*out));
	struct buf host = buf_over(out->host, sizeof(out->host) - 1);
	buf_put(&host, before);
	buf_put(&host, regional ? region : SPAN(""));
	buf_put(&host, after);
	out->port = 443;
	return buf_err(&host);
}

void endpoint_put_host(struct buf *b, const struct endpoint *e)
{
	buf_str(b, e->host);
	if (e->port != 443) {
		buf_u8(b, ':');
		text_u64(b, e->port);
	}
}

struct arn {
	struct span partition, region, account, resource;
};

static enum err read_arn(struct span text, struct span service, struct arn *out)
{
	uint64_t digits;
	struct endpoint_partition p;
	if (!text_is_printable(text) || span_find(text, ' ') != text.len ||
	    !span_eq(span_cut(&text, ':'), SPAN("arn")))
		return ERR_SYNTAX;
	out->partition = span_cut(&text, ':');
	if (!span_eq(span_cut(&text, ':'), service))
		return ERR_SYNTAX;
	out->region = span_cut(&text, ':');
	out->account = span_cut(&text, ':');
	out->resource = text;
	if (text.len == 0 || out->account.len != 12 || text_read_u64(out->account, UINT64_MAX, &digits))
		return ERR_SYNTAX;
	TRY(endpoint_partition_of(out->region, &p));
	return span_eq(out->partition, span_str(p.name)) ? ERR_OK : ERR_UNSUPPORTED;
}

enum err endpoint_kms_arn(struct span arn, struct kms_arn *out)
{
	struct arn a;
	TRY(read_arn(arn, SPAN("kms"), &a));
	bool alias = span_starts(a.resource, SPAN("alias/"));
	size_t type = alias ? 6 : 4;
	if ((!alias && !span_starts(a.resource, SPAN("key/"))) || a.resource.len == type)
		return ERR_SYNTAX;
	*out = (struct kms_arn){a.partition, a.region, a.account, a.resource, alias};
	return ERR_OK;
}

enum err endpoint_sns_arn(struct span arn, struct sns_arn *out)
{
	struct arn a;
	TRY(read_arn(arn, SPAN("sns"), &a));
	if (span_find(a.resource, ':') != a.resource.len)
		return ERR_SYNTAX; /* a subscription's */
	*out = (struct sns_arn){a.partition, a.region, a.account, a.resource};
	return ERR_OK;
}

enum err endpoint_check(const struct settings *s, struct span instance_region, const char **key)
{
	struct kms_arn kms;
	struct sns_arn sns;
	*key = "s3.region";
	TRY(endpoint_same_partition(instance_region,
				    s->s3_region[0] ? span_str(s->s3_region) : instance_region));
	*key = "kms.key";
	TRY(endpoint_kms_arn(span_str(s->kms_key), &kms));
	TRY(endpoint_same_partition(instance_region, kms.region));
	*key = "alarm.topic";
	if (!s->alarm_topic[0])
		return ERR_OK;
	TRY(endpoint_sns_arn(span_str(s->alarm_topic), &sns));
	return endpoint_same_partition(instance_region, sns.region);
}
