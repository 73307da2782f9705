#include "aws/sns.h"

#include "check.h"

static struct settings settings;
static struct object_identity identity;
static struct sns_alarm alarm_;
static struct post_call call;
static uint8_t body_mem[SNS_BODY_MAX];
static struct buf body;

static void set_up(void)
{
	settings = (struct settings){.alarm_topic = "arn:aws:sns:us-west-2:444455556666:watch"};
	identity = (struct object_identity){.region = "eu-central-1",
					    .account = "111122223333",
					    .vpc = "vpc-1",
					    .instance = "i-0a",
					    .appliance = "tap-1"};
	alarm_ = (struct sns_alarm){
		.event = "recording-lost", .text = "12 packets & more", .at_ns = 1767323045000000000ull};
}

static enum err build(void)
{
	body = BUF_OF(body_mem);
	return sns_call(&settings, &identity, &alarm_, &body, &call);
}

#define FRONT                               \
	"Action=Publish&Version=2010-03-31" \
	"&TopicArn=arn%3Aaws%3Asns%3Aus-west-2%3A444455556666%3Awatch"
#define FACTS                                                                               \
	"appliance%3A+tap-1%0Ainstance%3A+i-0a%0Avpc%3A+vpc-1%0Aaccount%3A+111122223333%0A" \
	"region%3A+eu-central-1%0Atime%3A+2026-01-02T03%3A04%3A05.000000000Z%0A"

static void says_what_happened(void)
{
	set_up();
	CHECK(build() == ERR_OK);
	CHECK_SPAN(call.body, SPAN(FRONT "&Subject=sealtap+tap-1%3A+recording-lost&Message=recording-lost%0A"
					 "12+packets+%26+more%0A%0A" FACTS));
	alarm_.suppressed = 7;
	CHECK(build() == ERR_OK);
	CHECK(span_ends(call.body, SPAN(FACTS "suppressed%3A+7+alarms+since+the+last+one%0A")));
}

static void hostile_texts_stay_inside(void)
{
	set_up();
	strcpy(alarm_.event, "a\nb&Action=x");
	strcpy(alarm_.text, "\x1b[2J\r\n\xc3\xa4%26");
	CHECK(build() == ERR_OK);
	CHECK_SPAN(call.body,
		   SPAN(FRONT "&Subject=sealtap+tap-1%3A+a%3Fb%26Action%3Dx&Message=a%3Fb%26Action%3Dx%0A"
			      "%3F%5B2J%3F%3F%3F%3F%2526%0A%0A" FACTS));
	memset(alarm_.event, 'e', sizeof(alarm_.event)); /* neither ends within its array */
	memset(alarm_.text, '&', sizeof(alarm_.text));
	memset(identity.appliance, 'a', sizeof(identity.appliance) - 1);
	memset(settings.alarm_topic + strlen(settings.alarm_topic), 't', 250);
	alarm_.suppressed = UINT32_MAX;
	CHECK(build() == ERR_OK);
	printf("  # %zu of %d bytes\n", body.len, SNS_BODY_MAX);
	struct span rest = call.body;
	for (int i = 0; i < 3; i++)
		span_cut(&rest, '&');
	/* "Subject=", four characters that take three each, and 100 - 4 others */
	CHECK(span_cut(&rest, '&').len == 8 + SNS_SUBJECT_MAX + 2);
	for (size_t cap = 0, len = body.len; cap < len; cap += 97) {
		body = buf_over(body_mem, cap);
		CHECK(sns_call(&settings, &identity, &alarm_, &body, &call) == ERR_FULL);
	}
}

static void goes_to_the_topics_region(void)
{
	set_up();
	CHECK(build() == ERR_OK && !strcmp(call.endpoint.host, "sns.us-west-2.amazonaws.com"));
	CHECK_SPAN(call.region, SPAN("us-west-2"));
	CHECK(!strcmp(call.service, "sns"));
	settings.endpoint_fips = 1;
	CHECK(build() == ERR_OK && !strcmp(call.endpoint.host, "sns-fips.us-west-2.amazonaws.com"));
	settings.alarm_topic[0] = 0;
	CHECK(build() == ERR_MISSING && body.len == 0);
	strcpy(settings.alarm_topic, "arn:aws-cn:sns:cn-north-1:444455556666:watch");
	CHECK(build() == ERR_UNSUPPORTED);
}

static void judges_answers(void)
{
	static const struct {
		unsigned status;
		const char *code;
		enum post_verdict v;
		const char *remedy;
	} rows[] = {
		{200, "", POST_OK, ""},
		{400, "Throttling", POST_RETRY, "trying again"},
		{400, "KMSThrottling", POST_RETRY, "trying again"},
		{500, "InternalError", POST_RETRY, "trying again"},
		{403, "ExpiredToken", POST_REFRESH, "new credentials"},
		{403, "AuthorizationError", POST_DENIED, "sns:Publish"},
		{403, "KMSAccessDenied", POST_DENIED, "KMS key of the topic"},
		{404, "NotFound", POST_DENIED, "no such topic"},
		{400, "InvalidParameter", POST_DENIED, "alarm.topic"},
		{403, "SignatureDoesNotMatch", POST_DENIED, "clock"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f;
		char text[256];
		int n = snprintf(text, sizeof(text),
				 "<ErrorResponse><Error><Code>%s</Code></Error></ErrorResponse>",
				 rows[i].code);
		enum post_verdict v = sns_classify(rows[i].status, span_of(text, (size_t)n), &f);
		CHECK(v == rows[i].v && strstr(f.remedy, rows[i].remedy));
		CHECK(rows[i].status == 200 || !strcmp(f.code, rows[i].code));
	}
}

int main(void)
{
	RUN(says_what_happened, "an alarm says what happened, where, when and how many were held back");
	RUN(hostile_texts_stay_inside, "no text leaves its field of the form, and the longest fits");
	RUN(goes_to_the_topics_region, "an alarm goes to the topic's region, without a topic nowhere");
	RUN(judges_answers, "each answer is taken, retried, refreshed or final, with its remedy");
	return check_done();
}
