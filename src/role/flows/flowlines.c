/* A flow:
 *
 *   time, flow ("end", or "live": it goes on, counts so far), id, start, end, proto,
 *   orig {src, sport, dst, dport} as its first packet came, or {src, dst, type, code, id} of ICMP;
 *   reply {…} as the answers to it come: where nothing is translated orig turned round, else what the far
 * side sees: there its packets go from reply.dst to reply.src; packets_out, bytes_out (as the flow began),
 * packets_in, bytes_in: bytes from the IP header on, fragments as the one datagram they make; answered;
 * reason (of an end); community_id of orig, community_id_nat of reply
 *
 *   reason: closed, reset, half-closed (TCP: it ran out in the middle of closing), timeout (nothing came for
 * too long), removed (before its time was over: given up for a new one when the table was full), shutdown (it
 * lived when recording ended), events-lost (it ended without a word; the counts are the last known ones)
 *
 * Flows without an answer to one destination, beyond the first (role/flows/unanswered):
 *
 *   time, flow ("unanswered"), start, end, proto, dst, dport, flows, alone (how many stand alone besides),
 *   packets_out, bytes_out, sources [the first], more_sources
 *
 * Packets that were recorded but not forwarded (role/flows/verdicts):
 *
 *   time, verdict (the reason), first, last, proto, src, sport, dst, dport, packets, bytes; "other": true
 * stands instead of the tuple where there were too many. Of an ICMP error of our own the packet that it is
 * about. time, verdicts_lost: packets of which no more is known
 *
 * Packets that connection tracking refused (role/flows/undelivered), of which no more is known:
 *
 *   time, verdict, first, last (it was within this time), packets
 *
 *   verdict: conntrack-full (there was no room for a flow), no-nat-port (no port was free for its
 * translation; or two packets began one flow at once). The appliance's own, which never left it, are counted
 * too.
 *
 * After a loss of events: time, events_lost (how often), flows (live), unknown, ended
 */
#include "role/flows/flowlines.h"

#include "aws/json.h"
#include "record/community_id.h"
#include "role/jsonlines.h"

static bool is_icmp(uint8_t proto)
{
	return proto == CT_ICMP || proto == CT_ICMPV6;
}

/* NULL: the state does not say. */
static const char *reason_of_state(const struct ct_flow *f)
{
	static const char *const reasons[] = {
		[CT_TCP_FIN_WAIT] = "half-closed", [CT_TCP_CLOSE_WAIT] = "half-closed",
		[CT_TCP_LAST_ACK] = "closed",      [CT_TCP_TIME_WAIT] = "closed",
		[CT_TCP_CLOSE] = "reset",
	};
	bool known = f->proto == CT_TCP && f->tcp_state < sizeof(reasons) / sizeof(reasons[0]);
	return known ? reasons[f->tcp_state] : NULL;
}

const char *flowlines_reason(const struct ct_flow *f)
{
	const char *reason = reason_of_state(f);
	return reason ? reason : f->timeout_s ? "removed" : "timeout";
}

const char *flowlines_reason_at_shutdown(const struct ct_flow *f)
{
	const char *reason = f->tcp_state >= CT_TCP_LAST_ACK ? reason_of_state(f) : NULL;
	return reason ? reason : "shutdown";
}

static void begin(struct buf *b, uint64_t now_ns)
{
	buf_u8(b, '{');
	jsonlines_time(b, "time", now_ns);
}

static void put_bool(struct buf *b, const char *key, bool v)
{
	jsonlines_key(b, key);
	buf_str(b, v ? "true" : "false");
}

static void put_tuple(struct buf *b, const char *key, const struct ct_tuple *t, uint8_t proto)
{
	jsonlines_key(b, key);
	buf_u8(b, '{');
	jsonlines_ip(b, "src", &t->src);
	if (!is_icmp(proto))
		jsonlines_u64(b, "sport", t->sport);
	jsonlines_ip(b, "dst", &t->dst);
	if (is_icmp(proto)) {
		jsonlines_u64(b, "type", t->icmp_type);
		jsonlines_u64(b, "code", t->icmp_code);
		jsonlines_u64(b, "id", t->icmp_id);
	} else {
		jsonlines_u64(b, "dport", t->dport);
	}
	buf_u8(b, '}');
}

static void put_id(struct buf *b, const char *key, const struct ct_tuple *t, uint8_t proto)
{
	struct community_id c = {
		.src = t->src, .dst = t->dst, .sport = t->sport, .dport = t->dport, .proto = proto};
	if (is_icmp(proto)) {
		c.sport = t->icmp_type;
		c.dport = t->icmp_code;
	}
	jsonlines_key(b, key);
	buf_u8(b, '"');
	community_id(b, &c);
	buf_u8(b, '"');
}

