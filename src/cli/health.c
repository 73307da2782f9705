#include "cli/health.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/logtext.h"

#define INTERVAL_S 300u /* of heartbeats, where the log does not tell */

static struct {
	uint32_t count, last;
	struct health appliance[HEALTH_APPLIANCES_MAX];
} g;

void health_begin(void)
{
	g.count = g.last = 0;
}

uint32_t health_count(void)
{
	return g.count;
}

const struct health *health_at(uint32_t i)
{
	return &g.appliance[i];
}

static void keep(char *to, size_t cap, struct span s)
{
	if (s.len)
		text_printable_str(s, to, cap);
}

#define KEEP(member, span) keep(h->member, sizeof(h->member), span)

/* ---- which appliance */

static struct health *find_name(struct span name)
{
	for (uint32_t i = 0; i < g.count; i++)
		if (span_eq(span_str(g.appliance[i].name), name))
			return &g.appliance[i];
	if (g.count == HEALTH_APPLIANCES_MAX || name.len >= sizeof(g.appliance[0].name))
		return NULL;
	struct health *h = &g.appliance[g.count++];
	memset(h, 0, sizeof(*h));
	keep(h->name, sizeof(h->name), name);
	h->interval_s = INTERVAL_S;
	return h;
}

static struct health *find_boot(uint64_t boot)
{
	for (uint32_t i = 0; i < g.count; i++)
		if (g.appliance[i].boot == boot)
			return &g.appliance[i];
	return NULL;
}

/* A file's path may not tell the appliance: the first line of each object does. */
static struct health *appliance_of(const struct lines_line *line, const struct logline *l)
{
	if (line->object->appliance.len)
		return find_name(line->object->appliance);
	if (span_eq(l->event, SPAN("object")))
		return find_name(logtext_member(l, "appliance"));
	return find_boot(line->object->boot);
}

/* ---- events */

static void enter(struct health *h, enum health_state state, const struct logline *l)
{
	h->state = state;
	h->state_ns = l->time_ns;
	h->reason[0] = 0;
	KEEP(reason, logtext_member(l, "reason"));
}

static void on_object(struct health *h, const struct logline *l)
{
	KEEP(instance, logtext_member(l, "instance"));
	KEEP(ami, logtext_member(l, "ami"));
	KEEP(version, logtext_member(l, "version"));
	KEEP(image, logtext_member(l, "image"));
	KEEP(config, logtext_member(l, "config"));
	KEEP(clock, logtext_member(l, "clock"));
	KEEP(clock_smeared, logtext_member(l, "clock_smeared"));
	h->clock_error_ns = logtext_number(l, "clock_error_ns");
}

static void on_boot(struct health *h, const struct logline *l)
{
	h->boot_ns = l->time_ns;
	enter(h, HEALTH_STARTING, l);
}

static void on_setting(struct health *h, const struct logline *l)
{
	struct span key = logtext_member(l, "key");
	uint64_t v = logtext_number(l, "value");
	if (span_eq(key, SPAN("log.interval_seconds")) && v)
		h->interval_s = v;
	if (span_eq(key, SPAN("spool")))
		KEEP(spool, logtext_member(l, "value"));
}

static void on_armed(struct health *h, const struct logline *l)
{
	enter(h, HEALTH_ARMED, l);
}

static void on_stopped(struct health *h, const struct logline *l)
{
	enter(h, HEALTH_STOPPED, l);
}

static void on_shutdown(struct health *h, const struct logline *l)
{
	struct span reason = logtext_member(l, "reason");
	bool told = h->state == HEALTH_CLOSED && h->reason[0] && reason.len == 0;
	if (!told) /* init says why, keys says the totals later */
		enter(h, HEALTH_CLOSED, l);
}

static void on_heartbeat(struct health *h, const struct logline *l)
{
	h->heartbeat_ns = l->time_ns;
	h->uptime_s = logtext_number(l, "uptime_s");
}

static bool holds(struct span s, struct span what)
{
	for (; s.len >= what.len; s = span_from(s, 1))
		if (span_starts(s, what))
			return true;
	return false;
}

static void on_shipped(struct health *h, const struct logline *l)
{
	h->objects++;
	h->object_bytes += logtext_number(l, "size");
	if (h->state == HEALTH_UNKNOWN && holds(logtext_member(l, "name"), SPAN("/packets/")))
		h->state = HEALTH_ARMED; /* since before this time */
}

static void on_lost(struct health *h, const struct logline *l)
{
	h->lost += logtext_number(l, "packets");
}

static void on_lost_before(struct health *h, const struct logline *l)
{
	h->lost_before_ring += logtext_number(l, "packets");
}

static void on_gap(struct health *h, const struct logline *l)
{
	(void)l;
	h->gaps++;
}

/* Each counter of the packet filter, all from the boot on. */
static void on_not_forwarded(struct health *h, const struct logline *l)
{
	struct json_walk w = l->rest;
	struct json_member m;
	uint64_t v;
	h->not_forwarded = 0;
	while (!json_walk_next(&w, &m))
		if (!text_read_u64(m.value, UINT64_MAX, &v))
			h->not_forwarded += v;
}

