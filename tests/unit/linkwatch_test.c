#include "role/net/linkwatch.h"

#include "aws/cloudwatch.h"
#include "check.h"
#include "logged.h"

#define OUTSIDE 4
#define INSIDE 7
#define EVIDENCE 9

static const uint32_t ifindex[DEVICES] = {OUTSIDE, INSIDE, EVIDENCE};
static struct linkwatch watch;
static struct gateway_links links;
static struct cloudwatch_sample got;

/* ---- a driver with these counters, one for each link */

struct counter {
	const char *name;
	uint64_t value[2];
	bool missing;
};

#define NAMES 6

static struct counter driver[NAMES];
static enum err fails; /* each read */
static bool recovers;  /* but the first alone */

static enum err read_driver(const char *link, const char *const *names, size_t count, uint64_t *values)
{
	size_t side = strcmp(link, "outside") != 0;
	enum err e = fails;
	if (recovers)
		fails = ERR_OK;
	if (e)
		return e;
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < NAMES && (driver[at].missing || strcmp(driver[at].name, names[i]) != 0))
			at++;
		if (at == NAMES)
			return ERR_NOT_FOUND;
		values[i] = driver[at].value[side];
	}
	return ERR_OK;
}

static void set_up(void)
{
	static const struct counter fresh[NAMES] = {
		{"conntrack_allowance_available", {900, 700}, false},
		{"bw_in_allowance_exceeded", {10, 1}, false},
		{"bw_out_allowance_exceeded", {20, 2}, false},
		{"pps_allowance_exceeded", {30, 3}, false},
		{"conntrack_allowance_exceeded", {40, 4}, false},
		{"linklocal_allowance_exceeded", {50, 5}, false},
	};
	memcpy(driver, fresh, sizeof(driver));
	fails = ERR_OK;
	recovers = false;
	watch = (struct linkwatch){.read = read_driver};
	links = (struct gateway_links){.count = 3};
	links.link[0] = (struct rtnl_link){.ifindex = 2, .name = "other", .rx_dropped = 1000};
	links.link[1] = (struct rtnl_link){
		.ifindex = OUTSIDE, .name = "outside", .up = true, .carrier = true, .rx_dropped = 100};
	links.link[2] = (struct rtnl_link){
		.ifindex = INSIDE, .name = "inside", .up = true, .carrier = true, .rx_missed = 200};
}

/* Looks, and says what was logged, lines joined by '\n'. */
static const char *look(bool forwarding)
{
	memset(&got, 0xff, sizeof(got));
	linkwatch_look(&watch, &links, ifindex, forwarding, &got);
	return logged_all();
}

static bool silent(bool forwarding)
{
	return !strcmp(look(forwarding), "");
}

/* ---- */

static void what_was_there_before_is_not_counted(void)
{
	set_up();
	CHECK(silent(true) && got.lost_before_tap == 0 && got.rx_missed == 0 && got.has_ena == 1);
	for (int i = 0; i < ENA_CONNTRACK_AVAILABLE; i++)
		CHECK(got.ena[i] == 0);
	CHECK(got.has_conntrack_available == 1 && got.ena[ENA_CONNTRACK_AVAILABLE] == 700);
	driver[0].value[0] = 6;
	links.link[0].rx_dropped = 5000;
	CHECK(silent(true) && got.ena[ENA_CONNTRACK_AVAILABLE] == 6 && got.lost_before_tap == 0);
}

