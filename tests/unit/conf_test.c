#include "base/conf.h"

#include <stdio.h>

#include "check.h"
#include "noise.h"

#define KEY_ARN "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define MINIMUM "s3.bucket = evidence\nkms.key = " KEY_ARN "\n"

static struct settings s;
static struct conf_error at;

static void minimum_and_defaults(void)
{
	CHECK(conf_read(SPAN(MINIMUM), &s, &at) == ERR_OK);
	CHECK(!strcmp(s.s3_bucket, "evidence") && !strcmp(s.kms_key, KEY_ARN));
	CHECK(!strcmp(s.s3_prefix, "sealtap") && !strcmp(s.appliance, ""));
	CHECK(s.object_max_bytes == 67108864 && s.object_max_seconds == 300);
	CHECK(s.key_max_seconds == 3600 && s.key_max_bytes == 68719476736);
	CHECK(s.log_interval_seconds == 300 && s.metrics_interval_seconds == 60 &&
	      s.gateway.nat == CONF_NAT_MASQUERADE && s.zstd_level == 1);
	CHECK(!s.s3_region[0] && !s.metrics_namespace[0] && !s.alarm_topic[0]);
	CHECK(s.evidence == CONF_EVIDENCE_NONE);
	CHECK(!s.endpoint_fips && !s.endpoint_dualstack);
	CHECK(!s.rule_count && !s.flow_cutoff_bytes && !s.budget_bytes_per_day);
	CHECK(!s.gateway.publish_count && !s.gateway.forward_count && !s.gateway.flows_per_source &&
	      !s.gateway.new_flows_per_second);
	CHECK(!s.s3_endpoint.host[0] && !s.kms_endpoint.host[0] && !s.cloudwatch_endpoint.host[0] &&
	      !s.sns_endpoint.host[0]);
	CHECK(s.on_loss == CONF_ON_LOSS_RECORD && s.spool_full == CONF_SPOOL_FULL_DROP_NEWEST &&
	      !s.spool[0] && s.spool_sync_ms == 1000);
}

static void every_key(void)
{
	struct span text = SPAN("# what we record\r\n"
				"\t s3.bucket=a-b-3\r\n"
				"s3.prefix = x/Y.~_-/9 # where\n"
				"\n"
				"   # indented \xc3\xa4\n"
				"kms.key = arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/seal/tap_1\n"
				"appliance = tap-1.west\n"
				"object.max_bytes = 1048576\n"
				"object.max_seconds = 1\n"
				"key.max_seconds = 86400\n"
				"key.max_bytes = 18446744073709551615\n"
				"log.interval_seconds = 10\n"
				"nat = none\n"
				"s3.region = us-gov-east-1\n"
				"endpoint.fips = yes\n"
				"endpoint.dualstack = yes\n"
				"metrics.namespace = Seal.tap-1/x_y#z:1\n"
				"alarm.topic = arn:aws-us-gov:sns:us-gov-west-1:111122223333:Night_watch-1\n"
				"capture.rule = none : udp port 53\n"
				"capture.flow_cutoff = 1000000\n"
				"capture.rule=headers:ip6 net 2001:db8::/32 # a comment\n"
				"budget.bytes_per_day = 18446744073709551615\n"
				"on_loss = stop\n"
				"spool = vol-0123456789abcdef0\n"
				"spool.sync_ms = 50\n"
				"spool.full = stop\n"
				"publish = udp 53 -> 10.0.2.53\n"
				"forward.deny = in\n"
				"publish=tcp 443 -> 10.0.2.10:8443 # once more\n"
				"forward.allow = out tcp\n"
				"limit.flows_per_source = 1000000\n"
				"limit.new_flows_per_second = 7\n"
				"evidence = eni\n"
				"zstd.level = 19"); /* no line end */
	CHECK(conf_read(text, &s, &at) == ERR_OK);
	CHECK(!strcmp(s.s3_bucket, "a-b-3") && !strcmp(s.s3_prefix, "x/Y.~_-/9"));
	CHECK(!strcmp(s.kms_key, "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/seal/tap_1"));
	CHECK(!strcmp(s.appliance, "tap-1.west"));
	CHECK(s.object_max_bytes == 1048576 && s.object_max_seconds == 1 && s.key_max_seconds == 86400);
	CHECK(s.key_max_bytes == UINT64_MAX && s.log_interval_seconds == 10);
	CHECK(s.gateway.nat == CONF_NAT_NONE && s.zstd_level == 19 && s.on_loss == CONF_ON_LOSS_STOP);
	CHECK(s.evidence == CONF_EVIDENCE_ENI);
	CHECK(!strcmp(s.spool, "vol-0123456789abcdef0") && s.spool_sync_ms == 50 &&
	      s.spool_full == CONF_SPOOL_FULL_STOP);
	CHECK(s.rule_count == 2 && s.flow_cutoff_bytes == 1000000 && s.budget_bytes_per_day == UINT64_MAX);
	CHECK(s.gateway.publish_count == 2 && s.gateway.forward_count == 2);
	CHECK(s.gateway.publish[1].line == 29 && s.gateway.forward[1].line == 30);
	CHECK(!s.gateway.forward[0].allow && s.gateway.forward[1].allow);
	CHECK(s.gateway.flows_per_source == 1000000 && s.gateway.new_flows_per_second == 7);
	CHECK(!strcmp(s.s3_region, "us-gov-east-1") && s.endpoint_fips == 1 && s.endpoint_dualstack == 1);
	CHECK(!strcmp(s.metrics_namespace, "Seal.tap-1/x_y#z:1"));
	CHECK(!strcmp(s.alarm_topic, "arn:aws-us-gov:sns:us-gov-west-1:111122223333:Night_watch-1"));
}