void flowlines_flow(struct buf *b, uint64_t now_ns, const struct ct_flow *f, const char *reason)
{
	begin(b, now_ns);
	jsonlines_text(b, "flow", reason ? "end" : "live");
	jsonlines_u64(b, "id", f->id);
	if (f->start_ns)
		jsonlines_time(b, "start", f->start_ns);
	if (reason)
		jsonlines_time(b, "end", f->stop_ns ? f->stop_ns : now_ns);
	jsonlines_u64(b, "proto", f->proto);
	put_tuple(b, "orig", &f->orig, f->proto);
	put_tuple(b, "reply", &f->reply, f->proto);
	jsonlines_u64(b, "packets_out", f->packets[CT_OUT]);
	jsonlines_u64(b, "bytes_out", f->bytes[CT_OUT]);
	jsonlines_u64(b, "packets_in", f->packets[CT_IN]);
	jsonlines_u64(b, "bytes_in", f->bytes[CT_IN]);
	put_bool(b, "answered", f->status & CT_ANSWERED);
	if (reason)
		jsonlines_text(b, "reason", reason);
	put_id(b, "community_id", &f->orig, f->proto);
	put_id(b, "community_id_nat", &f->reply, f->proto);
	buf_str(b, "}\n");
}

void flowlines_crowd(struct buf *b, uint64_t now_ns, const struct unanswered_crowd *c)
{
	begin(b, now_ns);
	jsonlines_text(b, "flow", "unanswered");
	jsonlines_time(b, "start", c->first_ns);
	jsonlines_time(b, "end", c->last_ns);
	jsonlines_u64(b, "proto", c->proto);
	jsonlines_ip(b, "dst", &c->dst);
	jsonlines_u64(b, "dport", c->dport);
	jsonlines_u64(b, "flows", c->flows);
	jsonlines_u64(b, "alone", c->alone);
	jsonlines_u64(b, "packets_out", c->packets);
	jsonlines_u64(b, "bytes_out", c->bytes);
	jsonlines_key(b, "sources");
	for (uint32_t i = 0; i < c->source_count; i++) {
		buf_str(b, i ? ",\"" : "[\"");
		ip_text(b, &c->source[i]);
		buf_u8(b, '"');
	}
	buf_u8(b, ']');
	put_bool(b, "more_sources", c->more_sources);
	buf_str(b, "}\n");
}

void flowlines_verdict(struct buf *b, uint64_t now_ns, const struct verdicts_one *v)
{
	begin(b, now_ns);
	jsonlines_text(b, "verdict", v->reason);
	jsonlines_time(b, "first", v->first_ns);
	jsonlines_time(b, "last", v->last_ns);
	if (v->other) {
		put_bool(b, "other", true);
	} else {
		jsonlines_u64(b, "proto", v->proto);
		jsonlines_ip(b, "src", &v->src);
		jsonlines_u64(b, "sport", v->sport);
		jsonlines_ip(b, "dst", &v->dst);
		jsonlines_u64(b, "dport", v->dport);
	}
	jsonlines_u64(b, "packets", v->packets);
	jsonlines_u64(b, "bytes", v->bytes);
	buf_str(b, "}\n");
}

/* ---- keys of what has a tuple */

static void tuple_keys(struct bloom *b, const struct ct_tuple *t, uint8_t proto)
{
	bloom_add(b, bloom_ip(&t->src));
	bloom_add(b, bloom_ip(&t->dst));
	if (is_icmp(proto))
		return;
	bloom_add(b, bloom_port(t->sport));
	bloom_add(b, bloom_port(t->dport));
}

void flowlines_flow_keys(struct bloom *b, const struct ct_flow *f)
{
	tuple_keys(b, &f->orig, f->proto);
	tuple_keys(b, &f->reply, f->proto);
}

void flowlines_crowd_keys(struct bloom *b, const struct unanswered_crowd *c)
{
	bloom_add(b, bloom_ip(&c->dst));
	bloom_add(b, bloom_port(c->dport));
	for (uint32_t i = 0; i < c->source_count; i++)
		bloom_add(b, bloom_ip(&c->source[i]));
}

void flowlines_verdict_keys(struct bloom *b, const struct verdicts_one *v)
{
	if (v->other)
		return;
	bloom_add(b, bloom_ip(&v->src));
	bloom_add(b, bloom_ip(&v->dst));
	bloom_add(b, bloom_port(v->sport));
	bloom_add(b, bloom_port(v->dport));
}

/* ---- what has none */

void flowlines_refused(struct buf *b, uint64_t now_ns, const char *reason, uint64_t first_ns,
		       uint64_t last_ns, uint64_t packets)
{
	begin(b, now_ns);
	jsonlines_text(b, "verdict", reason);
	jsonlines_time(b, "first", first_ns);
	jsonlines_time(b, "last", last_ns);
	jsonlines_u64(b, "packets", packets);
	buf_str(b, "}\n");
}

void flowlines_verdicts_lost(struct buf *b, uint64_t now_ns, uint64_t packets)
{
	begin(b, now_ns);
	jsonlines_u64(b, "verdicts_lost", packets);
	buf_str(b, "}\n");
}

void flowlines_reconciled(struct buf *b, uint64_t now_ns, const struct flowlines_reconciled *r)
{
	begin(b, now_ns);
	jsonlines_u64(b, "events_lost", r->losses);
	jsonlines_u64(b, "flows", r->live);
	jsonlines_u64(b, "unknown", r->unknown);
	jsonlines_u64(b, "ended", r->ended);
	buf_str(b, "}\n");
}
