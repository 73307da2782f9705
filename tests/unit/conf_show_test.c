#include "base/conf_show.h"

#include "base/conf_table.h"
#include "check.h"

#define KEY_ARN "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define MINIMUM "s3.bucket = evidence\nkms.key = " KEY_ARN "\n"

/* Every key with a value that is not its default, as it is written; the endpoints stand apart: they exclude
 * two other keys. */
static const char *const every_key[] = {
	"s3.bucket = a-b-3",
	"s3.prefix = x/Y.~_-/9",
	"s3.region = us-gov-east-1",
	"kms.key = arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/seal/tap_1",
	"endpoint.fips = yes",
	"endpoint.dualstack = yes",
	"metrics.namespace = Seal.tap-1/x_y#z:1",
	"metrics.interval_seconds = 7",
	"alarm.topic = arn:aws-us-gov:sns:us-gov-west-1:111122223333:Night_watch-1",
	"appliance = tap-1.west",
	"object.max_bytes = 1048576",
	"object.max_seconds = 1",
	"key.max_seconds = 86400",
	"key.max_bytes = 18446744073709551615",
	"log.interval_seconds = 10",
	"ntp.server = 192.0.2.9",
	"ntp.server = 2001:db8::123",
	"inside.routes = 10.9.0.0/16",
	"inside.routes = 2001:db8:9::/48",
	"evidence = eni",
	"nat = 198.51.100.7",
	"on_loss = stop",
	"spool = vol-0123456789abcdef0",
	"spool.sync_ms = 50",
	"spool.full = stop",
	"zstd.level = -5",
	"capture.rule = none : udp port 53",
	"capture.rule = headers : ip6 net 2001:db8::/32",
	"capture.rule = full : tcp",
	"capture.flow_cutoff = 1000000",
	"budget.bytes_per_day = 18446744073709551615",
	"publish = tcp 443 -> 10.0.2.10",
	"publish = udp 5000-5010 -> 10.0.2.11:5000 from 192.0.2.0/24",
	"forward.deny = out tcp from 10.0.0.0/8 port 1-1023 to any port 25",
	"forward.allow = in udp to 2001:db8::/32 port 53",
	"forward.deny = out any",
	"limit.flows_per_source = 1000000",
	"limit.new_flows_per_second = 7",
	"status.port = 9100",
	"status.sources = 10.0.0.0/8",
	"status.sources = 192.0.2.1/32",
	"status.sources = 2001:db8::/32",
	"status.interface = outside",
};

