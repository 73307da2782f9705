/* check-config: what an appliance would make of a configuration, before one boots with it: the same readers
 * (base/conf, record/rules, aws/endpoint), asked again without each line they blame until none is left. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "base/conf_show.h"
#include "cli/command.h"
#include "cli/say.h"
#include "record/rules.h"

#define FOUND_MAX 64 /* errors that are told */
#define ROOM 512     /* for what stands in for missing keys */

/* What a value looks like: the remedy. The keys are base/conf.c's: tests/cli/check_config_test.py compares.
 * stands_in: for a required key, once it was said that it is missing. */
static const struct {
	const char *key, *takes, *stands_in;
} hints[] = {
	{"s3.bucket", "a bucket's name: 3 to 63 lower-case letters, digits, hyphens, single dots", "bucket"},
	{"s3.prefix", "letters, digits, \"-._~\" and single slashes between, at most 128", NULL},
	{"s3.region", "a region of the instance's partition, such as eu-central-1", NULL},
	{"s3.endpoint", "https://HOST[:PORT], a name and no address", NULL},
	{"kms.key", "arn:PARTITION:kms:REGION:ACCOUNT:key/ID, or alias/NAME at its end",
	 "arn:aws:kms:us-east-1:111122223333:key/0"},
	{"kms.endpoint", "https://HOST[:PORT], a name and no address", NULL},
	{"cloudwatch.endpoint", "https://HOST[:PORT], a name and no address", NULL},
	{"sns.endpoint", "https://HOST[:PORT], a name and no address", NULL},
	{"endpoint.fips", "yes or no; yes excludes endpoints that are given", NULL},
	{"endpoint.dualstack", "yes or no; yes excludes endpoints that are given", NULL},
	{"metrics.namespace", "1 to 255 letters, digits and \".-_/#:\", not beginning with \":\" or AWS/",
	 NULL},
	{"metrics.interval_seconds", "1 to 300", NULL},
	{"alarm.topic", "arn:PARTITION:sns:REGION:ACCOUNT:NAME, not a FIFO topic", NULL},
	{"appliance", "letters, digits and \"-._~\", at most 64", NULL},
	{"object.max_bytes", "1048576 to 1073741824", NULL},
	{"object.max_seconds", "1 to 3600", NULL},
	{"key.max_seconds", "60 to 86400", NULL},
	{"key.max_bytes", "at least 1048576", NULL},
	{"log.interval_seconds", "1 to 300", NULL},
	{"ntp.server", "an IPv4 or IPv6 address, or none; at most four lines", NULL},
	{"evidence", "none or eni", NULL},
	{"nat", "masquerade, none, or an IPv4 address of the outside interface", NULL},
	{"on_loss", "record or stop", NULL},
	{"spool", "memory, vol-..., or an NVMe serial", NULL},
	{"spool.sync_ms", "50 to 10000", NULL},
	{"spool.full", "drop-newest or stop", NULL},
	{"zstd.level", "1 to 19; 0 does not compress; -5 to -1 less, and faster, than 1", NULL},
	{"inside.routes", "ADDRESS/LENGTH[, ...], bits behind the length zero, not the default route", NULL},
	{"capture.rule", "full | headers | none : FILTER, in libpcap's language without names", NULL},
	{"capture.flow_cutoff", "bytes, a decimal number; 0 is none", NULL},
	{"budget.bytes_per_day", "bytes, a decimal number; 0 is none", NULL},
	{"status.port", "1 to 64511, with status.sources; 0 serves nothing", "9100"},
	{"status.sources", "ADDRESS[/LENGTH][, ...]: who may ask; wanted with status.port", "127.0.0.1"},
	{"status.interface", "inside or outside", NULL},
	{"publish", "tcp|udp PORT[-PORT] -> ADDRESS[:PORT] [from NET], no port above 64511", NULL},
	{"forward.allow", "out|in [tcp|udp|icmp|any] [from NET [port PORT[-PORT]]] [to NET [port ...]]",
	 NULL},
	{"forward.deny", "out|in [tcp|udp|icmp|any] [from NET [port PORT[-PORT]]] [to NET [port ...]]", NULL},
	{"limit.flows_per_source", "0 to 1000000; 0 is none", NULL},
	{"limit.new_flows_per_second", "0 to 1000000; 0 is none", NULL},
};
#define HINTS (sizeof(hints) / sizeof(hints[0]))

