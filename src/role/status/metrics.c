/* The text (OpenMetrics 1.0.0, section "Text format"), a family:
 *
 *   # TYPE name type
 *   # UNIT name unit            where it has one; the name ends in it
 *   # HELP name text
 *   name[_total|_info][{label="value"}] number
 */
#include "role/status/metrics.h"

#include <string.h>

#include "base/text.h"

#define SAMPLE(name) FROM_SAMPLE, offsetof(struct cloudwatch_sample, name)
#define ENA(counter) FROM_ENA, offsetof(struct cloudwatch_sample, ena) + (counter) * sizeof(uint64_t)
#define REASON(r) FROM_SAMPLE, offsetof(struct cloudwatch_sample, not_forwarded) + (r) * sizeof(uint64_t)
#define FRAMES(m) FROM_SAMPLE, offsetof(struct cloudwatch_sample, frames) + (m) * sizeof(uint64_t)
#define LEFT FROM_LEFT, offsetof(struct cloudwatch_sample, ena) + ENA_CONNTRACK_AVAILABLE * sizeof(uint64_t)

enum from {
	FROM_SAMPLE, /* of all sources together */
	FROM_ENA,    /* the same, where there is an ENA */
	FROM_LEFT,   /* the same, where the ENA tells it */
	FROM_VISITS, /* number of enum metrics_visit */
	FROM_HEALTH, /* 1 while none of these reasons holds: bits of enum health_reason */
	FROM_ROLES,  /* a sample for each role */
	FROM_VERSION,
};

enum type { COUNTER, GAUGE, INFO };

#define ALL_REASONS ((1u << HEALTH_REASONS) - 1)
#define SILENT (1u << HEALTH_SILENT)

