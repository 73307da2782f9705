#include "role/upload/telemetry.h"

#include <unistd.h>

#include "base/time.h"
#include "check.h"
#include "logged.h"
#include "os/clock.h"

/* Around it: keys, net and CloudWatch, played by the test; nothing leaves. */
static struct loop loop;
static struct peer keys, net;
static int keys_end, net_end;
static struct tls_anchors anchors;
static struct settings settings;
static struct object_identity identity;
static struct telemetry t;
static struct cloudwatch_sample posted; /* as keys was last asked to sign it */
static struct chan_msg m;
static bool over;

static void count(void *arg, struct cloudwatch_sample *own)
{
	(void)arg;
	memset(own, 0, sizeof(*own));
}

static void flushed(void *arg)
{
	(void)arg;
	over = true;
}

static void no_message(struct peer *p, struct chan_msg *msg)
{
	(void)p;
	(void)msg;
	trap();
}

static void connect_peer(struct peer *p, enum role_id other, int *end)
{
	int ends[2];
	enum err e = chan_pair(ends);
	ASSERT(!e);
	*p = (struct peer){.self = ROLE_UPLOAD, .other = other, .loop = &loop, .fn = no_message};
	peer_watch(p, ends[0]);
	*end = ends[1];
}

static void set_up(void)
{
	static const struct telemetry fresh = {.loop = NULL};
	loop_init(&loop);
	connect_peer(&keys, ROLE_KEYS, &keys_end);
	connect_peer(&net, ROLE_NET, &net_end);
	settings = (struct settings){.metrics_namespace = "n", .metrics_interval_seconds = 60};
	identity = (struct object_identity){.region = "eu-central-1", .appliance = "a"};
	while (logged_line())
		;
	over = false;
	t = fresh;
	t.loop = &loop;
	t.keys = &keys;
	t.net = &net;
	t.settings = &settings;
	t.identity = &identity;
	t.count = count;
	t.flushed = flushed;
	telemetry_init(&t, &anchors);
	telemetry_start(&t);
}

static void tear_down(void)
{
	https_abort(&t.metrics.https);
	close(keys.watch.fd);
	close(net.watch.fd);
	close(keys_end);
	close(net_end);
}

/* Packets and losses in all, key_age_s as it is now; then the minute ends. */
static void minute(uint64_t packets, uint64_t lost, uint64_t key_age_s)
{
	struct cloudwatch_sample c = {.packets = packets, .lost_ring = lost, .key_age_s = key_age_s};
	telemetry_counters(&t, 0, &c);
	t.minute.fn(t.minute.arg);
}

/* Up to where CloudWatch would answer: false when nothing is to be posted. */
static bool send_one(void)
{
	struct msg_addresses a = {.count = 1, .addr = {ip_from_v4(0x7f000001)}};
	struct msg_signed s = {.what = FORM_METRICS, .amz_date = "d", .authorization = "a"};
	struct msg_name name;
	if (chan_recv(net_end, &m) != ERR_OK || m.type != MSG_RESOLVE)
		return false;
	memcpy(&name, m.payload, sizeof(name));
	a.id = name.id;
	telemetry_resolved(&t, &a);
	if (chan_recv(keys_end, &m) != ERR_OK || m.type != MSG_SIGN_POST)
		return false;
	posted = ((const struct msg_sign_post *)(const void *)m.payload)->sample;
	telemetry_signed(&t, &s);
	return true;
}

static void answer(unsigned status, const char *body)
{
	struct http1_response response = {.status = status};
	struct https_result r = {.response = &response, .body = span_str(body), .answered = true};
	https_abort(&t.metrics.https);
	t.metrics.https.done(t.metrics.https.arg, &r);
}

