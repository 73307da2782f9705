#include "aws/endpoint.h"

#include "check.h"

static struct settings s;
static struct endpoint e;

static const char *host(enum endpoint_service service, const char *region)
{
	enum err failed = endpoint_of(&s, service, span_str(region), &e);
	return failed ? err_text(failed) : e.host;
}

/* tests/vectors compares all regions and variants; these stand for the reader. */
static void names_hosts(void)
{
	memset(&s, 0, sizeof(s));
	CHECK(!strcmp(host(ENDPOINT_S3, "eu-central-1"), "s3.eu-central-1.amazonaws.com") && e.port == 443);
	CHECK(!strcmp(host(ENDPOINT_S3, "us-east-1"), "s3.us-east-1.amazonaws.com"));
	CHECK(!strcmp(host(ENDPOINT_KMS, "us-gov-west-1"), "kms.us-gov-west-1.amazonaws.com"));
	CHECK(!strcmp(host(ENDPOINT_SNS, "cn-north-1"), err_text(ERR_UNSUPPORTED)));
	CHECK(!strcmp(host(ENDPOINT_MONITORING, "nowhere"), err_text(ERR_SYNTAX)));
	s.endpoint_fips = 1;
	CHECK(!strcmp(host(ENDPOINT_KMS, "us-east-2"), "kms-fips.us-east-2.amazonaws.com"));
	s.endpoint_dualstack = 1;
	CHECK(!strcmp(host(ENDPOINT_S3, "us-east-2"), "s3-fips.dualstack.us-east-2.amazonaws.com"));
	s.endpoint_fips = 0;
	CHECK(!strcmp(host(ENDPOINT_MONITORING, "us-east-2"), "monitoring.us-east-2.api.aws"));
}

static void a_named_endpoint_wins(void)
{
	static const struct endpoint named[] = {
		{"s3.example", 443}, {"kms.example", 1}, {"cw.example", 8443}, {"sns.example", 65535}};
	static const char *const want[] = {"s3.example", "kms.example:1", "cw.example:8443",
					   "sns.example:65535"};
	memset(&s, 0, sizeof(s));
	for (enum endpoint_service i = ENDPOINT_S3; i <= ENDPOINT_SNS; i++) {
		uint8_t mem[64];
		struct buf b = BUF_OF(mem);
		struct endpoint *of[] = {&s.s3_endpoint, &s.kms_endpoint, &s.cloudwatch_endpoint,
					 &s.sns_endpoint};
		*of[i] = named[i];
		CHECK(endpoint_of(&s, i, SPAN("eu-west-1"), &e) == ERR_OK);
		endpoint_put_host(&b, &e);
		CHECK_SPAN(buf_span(&b), span_str(want[i]));
		CHECK(endpoint_of(&s, i, SPAN("cn-north-1"), &e) == ERR_UNSUPPORTED);
		memset(of[i], 0, sizeof(*of[i])); /* of this service alone */
	}
}

static void knows_partitions(void)
{
	static const struct {
		const char *region, *partition;
		enum err e;
	} rows[] = {
		{"us-east-1", "aws", ERR_OK},
		{"mx-central-1", "aws", ERR_OK},
		{"us-gov-east-1", "aws-us-gov", ERR_OK},
		{"cn-north-1", NULL, ERR_UNSUPPORTED},
		{"us-iso-east-1", NULL, ERR_UNSUPPORTED},
		{"us-isob-east-1", NULL, ERR_UNSUPPORTED},
		{"eu-isoe-west-1", NULL, ERR_UNSUPPORTED},
		{"eusc-de-east-1", NULL, ERR_UNSUPPORTED},
		{"", NULL, ERR_SYNTAX},
		{"us", NULL, ERR_SYNTAX},
		{"us-1", NULL, ERR_SYNTAX},
		{"us-east", NULL, ERR_SYNTAX},
		{"us-east-", NULL, ERR_SYNTAX},
		{"us-east-1a", NULL, ERR_SYNTAX},
		{"us-east-100", NULL, ERR_SYNTAX},
		{"us--east-1", NULL, ERR_SYNTAX},
		{"-us-east-1", NULL, ERR_SYNTAX},
		{"US-east-1", NULL, ERR_SYNTAX},
		{"us-east-1.evil.test", NULL, ERR_SYNTAX},
		{"us-east-1/", NULL, ERR_SYNTAX},
		{"us-eastnorthsouthwestcentralabc-1", NULL, ERR_SYNTAX},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint_partition p = {"none"};
		enum err got = endpoint_partition_of(span_str(rows[i].region), &p);
		CHECK(got == rows[i].e);
		CHECK(!strcmp(p.name, rows[i].partition ? rows[i].partition : "none"));
	}
}