static bool spool_is(const char *lines, const char *spool, uint64_t sync_ms, enum conf_spool_full full)
{
	char text[512];
	int n = snprintf(text, sizeof(text), MINIMUM "%s", lines);
	return conf_read(span_of(text, (size_t)n), &s, &at) == ERR_OK && !strcmp(s.spool, spool) &&
	       s.spool_sync_ms == sync_ms && s.spool_full == full;
}

static void levels(void)
{
	static const struct {
		const char *value;
		int32_t level;
	} cases[] = {{"0", 0}, {"-0", 0}, {"-5", -5}, {"-1", -1}, {"1", 1}, {"19", 19}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200];
		snprintf(text, sizeof(text), "%szstd.level = %s\n", MINIMUM, cases[i].value);
		CHECK(conf_read(span_str(text), &s, &at) == ERR_OK && s.zstd_level == cases[i].level);
	}
}

static void spool(void)
{
	char text[512], name[200];
	CHECK(spool_is("spool = memory\n", "", 1000, CONF_SPOOL_FULL_DROP_NEWEST));
	CHECK(spool_is("spool = AWS6AAFD1E2C0E1_1.x~", "AWS6AAFD1E2C0E1_1.x~", 1000,
		       CONF_SPOOL_FULL_DROP_NEWEST));
	CHECK(spool_is("spool=/var/tmp/spool.img\nspool.full = drop-newest", "/var/tmp/spool.img", 1000,
		       CONF_SPOOL_FULL_DROP_NEWEST));
	CHECK(spool_is("spool.full = stop\nspool.sync_ms = 10000", "", 10000, CONF_SPOOL_FULL_STOP));
	for (size_t n = 160; n <= 161; n++) {
		memset(name, 'v', n);
		name[n] = 0;
		snprintf(text, sizeof(text), "spool = %s\n", name);
		CHECK(spool_is(text, name, 1000, CONF_SPOOL_FULL_DROP_NEWEST) == (n == 160));
	}
	CHECK(at.line == 3 && !strcmp(at.key, "spool"));
}

/* Appended to the minimum: the error, and what it names. */
static bool status_is(const char *lines, enum err want, unsigned line, const char *key)
{
	char all[1024];
	int n = snprintf(all, sizeof(all), MINIMUM "%s", lines);
	enum err e = conf_read(span_of(all, (size_t)n), &s, &at);
	return e == want && (!e || (at.line == line && !strcmp(at.key, key)));
}

static bool is_source(uint32_t i, const char *net)
{
	char net_text[64];
	struct buf b = BUF_OF(net_text);
	ip_net_text(&b, &s.status_sources.net[i]);
	return !strcmp(buf_cstr(&b), net);
}

