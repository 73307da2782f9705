#include "aws/cloudwatch.h"

#include "check.h"

#define NOW_NS 1767323045999999999ull

static struct settings settings;
static struct object_identity identity;
static struct cloudwatch_sample sample;
static struct post_call call;
static uint8_t body_mem[CLOUDWATCH_BODY_MAX];
static struct buf body;

/* Every field has a value of its own. */
static void set_up(void)
{
	settings = (struct settings){.metrics_namespace = "Seal/tap"};
	identity = (struct object_identity){.region = "eu-central-1", .appliance = "tap-1"};
	uint64_t *field = (uint64_t *)&sample;
	for (size_t i = 0; i < sizeof(sample) / sizeof(uint64_t); i++)
		field[i] = 1000 + i;
	sample.at_ns = NOW_NS;
}

static enum err build(void)
{
	body = BUF_OF(body_mem);
	return cloudwatch_call(&settings, &identity, &sample, &body, &call);
}

static const struct {
	const char *metric, *unit, *cause;
	uint64_t value;
} want[] = {
	{"PacketsRecorded", "Count", "", 1001},
	{"BytesRecorded", "Bytes", "", 1002},
	{"ObjectsShipped", "Count", "", 1003},
	{"BytesShipped", "Bytes", "", 1004},
	{"PacketsLost", "Count", "ring", 1005},
	{"PacketsLost", "Count", "before-tap", 1006},
	{"PacketsLost", "Count", "budget", 1007},
	{"PacketsCut", "Count", "", 1008},
	{"PacketsFiltered", "Count", "", 1009},
	{"RxMissed", "Count", "", 1010},
	{"BwInAllowanceExceeded", "Count", "", 1011},
	{"BwOutAllowanceExceeded", "Count", "", 1012},
	{"PpsAllowanceExceeded", "Count", "", 1013},
	{"ConntrackAllowanceExceeded", "Count", "", 1014},
	{"LinklocalAllowanceExceeded", "Count", "", 1015},
	{"ConntrackAllowanceAvailable", "Count", "", 1016},
	{"SpoolUsed", "Bytes", "", 1017},
	{"SpoolSize", "Bytes", "", 1018},
	{"OldestUnshipped", "Seconds", "", 1019},
	{"DataKeyAge", "Seconds", "", 1020},
	{"Forwarding", "None", "", 1021},
	{"PutFailures", "Count", "", 1022},
	{"KmsFailures", "Count", "", 1023},
	{"AlarmsSuppressed", "Count", "", 1024},
	{"CanariesStored", "Count", "", 1025},
	{"ActiveConnectionCount", "Count", "", 1028},
	{"ErrorPortAllocation", "Count", "", 1030 + CLOUDWATCH_NO_PORT},
	{"PacketsDropCount", "Count", "", (1030 + 1030 + CLOUDWATCH_NO_PORT) * CLOUDWATCH_REASONS / 2},
};

#define ENA_FIRST 10
#define ENA_COUNT 6

static bool span_has(struct span s, const char *text)
{
	return memmem(s.p, s.len, text, strlen(text)) != NULL;
}

static void put_want(struct buf *b, bool ena)
{
	char text[1024];
	unsigned n = 0;
	buf_str(b, "Action=PutMetricData&Version=2010-08-01&Namespace=Seal%2Ftap");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!ena && i >= ENA_FIRST && i < ENA_FIRST + ENA_COUNT)
			continue;
		n++;
#define M "&MetricData.member.%u."
		snprintf(text, sizeof(text),
			 M "MetricName=%s" M "Unit=%s" M "Value=%llu" M
			   "Timestamp=2026-01-02T03%%3A04%%3A05Z" M "Dimensions.member.1.Name=Appliance" M
			   "Dimensions.member.1.Value=tap-1",
			 n, want[i].metric, n, want[i].unit, n, (unsigned long long)want[i].value, n, n, n);
		buf_str(b, text);
		if (!want[i].cause[0])
			continue;
		snprintf(text, sizeof(text),
			 M "Dimensions.member.2.Name=Cause" M "Dimensions.member.2.Value=%s", n, n,
			 want[i].cause);
		buf_str(b, text);
	}
}

