#include "base/conf.h"

#include <string.h>

#include "base/conf_table.h"
#include "base/text.h"

#define FIELD(name) offsetof(struct settings, name), sizeof(((struct settings *)0)->name)

const struct conf_row conf_rows[] = {
	{"s3.bucket", KIND_BUCKET, true, FIELD(s3_bucket), 0, 0, NULL},
	{"s3.prefix", KIND_PREFIX, false, FIELD(s3_prefix), 0, 0, "sealtap"},
	{"s3.region", KIND_NAME, false, FIELD(s3_region), 0, 0, NULL},
	{"s3.endpoint", KIND_ENDPOINT, false, FIELD(s3_endpoint), 0, 0, NULL},
	{"kms.key", KIND_KEY_ARN, true, FIELD(kms_key), 0, 0, NULL},
	{"kms.endpoint", KIND_ENDPOINT, false, FIELD(kms_endpoint), 0, 0, NULL},
	{"cloudwatch.endpoint", KIND_ENDPOINT, false, FIELD(cloudwatch_endpoint), 0, 0, NULL},
	{"sns.endpoint", KIND_ENDPOINT, false, FIELD(sns_endpoint), 0, 0, NULL},
	{"endpoint.fips", KIND_FLAG, false, FIELD(endpoint_fips), 0, 0, "no"},
	{"endpoint.dualstack", KIND_FLAG, false, FIELD(endpoint_dualstack), 0, 0, "no"},
	{"metrics.namespace", KIND_NAMESPACE, false, FIELD(metrics_namespace), 0, 0, NULL},
	{"metrics.interval_seconds", KIND_U64, false, FIELD(metrics_interval_seconds), 1, 300, "60"},
	{"alarm.topic", KIND_TOPIC_ARN, false, FIELD(alarm_topic), 0, 0, NULL},
	{"appliance", KIND_NAME, false, FIELD(appliance), 0, 0, NULL},
	{"object.max_bytes", KIND_U64, false, FIELD(object_max_bytes), 1048576, 1073741824, "67108864"},
	{"object.max_seconds", KIND_U64, false, FIELD(object_max_seconds), 1, 3600, "300"},
	{"key.max_seconds", KIND_U64, false, FIELD(key_max_seconds), 60, 86400, "3600"},
	{"key.max_bytes", KIND_U64, false, FIELD(key_max_bytes), 1048576, UINT64_MAX, "68719476736"},
	{"log.interval_seconds", KIND_U64, false, FIELD(log_interval_seconds), 1, 300, "300"},
	{"ntp.server", KIND_NTP, false, FIELD(ntp), 0, 0, CONF_NTP_DEFAULT},
	{"evidence", KIND_EVIDENCE, false, FIELD(evidence), 0, 0, "none"},
	{"nat", KIND_NAT, false, FIELD(gateway.nat), 0, 0, "masquerade"},
	{"on_loss", KIND_ON_LOSS, false, FIELD(on_loss), 0, 0, "record"},
	{"spool", KIND_SPOOL, false, FIELD(spool), 0, 0, "memory"},
	{"spool.sync_ms", KIND_U64, false, FIELD(spool_sync_ms), 50, 10000, "1000"},
	{"spool.full", KIND_SPOOL_FULL, false, FIELD(spool_full), 0, 0, "drop-newest"},
	{"zstd.level", KIND_LEVEL, false, FIELD(zstd_level), 5, 19, "1"},
	{"inside.routes", KIND_ROUTES, false, FIELD(inside_route), 0, 0, NULL},
	{"capture.rule", KIND_RULE, false, FIELD(rule), 0, 0, NULL},
	{"capture.flow_cutoff", KIND_U64, false, FIELD(flow_cutoff_bytes), 0, UINT64_MAX, "0"},
	{"budget.bytes_per_day", KIND_U64, false, FIELD(budget_bytes_per_day), 0, UINT64_MAX, "0"},
	{"status.port", KIND_U32, false, FIELD(status_port), 0, 64511, "0"},
	{"status.sources", KIND_NETS, false, FIELD(status_sources), 0, 0, NULL},
	{"status.interface", KIND_SIDE, false, FIELD(status_interface), 0, 0, "inside"},
	{"publish", KIND_PUBLISH, false, FIELD(gateway.publish), 0, 0, NULL},
	{"forward.allow", KIND_ALLOW, false, FIELD(gateway.forward), 0, 0, NULL},
	{"forward.deny", KIND_DENY, false, FIELD(gateway.forward), 0, 0, NULL},
	{"limit.flows_per_source", KIND_U64, false, FIELD(gateway.flows_per_source), 0, 1000000, "0"},
	{"limit.new_flows_per_second", KIND_U64, false, FIELD(gateway.new_flows_per_second), 0, 1000000, "0"},
};