static void who_may_ask(void)
{
	CHECK(status_is("", ERR_OK, 0, "") && s.status_port == 0 && s.status_sources.count == 0);
	CHECK(status_is("status.port = 9100\nstatus.sources = 10.0.0.0/8 , 192.0.2.7\n"
			"status.sources=2001:db8::/32\nstatus.interface = outside\n",
			ERR_OK, 0, ""));
	CHECK(s.status_port == 9100 && s.status_interface == CONF_OUTSIDE && s.status_sources.count == 3);
	CHECK(is_source(0, "10.0.0.0/8") && is_source(1, "192.0.2.7/32") && is_source(2, "2001:db8::/32"));
	CHECK(status_is("status.port = 1\n", ERR_MISSING, 0, "status.sources"));
	CHECK(status_is("status.sources = 10.0.0.0/8\n", ERR_MISSING, 0, "status.port"));
	CHECK(status_is("status.port = 0\nstatus.sources = 10.0.0.0/8\n", ERR_MISSING, 3, "status.port"));
	CHECK(status_is("status.port = 64511\nstatus.sources = 0.0.0.0/0\n", ERR_OK, 0, ""));
	char lines[1024] = "status.port = 1\nstatus.sources = 10.0.0.0";
	for (unsigned i = 1; i <= CONF_NETS; i++) {
		CHECK(status_is(lines, ERR_OK, 0, "") && s.status_sources.count == i);
		snprintf(lines + strlen(lines), 64, "%s10.0.0.%u", i % 4 ? "," : "\nstatus.sources = ", i);
	}
	CHECK(status_is(lines, ERR_TOO_LONG, 8, "status.sources"));
}

#define ENDPOINTS                                                                              \
	"s3.endpoint = https://bucket.vpce-1a2b3c4d-5e6f.s3.eu-central-1.vpce.amazonaws.com\n" \
	"kms.endpoint = https://vpce-1.kms.eu-central-1.vpce.amazonaws.com/\n"                 \
	"cloudwatch.endpoint = https://m1.example:8443\n"                                      \
	"sns.endpoint = https://sns:65535/\n"

static bool is_rule(unsigned i, enum conf_keep keep, const char *filter, unsigned line)
{
	return s.rule[i].keep == keep && !strcmp(s.rule[i].filter, filter) && s.rule[i].line == line;
}

static void rules(void)
{
	char text[12000], filter[600];
	CHECK(conf_read(SPAN(MINIMUM "capture.rule = full : tcp\n\ncapture.rule =none: host ::1 \r\n"
				     "capture.rule = headers :\tip6 or ip\n"),
			&s, &at) == ERR_OK);
	CHECK(s.rule_count == 3 && is_rule(0, CONF_KEEP_FULL, "tcp", 3));
	CHECK(is_rule(1, CONF_KEEP_NONE, "host ::1", 5) && is_rule(2, CONF_KEEP_HEADERS, "ip6 or ip", 6));
	for (unsigned n = CONF_RULES; n <= CONF_RULES + 1; n++) {
		int len = snprintf(text, sizeof(text), "%s", MINIMUM);
		for (unsigned i = 0; i < n; i++)
			len += snprintf(text + len, sizeof(text) - (size_t)len,
					"capture.rule = none : port %u\n", i);
		enum err e = conf_read(span_of(text, (size_t)len), &s, &at);
		CHECK(e == (n <= CONF_RULES ? ERR_OK : ERR_TOO_LONG));
		CHECK(!e || (at.line == 3 + CONF_RULES && !strcmp(at.key, "capture.rule")));
	}
	for (size_t n = 503; n <= 504; n++) {
		memset(filter, 'x', n);
		filter[n] = 0;
		int len = snprintf(text, sizeof(text), "%scapture.rule = full:%s", MINIMUM, filter);
		enum err e = conf_read(span_of(text, (size_t)len), &s, &at);
		CHECK(e == (n == 503 ? ERR_OK : ERR_TOO_LONG) &&
		      (e || is_rule(0, CONF_KEEP_FULL, filter, 3)));
	}
}

static bool is_endpoint(const struct endpoint *e, const char *host, uint16_t port)
{
	return !strcmp(e->host, host) && e->port == port;
}