/* The counter's name, the metric that it must reach. */
static const struct {
	const char *counter, *metric;
} pairs[] = {
	{"bw_in_allowance_exceeded", "BwInAllowanceExceeded"},
	{"bw_out_allowance_exceeded", "BwOutAllowanceExceeded"},
	{"pps_allowance_exceeded", "PpsAllowanceExceeded"},
	{"conntrack_allowance_exceeded", "ConntrackAllowanceExceeded"},
	{"linklocal_allowance_exceeded", "LinklocalAllowanceExceeded"},
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

/* The metric's value in the form; UINT64_MAX: it is not there. */
static uint64_t metric(const char *name)
{
	static uint8_t mem[CLOUDWATCH_BODY_MAX + 1];
	static struct settings s = {.metrics_namespace = "n"};
	static struct object_identity id = {.region = "eu-central-1", .appliance = "a"};
	struct buf body = buf_over(mem, sizeof(mem) - 1);
	struct post_call call;
	char want[80];
	CHECK(cloudwatch_call(&s, &id, &got, &body, &call) == ERR_OK);
	mem[body.len] = 0;
	snprintf(want, sizeof(want), ".MetricName=%s&", name);
	const char *at = strstr((const char *)mem, want);
	at = at ? strstr(at, ".Value=") : NULL;
	return at ? strtoull(at + strlen(".Value="), NULL, 10) : UINT64_MAX;
}

static struct counter *counter(const char *name)
{
	size_t i = 0;
	while (strcmp(driver[i].name, name) != 0)
		i++;
	return &driver[i];
}

static void each_counter_has_its_metric_and_alarm(void)
{
	for (size_t i = 0; i < PAIRS; i++) {
		char want[120];
		set_up();
		CHECK(silent(true));
		counter(pairs[i].counter)->value[0] += 3;
		counter(pairs[i].counter)->value[1] += 4;
		snprintf(want, sizeof(want), "alarm net lost-before-ring cause=%s packets=7 total=7",
			 pairs[i].counter);
		const char *said = look(true);
		CHECK(!strcmp(said, want));
		for (size_t k = 0; k < PAIRS; k++)
			CHECK(metric(pairs[k].metric) == (k == i ? 7 : 0));
		CHECK(silent(true) && metric(pairs[i].metric) == 7);
		counter(pairs[i].counter)->value[1] += 1;
		snprintf(want, sizeof(want), "alarm net lost-before-ring cause=%s packets=1 total=8",
			 pairs[i].counter);
		CHECK(!strcmp(look(true), want));
	}
	CHECK(metric("ConntrackAllowanceAvailable") == 700);
}

static void the_kernels_losses_too(void)
{
	set_up();
	CHECK(silent(true));
	links.link[1].rx_dropped += 2;
	links.link[2].rx_dropped += 1;
	links.link[2].rx_missed += 9;
	CHECK(!strcmp(look(true), "alarm net lost-before-ring cause=kernel packets=3 total=3\n"
				  "alarm net lost-before-ring cause=nic packets=9 total=9"));
	CHECK(got.lost_before_tap == 3 && got.rx_missed == 9);
}

static void what_each_link_carries(void)
{
	set_up();
	CHECK(silent(true));
	for (uint64_t i = 1; i <= 2; i++) {
		struct rtnl_link *out = &links.link[1], *in = &links.link[2];
		out->rx_packets += 1, out->rx_bytes += 100, out->tx_packets += 2, out->tx_bytes += 200;
		in->rx_packets += 3, in->rx_bytes += 300, in->tx_packets += 4, in->tx_bytes += 400;
		CHECK(silent(true));
		const struct cloudwatch_link want[2] = {{i, 100 * i, 2 * i, 200 * i},
							{3 * i, 300 * i, 4 * i, 400 * i}};
		CHECK(!memcmp(&got.outside, &want[0], sizeof(want[0])));
		CHECK(!memcmp(&got.inside, &want[1], sizeof(want[1])));
		CHECK(!got.evidence.rx_packets);
	}
}

static void what_evidence_carries(void)
{
	set_up();
	links.link[links.count++] = (struct rtnl_link){.ifindex = EVIDENCE, .name = "evidence"};
	struct rtnl_link *e = &links.link[3];
	CHECK(silent(true) && got.forwarding); /* it is down */
	e->rx_packets += 1, e->rx_bytes += 100, e->tx_packets += 2, e->tx_bytes += 200;
	e->rx_dropped += 5, e->rx_missed += 5;
	CHECK(silent(true) && !got.lost_before_tap && !got.rx_missed);
	const struct cloudwatch_link want = {1, 100, 2, 200};
	CHECK(!memcmp(&got.evidence, &want, sizeof(want)));
}

static void a_loss_is_an_alarm_while_forwarding(void)
{
	set_up();
	CHECK(silent(false));
	counter("pps_allowance_exceeded")->value[0] += 5;
	CHECK(silent(false) && got.ena[ENA_PPS] == 5);
	/* of the time before it was opened: none; of that before it was closed: one */
	counter("pps_allowance_exceeded")->value[0] += 5;
	CHECK(silent(true) && got.ena[ENA_PPS] == 10);
	counter("pps_allowance_exceeded")->value[0] += 5;
	CHECK(!strcmp(look(false),
		      "alarm net lost-before-ring cause=pps_allowance_exceeded packets=5 total=15"));
	counter("pps_allowance_exceeded")->value[0] += 5;
	CHECK(silent(false) && got.ena[ENA_PPS] == 20);
}

static void counters_that_begin_anew(void)
{
	set_up();
	CHECK(silent(true));
	driver[3].value[0] = 4; /* pps: it was 30 */
	driver[3].value[1] += 1;
	links.link[1].rx_dropped = 0; /* it was 100 */
	links.link[2].rx_missed = 2;  /* it was 200 */
	CHECK(!strcmp(look(true),
		      "alarm net lost-before-ring cause=nic packets=2 total=2\n"
		      "alarm net lost-before-ring cause=pps_allowance_exceeded packets=5 total=5"));
	CHECK(got.ena[ENA_PPS] == 5 && got.lost_before_tap == 0 && got.rx_missed == 2);
	driver[3].value[0] = 6;
	look(true);
	CHECK(got.ena[ENA_PPS] == 7);
}

static void a_read_that_fails_changes_nothing(void)
{
	static const enum err ways[] = {ERR_SYSTEM, ERR_CONFLICT, ERR_UNSUPPORTED, ERR_NOT_FOUND};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		set_up();
		CHECK(silent(true));
		driver[1].value[0] += 3;
		CHECK(look(true)[0] && got.ena[ENA_BW_IN] == 3);
		fails = ways[i];
		driver[1].value[0] += 4;
		links.link[1].rx_dropped += 1;
		CHECK(!strcmp(look(true), "alarm net lost-before-ring cause=kernel packets=1 total=1"));
		CHECK(got.ena[ENA_BW_IN] == 3 && got.has_ena == 1 && got.has_conntrack_available == 1);
		CHECK(got.ena[ENA_CONNTRACK_AVAILABLE] == 700);
		fails = ERR_OK;
		CHECK(!strcmp(look(true),
			      "alarm net lost-before-ring cause=bw_in_allowance_exceeded packets=4 "
			      "total=7"));
	}
}