static bool posts(uint64_t packets, uint64_t lost, uint64_t key_age_s)
{
	bool sent = send_one();
	if (sent)
		answer(200, "");
	if (!sent || posted.packets != packets || posted.lost_ring != lost)
		printf("  # sent %d, packets %llu, lost %llu\n", sent, (unsigned long long)posted.packets,
		       (unsigned long long)posted.lost_ring);
	return sent && posted.packets == packets && posted.lost_ring == lost && posted.key_age_s == key_age_s;
}

/* How many lines of the log so far have all three. */
static int said(const char *a, const char *b, const char *c)
{
	int n = 0;
	for (const char *line = logged_line(); line; line = logged_line())
		n += strstr(line, a) && strstr(line, b) && strstr(line, c);
	return n;
}

#define REFUSAL(code) \
	"<ErrorResponse><Error><Code>" code "</Code><Message>m</Message></Error></ErrorResponse>"

static void each_minute_is_a_difference(void)
{
	set_up();
	minute(100, 1, 7);
	CHECK(posts(100, 1, 7) && !send_one());
	minute(150, 1, 8);
	CHECK(posts(50, 0, 8) && poster_idle(&t.metrics));
	minute(150, 1, 9);
	CHECK(posts(0, 0, 9));
	tear_down();
}

static void a_successor_tells_nothing_twice(void)
{
	set_up();
	t.again = true;
	minute(150, 1, 8);
	CHECK(posts(0, 0, 8));
	minute(170, 3, 9);
	CHECK(posts(20, 2, 9));
	tear_down();
}

static void the_oldest_goes_its_counts_stay(void)
{
	set_up();
	minute(10, 1, 1);
	CHECK(send_one());
	answer(503, "");
	/* that one waits for another try; of those behind it there are three too many */
	uint64_t packets = 10, lost = 1;
	for (unsigned i = 0; i < TELEMETRY_MINUTES + 3; i++)
		minute(packets += 100 + i, lost += i, 100 + i);
	t.metrics.retry.fn(t.metrics.retry.arg);
	CHECK(posts(10, 1, 1));
	CHECK(posts(100 + 101 + 102 + 103, 0 + 1 + 2 + 3, 103));
	for (unsigned i = 4; i < TELEMETRY_MINUTES + 3; i++)
		CHECK(posts(100 + i, i, 100 + i));
	CHECK(!send_one());
	tear_down();
}

static void what_is_refused_for_good_is_given_up(void)
{
	set_up();
	minute(10, 1, 1);
	CHECK(send_one());
	minute(30, 3, 2);
	minute(60, 6, 3);
	answer(400, REFUSAL("InvalidParameterValue"));
	CHECK(said("warn ", " post-given-up call=PutMetricData ", " what=InvalidParameterValue ") == 1);
	CHECK(send_one() && posted.packets == 30 && posted.lost_ring == 3 && posted.key_age_s == 2);
	answer(400, REFUSAL("InvalidParameterValue"));
	CHECK(send_one() && posted.packets == 60 && posted.lost_ring == 6 && posted.key_age_s == 3);
	answer(400, REFUSAL("InvalidParameterValue"));
	/* nothing waits: they go with the minute to come */
	CHECK(!send_one() && poster_idle(&t.metrics));
	CHECK(said("post-given-up", "PutMetricData", "metrics.namespace") == 2);
	minute(61, 7, 4);
	CHECK(posts(61, 7, 4) && said("info ", "post-works", "failures=3") == 1);
	minute(65, 7, 5);
	CHECK(posts(4, 0, 5));
	tear_down();
}