static void explicit_endpoints(void)
{
	CHECK(conf_read(SPAN(MINIMUM ENDPOINTS), &s, &at) == ERR_OK);
	CHECK(is_endpoint(&s.s3_endpoint, "bucket.vpce-1a2b3c4d-5e6f.s3.eu-central-1.vpce.amazonaws.com",
			  443));
	CHECK(is_endpoint(&s.kms_endpoint, "vpce-1.kms.eu-central-1.vpce.amazonaws.com", 443));
	CHECK(is_endpoint(&s.cloudwatch_endpoint, "m1.example", 8443));
	CHECK(is_endpoint(&s.sns_endpoint, "sns", 65535));
	static const char *const flags[] = {"endpoint.fips = yes\n", "endpoint.dualstack = yes\n"};
	static const char *const keys[] = {"s3.endpoint", "kms.endpoint", "cloudwatch.endpoint",
					   "sns.endpoint"};
	for (size_t f = 0; f < 2; f++) {
		for (size_t k = 0; k < 4; k++) {
			char text[512];
			int n = snprintf(text, sizeof(text), MINIMUM "%s = https://a.example\n%s", keys[k],
					 flags[f]);
			CHECK(conf_read(span_of(text, (size_t)n), &s, &at) == ERR_EXCLUSIVE);
			CHECK(at.line == 3 && !strcmp(at.key, keys[k]));
		}
	}
	CHECK(conf_read(SPAN(MINIMUM "endpoint.fips = no\nendpoint.dualstack = no\n" ENDPOINTS), &s, &at) ==
	      ERR_OK);
	char text[600], host[260];
	for (size_t len = 250; len < 260; len++) {
		for (size_t i = 0; i < len; i++)
			host[i] = i % 64 == 63 && i + 1 < len ? '.' : 'h';
		host[len] = 0;
		int n = snprintf(text, sizeof(text), MINIMUM "s3.endpoint = https://%s\n", host);
		CHECK(conf_read(span_of(text, (size_t)n), &s, &at) == (len <= 253 ? ERR_OK : ERR_TOO_LONG));
		CHECK(len > 253 || strlen(s.s3_endpoint.host) == len);
	}
}

