/* The form, a metric:
 *
 *   Action=PutMetricData&Version=2010-08-01&Namespace=...
 *   &MetricData.member.N.MetricName=...&...N.Unit=...&...N.Value=...&...N.Timestamp=...
 *   &...N.Dimensions.member.1.Name=Appliance&...N.Dimensions.member.1.Value=...
 *   &...N.Dimensions.member.2.Name=Cause&...             of PacketsLost alone
 */
#include "aws/cloudwatch.h"

#include "base/text.h"
#include "base/time.h"

#define LIST "MetricData"
#define FIELD(name) offsetof(struct cloudwatch_sample, name)
#define ENA(counter) (FIELD(ena) + (counter) * sizeof(uint64_t))
#define REASON(reason) (FIELD(not_forwarded) + (reason) * sizeof(uint64_t))
#define FRAMES(made) (FIELD(frames) + (made) * sizeof(uint64_t))

enum kind {
	COUNT,     /* since the roles started */
	GAUGE,     /* as it is now; of several the greatest */
	ENA_COUNT, /* where there is an ENA */
	ENA_LEFT,  /* as it is now, where the ENA tells it; of several the least */
	REASONS,   /* the sum of not_forwarded, whose fields have rows of their own */
};

static const struct {
	const char *metric, *unit; /* NULL: not sent */
	const char *cause;         /* of a loss; NULL: none */
	size_t offset;             /* of a uint64_t in the sample */
	enum kind kind;
} metrics[] = {
	{"PacketsRecorded", "Count", NULL, FIELD(packets), COUNT},
	{"BytesRecorded", "Bytes", NULL, FIELD(raw_bytes), COUNT},
	{"ObjectsShipped", "Count", NULL, FIELD(shipped_objects), COUNT},
	{"BytesShipped", "Bytes", NULL, FIELD(shipped_bytes), COUNT},
	{"PacketsLost", "Count", "ring", FIELD(lost_ring), COUNT},
	{"PacketsLost", "Count", "before-tap", FIELD(lost_before_tap), COUNT},
	{"PacketsLost", "Count", "budget", FIELD(lost_budget), COUNT},
	{"PacketsCut", "Count", NULL, FIELD(cut), COUNT},
	{"PacketsFiltered", "Count", NULL, FIELD(filtered), COUNT},
	{"RxMissed", "Count", NULL, FIELD(rx_missed), COUNT},
	{"BwInAllowanceExceeded", "Count", NULL, ENA(ENA_BW_IN), ENA_COUNT},
	{"BwOutAllowanceExceeded", "Count", NULL, ENA(ENA_BW_OUT), ENA_COUNT},
	{"PpsAllowanceExceeded", "Count", NULL, ENA(ENA_PPS), ENA_COUNT},
	{"ConntrackAllowanceExceeded", "Count", NULL, ENA(ENA_CONNTRACK), ENA_COUNT},
	{"LinklocalAllowanceExceeded", "Count", NULL, ENA(ENA_LINKLOCAL), ENA_COUNT},
	{"ConntrackAllowanceAvailable", "Count", NULL, ENA(ENA_CONNTRACK_AVAILABLE), ENA_LEFT},
	{"SpoolUsed", "Bytes", NULL, FIELD(spool_used_bytes), GAUGE},
	{"SpoolSize", "Bytes", NULL, FIELD(spool_total_bytes), GAUGE},
	{"OldestUnshipped", "Seconds", NULL, FIELD(oldest_unshipped_s), GAUGE},
	{"DataKeyAge", "Seconds", NULL, FIELD(key_age_s), GAUGE},
	{"Forwarding", "None", NULL, FIELD(forwarding), GAUGE},
	{"PutFailures", "Count", NULL, FIELD(put_failures), COUNT},
	{"KmsFailures", "Count", NULL, FIELD(kms_failures), COUNT},
	{"AlarmsSuppressed", "Count", NULL, FIELD(alarms_suppressed), COUNT},
	{"CanariesStored", "Count", NULL, FIELD(canaries_stored), COUNT},
	{"ActiveConnectionCount", "Count", NULL, FIELD(flows), GAUGE},
	{"ErrorPortAllocation", "Count", NULL, REASON(CLOUDWATCH_NO_PORT), COUNT},
	{"PacketsDropCount", "Count", NULL, 0, REASONS},
	{NULL, NULL, NULL, FIELD(flows_max), GAUGE},
	{NULL, NULL, NULL, REASON(CLOUDWATCH_FULL), COUNT},
	{NULL, NULL, NULL, FIELD(outside.rx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(outside.rx_bytes), COUNT},
	{NULL, NULL, NULL, FIELD(outside.tx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(outside.tx_bytes), COUNT},
	{NULL, NULL, NULL, FIELD(inside.rx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(inside.rx_bytes), COUNT},
	{NULL, NULL, NULL, FIELD(inside.tx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(inside.tx_bytes), COUNT},
	{NULL, NULL, NULL, REASON(NFT_DENIED), COUNT},
	{NULL, NULL, NULL, REASON(NFT_LIMIT), COUNT},
	{NULL, NULL, NULL, REASON(NFT_SPOOFED), COUNT},
	{NULL, NULL, NULL, REASON(NFT_STOPPED), COUNT},
	{NULL, NULL, NULL, REASON(NFT_INVALID), COUNT},
	{NULL, NULL, NULL, REASON(NFT_LINK_LOCAL), COUNT},
	{NULL, NULL, NULL, REASON(NFT_STATUS), COUNT},
	{NULL, NULL, NULL, REASON(NFT_EVIDENCE), COUNT},
	{NULL, NULL, NULL, REASON(NFT_TO_APPLIANCE), COUNT},
	{NULL, NULL, NULL, REASON(NFT_FROM_APPLIANCE), COUNT},
	{NULL, NULL, NULL, REASON(NFT_TOO_BIG), COUNT},
	{NULL, NULL, NULL, REASON(NFT_TTL), COUNT},
	{NULL, NULL, NULL, REASON(NFT_UNREACHABLE), COUNT},
	{NULL, NULL, NULL, FIELD(evidence.rx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(evidence.rx_bytes), COUNT},
	{NULL, NULL, NULL, FIELD(evidence.tx_packets), COUNT},
	{NULL, NULL, NULL, FIELD(evidence.tx_bytes), COUNT},
	{NULL, NULL, NULL, FRAMES(SEGMENT_COMPRESSED), COUNT},
	{NULL, NULL, NULL, FRAMES(SEGMENT_FASTER), COUNT},
	{NULL, NULL, NULL, FRAMES(SEGMENT_STORED), COUNT},
	{NULL, NULL, NULL, FRAMES(SEGMENT_DENSE), COUNT},
	{NULL, NULL, NULL, FIELD(effort_changes), COUNT},
};

#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

static bool counts(enum kind k)
{
	return k == COUNT || k == ENA_COUNT;
}

static uint64_t value_of(const struct cloudwatch_sample *s, size_t i)
{
	uint64_t sum = 0;
	if (metrics[i].kind != REASONS)
		return *(const uint64_t *)(const void *)((const uint8_t *)s + metrics[i].offset);
	for (size_t reason = 0; reason < CLOUDWATCH_REASONS; reason++)
		sum += s->not_forwarded[reason];
	return sum;
}

static uint64_t *field_of(struct cloudwatch_sample *s, size_t i)
{
	return (uint64_t *)(void *)((uint8_t *)s + metrics[i].offset);
}

static bool known(const struct cloudwatch_sample *s, enum kind k)
{
	return k == ENA_COUNT ? s->has_ena : k == ENA_LEFT ? s->has_conntrack_available : true;
}

void cloudwatch_add(struct cloudwatch_sample *sum, const struct cloudwatch_sample *part)
{
	for (size_t i = 0; i < METRICS; i++) {
		enum kind k = metrics[i].kind;
		uint64_t *have = field_of(sum, i), more = value_of(part, i);
		if (k == REASONS || !known(part, k))
			continue;
		if (counts(k))
			*have += more;
		else if (k == ENA_LEFT ? !known(sum, k) || more < *have : more > *have)
			*have = more;
	}
	sum->has_ena |= part->has_ena;
	sum->has_conntrack_available |= part->has_conntrack_available;
}

void cloudwatch_carry(struct cloudwatch_sample *later, const struct cloudwatch_sample *earlier)
{
	for (size_t i = 0; i < METRICS; i++)
		if (counts(metrics[i].kind))
			*field_of(later, i) += value_of(earlier, i);
	later->has_ena |= earlier->has_ena;
}

void cloudwatch_since(struct cloudwatch_sample *now, const struct cloudwatch_sample *before)
{
	for (size_t i = 0; i < METRICS; i++) {
		uint64_t *value = field_of(now, i), old = value_of(before, i);
		if (counts(metrics[i].kind) && *value >= old)
			*value -= old;
	}
}

bool cloudwatch_began_anew(const struct cloudwatch_sample *now, const struct cloudwatch_sample *before)
{
	for (size_t i = 0; i < METRICS; i++)
		if (counts(metrics[i].kind) && value_of(now, i) < value_of(before, i))
			return true;
	return false;
}

void cloudwatch_at_least(struct cloudwatch_sample *now, const struct cloudwatch_sample *before)
{
	for (size_t i = 0; i < METRICS; i++)
		if (counts(metrics[i].kind) && value_of(now, i) < value_of(before, i))
			*field_of(now, i) = value_of(before, i);
}

static void put_dimension(struct buf *b, unsigned metric, unsigned number, const char *name,
			  struct span value)
{
	char text[48];
	struct buf path = BUF_OF(text);
	buf_str(&path, "Dimensions.member.");
	text_u64(&path, number);
	buf_str(&path, ".Name");
	post_member(b, LIST, metric, buf_cstr(&path), span_str(name));
	path.len -= 4;
	buf_str(&path, "Value");
	post_member(b, LIST, metric, buf_cstr(&path), value);
}

static void put_metrics(struct buf *b, const struct object_identity *id,
			const struct cloudwatch_sample *sample)
{
	uint8_t when_text[32];
	struct buf when = BUF_OF(when_text);
	unsigned number = 0;
	time_rfc3339(&when, sample->at_ns);
	when.len -= 11; /* whole seconds are what the reference shows */
	buf_u8(&when, 'Z');
	for (size_t i = 0; i < METRICS; i++) {
		uint8_t digits[20];
		struct buf value = BUF_OF(digits);
		if (!metrics[i].metric || !known(sample, metrics[i].kind))
			continue;
		number++;
		text_u64(&value, value_of(sample, i));
		post_member(b, LIST, number, "MetricName", span_str(metrics[i].metric));
		post_member(b, LIST, number, "Unit", span_str(metrics[i].unit));
		post_member(b, LIST, number, "Value", buf_span(&value));
		post_member(b, LIST, number, "Timestamp", buf_span(&when));
		put_dimension(b, number, 1, "Appliance", span_str(id->appliance));
		if (metrics[i].cause)
			put_dimension(b, number, 2, "Cause", span_str(metrics[i].cause));
	}
}

enum err cloudwatch_call(const struct settings *s, const struct object_identity *id,
			 const struct cloudwatch_sample *sample, struct buf *body, struct post_call *call)
{
	if (!s->metrics_namespace[0])
		return ERR_MISSING;
	call->region = span_str(id->region);
	call->service = "monitoring";
	TRY(endpoint_of(s, ENDPOINT_MONITORING, call->region, &call->endpoint));
	post_field(body, "Action", SPAN("PutMetricData"));
	post_field(body, "Version", SPAN("2010-08-01"));
	post_field(body, "Namespace", span_str(s->metrics_namespace));
	put_metrics(body, id, sample);
	call->body = buf_span(body);
	return buf_err(body);
}

enum post_verdict cloudwatch_classify(unsigned status, struct span body, struct fault *fault)
{
	static const char denied[] = "let the role's policy allow cloudwatch:PutMetricData";
	static const char form[] = "correct metrics.namespace, and set the clock";
	static const struct fault_row rows[] = {
		{"AccessDenied", FAULT_DENIED, denied},
		{"AccessDeniedException", FAULT_DENIED, denied},
		{"InvalidParameterValue", FAULT_DENIED, form},
		{"InvalidParameterCombination", FAULT_DENIED, form},
		{"MissingParameter", FAULT_DENIED, form},
		{"MissingRequiredParameter", FAULT_DENIED, form},
		{"ValidationError", FAULT_DENIED, form},
		{NULL, FAULT_DENIED, NULL},
	};
	enum post_verdict v = post_classify(status, body, rows, denied, fault);
	return v == POST_DENIED && fault->remedy == form ? POST_UNFIT : v;
}
