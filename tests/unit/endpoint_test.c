#include "aws/endpoint.h"

#include "check.h"

static uint8_t mem[256];

static struct span s3_host(const char *bucket, const char *region)
{
	struct buf b = BUF_OF(mem);
	enum err e = endpoint_s3_host(span_str(bucket), span_str(region), &b);
	return e ? span_str(err_text(e)) : buf_span(&b);
}

static void names_hosts(void)
{
	struct buf b = BUF_OF(mem);
	CHECK_SPAN(s3_host("evidence", "eu-central-1"), SPAN("evidence.s3.eu-central-1.amazonaws.com"));
	CHECK_SPAN(s3_host("evidence", "us-gov-west-1"), SPAN("evidence.s3.us-gov-west-1.amazonaws.com"));
	CHECK_SPAN(s3_host("a.b", "eu-central-1"), span_str(err_text(ERR_UNSUPPORTED)));
	CHECK(endpoint_kms_host(SPAN("ap-southeast-2"), &b) == ERR_OK);
	CHECK_SPAN(buf_span(&b), SPAN("kms.ap-southeast-2.amazonaws.com"));
	b.cap = b.len + 3;
	CHECK(endpoint_kms_host(SPAN("ap-southeast-2"), &b) == ERR_FULL);
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
		struct endpoint_partition p = {"none", "none"};
		enum err e = endpoint_partition_of(span_str(rows[i].region), &p);
		CHECK(e == rows[i].e);
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

int main(void)
{
	RUN(names_hosts, "S3 and KMS are found at their regional hosts");
	RUN(knows_partitions, "a region belongs to its partition or is refused");
	RUN(reads_key_arns, "a KMS key's ARN is checked in all its parts");
	return check_done();
}