static const struct {
	const char *line, *key;
	enum err e;
} bad_lines[] = {
	{"s3.bucke = evidence", "s3.bucke", ERR_UNKNOWN_KEY},
	{"S3.PREFIX = a", "S3.PREFIX", ERR_UNKNOWN_KEY},
	{"s3.bucket = again", "s3.bucket", ERR_DUPLICATE},
	{"nat", "nat", ERR_SYNTAX},
	{"= none", "", ERR_SYNTAX},
	{"nat =", "nat", ERR_SYNTAX},
	{"nat = None", "nat", ERR_SYNTAX},
	{"nat = none none", "nat", ERR_SYNTAX},
	{"nat = none#comment", "nat", ERR_SYNTAX},
	{"nat = 198.51.100", "nat", ERR_SYNTAX},
	{"publish = tcp 443", "publish", ERR_SYNTAX},
	{"forward.allow = tcp", "forward.allow", ERR_SYNTAX},
	{"forward.deny = out tcp port 1", "forward.deny", ERR_SYNTAX},
	{"forward.default = deny", "forward.default", ERR_UNKNOWN_KEY},
	{"limit.flows_per_source = 1000001", "limit.flows_per_source", ERR_RANGE},
	{"limit.new_flows_per_second = none", "limit.new_flows_per_second", ERR_SYNTAX},
	{"on_loss = drop", "on_loss", ERR_SYNTAX},
	{"spool =", "spool", ERR_SYNTAX},
	{"spool = vol 1", "spool", ERR_SYNTAX},
	{"spool = dev/nvme1n1", "spool", ERR_SYNTAX},
	{"spool = /", "spool", ERR_SYNTAX},
	{"spool = /a/", "spool", ERR_SYNTAX},
	{"spool = //a", "spool", ERR_SYNTAX},
	{"spool = /a/../b", "spool", ERR_SYNTAX},
	{"spool = ..", "spool", ERR_SYNTAX},
	{"spool = vol:1", "spool", ERR_SYNTAX},
	{"spool = \xc3\xa4", "spool", ERR_SYNTAX},
	{"spool.sync_ms = 49", "spool.sync_ms", ERR_RANGE},
	{"spool.sync_ms = 10001", "spool.sync_ms", ERR_RANGE},
	{"spool.sync_ms = 1s", "spool.sync_ms", ERR_SYNTAX},
	{"spool.sync_ms =", "spool.sync_ms", ERR_SYNTAX},
	{"spool.full =", "spool.full", ERR_SYNTAX},
	{"spool.full = Stop", "spool.full", ERR_SYNTAX},
	{"spool.full = drop", "spool.full", ERR_SYNTAX},
	{"spool.full = drop-oldest", "spool.full", ERR_SYNTAX},
	{"inside.routes = 10.0.0.1/8", "inside.routes", ERR_RANGE},
	{"inside.routes = 10.0.0.0/8,", "inside.routes", ERR_SYNTAX},
	{"inside.routes = 10.0.0.0/8 2001:db8::/32", "inside.routes", ERR_SYNTAX},
	{"inside.routes = 0.0.0.0/0", "inside.routes", ERR_RANGE},
	{"inside.routes = ::/0", "inside.routes", ERR_RANGE},
	{"capture.rule = some : tcp", "capture.rule", ERR_SYNTAX},
	{"capture.rule = full", "capture.rule", ERR_SYNTAX},
	{"capture.rule = full :", "capture.rule", ERR_SYNTAX},
	{"capture.rule = : tcp", "capture.rule", ERR_SYNTAX},
	{"capture.rule = full none : tcp", "capture.rule", ERR_SYNTAX},
	{"capture.rule =", "capture.rule", ERR_SYNTAX},
	{"capture.flow_cutoff = 1k", "capture.flow_cutoff", ERR_SYNTAX},
	{"budget.bytes_per_day = 18446744073709551616", "budget.bytes_per_day", ERR_RANGE},
	{"status.port = 64512", "status.port", ERR_RANGE},
	{"status.port = http", "status.port", ERR_SYNTAX},
	{"status.sources =", "status.sources", ERR_SYNTAX},
	{"status.sources = 10.0.0.0/8,", "status.sources", ERR_SYNTAX},
	{"status.sources = , 10.0.0.0/8", "status.sources", ERR_SYNTAX},
	{"status.sources = 10.0.0.0/8 11.0.0.0/8", "status.sources", ERR_SYNTAX},
	{"status.sources = 10.0.0.1/8", "status.sources", ERR_RANGE},
	{"status.sources = any", "status.sources", ERR_SYNTAX},
	{"status.interface = both", "status.interface", ERR_SYNTAX},
	{"ntp.server =", "ntp.server", ERR_SYNTAX},
	{"ntp.server = time.example", "ntp.server", ERR_SYNTAX},
	{"ntp.server = None", "ntp.server", ERR_SYNTAX},
	{"ntp.server = 192.0.2.1:123", "ntp.server", ERR_SYNTAX},
	{"ntp.server = 192.0.2.256", "ntp.server", ERR_RANGE},
	{"ntp.server = [2001:db8::1]", "ntp.server", ERR_SYNTAX},
	{"zstd.level = 20", "zstd.level", ERR_RANGE},
	{"zstd.level = -6", "zstd.level", ERR_RANGE},
	{"zstd.level = --1", "zstd.level", ERR_SYNTAX},
	{"zstd.level = -", "zstd.level", ERR_SYNTAX},
	{"zstd.level = 4294967297", "zstd.level", ERR_RANGE},
	{"object.max_bytes = 1048575", "object.max_bytes", ERR_RANGE},
	{"object.max_bytes = 1073741825", "object.max_bytes", ERR_RANGE},
	{"object.max_bytes = 64M", "object.max_bytes", ERR_SYNTAX},
	{"object.max_seconds = 0", "object.max_seconds", ERR_RANGE},
	{"object.max_seconds = 3601", "object.max_seconds", ERR_RANGE},
	{"key.max_seconds = 59", "key.max_seconds", ERR_RANGE},
	{"key.max_seconds = 86401", "key.max_seconds", ERR_RANGE},
	{"log.interval_seconds = 301", "log.interval_seconds", ERR_RANGE},
	{"metrics.interval_seconds = 0", "metrics.interval_seconds", ERR_RANGE},
	{"s3.prefix = /a", "s3.prefix", ERR_SYNTAX},
	{"s3.prefix = a/", "s3.prefix", ERR_SYNTAX},
	{"s3.prefix = a//b", "s3.prefix", ERR_SYNTAX},
	{"s3.prefix = a/../b", "s3.prefix", ERR_SYNTAX},
	{"s3.prefix = a b", "s3.prefix", ERR_SYNTAX},
	{"s3.prefix = \xc3\xa4", "s3.prefix", ERR_SYNTAX},
	{"appliance = a/b", "appliance", ERR_SYNTAX},
	{"appliance = ..", "appliance", ERR_SYNTAX},
	{"appliance = a\001", "", ERR_SYNTAX},
	{"appliance = a\rnat = none", "", ERR_SYNTAX},
	{"# bad UTF-8 \xff", "", ERR_SYNTAX},
	{"endpoint.fips = true", "endpoint.fips", ERR_SYNTAX},
	{"endpoint.dualstack = 1", "endpoint.dualstack", ERR_SYNTAX},
	{"s3.region = eu/central", "s3.region", ERR_SYNTAX},
	{"s3.endpoint =", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = a.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = http://a.example", "s3.endpoint", ERR_UNSUPPORTED},
	{"s3.endpoint = https://", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https:///", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example//", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example/bucket", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example?x", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://me@a.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://A.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a..example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://.a.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example.", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://-a.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a-.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a_b.example", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example:", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://a.example:0", "s3.endpoint", ERR_RANGE},
	{"s3.endpoint = https://a.example:65536", "s3.endpoint", ERR_RANGE},
	{"s3.endpoint = https://a.example:443:443", "s3.endpoint", ERR_SYNTAX},
	{"s3.endpoint = https://192.0.2.1", "s3.endpoint", ERR_UNSUPPORTED},
	{"s3.endpoint = https://192.0.2.1:443/", "s3.endpoint", ERR_UNSUPPORTED},
	{"s3.endpoint = https://3221225985", "s3.endpoint", ERR_UNSUPPORTED},
	{"s3.endpoint = https://[2001:db8::1]", "s3.endpoint", ERR_SYNTAX},
	{"metrics.namespace =", "metrics.namespace", ERR_SYNTAX},
	{"metrics.namespace = AWS/EC2", "metrics.namespace", ERR_SYNTAX},
	{"metrics.namespace = :a", "metrics.namespace", ERR_SYNTAX},
	{"metrics.namespace = a b", "metrics.namespace", ERR_SYNTAX},
	{"metrics.namespace = a&b", "metrics.namespace", ERR_SYNTAX},
	{"alarm.topic = watch", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns:eu-central-1:111122223333:", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns:eu-central-1:11112222333:a", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sqs:eu-central-1:111122223333:a", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns::111122223333:a", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns:eu-central-1:111122223333:a:b", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns:eu-central-1:111122223333:a.b", "alarm.topic", ERR_SYNTAX},
	{"alarm.topic = arn:aws:sns:eu-central-1:111122223333:a.fifo", "alarm.topic", ERR_UNSUPPORTED},
	{"s p\xc3\xa4 = 1", "s?p??", ERR_UNKNOWN_KEY},
	{"#!/bin/sh\nexit 1", "exit?1", ERR_SYNTAX},
};

static void refuses_values(void)
{
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		char text[512];
		int n = snprintf(text, sizeof(text), "%s%s\n", MINIMUM, bad_lines[i].line);
		enum err e = conf_read(span_of(text, (size_t)n), &s, &at);
		unsigned line = bad_lines[i].line[0] == '#' && bad_lines[i].line[1] == '!' ? 4 : 3;
		if (e != bad_lines[i].e || at.line != line || strcmp(at.key, bad_lines[i].key) != 0)
			printf("  \"%s\": %s, line %u, key \"%s\"\n", bad_lines[i].line, err_text(e), at.line,
			       at.key);
		CHECK(e == bad_lines[i].e && at.line == line && !strcmp(at.key, bad_lines[i].key));
	}
}

static enum err read_with(const char *bucket, const char *key)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "s3.bucket = %s\nkms.key = %s\n", bucket, key);
	return conf_read(span_of(text, (size_t)n), &s, &at);
}

