/* How an appliance's health is shown. */
#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/columns.h"
#include "cli/health.h"

static void put_time(struct buf *b, uint64_t ns)
{
	uint8_t text[32];
	struct buf t = BUF_OF(text);
	time_rfc3339(&t, ns);
	buf_put(b, span_of(text, 19));
	buf_u8(b, 'Z');
}

static void put_span_of_time(struct buf *b, uint64_t s)
{
	static const struct {
		uint64_t s;
		const char *unit;
	} units[] = {{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}};
	unsigned i = 0;
	while (i < 3 && s < 2 * units[i].s)
		i++;
	text_u64(b, s / units[i].s);
	buf_str(b, units[i].unit);
}

static void head(struct buf *b, const char *name)
{
	size_t from = b->len;
	buf_str(b, "  ");
	buf_str(b, name);
	size_t have = b->len - from;
	buf_fill(b, ' ', have < 18 ? 18 - have : 1);
}

static void row(struct buf *b, const char *name, const char *value)
{
	if (!*value)
		return;
	head(b, name);
	buf_str(b, value);
	buf_u8(b, '\n');
}

static void put_state(struct buf *b, const struct health *h)
{
	head(b, "state");
	buf_str(b, health_state_name(h->state));
	if (h->state_ns) {
		buf_str(b, " since ");
		put_time(b, h->state_ns);
	} else if (h->state == HEALTH_ARMED) {
		buf_str(b, " since before this time");
	}
	buf_str(b, h->reason[0] ? ": " : "");
	buf_str(b, h->reason);
	buf_u8(b, '\n');
}

static void put_heartbeat(struct buf *b, const struct health *h, uint64_t now_ns)
{
	head(b, "heartbeat");
	if (!h->heartbeat_ns) {
		buf_str(b, "none in this time\n");
		return;
	}
	put_time(b, h->heartbeat_ns);
	buf_str(b, ", ");
	put_span_of_time(b, now_ns > h->heartbeat_ns ? (now_ns - h->heartbeat_ns) / NS_PER_S : 0);
	buf_str(b, " ago");
	buf_str(b, health_is_stale(h, now_ns) ? ": STALE (one comes every " : " (one comes every ");
	put_span_of_time(b, h->interval_s);
	buf_str(b, "); up ");
	put_span_of_time(b, h->uptime_s);
	buf_u8(b, '\n');
}

static void put_boot(struct buf *b, const struct health *h)
{
	head(b, "boot");
	text_hex64(b, h->boot);
	if (h->boot_ns) {
		buf_str(b, ", begun ");
		put_time(b, h->boot_ns);
	}
	if (h->boots > 1) {
		buf_str(b, "; ");
		text_u64(b, h->boots);
		buf_str(b, " boots in this time");
	}
	buf_u8(b, '\n');
}

static void put_counters(struct buf *b, const struct health *h)
{
	head(b, "shipped");
	text_u64(b, h->objects);
	buf_str(b, " objects, ");
	columns_put_bytes(b, h->object_bytes);
	buf_u8(b, '\n');
	head(b, "lost");
	text_u64(b, h->lost);
	buf_str(b, " packets by the rings, ");
	text_u64(b, h->lost_before_ring);
	buf_str(b, " before them, ");
	text_u64(b, h->gaps);
	buf_str(b, " gaps\n");
	head(b, "not forwarded");
	text_u64(b, h->not_forwarded);
	buf_str(b, " packets, by reasons (sealtap flows shows them)\n");
}

static void put_clock(struct buf *b, const struct health *h)
{
	if (!h->clock[0])
		return;
	head(b, "clock");
	buf_str(b, h->clock);
	buf_str(b, ", error at most ");
	text_u64(b, h->clock_error_ns / 1000);
	buf_str(b, " us");
	if (h->clock_offset_ms[0]) {
		buf_str(b, ", offset ");
		buf_str(b, h->clock_offset_ms);
		buf_str(b, " ms");
	}
	buf_str(b, ", leap seconds smeared: ");
	buf_str(b, h->clock_smeared[0] ? h->clock_smeared : "unknown");
	buf_u8(b, '\n');
}

static void put_credentials(struct buf *b, const struct health *h)
{
	if (!h->credentials_ns && !h->credentials_failing)
		return;
	head(b, "credentials");
	if (h->credentials_ns) {
		buf_str(b, "renewed ");
		put_time(b, h->credentials_ns);
		buf_str(b, ", good until ");
		put_time(b, h->credentials_until_ns);
	}
	if (h->credentials_failing)
		buf_str(b, h->credentials_ns ? "; NOT RENEWED since" : "NOT RENEWED");
	buf_u8(b, '\n');
}

