#include "role/status/metrics.h"

#include "check.h"

static struct metrics_kept kept;
static struct msg_health health;
static uint8_t text_mem[METRICS_TEXT_MAX];
static struct buf text;

static void begin(void)
{
	memset(&kept, 0, sizeof(kept));
	memset(&health, 0, sizeof(health));
}

static const char *written(void)
{
	text = BUF_OF(text_mem);
	metrics_write(metrics_of(&kept), &health, "1.2-dirty", &text);
	CHECK(!text.overflow);
	const char *s = buf_cstr(&text);
	CHECK(s != NULL);
	return s ? s : "";
}

static bool has_line(const char *line)
{
	const char *s = written(), *found = strstr(s, line);
	size_t len = strlen(line);
	while (found && ((found != s && found[-1] != '\n') || found[len] != '\n'))
		found = strstr(found + 1, line);
	if (!found)
		printf("  no line \"%s\"\n", line);
	return found != NULL;
}

static void take(uint32_t source, const struct cloudwatch_sample *c)
{
	metrics_take(&kept, &(struct msg_metrics){source, *c});
}

/* Every counter of a sample, each with a value of its own, is told; the time and the flags are none. */
static void no_counter_is_forgotten(void)
{
	static const size_t not_told[] = {offsetof(struct cloudwatch_sample, at_ns),
					  offsetof(struct cloudwatch_sample, has_ena),
					  offsetof(struct cloudwatch_sample, has_conntrack_available)};
	struct cloudwatch_sample c;
	uint64_t *field = (uint64_t *)&c;
	begin();
	for (size_t i = 0; i < sizeof(c) / sizeof(uint64_t); i++)
		field[i] = 770000 + i;
	take(COUNTER_NET, &c);
	for (size_t i = 0; i < sizeof(c) / sizeof(uint64_t); i++) {
		char value[32];
		bool told = true;
		for (size_t k = 0; k < sizeof(not_told) / sizeof(not_told[0]); k++)
			told = told && i * sizeof(uint64_t) != not_told[k];
		snprintf(value, sizeof(value), " %u\n", (unsigned)(770000 + i));
		if (!strstr(written(), value) == told)
			printf("  counter %zu\n", i);
		CHECK(!strstr(written(), value) != told);
	}
}

static void the_text_is_whole(void)
{
	begin();
	const char *s = written();
	CHECK_SPAN(span_first(span_str(s), 94),
		   SPAN("# TYPE sealtap info\n# HELP sealtap The version that runs.\n"
			"sealtap_info{version=\"1.2-dirty\"} 1\n"));
	CHECK(!strcmp(s + strlen(s) - 6, "# EOF\n") && strstr(s, "# EOF") == s + strlen(s) - 6);
	CHECK(has_line("# UNIT sealtap_recorded_bytes bytes") && has_line("sealtap_recorded_bytes_total 0"));
	CHECK(has_line("sealtap_lost_packets_total{cause=\"ring\"} 0") && !strstr(s, "allowance_exceeded\""));
}

static void sources_add_up(void)
{
	begin();
	take(0, &(struct cloudwatch_sample){.packets = 5, .key_age_s = 7});
	take(1, &(struct cloudwatch_sample){.packets = 6, .key_age_s = 9});
	take(COUNTER_NET, &(struct cloudwatch_sample){.has_ena = 1, .ena = {[ENA_PPS] = 3}, .forwarding = 1});
	CHECK(has_line("sealtap_recorded_packets_total 11") && has_line("sealtap_data_key_age_seconds 9"));
	CHECK(has_line("sealtap_lost_packets_total{cause=\"pps_allowance_exceeded\"} 3"));
	CHECK(has_line("sealtap_forwarding 1"));
	take(COUNTER_SOURCES, &(struct cloudwatch_sample){.packets = 5});
	take(UINT32_MAX, &(struct cloudwatch_sample){.packets = 5});
	CHECK(has_line("sealtap_recorded_packets_total 11"));
}

/* A worker that starts anew goes on where it had committed: a little less than what was told last. */
static void a_worker_begun_anew_is_not_counted_twice(void)
{
	begin();
	take(0, &(struct cloudwatch_sample){.packets = 100});
	take(0, &(struct cloudwatch_sample){.packets = 97});
	CHECK(has_line("sealtap_recorded_packets_total 100"));
	take(0, &(struct cloudwatch_sample){.packets = 103});
	CHECK(has_line("sealtap_recorded_packets_total 103"));
}

/* How it compressed is counted by each process for itself, from 0: the page goes on from what was there. */
static void what_a_worker_counts_of_itself_goes_on(void)
{
	begin();
	take(0, &(struct cloudwatch_sample){.packets = 10, .frames = {5, 0, 0, 7}, .effort_changes = 2});
	take(0, &(struct cloudwatch_sample){.packets = 11, .frames = {1, 0, 0, 7}});
	CHECK(has_line("sealtap_recorded_packets_total 11"));
	CHECK(has_line("sealtap_frames_total{compression=\"full\"} 6"));
	CHECK(has_line("sealtap_frames_total{compression=\"dense\"} 14"));
	CHECK(has_line("sealtap_compression_changes_total 2"));
	take(0, &(struct cloudwatch_sample){.packets = 9, .frames = {3, 1, 0, 7}, .effort_changes = 1});
	CHECK(has_line("sealtap_recorded_packets_total 11"));
	CHECK(has_line("sealtap_frames_total{compression=\"full\"} 8"));
	CHECK(has_line("sealtap_frames_total{compression=\"fast\"} 1"));
	CHECK(has_line("sealtap_compression_changes_total 3"));
	take(0, &(struct cloudwatch_sample){.packets = 9, .frames = {0, 0, 0, 0}}); /* dead once more */
	take(1, &(struct cloudwatch_sample){.packets = 1, .frames = {1, 0, 0, 0}});
	CHECK(has_line("sealtap_recorded_packets_total 12"));
	CHECK(has_line("sealtap_frames_total{compression=\"full\"} 9"));
	CHECK(has_line("sealtap_frames_total{compression=\"dense\"} 14"));
	CHECK(has_line("sealtap_compression_changes_total 3"));
}