static void every_counter_is_a_metric(void)
{
	uint8_t mem[CLOUDWATCH_BODY_MAX];
	set_up();
	for (int ena = 1; ena >= 0; ena--) {
		struct buf b = BUF_OF(mem);
		sample.has_ena = sample.has_conntrack_available = (uint64_t)ena;
		put_want(&b, ena);
		CHECK(build() == ERR_OK && !b.overflow);
		CHECK_SPAN(call.body, buf_span(&b));
	}
}

/* Counters of two roles add up and become a minute's, gauges stay what they are. */
static void a_minute_is_a_difference(void)
{
	static struct cloudwatch_sample now, before;
	const struct cloudwatch_sample capture = {
		.packets = 100, .lost_ring = 3, .key_age_s = 50, .oldest_unshipped_s = 9};
	const struct cloudwatch_sample net = {
		.lost_before_tap = 7,
		.flows = 9,
		.not_forwarded = {[NFT_TTL] = 3, [CLOUDWATCH_FULL] = 4},
		.forwarding = 1,
		.has_ena = 1,
		.has_conntrack_available = 1,
		.ena = {[ENA_PPS] = 5, [ENA_CONNTRACK_AVAILABLE] = 1000},
	};
	const struct cloudwatch_sample second = {
		.packets = 11, .key_age_s = 20, .flows = 6, .not_forwarded = {[NFT_TTL] = 2}};
	memset(&now, 0, sizeof(now));
	cloudwatch_add(&now, &capture);
	cloudwatch_add(&now, &net);
	cloudwatch_add(&now, &second);
	CHECK(now.packets == 111 && now.lost_ring == 3 && now.lost_before_tap == 7 && now.key_age_s == 50);
	CHECK(now.has_ena == 1 && now.ena[ENA_PPS] == 5 && now.ena[ENA_CONNTRACK_AVAILABLE] == 1000);
	CHECK(now.flows == 9 && now.not_forwarded[NFT_TTL] == 5 && now.not_forwarded[CLOUDWATCH_FULL] == 4);
	CHECK(now.at_ns == 0);
	before = (struct cloudwatch_sample){.packets = 101, .key_age_s = 40, .ena = {[ENA_PPS] = 4}};
	cloudwatch_since(&now, &before);
	CHECK(now.packets == 10 && now.lost_ring == 3 && now.ena[ENA_PPS] == 1);
	CHECK(now.key_age_s == 50 && now.oldest_unshipped_s == 9 && now.forwarding == 1);
	CHECK(now.ena[ENA_CONNTRACK_AVAILABLE] == 1000);
}

static void a_counter_begins_anew(void)
{
	struct cloudwatch_sample now = {.packets = 5, .lost_before_tap = 3, .has_ena = 1, .ena = {7, 0, 9}};
	const struct cloudwatch_sample before = {
		.packets = 5, .lost_before_tap = 4, .has_ena = 1, .ena = {1000, 1, 8}};
	cloudwatch_since(&now, &before);
	CHECK(now.packets == 0 && now.lost_before_tap == 3);
	CHECK(now.ena[0] == 7 && now.ena[1] == 0 && now.ena[2] == 1);
}

static void a_source_begins_anew(void)
{
	const struct cloudwatch_sample before = {
		.packets = 5, .key_age_s = 9, .inside = {.tx_bytes = 7}, .has_ena = 1, .ena = {3}};
	struct cloudwatch_sample now = before;
	CHECK(!cloudwatch_began_anew(&now, &before));
	now.key_age_s = 0; /* a gauge */
	now.packets = 6;
	CHECK(!cloudwatch_began_anew(&now, &before));
	now.inside.tx_bytes = 6;
	CHECK(cloudwatch_began_anew(&now, &before));
	now.ena[0] = 2;
	cloudwatch_at_least(&now, &before);
	CHECK(now.packets == 6 && now.key_age_s == 0 && now.inside.tx_bytes == 7 && now.ena[0] == 3);
}