static void put_alarms(struct buf *b, const struct health *h)
{
	if (!h->alarms)
		row(b, "alarms", "none in this time");
	for (uint32_t i = 0; i < h->alarms; i++) {
		const struct health_alarm *a = &h->alarm[i];
		head(b, i ? "" : "alarms");
		buf_str(b, a->event);
		buf_str(b, " x");
		text_u64(b, a->count);
		buf_str(b, ", last ");
		put_time(b, a->last_ns);
		buf_str(b, a->last[0] ? ": " : "");
		buf_str(b, a->last);
		buf_u8(b, '\n');
	}
}

void health_text(struct buf *b, const struct health *h, uint64_t now_ns)
{
	buf_str(b, h->name);
	buf_u8(b, '\n');
	put_state(b, h);
	put_heartbeat(b, h, now_ns);
	put_boot(b, h);
	row(b, "instance", h->instance);
	row(b, "AMI", h->ami);
	row(b, "version", h->version);
	row(b, "image", h->image);
	row(b, "configuration", h->config);
	row(b, "secure boot", h->secure_boot);
	row(b, "as measured", h->measured);
	put_counters(b, h);
	row(b, "spool", h->spool);
	row(b, "spool's last word", h->spool_event);
	put_clock(b, h);
	put_credentials(b, h);
	put_alarms(b, h);
}

/* ---- JSON */

static void key(struct buf *b, const char *name)
{
	buf_str(b, b->len && b->p[b->len - 1] != '{' ? "," : "");
	json_put_string(b, span_str(name));
	buf_u8(b, ':');
}

static void json_text(struct buf *b, const char *name, const char *value)
{
	key(b, name);
	if (*value)
		json_put_string(b, span_str(value));
	else
		buf_str(b, "null");
}

static void json_u64(struct buf *b, const char *name, uint64_t v)
{
	key(b, name);
	text_u64(b, v);
}

static void json_time(struct buf *b, const char *name, uint64_t ns)
{
	key(b, name);
	buf_str(b, ns ? "\"" : "null");
	if (!ns)
		return;
	time_rfc3339(b, ns);
	buf_u8(b, '"');
}

static void json_bool(struct buf *b, const char *name, bool v)
{
	key(b, name);
	buf_str(b, v ? "true" : "false");
}

static void json_alarms(struct buf *b, const struct health *h)
{
	key(b, "alarms");
	buf_u8(b, '[');
	for (uint32_t i = 0; i < h->alarms; i++) {
		const struct health_alarm *a = &h->alarm[i];
		buf_str(b, i ? ",{" : "{");
		json_text(b, "event", a->event);
		json_u64(b, "count", a->count);
		json_time(b, "last", a->last_ns);
		json_text(b, "text", a->last);
		buf_u8(b, '}');
	}
	buf_u8(b, ']');
}

static void json_boot(struct buf *b, const struct health *h)
{
	uint8_t hex[16];
	struct buf boot = BUF_OF(hex);
	text_hex64(&boot, h->boot);
	key(b, "boot");
	json_put_string(b, buf_span(&boot));
	json_time(b, "boot_begun", h->boot_ns);
	json_u64(b, "boots", h->boots);
}

void health_json(struct buf *b, const struct health *h, uint64_t now_ns)
{
	static const char *const words[] = {"unknown", "starting", "armed", "stopped", "closed"};
	buf_u8(b, '{');
	json_text(b, "appliance", h->name);
	json_text(b, "state", words[h->state]);
	json_time(b, "state_since", h->state_ns);
	json_text(b, "state_reason", h->reason);
	json_bool(b, "stale", health_is_stale(h, now_ns));
	json_time(b, "heartbeat", h->heartbeat_ns);
	json_u64(b, "heartbeat_age_s",
		 h->heartbeat_ns && now_ns > h->heartbeat_ns ? (now_ns - h->heartbeat_ns) / NS_PER_S : 0);
	json_u64(b, "heartbeat_interval_s", h->interval_s);
	json_u64(b, "uptime_s", h->uptime_s);
	json_boot(b, h);
	json_text(b, "instance", h->instance);
	json_text(b, "ami", h->ami);
	json_text(b, "version", h->version);
	json_text(b, "image", h->image);
	json_text(b, "config", h->config);
	json_text(b, "secure_boot", h->secure_boot);
	json_text(b, "as_measured", h->measured);
	json_u64(b, "objects", h->objects);
	json_u64(b, "object_bytes", h->object_bytes);
	json_u64(b, "lost", h->lost);
	json_u64(b, "lost_before_ring", h->lost_before_ring);
	json_u64(b, "gaps", h->gaps);
	json_u64(b, "not_forwarded", h->not_forwarded);
	json_text(b, "spool", h->spool);
	json_text(b, "spool_event", h->spool_event);
	json_text(b, "clock", h->clock);
	json_u64(b, "clock_error_ns", h->clock_error_ns);
	json_text(b, "clock_smeared", h->clock_smeared);
	json_time(b, "credentials_renewed", h->credentials_ns);
	json_time(b, "credentials_until", h->credentials_until_ns);
	json_bool(b, "credentials_failing", h->credentials_failing);
	json_alarms(b, h);
	buf_str(b, "}\n");
}