/* Nothing of it is a driver that has fewer counters. */
static void a_read_that_fails_once(void)
{
	set_up();
	CHECK(silent(true));
	driver[0].value[0] = 600; /* at the link whose read fails */
	CHECK(silent(true) && got.ena[ENA_CONNTRACK_AVAILABLE] == 600);
	fails = ERR_CONFLICT;
	recovers = true;
	CHECK(silent(true) && got.ena[ENA_CONNTRACK_AVAILABLE] == 600);
}

static void counters_appear(void)
{
	set_up();
	fails = ERR_UNSUPPORTED;
	CHECK(silent(true) && got.has_ena == 0 && got.has_conntrack_available == 0);
	CHECK(metric("PpsAllowanceExceeded") == UINT64_MAX);
	fails = ERR_OK;
	CHECK(silent(true) && got.has_ena == 1 && metric("PpsAllowanceExceeded") == 0);
	driver[3].value[1] += 2;
	CHECK(look(true)[0] && metric("PpsAllowanceExceeded") == 2);
}

static void drivers_with_fewer_counters(void)
{
	set_up();
	driver[0].missing = true;
	CHECK(silent(true) && got.has_ena == 1 && got.has_conntrack_available == 0);
	driver[5].value[0] += 1;
	CHECK(look(true)[0] && metric("LinklocalAllowanceExceeded") == 1);
	CHECK(metric("ConntrackAllowanceAvailable") == UINT64_MAX);
	driver[5].missing = true; /* now one that it can't do without */
	CHECK(silent(true) && metric("LinklocalAllowanceExceeded") == 1);
}

static void forwarding_is_the_state(void)
{
	struct rtnl_link *inside = &links.link[2], was;
	set_up();
	was = *inside;
	CHECK(silent(true) && got.forwarding == 1);
	inside->carrier = false;
	CHECK(silent(true) && got.forwarding == 0);
	*inside = was;
	CHECK(silent(true) && got.forwarding == 1);
	inside->up = false;
	CHECK(silent(true) && got.forwarding == 0);
	*inside = was;
	CHECK(silent(false) && got.forwarding == 0);
}

static void a_link_that_is_gone(void)
{
	set_up();
	CHECK(silent(true));
	driver[1].value[1] += 6;
	CHECK(look(true)[0] && got.ena[ENA_BW_IN] == 6 && got.forwarding == 1);
	links.count = 2;
	driver[1].value[0] += 1;
	CHECK(look(true)[0] && got.forwarding == 0 && got.ena[ENA_BW_IN] == 7);
	CHECK(got.ena[ENA_CONNTRACK_AVAILABLE] == 900);
	links.count = 0;
	CHECK(silent(true) && got.forwarding == 0 && got.ena[ENA_BW_IN] == 7 && got.has_ena == 1);
	CHECK(got.has_conntrack_available == 0);
	links.count = 3;
	CHECK(silent(true) && got.forwarding == 1 && got.ena[ENA_BW_IN] == 7);
}

int main(void)
{
	logged_begin("net");
	RUN(what_was_there_before_is_not_counted,
	    "links: what their counters show at first, and other links, are not counted");
	RUN(each_counter_has_its_metric_and_alarm,
	    "links: each of the ENA's losses is one alarm with its cause's name, and reaches its metric");
	RUN(the_kernels_losses_too,
	    "links: what the kernel drops ahead of the tap and what a NIC misses, too");
	RUN(what_evidence_carries, "links: of the evidence link the traffic alone is counted");
	RUN(what_each_link_carries, "links: what each link carries is counted apart");
	RUN(a_loss_is_an_alarm_while_forwarding,
	    "links: a loss is counted always, and an alarm when it came about while forwarding");
	RUN(counters_that_begin_anew,
	    "links: counters that begin anew are counted from there, each link by itself");
	RUN(a_read_that_fails_changes_nothing,
	    "links: ENA counters that can't be read stay as they were; what was missed is told later");
	RUN(a_read_that_fails_once, "links: one read that fails does not make the connections left unknown");
	RUN(counters_appear, "links: the ENA's counters may appear later");
	RUN(drivers_with_fewer_counters,
	    "links: a driver that does not tell the connections left has the others");
	RUN(forwarding_is_the_state,
	    "links: forwarding is 1 only when it is open and both links are up with carrier");
	RUN(a_link_that_is_gone, "links: when a link is gone forwarding is 0, and what was counted stays");
	return check_done();
}