#define ROWS (sizeof(conf_rows) / sizeof(conf_rows[0]))

const size_t conf_row_count = ROWS;

const char *const conf_words[KIND_COUNT][2] = {
	[KIND_ON_LOSS] = {"record", "stop"}, [KIND_SPOOL_FULL] = {"drop-newest", "stop"},
	[KIND_FLAG] = {"no", "yes"},         [KIND_SIDE] = {"inside", "outside"},
	[KIND_EVIDENCE] = {"none", "eni"},
};

const char *const conf_keep_words[3] = {
	[CONF_KEEP_FULL] = "full", [CONF_KEEP_HEADERS] = "headers", [CONF_KEEP_NONE] = "none"};

static enum err read_number(const struct conf_row *r, struct span value, void *field)
{
	uint64_t v;
	TRY(text_read_u64(value, r->max, &v));
	if (v < r->min)
		return ERR_RANGE;
	if (r->kind == KIND_U64)
		*(uint64_t *)field = v;
	else
		*(uint32_t *)field = (uint32_t)v;
	return ERR_OK;
}

static enum err read_level(const struct conf_row *r, struct span value, void *field)
{
	bool below = span_starts(value, SPAN("-"));
	uint64_t v;
	TRY(text_read_u64(span_from(value, below), UINT32_MAX, &v));
	if (v > (below ? r->min : r->max))
		return ERR_RANGE;
	*(int32_t *)field = below ? -(int32_t)v : (int32_t)v;
	return ERR_OK;
}

static bool lower_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One part of a name between dots. */
static bool is_label(struct span v)
{
	if (v.len == 0 || v.len > 63 || !lower_or_digit(v.p[0]) || !lower_or_digit(v.p[v.len - 1]))
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (!lower_or_digit(v.p[i]) && v.p[i] != '-')
			return false;
	return true;
}

/* Parts joined by single dots; the last one is left in *last. */
static bool is_dotted(struct span v, struct span *last)
{
	if (span_ends(v, SPAN(".")))
		return false;
	do {
		*last = span_cut(&v, '.');
		if (!is_label(*last))
			return false;
	} while (v.len);
	return true;
}

static enum err check_bucket(struct span v)
{
	struct span last;
	uint32_t addr;
	if (v.len < 3)
		return ERR_RANGE;
	return is_dotted(v, &last) && text_read_ipv4(v, &addr) ? ERR_OK : ERR_SYNTAX;
}