static struct cloudwatch_sample left(uint64_t connections)
{
	return (struct cloudwatch_sample){.has_ena = 1,
					  .has_conntrack_available = 1,
					  .ena = {[ENA_PPS] = 1, [ENA_CONNTRACK_AVAILABLE] = connections}};
}

static void the_least_room_counts(void)
{
	static const uint64_t rows[][4] = {{100, 7, 7, 7}, {7, 100, 7, 7}, {0, 5, 0, 0}, {5, 5, 9, 5}};
	const struct cloudwatch_sample silent = {.has_ena = 1, .ena = {[ENA_PPS] = 1}}, none = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cloudwatch_sample sum = {0};
		const struct cloudwatch_sample parts[] = {left(rows[i][0]), none, left(rows[i][1]), silent,
							  left(rows[i][2])};
		for (size_t p = 0; p < 5; p++)
			cloudwatch_add(&sum, &parts[p]);
		CHECK(sum.ena[ENA_CONNTRACK_AVAILABLE] == rows[i][3] && sum.ena[ENA_PPS] == 4);
		CHECK(sum.has_ena == 1 && sum.has_conntrack_available == 1);
	}
	struct cloudwatch_sample sum = {0};
	cloudwatch_add(&sum, &silent);
	set_up();
	sum.at_ns = NOW_NS;
	sample = sum;
	CHECK(build() == ERR_OK && span_has(call.body, "=PpsAllowanceExceeded&") &&
	      !span_has(call.body, "ConntrackAllowanceAvailable"));
}

static void counts_are_carried_on(void)
{
	struct cloudwatch_sample later = {.at_ns = 9, .packets = 3, .key_age_s = 20, .oldest_unshipped_s = 4};
	const struct cloudwatch_sample earlier = {.at_ns = 8,
						  .packets = 100,
						  .lost_ring = 2,
						  .key_age_s = 50,
						  .forwarding = 1,
						  .has_ena = 1,
						  .has_conntrack_available = 1,
						  .ena = {[ENA_BW_IN] = 6, [ENA_CONNTRACK_AVAILABLE] = 70}};
	cloudwatch_carry(&later, &earlier);
	CHECK(later.at_ns == 9 && later.packets == 103 && later.lost_ring == 2);
	CHECK(later.key_age_s == 20 && later.oldest_unshipped_s == 4 && later.forwarding == 0);
	CHECK(later.has_ena == 1 && later.ena[ENA_BW_IN] == 6);
	CHECK(later.has_conntrack_available == 0 && later.ena[ENA_CONNTRACK_AVAILABLE] == 0);
}

static void goes_to_the_region(void)
{
	set_up();
	CHECK(build() == ERR_OK && !strcmp(call.endpoint.host, "monitoring.eu-central-1.amazonaws.com"));
	CHECK_SPAN(call.region, SPAN("eu-central-1"));
	CHECK(!strcmp(call.service, "monitoring"));
	settings.cloudwatch_endpoint = (struct endpoint){"cw.example", 8443};
	CHECK(build() == ERR_OK && !strcmp(call.endpoint.host, "cw.example") && call.endpoint.port == 8443);
	settings.metrics_namespace[0] = 0;
	CHECK(build() == ERR_MISSING && body.len == 0);
	set_up();
	strcpy(identity.region, "cn-north-1");
	CHECK(build() == ERR_UNSUPPORTED);
}