/* The other roles count from 0 when they start anew. */
static void a_role_begun_anew_is_added(void)
{
	begin();
	take(COUNTER_UPLOAD, &(struct cloudwatch_sample){.shipped_objects = 9, .put_failures = 4});
	take(COUNTER_UPLOAD, &(struct cloudwatch_sample){.shipped_objects = 0});
	CHECK(has_line("sealtap_shipped_objects_total 9") && has_line("sealtap_put_failures_total 4"));
	take(COUNTER_UPLOAD, &(struct cloudwatch_sample){.shipped_objects = 2, .put_failures = 1});
	take(COUNTER_UPLOAD, &(struct cloudwatch_sample){.shipped_objects = 3, .put_failures = 1});
	CHECK(has_line("sealtap_shipped_objects_total 12") && has_line("sealtap_put_failures_total 5"));
	take(COUNTER_UPLOAD, &(struct cloudwatch_sample){.shipped_objects = 1});
	CHECK(has_line("sealtap_shipped_objects_total 13") && has_line("sealtap_put_failures_total 5"));
}

/* Whatever is half written when the role dies, its successor reads the other copy. */
static void a_death_while_writing_leaves_what_was(void)
{
	begin();
	take(0, &(struct cloudwatch_sample){.packets = 100});
	memset(&kept.copy[~kept.current & 1], 0xff, sizeof(struct metrics));
	CHECK(has_line("sealtap_recorded_packets_total 100"));
	take(0, &(struct cloudwatch_sample){.packets = 101});
	CHECK(has_line("sealtap_recorded_packets_total 101"));
	for (uint64_t i = 1; i < 4; i++) {
		uint32_t was = kept.current;
		static struct metrics before;
		before = kept.copy[was];
		take(0, &(struct cloudwatch_sample){.packets = 101, .raw_bytes = i});
		CHECK(kept.current == (was ^ 1) && !memcmp(&kept.copy[was], &before, sizeof(before)));
	}
	kept.current |= 0xfffffff0;
	CHECK(has_line("sealtap_recorded_packets_total 101"));
}

/* All numbers as long as they can get, and such a version as a build has. */
static void the_longest_text_fits(void)
{
	struct cloudwatch_sample c;
	begin();
	memset(&c, 0xff, sizeof(c));
	take(COUNTER_NET, &c);
	memset(metrics_of(&kept)->visits, 0xff, sizeof(metrics_of(&kept)->visits));
	memset(health.restarts, 0xff, sizeof(health.restarts));
	CHECK(has_line("sealtap_compression_changes_total 18446744073709551615"));
	text = BUF_OF(text_mem);
	metrics_write(metrics_of(&kept), &health, "v10.20.30-1000-g0123456789ab-dirty", &text);
	CHECK(!text.overflow);
	CHECK_SPAN(span_from(buf_span(&text), text.len - 6), SPAN("# EOF\n"));
}

static void health_is_told(void)
{
	begin();
	CHECK(has_line("sealtap_healthy 1") && has_line("sealtap_links_up 1"));
	health.reasons = 1u << HEALTH_WORKER;
	CHECK(has_line("sealtap_healthy 0") && has_line("sealtap_links_up 1") &&
	      has_line("sealtap_workers_recording 0"));
	health.reasons = 1u << HEALTH_SILENT;
	CHECK(has_line("sealtap_healthy 0") && has_line("sealtap_links_up 0") &&
	      has_line("sealtap_workers_recording 0"));
	health.restarts[ROLE_KEYS] = 3;
	CHECK(has_line("sealtap_role_restarts_total{role=\"keys\"} 3"));
	CHECK(has_line("sealtap_role_restarts_total{role=\"capture\"} 0"));
	metrics_of(&kept)->visits[VISIT_SOURCE] = 4;
	CHECK(has_line("sealtap_status_visits_total{end=\"source\"} 4"));
}

int main(void)
{
	RUN(the_text_is_whole, "the metrics are OpenMetrics text with type, unit and end");
	RUN(no_counter_is_forgotten, "each counter of a sample is told");
	RUN(sources_add_up, "what the roles count adds up; an unknown source changes nothing");
	RUN(a_worker_begun_anew_is_not_counted_twice, "a worker that starts anew is not counted twice");
	RUN(what_a_worker_counts_of_itself_goes_on,
	    "what a worker counts of its own process goes on where it was when it died");
	RUN(the_longest_text_fits, "the text with the greatest numbers fits, with its end");
	RUN(a_role_begun_anew_is_added, "what an earlier process had counted is added to its successor's");
	RUN(a_death_while_writing_leaves_what_was, "a death while counters are written leaves those before");
	RUN(health_is_told, "health, deaths and visits are told");
	return check_done();
}