static const char *const endpoints[] = {
	"s3.endpoint = https://bucket.s3.example:443",
	"kms.endpoint = https://kms.example:8443",
	"cloudwatch.endpoint = https://m1.example:1",
	"sns.endpoint = https://sns:65535",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct settings s, again;
static struct conf_error at;
static char text[CONF_MAX_BYTES], shown[CONF_MAX_BYTES];

static enum err read_lines(const char *const *lines, size_t count, bool minimum)
{
	int n = snprintf(text, sizeof(text), "%s", minimum ? MINIMUM : "");
	for (size_t i = 0; i < count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\n", lines[i]);
	return conf_read(span_of(text, (size_t)n), &s, &at);
}

/* All that is set, as a configuration text; how many values there are of all, the empty ones too. */
static size_t show_all(const struct settings *from)
{
	char value_text[CONF_VALUE_MAX];
	struct conf_cursor c = {0, 0};
	struct buf value = BUF_OF(value_text), out = BUF_OF(shown);
	const char *key;
	size_t count = 0;
	for (; conf_show(from, &c, &key, &value); count++) {
		CHECK(!value.overflow);
		if (!value.len)
			continue;
		buf_str(&out, key);
		buf_str(&out, " = ");
		buf_put(&out, buf_span(&value));
		buf_str(&out, "\n");
	}
	CHECK(!conf_show(from, &c, &key, &value));
	CHECK(buf_cstr(&out) != NULL);
	return count;
}

static bool is_shown(const char *line)
{
	const char *found = strstr(shown, line);
	return found && (found == shown || found[-1] == '\n') && found[strlen(line)] == '\n';
}

static bool names(const char *const *lines, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(lines[i], key, strlen(key)) && lines[i][strlen(key)] == ' ')
			return true;
	return false;
}

static void all_that_is_configured_comes_back(void)
{
	for (size_t i = 0; i < conf_row_count; i++) {
		bool named = names(every_key, COUNT(every_key), conf_rows[i].key) ||
			     names(endpoints, COUNT(endpoints), conf_rows[i].key);
		if (!named)
			printf("  no line here sets %s\n", conf_rows[i].key);
		CHECK(named);
	}
	CHECK(read_lines(every_key, COUNT(every_key), false) == ERR_OK);
	show_all(&s);
	for (size_t i = 0; i < COUNT(every_key); i++) {
		if (!is_shown(every_key[i]))
			printf("  not shown: %s\n", every_key[i]);
		CHECK(is_shown(every_key[i]));
	}
	CHECK(read_lines(endpoints, COUNT(endpoints), true) == ERR_OK);
	show_all(&s);
	for (size_t i = 0; i < COUNT(endpoints); i++)
		CHECK(is_shown(endpoints[i]));
}

/* The default value of each key, in the order of the table. */
static void defaults_are_shown(void)
{
	char value_text[CONF_VALUE_MAX];
	struct conf_cursor c = {0, 0};
	struct buf value = BUF_OF(value_text);
	const char *key;
	CHECK(read_lines(NULL, 0, true) == ERR_OK);
	for (size_t i = 0; i < conf_row_count; i++) {
		const char *want = conf_rows[i].default_to ? conf_rows[i].default_to
				   : conf_rows[i].required ? NULL
							   : "";
		CHECK(conf_show(&s, &c, &key, &value) && !strcmp(key, conf_rows[i].key));
		if (want)
			CHECK_SPAN(buf_span(&value), span_str(want));
		else
			CHECK(value.len);
	}
	CHECK(!conf_show(&s, &c, &key, &value));
}

/* Read again, what is shown makes the same settings. */
static void what_is_shown_is_a_configuration(void)
{
	CHECK(read_lines(every_key, COUNT(every_key), false) == ERR_OK);
	CHECK(show_all(&s) == COUNT(every_key) + COUNT(endpoints));
	CHECK(conf_read(span_str(shown), &again, &at) == ERR_OK);
	for (uint32_t i = 0; i < s.rule_count; i++)
		again.rule[i].line = s.rule[i].line;
	for (uint32_t i = 0; i < s.gateway.publish_count; i++)
		again.gateway.publish[i].line = s.gateway.publish[i].line;
	for (uint32_t i = 0; i < s.gateway.forward_count; i++)
		again.gateway.forward[i].line = s.gateway.forward[i].line;
	CHECK(!memcmp(&s, &again, sizeof(s)));
}

static void the_longest_values_fit(void)
{
	static char lines[CONF_MAX_BYTES];
	int n = snprintf(lines, sizeof(lines), "%scapture.rule = headers : ", MINIMUM);
	memset(lines + n, '"', 503);
	n += 503;
	n += snprintf(lines + n, sizeof(lines) - (size_t)n, "\ns3.endpoint = https://");
	for (size_t i = 0; i < 253; i++)
		lines[n++] = i % 64 == 63 ? '.' : 'h';
	CHECK(conf_read(span_of(lines, (size_t)n), &s, &at) == ERR_OK);
	show_all(&s);
	CHECK(conf_read(span_str(shown), &again, &at) == ERR_OK);
	CHECK(!strcmp(s.s3_endpoint.host, again.s3_endpoint.host));
	CHECK(again.rule_count == 1 && strlen(again.rule[0].filter) == 503);
}

int main(void)
{
	RUN(all_that_is_configured_comes_back,
	    "each key of the table is shown with the value that was configured");
	RUN(defaults_are_shown, "each key is shown with its default where nothing was configured");
	RUN(what_is_shown_is_a_configuration, "what is shown is a configuration with the same meaning");
	RUN(the_longest_values_fit, "the longest values are shown whole");
	return check_done();
}