static void the_longest_form_fits(void)
{
	set_up();
	memset(&sample, 0xff, sizeof(sample));
	sample.at_ns = NOW_NS;
	memset(settings.metrics_namespace, '/', sizeof(settings.metrics_namespace) - 1);
	memset(identity.appliance, 'a', sizeof(identity.appliance) - 1);
	CHECK(build() == ERR_OK);
	printf("  # %zu of %d bytes\n", body.len, CLOUDWATCH_BODY_MAX);
	for (size_t cap = 0, len = body.len; cap < len; cap += 97) {
		body = buf_over(body_mem, cap);
		CHECK(cloudwatch_call(&settings, &identity, &sample, &body, &call) == ERR_FULL);
	}
}

#define ERROR(code)                                                                        \
	"<ErrorResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><Error>" \
	"<Type>Sender</Type><Code>" code                                                   \
	"</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>"

static void judges_answers(void)
{
	static const struct {
		unsigned status;
		const char *body;
		enum post_verdict v;
		const char *remedy;
	} rows[] = {
		{200, "<PutMetricDataResponse/>", POST_OK, ""},
		{400, ERROR("Throttling"), POST_RETRY, "trying again"},
		{500, ERROR("InternalServiceError"), POST_RETRY, "trying again"},
		{503, "<html>", POST_RETRY, "trying again"},
		{403, ERROR("ExpiredToken"), POST_REFRESH, "new credentials"},
		{403, ERROR("RequestExpired"), POST_SKEW, "clock"},
		{403, ERROR("AccessDenied"), POST_DENIED, "cloudwatch:PutMetricData"},
		{403, ERROR("InvalidClientTokenId"), POST_DENIED, "role exists"},
		{400, ERROR("InvalidParameterValue"), POST_UNFIT, "metrics.namespace"},
		{400, ERROR("InvalidParameterCombination"), POST_UNFIT, "metrics.namespace"},
		{400, ERROR("MissingParameter"), POST_UNFIT, "clock"},
		{400, ERROR("MissingRequiredParameter"), POST_UNFIT, "clock"},
		{400, ERROR("ValidationError"), POST_UNFIT, "clock"},
		{400, ERROR("MissingAuthenticationToken"), POST_DENIED, "clock"},
		{400, ERROR("Unheard"), POST_DENIED, "cloudwatch:PutMetricData"},
		{413, "", POST_DENIED, "cloudwatch:PutMetricData"},
		{301, "", POST_DENIED, "cloudwatch:PutMetricData"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f;
		enum post_verdict v = cloudwatch_classify(rows[i].status, span_str(rows[i].body), &f);
		if (v != rows[i].v || !strstr(f.remedy, rows[i].remedy))
			printf("  %zu: %d %s\n", i, (int)v, f.remedy);
		CHECK(v == rows[i].v && strstr(f.remedy, rows[i].remedy));
	}
	struct fault f;
	const char *late = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>"
			   "<Message>Signature expired: 20260101T000000Z</Message></Error></ErrorResponse>";
	CHECK(cloudwatch_classify(403, span_str(late), &f) == POST_SKEW);
	CHECK(!strcmp(f.code, "SignatureDoesNotMatch"));
}

int main(void)
{
	RUN(every_counter_is_a_metric,
	    "every counter of the sample is one metric, those of the ENA where it has one");
	RUN(a_minute_is_a_difference, "roles' counters add up and become a minute's, gauges stay");
	RUN(a_counter_begins_anew, "a counter that begins anew counts what it shows, nothing absurd");
	RUN(a_source_begins_anew,
	    "a role that counts anew is known by a counter that is less, and gauges say nothing");
	RUN(the_least_room_counts,
	    "of two ENIs' connections left the lesser counts, and what none tells is left out");
	RUN(counts_are_carried_on, "an earlier minute's counts are added to a later one, whose gauges stay");
	RUN(goes_to_the_region,
	    "metrics go to the instance's region or the named endpoint, without a namespace nowhere");
	RUN(the_longest_form_fits, "the longest form of a minute's metrics fits its bound");
	RUN(judges_answers, "each answer is taken, retried, refreshed, corrected or final, with its remedy");
	return check_done();
}