static void other_refusals_are_repeated(void)
{
	static const struct {
		unsigned status;
		const char *body;
	} rows[] = {{403, REFUSAL("AccessDenied")}, {400, REFUSAL("Throttling")}, {500, ""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up();
		minute(10, 1, 1);
		CHECK(send_one());
		answer(rows[i].status, rows[i].body);
		CHECK(!send_one() && !poster_idle(&t.metrics) && said("post-given-up", "", "") == 0);
		t.metrics.retry.fn(t.metrics.retry.arg);
		while (chan_recv(keys_end, &m) == ERR_OK)
			; /* where the credentials were refused, it said so */
		CHECK(posts(10, 1, 1) && !send_one());
		tear_down();
	}
}

static void what_may_have_been_taken_is_not_counted_again(void)
{
	struct https_result r = {
		.err = ERR_TIMEOUT, .sent_all = true, .maybe_delivered = true, .where = "answer", .why = "w"};
	set_up();
	minute(10, 1, 1);
	CHECK(send_one());
	https_abort(&t.metrics.https);
	t.metrics.https.done(t.metrics.https.arg, &r);
	minute(15, 1, 2);
	CHECK(posts(5, 0, 2));
	tear_down();
}

static bool about(uint64_t ns, uint64_t want_ns)
{
	return ns <= want_ns && want_ns - ns < 20 * NS_PER_S;
}

/* Metrics bear the time that they are signed with, those too that were counted before it was known. */
static void the_corrected_clock_counts(void)
{
	static const int64_t offsets[] = {-3 * 3600 * (int64_t)NS_PER_S, 3 * 3600 * (int64_t)NS_PER_S, 0};
	set_up();
	minute(10, 1, 1);
	CHECK(send_one() && about(posted.at_ns, clock_real_ns()));
	uint64_t counted_ns = posted.at_ns;
	for (int i = 0; i < 3; i++) {
		uint64_t offset_ns = (uint64_t)offsets[i];
		answer(503, "");
		telemetry_clock(&t, &(struct msg_skew){offsets[i]});
		t.metrics.retry.fn(t.metrics.retry.arg);
		CHECK(send_one() && posted.at_ns == counted_ns + offset_ns);
	}
	answer(200, "");
	telemetry_clock(&t, &(struct msg_skew){offsets[0]});
	minute(11, 1, 2);
	CHECK(send_one() && about(posted.at_ns, clock_real_ns() + (uint64_t)offsets[0]));
	/* what is sent says so too */
	uint8_t text[32];
	struct buf when = BUF_OF(text);
	time_basic(&when, posted.at_ns);
	struct span body = t.metrics.call.body;
	char hour[20];
	snprintf(hour, sizeof(hour), "T%.2s%%3A%.2s%%3A%.2sZ", text + 9, text + 11, text + 13);
	CHECK(memmem(body.p, body.len, hour, strlen(hour)) != NULL);
	tear_down();
}

static void at_the_end_all_is_told(void)
{
	set_up();
	minute(10, 1, 1);
	CHECK(send_one());
	answer(400, REFUSAL("InvalidParameterValue"));
	struct cloudwatch_sample c = {.packets = 12, .lost_ring = 2, .key_age_s = 2};
	telemetry_counters(&t, 0, &c);
	telemetry_flush(&t);
	CHECK(!over && posts(12, 2, 2));
	loop_turn(&loop, NS_PER_S);
	CHECK(over);
	tear_down();
}

int main(void)
{
	logged_begin("upload");
	RUN(each_minute_is_a_difference,
	    "telemetry: each minute tells what came about in it, and gauges as they are");
	RUN(a_successor_tells_nothing_twice,
	    "telemetry: after a death what was counted before is not told again");
	RUN(the_oldest_goes_its_counts_stay,
	    "telemetry: when too many minutes wait the oldest goes, and its counts go with the next");
	RUN(what_is_refused_for_good_is_given_up,
	    "telemetry: what CloudWatch refuses for good is given up, and its counts go with the next");
	RUN(other_refusals_are_repeated, "telemetry: a minute that is refused for other reasons is repeated");
	RUN(what_may_have_been_taken_is_not_counted_again,
	    "telemetry: a minute that may have been taken is not counted again");
	RUN(the_corrected_clock_counts,
	    "telemetry: metrics bear the time of the corrected clock, as of each try");
	RUN(at_the_end_all_is_told, "telemetry: at the end all is told, what was given up too");
	return check_done();
}