static void on_clock(struct health *h, const struct logline *l)
{
	KEEP(clock, logtext_member(l, "source"));
	KEEP(clock_smeared, logtext_member(l, "smeared"));
	KEEP(clock_offset_ms, logtext_member(l, "offset_ms"));
	h->clock_error_ns = logtext_number(l, "error_ns");
}

static void on_renewed(struct health *h, const struct logline *l)
{
	h->credentials_ns = l->time_ns;
	h->credentials_until_ns = l->time_ns + logtext_number(l, "expire_in_s") * NS_PER_S;
	h->credentials_failing = false;
}

static void on_not_renewed(struct health *h, const struct logline *l)
{
	(void)l;
	h->credentials_failing = true;
}

static void on_spool(struct health *h, const struct logline *l)
{
	KEEP(spool_event, l->event);
}

static void on_measured(struct health *h, const struct logline *l)
{
	KEEP(secure_boot, logtext_member(l, "secure_boot"));
	KEEP(measured, logtext_member(l, "agree"));
}

/* Of a matter only the role whose it is has a say: another may have been taken over. */
static const struct {
	const char *role, *event;
	void (*fn)(struct health *h, const struct logline *l);
} handlers[] = {
	{"keys", "object", on_object},
	{"keys", "boot", on_boot},
	{"keys", "setting", on_setting},
	{"init", "armed", on_armed},
	{"init", "forwarding-again", on_armed},
	{"init", "forwarding-stopped", on_stopped},
	{"init", "disarmed", on_shutdown},
	{"init", "shutdown", on_shutdown},
	{"keys", "shutdown", on_shutdown},
	{"keys", "heartbeat", on_heartbeat},
	{"upload", "shipped", on_shipped},
	{"capture", "lost", on_lost},
	{"net", "lost-before-ring", on_lost_before},
	{"spool", "gap", on_gap},
	{"net", "not-forwarded", on_not_forwarded},
	{"net", "clock", on_clock},
	{"keys", "credentials-renewed", on_renewed},
	{"keys", "credentials-not-renewed", on_not_renewed},
	{"keys", "credentials-expired", on_not_renewed},
	{"spool", "spool-failed", on_spool},
	{"spool", "spool-works", on_spool},
	{"spool", "spool-full", on_spool},
	{"spool", "spool-room", on_spool},
	{"init", "measured", on_measured},
};

static void count_alarm(struct health *h, const struct logline *l)
{
	char event[sizeof(h->alarm[0].event)];
	uint32_t i = 0;
	text_printable_str(l->event, event, sizeof(event));
	while (i < h->alarms && strcmp(h->alarm[i].event, event) != 0)
		i++;
	if (i == HEALTH_ALARMS_MAX)
		i--; /* the last place counts all further kinds */
	h->alarms += i == h->alarms;
	struct health_alarm *a = &h->alarm[i];
	struct buf b = buf_over(a->last, sizeof(a->last) - 1);
	uint8_t text[1024];
	struct buf whole = BUF_OF(text);
	memcpy(a->event, event, sizeof(event));
	logtext_members(&whole, l);
	buf_put(&b, span_first(buf_span(&whole), sizeof(a->last) - 1));
	a->last[b.len] = 0;
	a->count++;
	a->last_ns = l->time_ns;
}

void health_take(const struct lines_line *line)
{
	struct logline l;
	if (logline_read(line->text, &l))
		return;
	struct health *h = appliance_of(line, &l);
	if (!h)
		return;
	if (h->boot != line->object->boot) {
		h->boot = line->object->boot;
		h->boots++;
		h->boot_ns = h->state_ns = 0;
		h->state = HEALTH_UNKNOWN;
	}
	h->last_ns = l.time_ns;
	for (unsigned i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (span_eq(l.event, span_str(handlers[i].event)) &&
		    span_eq(l.role, span_str(handlers[i].role)))
			handlers[i].fn(h, &l);
	if (logtext_level(l.level) == 2)
		count_alarm(h, &l);
}

/* ---- the verdict */

bool health_is_stale(const struct health *h, uint64_t now_ns)
{
	uint64_t seen_ns = h->heartbeat_ns ? h->heartbeat_ns : h->last_ns;
	return h->state != HEALTH_CLOSED && now_ns > seen_ns &&
	       now_ns - seen_ns > 3 * h->interval_s * NS_PER_S;
}

enum exit_status health_verdict(uint64_t now_ns)
{
	enum exit_status worst = EXIT_DONE;
	for (uint32_t i = 0; i < g.count; i++) {
		const struct health *h = &g.appliance[i];
		bool closed = h->state == HEALTH_CLOSED || h->state == HEALTH_STOPPED ||
			      h->state == HEALTH_STARTING;
		enum exit_status status = closed                                    ? EXIT_DAMAGED
					  : h->alarms || health_is_stale(h, now_ns) ? EXIT_INCOMPLETE
										    : EXIT_DONE;
		if (status > worst)
			worst = status;
	}
	return worst;
}

const char *health_state_name(enum health_state s)
{
	static const char *const names[] = {"unknown", "CLOSED, starting", "ARMED",
					    "CLOSED, recording can't go on", "CLOSED, shut down"};
	return names[s];
}