static void reads_key_arns(void)
{
	struct kms_arn a;
	CHECK(endpoint_kms_arn(SPAN("arn:aws:kms:eu-central-1:111122223333:key/mrk-1"), &a) == ERR_OK);
	CHECK_SPAN(a.partition, SPAN("aws"));
	CHECK_SPAN(a.region, SPAN("eu-central-1"));
	CHECK_SPAN(a.account, SPAN("111122223333"));
	CHECK_SPAN(a.resource, SPAN("key/mrk-1"));
	CHECK(!a.alias);
	CHECK(endpoint_kms_arn(SPAN("arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a/b"), &a) ==
		      ERR_OK &&
	      a.alias);
	static const struct {
		const char *arn;
		enum err e;
	} bad[] = {
		{"", ERR_SYNTAX},
		{"key/1", ERR_SYNTAX},
		{"arn:aws:s3:eu-central-1:111122223333:key/1", ERR_SYNTAX},
		{"arn:aws:kms:eu-central-1:111122223333:key/", ERR_SYNTAX},
		{"arn:aws:kms:eu-central-1:111122223333:alias/", ERR_SYNTAX},
		{"arn:aws:kms:eu-central-1:111122223333:keys/1", ERR_SYNTAX},
		{"arn:aws:kms:eu-central-1:111122223333:key/1 2", ERR_SYNTAX},
		{"arn:aws:kms:eu-central-1:11112222333:key/1", ERR_SYNTAX},
		{"arn:aws:kms:eu-central:111122223333:key/1", ERR_SYNTAX},
		{"arn:aws:kms:us-gov-west-1:111122223333:key/1", ERR_UNSUPPORTED},
		{"arn:aws-us-gov:kms:us-east-1:111122223333:key/1", ERR_UNSUPPORTED},
		{"arn:aws-cn:kms:cn-north-1:111122223333:key/1", ERR_UNSUPPORTED},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(endpoint_kms_arn(span_str(bad[i].arn), &a) == bad[i].e);
	struct span whole = SPAN("arn:aws:kms:eu-central-1:111122223333:key/1");
	for (size_t n = 0; n < whole.len; n++)
		CHECK(endpoint_kms_arn(span_first(whole, n), &a) == ERR_SYNTAX);
}

static void reads_topic_arns(void)
{
	struct sns_arn a;
	struct span whole = SPAN("arn:aws:sns:eu-central-1:111122223333:Night_watch-1");
	CHECK(endpoint_sns_arn(whole, &a) == ERR_OK);
	CHECK_SPAN(a.partition, SPAN("aws"));
	CHECK_SPAN(a.region, SPAN("eu-central-1"));
	CHECK_SPAN(a.account, SPAN("111122223333"));
	CHECK_SPAN(a.name, SPAN("Night_watch-1"));
	for (size_t n = 0; n <= whole.len - a.name.len; n++)
		CHECK(endpoint_sns_arn(span_first(whole, n), &a) == ERR_SYNTAX);
	CHECK(endpoint_sns_arn(SPAN("arn:aws:kms:eu-central-1:111122223333:n"), &a) == ERR_SYNTAX);
	CHECK(endpoint_sns_arn(SPAN("arn:aws:sns:eu-central-1:111122223333:n:id"), &a) == ERR_SYNTAX);
	CHECK(endpoint_sns_arn(SPAN("arn:aws:sns:us-gov-west-1:111122223333:n"), &a) == ERR_UNSUPPORTED);
}

static const char *blamed(const char *instance, const char *s3, const char *kms, const char *sns)
{
	static char arns[2][80];
	const char *key;
	memset(&s, 0, sizeof(s));
	strcpy(s.s3_region, s3);
	snprintf(arns[0], sizeof(arns[0]), "arn:%s:111122223333:key/1", kms);
	snprintf(arns[1], sizeof(arns[1]), "arn:%s:111122223333:n", sns);
	strcpy(s.kms_key, arns[0]);
	strcpy(s.alarm_topic, *sns ? arns[1] : "");
	return endpoint_check(&s, span_str(instance), &key) ? key : "none";
}

static void regions_are_of_one_partition(void)
{
	static const char *const aws = "aws:kms:us-east-1", *const gov = "aws-us-gov:kms:us-gov-west-1";
	CHECK(!strcmp(blamed("us-west-2", "", aws, ""), "none"));
	CHECK(!strcmp(blamed("us-west-2", "eu-west-1", aws, "aws:sns:sa-east-1"), "none"));
	CHECK(!strcmp(blamed("us-gov-east-1", "us-gov-west-1", gov, "aws-us-gov:sns:us-gov-east-1"), "none"));
	CHECK(!strcmp(blamed("cn-north-1", "", aws, ""), "s3.region"));
	CHECK(!strcmp(blamed("us-west-2", "us-gov-west-1", aws, ""), "s3.region"));
	CHECK(!strcmp(blamed("us-west-2", "Frankfurt", aws, ""), "s3.region"));
	CHECK(!strcmp(blamed("us-west-2", "", gov, ""), "kms.key"));
	CHECK(!strcmp(blamed("us-gov-west-1", "", aws, ""), "kms.key"));
	CHECK(!strcmp(blamed("us-west-2", "", aws, "aws-us-gov:sns:us-gov-west-1"), "alarm.topic"));
	CHECK(!strcmp(blamed("us-west-2", "", aws, "aws:sns:us-gov-west-1"), "alarm.topic"));
}

int main(void)
{
	RUN(names_hosts, "services are found at their regional hosts");
	RUN(a_named_endpoint_wins, "a named endpoint is used for its service alone, with its port");
	RUN(knows_partitions, "a region belongs to its partition or is refused");
	RUN(reads_key_arns, "a KMS key's ARN is checked in all its parts");
	RUN(reads_topic_arns, "an SNS topic's ARN is checked in all its parts");
	RUN(regions_are_of_one_partition,
	    "bucket, key and topic are in the instance's partition or named as not");
	return check_done();
}
