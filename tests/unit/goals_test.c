#include "role/net/goals.h"

#include "check.h"

#define BASE "s3.bucket = evidence\nkms.key = arn:aws:kms:eu-west-1:123456789012:key/1\n"

static struct msg_config c;

static void configure(const char *more)
{
	char text[1024];
	struct conf_error at;
	snprintf(text, sizeof(text), "%s%s", BASE, more);
	memset(&c, 0, sizeof(c));
	CHECK(conf_read(span_str(text), &c.settings, &at) == ERR_OK);
	strcpy(c.identity.region, "eu-central-1");
}

#define KMS(host) goals_port(&c, UID_KEYS, host)
#define UPLOAD(host) goals_port(&c, UID_UPLOAD, host)

static void services(void)
{
	configure("");
	CHECK(KMS("kms.eu-west-1.amazonaws.com") == 443);
	CHECK(UPLOAD("evidence.s3.eu-central-1.amazonaws.com") == 443);
	configure("metrics.namespace = sealtap\nalarm.topic = arn:aws:sns:eu-west-2:123456789012:ops\n");
	CHECK(UPLOAD("monitoring.eu-central-1.amazonaws.com") == 443);
	CHECK(UPLOAD("sns.eu-west-2.amazonaws.com") == 443);
}

static void no_others(void)
{
	configure("");
	CHECK(KMS("evidence.s3.eu-central-1.amazonaws.com") == 0 &&
	      KMS("kms.eu-central-1.amazonaws.com") == 0);
	CHECK(UPLOAD("kms.eu-west-1.amazonaws.com") == 0);
	CHECK(UPLOAD("monitoring.eu-central-1.amazonaws.com") == 0 &&
	      UPLOAD("sns.eu-west-2.amazonaws.com") == 0);
	CHECK(UPLOAD("other.s3.eu-central-1.amazonaws.com") == 0 &&
	      UPLOAD("s3.eu-central-1.amazonaws.com") == 0);
	CHECK(UPLOAD("evidence.s3.eu-central-1.amazonaws.com.example") == 0);
	CHECK(UPLOAD("eu-central-1.example") == 0 && UPLOAD("...") == 0 && UPLOAD("") == 0 && KMS("") == 0);
}

static void a_bucket_elsewhere(void)
{
	configure("");
	CHECK(UPLOAD("evidence.s3.us-east-1.amazonaws.com") == 443);
	CHECK(UPLOAD("other.s3.us-east-1.amazonaws.com") == 0);
	CHECK(UPLOAD("evidence.s3.us-gov-west-1.amazonaws.com") == 0);
	configure("s3.region = us-east-2\nendpoint.dualstack = yes\n");
	CHECK(UPLOAD("evidence.s3.dualstack.us-east-2.amazonaws.com") == 443);
	CHECK(UPLOAD("evidence.s3.dualstack.us-east-1.amazonaws.com") == 443);
	CHECK(UPLOAD("evidence.s3.us-east-2.amazonaws.com") == 0);
}

static void endpoints_of_its_own(void)
{
	configure("s3.endpoint = https://s3.example:8443\nkms.endpoint = https://kms.example:444\n");
	CHECK(UPLOAD("s3.example") == 8443 && KMS("kms.example") == 444);
	CHECK(UPLOAD("evidence.s3.eu-central-1.amazonaws.com") == 0 &&
	      KMS("kms.eu-west-1.amazonaws.com") == 0);
}

int main(void)
{
	RUN(services,
	    "keys has KMS, upload S3 and, where they are configured, CloudWatch and SNS, at TLS' port");
	RUN(no_others, "another role's service, another bucket and any other name are nobody's");
	RUN(a_bucket_elsewhere, "the bucket may turn out to be in another region of the partition");
	RUN(endpoints_of_its_own, "a configured endpoint takes the place of the region's, at its own port");
	return check_done();
}