static struct {
	const char *name;
	size_t len;
	uint8_t given[CONF_MAX_BYTES + 1], text[CONF_MAX_BYTES + ROOM];
	bool told[HINTS]; /* an error of this key */
	struct settings settings;
} g;

static size_t hint_of(const char *key)
{
	size_t i = 0;
	while (i < HINTS && strcmp(hints[i].key, key) != 0)
		i++;
	return i;
}

/* ---- errors */

/* Changes that make b of a: letters put in, left out, taken for another one; 99: too many letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);
	if (n >= 64)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned corner = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = corner + (a[i] != b[j - 1]);
			best = row[j] + 1 < best ? row[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

/* The known key that is most like this one. */
static const char *nearest(const char *key)
{
	size_t best = 0;
	for (size_t i = 1; i < HINTS; i++)
		if (distance(hints[i].key, key) < distance(hints[best].key, key))
			best = i;
	return distance(hints[best].key, key) <= 3 ? hints[best].key : NULL;
}

static void tell(enum err e, const struct conf_error *at)
{
	size_t hint = hint_of(at->key);
	char where[32] = "";
	if (hint < HINTS && g.told[hint] && e == ERR_MISSING)
		return; /* its line was left out for an error that was told */
	if (at->line)
		snprintf(where, sizeof(where), "line %u: ", at->line);
	printf("%s: %s%s%s%s", say_text(span_str(g.name)), where, at->key, at->key[0] ? ": " : "",
	       at->text[0] ? at->text : err_text(e));
	if (hint < HINTS) {
		g.told[hint] = true;
		printf("; it takes: %s", e == ERR_DUPLICATE ? "one line" : hints[hint].takes);
	} else if (e == ERR_UNKNOWN_KEY && nearest(at->key)) {
		printf("; is %s meant?", nearest(at->key));
	} else if (at->line) {
		printf("; a line is KEY = VALUE, a comment begins with #");
	}
	printf("\n");
}

/* Makes a comment of a line; the others keep their numbers. */
static void leave_out(unsigned line)
{
	size_t at = 0;
	for (unsigned i = 1; i < line && at < g.len; at++)
		i += g.text[at] == '\n';
	while (at < g.len && g.text[at] != '\n')
		g.text[at++] = '#';
}

static bool stand_in(const char *key)
{
	size_t hint = hint_of(key);
	struct buf b = buf_over(g.text, sizeof(g.text));
	b.len = g.len;
	if (hint == HINTS || !hints[hint].stands_in)
		return false;
	buf_str(&b, "\n");
	buf_str(&b, key);
	buf_str(&b, " = ");
	buf_str(&b, hints[hint].stands_in);
	g.len = b.len;
	return !b.overflow;
}

/* As keys does at the boot; the instance is taken to be in the key's region, since none is known here. */
static enum err check(struct conf_error *at)
{
	const char *key;
	TRY(conf_read(span_of(g.text, g.len), &g.settings, at));
	if (g.settings.spool[0] == '/')
		say_note("spool: a path is for a host's file; an appliance takes a volume's id");
	TRY(rules_check(&g.settings, at));
	struct span arn = span_str(g.settings.kms_key), region = SPAN("");
	for (int i = 0; i < 4; i++)
		region = span_cut(&arn, ':');
	enum err e = endpoint_check(&g.settings, region, &key);
	*at = (struct conf_error){.line = 0};
	snprintf(at->key, sizeof(at->key), "%s", e ? key : "");
	return e;
}