/* Rows without a name are further samples of the family above. */
static const struct row {
	const char *name, *unit, *help;
	enum type type;
	const char *label, *label_value;
	enum from from;
	size_t at;
} rows[] = {
	{"sealtap", NULL, "The version that runs.", INFO, "version", NULL, FROM_VERSION, 0},
	{"sealtap_healthy", NULL, "1 while packets can be forwarded and recorded: what /healthz answers.",
	 GAUGE, NULL, NULL, FROM_HEALTH, ALL_REASONS},
	{"sealtap_forwarding", NULL,
	 "1 while the rules are open and both links are up; the metric Forwarding in CloudWatch.", GAUGE,
	 NULL, NULL, SAMPLE(forwarding)},
	{"sealtap_links_up", NULL, "1 while both links are up.", GAUGE, NULL, NULL, FROM_HEALTH,
	 1u << HEALTH_LINK | SILENT},
	{"sealtap_workers_recording", NULL, "1 while every capture worker records.", GAUGE, NULL, NULL,
	 FROM_HEALTH, 1u << HEALTH_BOOTING | 1u << HEALTH_WORKER | SILENT},
	{"sealtap_role_restarts", NULL, "Processes of a role that died and were started anew.", COUNTER,
	 "role", NULL, FROM_ROLES, 0},
	{"sealtap_recorded_packets", NULL, "Packets in the recordings.", COUNTER, NULL, NULL,
	 SAMPLE(packets)},
	{"sealtap_recorded_bytes", "bytes", "Bytes of recordings before compression.", COUNTER, NULL, NULL,
	 SAMPLE(raw_bytes)},
	{"sealtap_lost_packets", NULL,
	 "Packets that are not in the recordings, by cause: ring (dropped by the capture ring), budget (the "
	 "day's budget), before_tap (dropped by the kernel ahead of the tap), nic (missed by the NIC), and "
	 "those that AWS held back beyond an allowance of the instance (ENA).",
	 COUNTER, "cause", "ring", SAMPLE(lost_ring)},
	{NULL, NULL, NULL, COUNTER, "cause", "budget", SAMPLE(lost_budget)},
	{NULL, NULL, NULL, COUNTER, "cause", "before_tap", SAMPLE(lost_before_tap)},
	{NULL, NULL, NULL, COUNTER, "cause", "nic", SAMPLE(rx_missed)},
	{NULL, NULL, NULL, COUNTER, "cause", "bw_in_allowance_exceeded", ENA(ENA_BW_IN)},
	{NULL, NULL, NULL, COUNTER, "cause", "bw_out_allowance_exceeded", ENA(ENA_BW_OUT)},
	{NULL, NULL, NULL, COUNTER, "cause", "pps_allowance_exceeded", ENA(ENA_PPS)},
	{NULL, NULL, NULL, COUNTER, "cause", "conntrack_allowance_exceeded", ENA(ENA_CONNTRACK)},
	{NULL, NULL, NULL, COUNTER, "cause", "linklocal_allowance_exceeded", ENA(ENA_LINKLOCAL)},
	{"sealtap_conntrack_allowance_available", NULL,
	 "Connections that AWS tracks for this instance before it drops some, where the ENA tells it.", GAUGE,
	 NULL, NULL, LEFT},
	{"sealtap_flows", NULL,
	 "Flows that connection tracking has, of all protocols, the appliance's own among them; "
	 "ActiveConnectionCount in CloudWatch, where that of a NAT gateway is of TCP alone.",
	 GAUGE, NULL, NULL, SAMPLE(flows)},
	{"sealtap_flows_max", NULL, "Flows for which it has room.", GAUGE, NULL, NULL, SAMPLE(flows_max)},
	{"sealtap_cut_packets", NULL, "Recorded packets of which headers alone were kept.", COUNTER, NULL,
	 NULL, SAMPLE(cut)},
	{"sealtap_filtered_packets", NULL, "Packets that a rule of the configuration left out.", COUNTER,
	 NULL, NULL, SAMPLE(filtered)},
	{"sealtap_frames", NULL,
	 "Frames of recordings, at most 1 MiB each, by how they were compressed: full (zstd.level), fast "
	 "(level -5, while a worker was behind), stored (not, by zstd.level or while it was far behind), "
	 "dense (not, since it would hardly have shrunk).",
	 COUNTER, "compression", "full", FRAMES(SEGMENT_COMPRESSED)},
	{NULL, NULL, NULL, COUNTER, "compression", "fast", FRAMES(SEGMENT_FASTER)},
	{NULL, NULL, NULL, COUNTER, "compression", "stored", FRAMES(SEGMENT_STORED)},
	{NULL, NULL, NULL, COUNTER, "compression", "dense", FRAMES(SEGMENT_DENSE)},
	{"sealtap_compression_changes", NULL,
	 "How often a worker began to compress less, since its ring filled, or more again.", COUNTER, NULL,
	 NULL, SAMPLE(effort_changes)},
	{"sealtap_shipped_objects", NULL, "Objects that S3 holds.", COUNTER, NULL, NULL,
	 SAMPLE(shipped_objects)},
	{"sealtap_shipped_bytes", "bytes", "Bytes of the objects that S3 holds.", COUNTER, NULL, NULL,
	 SAMPLE(shipped_bytes)},
	{"sealtap_put_failures", NULL, "PutObject requests that failed; each is tried again.", COUNTER, NULL,
	 NULL, SAMPLE(put_failures)},
	{"sealtap_kms_failures", NULL, "GenerateDataKey requests that failed; each is tried again.", COUNTER,
	 NULL, NULL, SAMPLE(kms_failures)},
	{"sealtap_suppressed_alarms", NULL,
	 "Alarms that were not sent by themselves: a later one tells how many it stands for.", COUNTER, NULL,
	 NULL, SAMPLE(alarms_suppressed)},
	{"sealtap_stored_canaries", NULL, "Canaries that S3 holds: one is sent every five minutes.", COUNTER,
	 NULL, NULL, SAMPLE(canaries_stored)},
	{"sealtap_spool_used_bytes", "bytes", "Bytes of the spool, volume or memory, that hold objects.",
	 GAUGE, NULL, NULL, SAMPLE(spool_used_bytes)},
	{"sealtap_spool_size_bytes", "bytes", "Bytes that the spool has for objects in all.", GAUGE, NULL,
	 NULL, SAMPLE(spool_total_bytes)},
	{"sealtap_oldest_unshipped_seconds", "seconds", "Age of the oldest packet that is not in S3 yet.",
	 GAUGE, NULL, NULL, SAMPLE(oldest_unshipped_s)},
	{"sealtap_data_key_age_seconds", "seconds", "Age of the oldest data key in use.", GAUGE, NULL, NULL,
	 SAMPLE(key_age_s)},
	{"sealtap_link_received_packets", NULL,
	 "Packets that a link received; PacketsInFromSource (inside) and PacketsInFromDestination (outside) "
	 "of a NAT gateway in CloudWatch. The appliance's own are among them.",
	 COUNTER, "link", "inside", SAMPLE(inside.rx_packets)},
	{NULL, NULL, NULL, COUNTER, "link", "outside", SAMPLE(outside.rx_packets)},
	{NULL, NULL, NULL, COUNTER, "link", "evidence", SAMPLE(evidence.rx_packets)},
	{"sealtap_link_received_bytes", "bytes",
	 "Bytes that a link received; BytesInFromSource (inside) and BytesInFromDestination (outside).",
	 COUNTER, "link", "inside", SAMPLE(inside.rx_bytes)},
	{NULL, NULL, NULL, COUNTER, "link", "outside", SAMPLE(outside.rx_bytes)},
	{NULL, NULL, NULL, COUNTER, "link", "evidence", SAMPLE(evidence.rx_bytes)},
	{"sealtap_link_sent_packets", NULL,
	 "Packets that a link sent; PacketsOutToSource (inside) and PacketsOutToDestination (outside).",
	 COUNTER, "link", "inside", SAMPLE(inside.tx_packets)},
	{NULL, NULL, NULL, COUNTER, "link", "outside", SAMPLE(outside.tx_packets)},
	{NULL, NULL, NULL, COUNTER, "link", "evidence", SAMPLE(evidence.tx_packets)},
	{"sealtap_link_sent_bytes", "bytes",
	 "Bytes that a link sent; BytesOutToSource (inside) and BytesOutToDestination (outside).", COUNTER,
	 "link", "inside", SAMPLE(inside.tx_bytes)},
	{NULL, NULL, NULL, COUNTER, "link", "outside", SAMPLE(outside.tx_bytes)},
	{NULL, NULL, NULL, COUNTER, "link", "evidence", SAMPLE(evidence.tx_bytes)},
	{"sealtap_status_visits", NULL,
	 "Connections to the status port, by what became of them: answered, source (closed at once, not of "
	 "status.sources), crowd (closed for the sake of others), slow, broken.",
	 COUNTER, "end", "answered", FROM_VISITS, VISIT_ANSWERED},
	{NULL, NULL, NULL, COUNTER, "end", "source", FROM_VISITS, VISIT_SOURCE},
	{NULL, NULL, NULL, COUNTER, "end", "crowd", FROM_VISITS, VISIT_CROWD},
	{NULL, NULL, NULL, COUNTER, "end", "slow", FROM_VISITS, VISIT_SLOW},
	{NULL, NULL, NULL, COUNTER, "end", "broken", FROM_VISITS, VISIT_BROKEN},
	{"sealtap_not_forwarded_packets", NULL,
	 "Packets that were not forwarded, by reason; all together PacketsDropCount in CloudWatch. "
	 "conntrack-full: there was no room for a flow; no-nat-port: no port was free for its translation "
	 "(ErrorPortAllocation), or two packets began one flow at once; denied, limit: by the configuration; "
	 "spoofed: such a source can't come from there; stopped: forwarding was closed; invalid: of no flow; "
	 "link-local: to a service of EC2's; status-port: to it, not of its sources; evidence: by that link, "
	 "but no answer to the appliance; to-appliance: it did not ask for it; from-appliance: it was not to "
	 "say so; too-big, ttl, unreachable: answered with an ICMP error.",
	 COUNTER, "reason", "conntrack-full", REASON(CLOUDWATCH_FULL)},
	{NULL, NULL, NULL, COUNTER, "reason", "no-nat-port", REASON(CLOUDWATCH_NO_PORT)},
	{NULL, NULL, NULL, COUNTER, "reason", "denied", REASON(NFT_DENIED)},
	{NULL, NULL, NULL, COUNTER, "reason", "limit", REASON(NFT_LIMIT)},
	{NULL, NULL, NULL, COUNTER, "reason", "spoofed", REASON(NFT_SPOOFED)},
	{NULL, NULL, NULL, COUNTER, "reason", "stopped", REASON(NFT_STOPPED)},
	{NULL, NULL, NULL, COUNTER, "reason", "invalid", REASON(NFT_INVALID)},
	{NULL, NULL, NULL, COUNTER, "reason", "link-local", REASON(NFT_LINK_LOCAL)},
	{NULL, NULL, NULL, COUNTER, "reason", "status-port", REASON(NFT_STATUS)},
	{NULL, NULL, NULL, COUNTER, "reason", "evidence", REASON(NFT_EVIDENCE)},
	{NULL, NULL, NULL, COUNTER, "reason", "to-appliance", REASON(NFT_TO_APPLIANCE)},
	{NULL, NULL, NULL, COUNTER, "reason", "from-appliance", REASON(NFT_FROM_APPLIANCE)},
	{NULL, NULL, NULL, COUNTER, "reason", "too-big", REASON(NFT_TOO_BIG)},
	{NULL, NULL, NULL, COUNTER, "reason", "ttl", REASON(NFT_TTL)},
	{NULL, NULL, NULL, COUNTER, "reason", "unreachable", REASON(NFT_UNREACHABLE)},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- what is kept */

struct metrics *metrics_of(struct metrics_kept *k)
{
	return &k->copy[k->current & 1];
}

/* A worker goes on where it had committed, but how it compressed it counts from 0. */
static void take_worker(struct metrics_source *s, struct cloudwatch_sample *now)
{
	struct cloudwatch_sample own = {.effort_changes = s->now.effort_changes};
	memcpy(own.frames, s->now.frames, sizeof(own.frames));
	if (cloudwatch_began_anew(now, &own)) {
		cloudwatch_carry(&s->before, &own);
		s->now.effort_changes = 0;
		memset(s->now.frames, 0, sizeof(s->now.frames));
	}
	cloudwatch_at_least(now, &s->now);
}

void metrics_take(struct metrics_kept *k, const struct msg_metrics *told)
{
	uint32_t next = ~k->current & 1;
	struct metrics *m = &k->copy[next];
	if (told->source >= COUNTER_SOURCES)
		return;
	*m = *metrics_of(k);
	struct metrics_source *s = &m->source[told->source];
	struct cloudwatch_sample now = told->counted;
	if (told->source < MSG_MAX_WORKERS)
		take_worker(s, &now);
	else if (cloudwatch_began_anew(&now, &s->now))
		cloudwatch_carry(&s->before, &s->now);
	s->now = now;
	__atomic_store_n(&k->current, next, __ATOMIC_RELEASE);
}

/* ---- the text */

struct view {
	struct cloudwatch_sample sum;
	const struct metrics *m;
	const struct msg_health *h;
	const char *version;
};

static struct cloudwatch_sample sum_of(const struct metrics *m)
{
	struct cloudwatch_sample sum = {.at_ns = 0};
	for (uint32_t i = 0; i < COUNTER_SOURCES; i++) {
		struct cloudwatch_sample one = m->source[i].now;
		cloudwatch_carry(&one, &m->source[i].before);
		cloudwatch_add(&sum, &one);
	}
	return sum;
}

static bool known(const struct view *v, enum from from)
{
	return from == FROM_ENA ? v->sum.has_ena : from == FROM_LEFT ? v->sum.has_conntrack_available : true;
}

static uint64_t value_of(const struct view *v, const struct row *r)
{
	switch (r->from) {
	case FROM_VISITS:
		return v->m->visits[r->at];
	case FROM_HEALTH:
		return (v->h->reasons & r->at) == 0;
	case FROM_VERSION:
		return 1;
	default:
		return *(const uint64_t *)(const void *)((const uint8_t *)&v->sum + r->at);
	}
}

static void put_head(struct buf *b, const struct row *r)
{
	static const char *const types[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [INFO] = "info"};
	const char *const lines[3][2] = {{"TYPE", types[r->type]}, {"UNIT", r->unit}, {"HELP", r->help}};
	for (size_t i = 0; i < 3; i++) {
		if (!lines[i][1])
			continue;
		buf_str(b, "# ");
		buf_str(b, lines[i][0]);
		buf_u8(b, ' ');
		buf_str(b, r->name);
		buf_u8(b, ' ');
		buf_str(b, lines[i][1]);
		buf_u8(b, '\n');
	}
}

static void put_sample(struct buf *b, const char *name, const struct row *r, const char *label_value,
		       uint64_t value)
{
	static const char *const suffixes[] = {[COUNTER] = "_total", [GAUGE] = "", [INFO] = "_info"};
	buf_str(b, name);
	buf_str(b, suffixes[r->type]);
	if (r->label) {
		buf_u8(b, '{');
		buf_str(b, r->label);
		buf_str(b, "=\"");
		buf_str(b, label_value);
		buf_str(b, "\"}");
	}
	buf_u8(b, ' ');
	text_u64(b, value);
	buf_u8(b, '\n');
}

static void put_row(struct buf *b, const char *name, const struct row *r, const struct view *v)
{
	if (r->from != FROM_ROLES) {
		put_sample(b, name, r, r->label_value ? r->label_value : v->version, value_of(v, r));
		return;
	}
	for (uint32_t role = ROLE_INIT + 1; role < ROLE_COUNT; role++)
		put_sample(b, name, r, msg_role_name((enum role_id)role), v->h->restarts[role]);
}

void metrics_write(const struct metrics *m, const struct msg_health *h, const char *version, struct buf *out)
{
	struct view v = {.sum = sum_of(m), .m = m, .h = h, .version = version};
	const char *name = NULL;
	for (size_t i = 0; i < ROWS; i++) {
		name = rows[i].name ? rows[i].name : name;
		if (!known(&v, rows[i].from))
			continue;
		if (rows[i].name)
			put_head(out, &rows[i]);
		put_row(out, name, &rows[i], &v);
	}
	buf_str(out, "# EOF\n");
}