static void refuses_names(void)
{
	CHECK(read_with("abc", KEY_ARN) == ERR_OK);
	CHECK(read_with("ab", KEY_ARN) == ERR_RANGE);
	CHECK(read_with("a.b-c.3", KEY_ARN) == ERR_OK && !strcmp(s.s3_bucket, "a.b-c.3"));
	CHECK(read_with("a..b", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("a.-b", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with(".ab", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("ab.", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("192.0.2.1", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("192.0.2.1a", KEY_ARN) == ERR_OK);
	CHECK(read_with("-ab", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("ab-", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("aBc", KEY_ARN) == ERR_SYNTAX);
	CHECK(read_with("a/c", KEY_ARN) == ERR_SYNTAX);
	char bucket[70];
	memset(bucket, 'a', sizeof(bucket));
	bucket[63] = 0;
	CHECK(read_with(bucket, KEY_ARN) == ERR_OK && strlen(s.s3_bucket) == 63);
	bucket[63] = 'a';
	bucket[64] = 0;
	CHECK(read_with(bucket, KEY_ARN) == ERR_TOO_LONG && at.line == 1);
	static const char *const keys[] = {
		"",
		"1234abcd-12ab-34cd-56ef-1234567890ab",
		"alias/sealtap",
		"arn:aws:s3:eu-central-1:111122223333:key/1",
		"arn:aws:kms:eu-central-1:11112222333:key/1",
		"arn:aws:kms:eu-central-1:11112222333x:key/1",
		"arn:aws:kms::111122223333:key/1",
		"arn:aws:kms:eu-central-1:111122223333:key/",
		"arn:aws:kms:eu-central-1:111122223333:grant/1",
		"arn:aws:kms:eu-central-1:111122223333:key/1 2",
		"arn:aws:kms:eu-central-1:111122223333:key/1:2",
		"xrn:aws:kms:eu-central-1:111122223333:key/1",
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		CHECK(read_with("abc", keys[i]) == ERR_SYNTAX);
		CHECK(at.line == 2 && !strcmp(at.key, "kms.key"));
	}
}

static void requires_keys(void)
{
	CHECK(conf_read(SPAN(""), &s, &at) == ERR_MISSING);
	CHECK(at.line == 0 && !strcmp(at.key, "s3.bucket"));
	CHECK(conf_read(SPAN("s3.bucket = abc\n#kms.key = " KEY_ARN), &s, &at) == ERR_MISSING);
	CHECK(at.line == 0 && !strcmp(at.key, "kms.key"));
}

static void bounds_the_whole(void)
{
	static char text[CONF_MAX_BYTES + 1];
	memset(text, '#', sizeof(text));
	memcpy(text, MINIMUM, sizeof(MINIMUM) - 1);
	CHECK(conf_read(span_of(text, CONF_MAX_BYTES), &s, &at) == ERR_OK);
	CHECK(conf_read(span_of(text, CONF_MAX_BYTES + 1), &s, &at) == ERR_TOO_LONG);
	CHECK(at.line == 0);
}

/* Whatever is cut off or changed, what is accepted fits the rules. */
static void survives_mutations(void)
{
	char text[] = MINIMUM "object.max_bytes = 2097152\nappliance = tap\nnat = none\n";
	unsigned accepted = 0, refused = 0;
	for (unsigned i = 0; i < 200000; i++) {
		char m[sizeof(text)];
		memcpy(m, text, sizeof(m));
		noise_damage((uint8_t *)m, 0, sizeof(m) - 1, 1 + i % 3);
		size_t len = noise_below(7) ? sizeof(m) - 1 : noise_below(sizeof(m));
		enum err e = conf_read(span_of(m, len), &s, &at);
		accepted += !e;
		refused += e != ERR_OK;
		if (e)
			continue;
		CHECK(strlen(s.s3_bucket) >= 3 && !strncmp(s.kms_key, "arn:", 4));
		CHECK(s.object_max_bytes >= 1048576 && s.object_max_bytes <= 1073741824);
	}
	CHECK(accepted > 1000 && refused > 1000);
}

int main(void)
{
	RUN(minimum_and_defaults, "two keys are enough, the others have defaults");
	RUN(every_key, "every key is read, with comments, blanks and both line ends");
	RUN(levels, "the level of compression may be below zero, or none");
	RUN(spool, "the spool is memory, a volume by its name, or an absolute path");
	RUN(rules, "rules of capture are kept in their order, each with its line, up to sixteen");
	RUN(explicit_endpoints, "a service's endpoint may be named, but not beside FIPS or dual-stack");
	RUN(who_may_ask, "the status port wants sources, and sources a port");
	RUN(refuses_values, "an unknown, repeated or malformed key names its line");
	RUN(refuses_names, "bucket names and key ARNs are checked");
	RUN(requires_keys, "a missing required key is named");
	RUN(bounds_the_whole, "user data beyond 16 KiB is refused");
	RUN(survives_mutations, "whatever is accepted after mutation fits the rules");
	return check_done();
}