static unsigned errors(void)
{
	struct conf_error at;
	unsigned found = 0;
	for (enum err e = check(&at); e; e = check(&at)) {
		if (++found > FOUND_MAX)
			break;
		tell(e, &at);
		if (at.line)
			leave_out(at.line);
		else if (!stand_in(at.key))
			break;
	}
	return found;
}

/* ---- what it means */

static bool is_given(const char *key)
{
	struct span text = span_of(g.given, g.len);
	while (text.len) {
		struct span line = span_cut(&text, '\n');
		if (span_eq(span_trim(span_cut(&line, '=')), span_str(key)))
			return true;
	}
	return false;
}

static void show(void)
{
	uint8_t bytes[CONF_VALUE_MAX];
	struct buf value = BUF_OF(bytes);
	struct conf_cursor at = {0, 0};
	const char *key;
	while (conf_show(&g.settings, &at, &key, &value)) {
		bool given = is_given(key);
		printf("%s%s = %.*s%s\n", value.len ? "" : "# ", key, (int)value.len, (const char *)value.p,
		       given       ? ""
		       : value.len ? "  # default"
				   : "(not set)");
	}
}

/* Nothing that is wrong, but what may not be meant. */
static void warn(void)
{
	const struct settings *s = &g.settings;
	const struct {
		bool is;
		const char *text;
	} warnings[] = {
		{!s->alarm_topic[0], "alarm.topic is not set: nobody is told of losses"},
		{!s->metrics_namespace[0] && !s->status_port,
		 "neither metrics.namespace nor status.port is set: only the log tells its state"},
		{!s->spool[0], "spool = memory: what is not shipped yet is lost when the power fails"},
		{s->on_loss == CONF_ON_LOSS_RECORD,
		 "on_loss = record: traffic flows also while it can't be recorded"},
		{s->spool_full == CONF_SPOOL_FULL_STOP && !s->spool[0],
		 "spool.full = stop: without a volume a short outage of S3 stops forwarding"},
		{s->zstd_level > 6,
		 "zstd.level above 6: several times the processor time of 1, packets may be lost"},
		{s->status_interface == CONF_OUTSIDE && s->status_port,
		 "status.interface = outside: the port is reachable from there for status.sources"},
		{s->budget_bytes_per_day && s->on_loss == CONF_ON_LOSS_STOP,
		 "budget.bytes_per_day with on_loss = stop: forwarding may stop until the day ends"},
	};
	for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if (warnings[i].is)
			say_note("warning: %s", warnings[i].text);
}

static enum exit_status check_config(char **operands)
{
	bool from_stdin = strcmp(operands[0], "-") == 0;
	g.name = from_stdin ? "standard input" : operands[0];
	FILE *f = from_stdin ? stdin : fopen(operands[0], "rb");
	g.len = f ? fread(g.given, 1, sizeof(g.given), f) : 0;
	if (!f || ferror(f))
		return say(EXIT_NO_INPUT, "%s: can't read: %s", g.name, strerror(errno));
	memcpy(g.text, g.given, g.len);
	size_t len = g.len;
	unsigned found = errors();
	g.len = len;
	if (!found) {
		show();
		warn();
	}
	enum exit_status out = say_out_done();
	return out ? out : found ? EXIT_INCOMPLETE : EXIT_DONE;
}

const struct command cmd_check_config = {
	.name = "check-config",
	.operands = "FILE|-",
	.summary = "say what an appliance makes of a configuration",
	.text = "Each error with its line, its key and what the key takes; where there is none, the\n"
		"settings as they would be, and warnings. Exit status 0: an appliance takes it;\n"
		"1: it does not.\n"
		"  sealtap check-config user-data.conf\n"
		"  aws ec2 describe-instance-attribute --instance-id ID --attribute userData \\\n"
		"    --query UserData.Value --output text | base64 -d | sealtap check-config -\n",
	.operands_min = 1,
	.operands_max = 1,
	.run = check_config,
};