/* One component of an object's name. "." and ".." would be read as steps in a path. */
static enum err check_name(struct span v)
{
	if (v.len == 0 || !text_is_unreserved(v) || span_eq(v, SPAN(".")) || span_eq(v, SPAN("..")))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err check_prefix(struct span v)
{
	if (span_ends(v, SPAN("/")))
		return ERR_SYNTAX;
	do
		TRY(check_name(span_cut(&v, '/')));
	while (v.len);
	return ERR_OK;
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:, cut off *v. */
static enum err take_arn_front(struct span *v, struct span service)
{
	struct span part[5];
	for (size_t i = 0; i < 5; i++)
		part[i] = span_cut(v, ':');
	uint64_t account;
	if (!span_eq(part[0], SPAN("arn")) || !span_eq(part[2], service) || part[4].len != 12 ||
	    text_read_u64(part[4], UINT64_MAX, &account))
		return ERR_SYNTAX;
	TRY(check_name(part[1]));
	return check_name(part[3]);
}

static enum err check_key_arn(struct span v)
{
	TRY(take_arn_front(&v, SPAN("kms")));
	struct span type = span_cut(&v, '/');
	if (!span_eq(type, SPAN("key")) && !span_eq(type, SPAN("alias")))
		return ERR_SYNTAX;
	return check_prefix(v);
}

static bool letter_or_digit(uint8_t c)
{
	return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool only(struct span v, const char *others)
{
	for (size_t i = 0; i < v.len; i++)
		if (!letter_or_digit(v.p[i]) && (v.p[i] == 0 || !strchr(others, v.p[i])))
			return false;
	return true;
}

static enum err check_topic_arn(struct span v)
{
	TRY(take_arn_front(&v, SPAN("sns")));
	if (span_ends(v, SPAN(".fifo")))
		return ERR_UNSUPPORTED;
	return v.len && v.len <= 256 && only(v, "-_") ? ERR_OK : ERR_SYNTAX;
}

static enum err check_namespace(struct span v)
{
	bool good = v.len && v.p[0] != ':' && !span_starts(v, SPAN("AWS/")) && only(v, ".-_/#:");
	return good ? ERR_OK : ERR_SYNTAX;
}

static enum err (*const text_checks[])(struct span v) = {
	[KIND_BUCKET] = check_bucket,       [KIND_PREFIX] = check_prefix,
	[KIND_KEY_ARN] = check_key_arn,     [KIND_TOPIC_ARN] = check_topic_arn,
	[KIND_NAMESPACE] = check_namespace, [KIND_NAME] = check_name,
};

static enum err read_text(const struct conf_row *r, struct span v, char *field)
{
	if (v.len >= r->size)
		return ERR_TOO_LONG;
	TRY(text_checks[r->kind](v));
	memcpy(field, v.p, v.len);
	field[v.len] = 0;
	return ERR_OK;
}

static enum err read_word(const char *const words[2], struct span v, uint32_t *out)
{
	if (!span_eq(v, span_str(words[0])) && !span_eq(v, span_str(words[1])))
		return ERR_SYNTAX;
	*out = span_eq(v, span_str(words[1]));
	return ERR_OK;
}

/* https://HOST[:PORT][/] */
static enum err read_endpoint(struct span v, struct endpoint *out)
{
	static const struct span scheme = {(const uint8_t *)"https://", 8};
	struct span last;
	uint64_t port = 443;
	if (span_starts(v, SPAN("http://")))
		return ERR_UNSUPPORTED;
	if (!span_starts(v, scheme))
		return ERR_SYNTAX;
	v = span_from(v, scheme.len);
	if (span_ends(v, SPAN("/")))
		v.len--;
	bool has_port = span_find(v, ':') < v.len;
	struct span host = span_cut(&v, ':');
	if (host.len >= sizeof(out->host))
		return ERR_TOO_LONG;
	if (!is_dotted(host, &last))
		return ERR_SYNTAX;
	if (text_read_u64(last, UINT64_MAX, &port) != ERR_SYNTAX)
		return ERR_UNSUPPORTED; /* no name ends in a number: an address */
	port = 443;
	if (has_port)
		TRY(text_read_u64(v, UINT16_MAX, &port));
	if (port == 0)
		return ERR_RANGE;
	memcpy(out->host, host.p, host.len);
	out->host[host.len] = 0;
	out->port = (uint16_t)port;
	return ERR_OK;
}

/* memory | NAME | /PATH */
static enum err read_spool(struct span v, struct settings *out)
{
	memset(out->spool, 0, sizeof(out->spool));
	if (span_eq(v, SPAN("memory")))
		return ERR_OK;
	if (v.len >= sizeof(out->spool))
		return ERR_TOO_LONG;
	TRY(check_prefix(span_starts(v, SPAN("/")) ? span_from(v, 1) : v));
	if (!span_starts(v, SPAN("/")) && span_find(v, '/') < v.len)
		return ERR_SYNTAX;
	memcpy(out->spool, v.p, v.len);
	return ERR_OK;
}

/* full | headers | none : FILTER */
static enum err read_rule(struct span v, unsigned line, struct settings *out)
{
	if (out->rule_count == CONF_RULES)
		return ERR_TOO_LONG;
	struct capture_rule *r = &out->rule[out->rule_count];
	struct span word = span_trim(span_cut(&v, ':'));
	while (r->keep <= CONF_KEEP_NONE && !span_eq(word, span_str(conf_keep_words[r->keep])))
		r->keep++;
	v = span_trim(v);
	if (r->keep > CONF_KEEP_NONE || v.len == 0)
		return ERR_SYNTAX;
	if (v.len >= sizeof(r->filter))
		return ERR_TOO_LONG;
	memcpy(r->filter, v.p, v.len);
	r->line = line;
	out->rule_count++;
	return ERR_OK;
}

/* NETWORK[, NETWORK ...] behind those that are there. */
static enum err read_nets(struct span v, struct ip_net *net, uint32_t *count, uint32_t max)
{
	if (span_ends(v, SPAN(",")))
		return ERR_SYNTAX;
	do {
		if (*count == max)
			return ERR_TOO_LONG;
		TRY(ip_net_read(span_trim(span_cut(&v, ',')), &net[*count]));
		++*count;
	} while (v.len);
	return ERR_OK;
}

static enum err read_routes(struct span v, struct settings *out)
{
	TRY(read_nets(v, out->inside_route, &out->inside_route_count, CONF_INSIDE_ROUTES));
	for (uint32_t i = 0; i < out->inside_route_count; i++) {
		const struct ip_net *n = &out->inside_route[i];
		if (n->prefix_len == 0 || (ip_net_is_v4(n) && n->prefix_len == 96))
			return ERR_RANGE; /* the default route leads outside */
	}
	return ERR_OK;
}

static enum err read_sources(struct span v, struct conf_nets *out)
{
	return read_nets(v, out->net, &out->count, CONF_NETS);
}

/* The next of a list. */
static bool is_repeatable(enum conf_kind kind)
{
	return kind >= KIND_RULE && kind <= KIND_NETS;
}

static enum err read_next(const struct conf_row *r, struct span v, unsigned line, struct settings *out)
{
	switch (r->kind) {
	case KIND_PUBLISH:
		return conf_gateway_read_publish(v, line, &out->gateway);
	case KIND_ALLOW:
	case KIND_DENY:
		return conf_gateway_read_forward(v, line, r->kind == KIND_ALLOW, &out->gateway);
	case KIND_NTP:
		return conf_ntp_read(v, &out->ntp);
	case KIND_ROUTES:
		return read_routes(v, out);
	case KIND_NETS:
		return read_sources(v, (struct conf_nets *)(void *)((uint8_t *)out + r->offset));
	default:
		return read_rule(v, line, out);
	}
}

static enum err read_value(const struct conf_row *r, struct span v, struct settings *out)
{
	void *field = (uint8_t *)out + r->offset;
	switch (r->kind) {
	case KIND_U64:
	case KIND_U32:
		return read_number(r, v, field);
	case KIND_LEVEL:
		return read_level(r, v, field);
	case KIND_NAT:
		return conf_gateway_read_nat(v, &out->gateway);
	case KIND_ON_LOSS:
	case KIND_SPOOL_FULL:
	case KIND_EVIDENCE:
	case KIND_FLAG:
	case KIND_SIDE:
		return read_word(conf_words[r->kind], v, field);
	case KIND_SPOOL:
		return read_spool(v, out);
	case KIND_ENDPOINT:
		return read_endpoint(v, field);
	default:
		return read_text(r, v, field);
	}
}

/* Cuts a comment off: from a '#' at the line's start or after a blank. */
static struct span without_comment(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return span_first(line, i);
	return line;
}

static void blame(struct conf_error *at, unsigned line, struct span key)
{
	size_t n = key.len < sizeof(at->key) - 1 ? key.len : sizeof(at->key) - 1;
	memset(at, 0, sizeof(*at));
	at->line = line;
	for (size_t i = 0; i < n; i++)
		at->key[i] = (char)(key.p[i] > 0x20 && key.p[i] < 0x7f ? key.p[i] : '?');
}

/* seen: the line of each key. `key` is set as soon as it is known, so that an error can name it. */
static enum err read_line(struct span line, unsigned number, unsigned seen[ROWS], struct settings *out,
			  struct span *key)
{
	if (span_ends(line, SPAN("\r")))
		line.len--;
	if (text_has_control(line) || !text_is_utf8(line))
		return ERR_SYNTAX;
	line = span_trim(without_comment(line));
	if (line.len == 0)
		return ERR_OK;
	size_t equals = span_find(line, '=');
	*key = span_trim(span_first(line, equals));
	if (equals == line.len || key->len == 0)
		return ERR_SYNTAX;
	struct span value = span_trim(span_from(line, equals + 1));
	for (size_t i = 0; i < ROWS; i++) {
		if (!span_eq(*key, span_str(conf_rows[i].key)))
			continue;
		if (seen[i] && !is_repeatable(conf_rows[i].kind))
			return ERR_DUPLICATE;
		seen[i] = number;
		if (is_repeatable(conf_rows[i].kind))
			return read_next(&conf_rows[i], value, number, out);
		return read_value(&conf_rows[i], value, out);
	}
	return ERR_UNKNOWN_KEY;
}

static void set_defaults(struct settings *out)
{
	memset(out, 0, sizeof(*out));
	conf_ntp_default(&out->ntp);
	for (size_t i = 0; i < ROWS; i++)
		if (conf_rows[i].default_to && !is_repeatable(conf_rows[i].kind))
			ASSERT(read_value(&conf_rows[i], span_str(conf_rows[i].default_to), out) == ERR_OK);
}

/* What no line alone can show. */
static enum err check_row(const struct settings *s, const struct conf_row *r, unsigned seen)
{
	if (r->required && !seen)
		return ERR_MISSING;
	if (r->kind == KIND_ENDPOINT && seen && (s->endpoint_fips || s->endpoint_dualstack))
		return ERR_EXCLUSIVE;
	/* a port without sources would let nobody in, sources without a port serve nobody */
	if (r->offset == offsetof(struct settings, status_sources) && !seen && s->status_port)
		return ERR_MISSING;
	if (r->offset == offsetof(struct settings, status_port) && !s->status_port && s->status_sources.count)
		return ERR_MISSING;
	return ERR_OK;
}

static enum err check_together(const struct settings *s, const unsigned seen[ROWS], struct conf_error *at)
{
	for (size_t i = 0; i < ROWS; i++) {
		enum err e = check_row(s, &conf_rows[i], seen[i]);
		if (e) {
			blame(at, seen[i], span_str(conf_rows[i].key));
			return e;
		}
	}
	return ERR_OK;
}

enum err conf_read(struct span text, struct settings *out, struct conf_error *at)
{
	unsigned seen[ROWS] = {0};
	set_defaults(out);
	blame(at, 0, SPAN(""));
	if (text.len > CONF_MAX_BYTES)
		return ERR_TOO_LONG;
	for (unsigned number = 1; text.len; number++) {
		struct span key = SPAN("");
		enum err e = read_line(span_cut(&text, '\n'), number, seen, out, &key);
		if (e) {
			blame(at, number, key);
			return e;
		}
	}
	return check_together(out, seen, at);
}
