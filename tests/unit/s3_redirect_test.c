/* Where S3 says that a bucket is, and what of it is believed. */
#include "aws/s3.h"

#include "check.h"

static struct settings settings;
static struct object_identity identity;

static void set_up(void)
{
	memset(&settings, 0, sizeof(settings));
	strcpy(settings.s3_bucket, "evidence");
	strcpy(identity.region, "eu-central-1");
}

#define REGION(r) "<Region>" r "</Region>"
#define ENDPOINT(e) "<Endpoint>" e "</Endpoint>"

/* Empty: refused. */
static const char *moved_to(unsigned status, const char *header, const char *inside, const char *location)
{
	static struct http1_response r;
	static char region[32];
	char body[512];
	int n = snprintf(body, sizeof(body), "<Error><Code>x</Code>%s</Error>", inside);
	memset(&r, 0, sizeof(r));
	r.status = status;
	strcpy(r.bucket_region, header);
	strcpy(r.location, location);
	strcpy(region, "kept");
	enum err e = s3_redirect(&settings, &identity, &r, span_of(body, (size_t)n), region);
	CHECK(e ? e == ERR_DENIED && !strcmp(region, "kept") : true);
	return e ? "" : region;
}

static const struct {
	unsigned status;
	const char *header, *inside, *location, *region;
} moves[] = {
	{301, "eu-west-1", "", "", "eu-west-1"},
	{400, "", REGION("eu-west-1"), "", "eu-west-1"},
	{301, "", ENDPOINT("evidence.s3.eu-west-1.amazonaws.com"), "", "eu-west-1"},
	{301, "", ENDPOINT("evidence.s3-us-west-2.amazonaws.com"), "", "us-west-2"},
	{301, "", ENDPOINT("s3.us-west-2.amazonaws.com"), "", "us-west-2"},
	{301, "", ENDPOINT("evidence.s3.dualstack.us-west-2.amazonaws.com"), "", "us-west-2"},
	{301, "", ENDPOINT("evidence.s3-fips.us-west-2.amazonaws.com"), "", "us-west-2"},
	{301, "", ENDPOINT("evidence.s3-fips.dualstack.us-west-2.amazonaws.com"), "", "us-west-2"},
	{301, "us-east-1", ENDPOINT("evidence.s3.amazonaws.com"), "", "us-east-1"},
	{307, "", "", "https://evidence.s3.eu-west-1.amazonaws.com/tap/x?y", "eu-west-1"},
	{301, "eu-west-1", REGION("eu-west-1") ENDPOINT("evidence.s3.eu-west-1.amazonaws.com"),
	 "https://evidence.s3.eu-west-1.amazonaws.com/", "eu-west-1"},
	/* a new bucket: the same endpoint will do soon */
	{307, "", "", "", "eu-central-1"},
	{307, "eu-central-1", "", "", "eu-central-1"},
	{307, "", ENDPOINT("evidence.s3.amazonaws.com"), "", "eu-central-1"},
	/* nothing said, or nothing new: it would go round in circles */
	{301, "", "", "", ""},
	{301, "eu-central-1", "", "", ""},
	{400, "", REGION("eu-central-1"), "", ""},
	{301, "", ENDPOINT("s3.amazonaws.com"), "", ""},
	/* another partition, or no region */
	{301, "us-gov-west-1", "", "", ""},
	{301, "cn-north-1", "", "", ""},
	{301, "", REGION("EU"), "", ""},
	{301, "", REGION("eu-west-1.evil.test"), "", ""},
	{307, "us-gov-west-1", "", "", ""},
	{301, "", ENDPOINT("evidence.s3-external-1.amazonaws.com"), "", ""},
	{301, "", REGION("eu-west-northsouthwestnorthsouth-1"), "", ""},
	/* two */
	{301, "eu-west-1", REGION("eu-west-2"), "", ""},
	{301, "eu-west-1", ENDPOINT("evidence.s3.eu-west-2.amazonaws.com"), "", ""},
	{307, "", REGION("eu-west-1"), "https://evidence.s3.eu-west-2.amazonaws.com/", ""},
	/* another host, or not by TLS */
	{301, "eu-west-1", ENDPOINT("evidence.s3.eu-west-1.evil.test"), "", ""},
	{301, "eu-west-1", ENDPOINT("other.s3.eu-west-1.amazonaws.com"), "", ""},
	{301, "eu-west-1", ENDPOINT("evidences3.eu-west-1.amazonaws.com"), "", ""},
	{301, "eu-west-1", ENDPOINT("evil.amazonaws.com"), "", ""},
	{307, "eu-west-1", "", "http://evidence.s3.eu-west-1.amazonaws.com/", ""},
	{307, "eu-west-1", "", "https://evidence.s3.eu-west-1.amazonaws.com:444/", ""},
	{307, "eu-west-1", "", "https://evil.test/evidence.s3.eu-west-1.amazonaws.com", ""},
	{307, "eu-west-1", "", "/elsewhere", ""},
	{307, "eu-west-1", "", "gopher:/evidence.s3.eu-west-1.amazonaws.com/", ""},
};

static void follows_the_bucket(void)
{
	set_up();
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		const char *got =
			moved_to(moves[i].status, moves[i].header, moves[i].inside, moves[i].location);
		if (strcmp(got, moves[i].region) != 0)
			printf("  %zu: \"%s\", want \"%s\"\n", i, got, moves[i].region);
		CHECK(!strcmp(got, moves[i].region));
	}
	strcpy(settings.s3_region, "eu-west-1");
	CHECK(!strcmp(moved_to(301, "eu-west-1", "", ""), ""));
	CHECK(!strcmp(moved_to(301, "eu-central-1", "", ""), "eu-central-1"));
	struct http1_response r = {.status = 301, .bucket_region = "eu-west-3"};
	CHECK(s3_redirect(&settings, &identity, &r, SPAN(""), settings.s3_region) == ERR_OK);
	CHECK(!strcmp(settings.s3_region, "eu-west-3"));
	strcpy(settings.s3_endpoint.host, "s3.example");
	CHECK(!strcmp(moved_to(301, "eu-west-1", "", ""), ""));
	CHECK(!strcmp(moved_to(307, "", "", ""), ""));
	set_up();
}

int main(void)
{
	RUN(follows_the_bucket, "a moved bucket is followed to a region of the partition and nowhere else");
	return check_done();
}
