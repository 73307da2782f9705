#include "record/flowline.h"

#include "check.h"
#include "record/logline.h"
#include "role/flows/flowlines.h"

static uint8_t mem[FLOWLINES_FLOW_MAX];

static struct ct_flow some_flow(void)
{
	struct ct_flow f = {.proto = CT_TCP,
			    .id = 7,
			    .status = CT_ANSWERED,
			    .start_ns = 1000000001,
			    .stop_ns = 2500000000};
	f.orig = (struct ct_tuple){
		.src = ip_from_v4(0xc613000a), .dst = ip_from_v4(0xc633640a), .sport = 40000, .dport = 443};
	f.reply = (struct ct_tuple){
		.src = ip_from_v4(0xc633640a), .dst = ip_from_v4(0xc612000a), .sport = 443, .dport = 1024};
	f.packets[CT_OUT] = 3;
	f.bytes[CT_OUT] = 300;
	f.packets[CT_IN] = 4;
	f.bytes[CT_IN] = 5000000000ull;
	return f;
}

static void a_flow_reads_back(void)
{
	struct ct_flow f = some_flow();
	struct buf b = BUF_OF(mem);
	struct flowline l;
	flowlines_flow(&b, 3000000000, &f, "closed");
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK);
	CHECK(l.kind == FLOWLINE_END && l.id == 7 && l.proto == 6 && l.answered);
	CHECK(l.time_ns == 3000000000 && l.from_ns == 1000000001 && l.to_ns == 2500000000);
	CHECK(l.orig.has_src && ip_eq(&l.orig.src, &f.orig.src) && ip_eq(&l.orig.dst, &f.orig.dst));
	CHECK(l.orig.sport == 40000 && l.orig.dport == 443);
	CHECK(ip_eq(&l.reply.src, &f.reply.src) && ip_eq(&l.reply.dst, &f.reply.dst) &&
	      l.reply.dport == 1024);
	CHECK(l.packets_out == 3 && l.bytes_out == 300 && l.packets_in == 4 && l.bytes_in == 5000000000ull);
	CHECK_SPAN(l.reason, SPAN("closed"));
	CHECK(l.community_id.len == 30 && l.community_id_nat.len == 30);
	CHECK(flowline_is_translated(&l));
}

static void a_live_flow_reads_back(void)
{
	struct ct_flow f = some_flow();
	struct buf b = BUF_OF(mem);
	struct flowline l;
	f.reply.dst = f.orig.src;
	f.reply.dport = f.orig.sport;
	flowlines_flow(&b, 3000000000, &f, NULL);
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK);
	CHECK(l.kind == FLOWLINE_LIVE && l.to_ns == 3000000000 && l.reason.len == 0);
	CHECK(!flowline_is_translated(&l));
}

static void an_icmp_flow_reads_back(void)
{
	struct ct_flow f = some_flow();
	struct buf b = BUF_OF(mem);
	struct flowline l;
	f.proto = CT_ICMP;
	f.orig.icmp_type = 8;
	f.orig.icmp_id = 77;
	f.reply = (struct ct_tuple){.src = f.orig.dst, .dst = f.orig.src, .icmp_id = 77};
	flowlines_flow(&b, 3000000000, &f, "timeout");
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK);
	CHECK(flowline_is_icmp(&l) && l.id == 7 && l.orig.icmp_type == 8 && l.orig.icmp_id == 77 &&
	      !l.orig.dport);
	CHECK(!flowline_is_translated(&l));
}

static void a_crowd_reads_back(void)
{
	struct unanswered_crowd c = {
		.dst = ip_from_v4(0xc6336401), .dport = 23, .proto = CT_TCP, .alone = 1, .flows = 900};
	struct buf b = BUF_OF(mem);
	struct flowline l;
	struct ip source;
	c.packets = 901;
	c.bytes = 60000;
	c.first_ns = 5;
	c.last_ns = 9;
	c.source_count = 2;
	c.source[0] = ip_from_v4(0x0a000001);
	c.source[1] = ip_from_v4(0x0a000002);
	c.more_sources = true;
	flowlines_crowd(&b, 3000000000, &c);
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK);
	CHECK(l.kind == FLOWLINE_CROWD && l.flows == 900 && l.packets_out == 901 && l.bytes_out == 60000);
	CHECK(l.from_ns == 5 && l.to_ns == 9 && l.orig.has_dst && !l.orig.has_src && l.orig.dport == 23);
	CHECK(flowline_source(&l, 1, &source) && ip_eq(&source, &c.source[1]));
	CHECK(!flowline_source(&l, 2, &source));
}

static void verdicts_read_back(void)
{
	struct verdicts_one v = {
		.reason = "port-zero", .proto = CT_UDP, .sport = 9, .packets = 2, .bytes = 80, .first_ns = 3};
	struct buf b = BUF_OF(mem);
	struct flowline l;
	v.src = ip_from_v4(1);
	v.last_ns = 4;
	flowlines_verdict(&b, 3000000000, &v);
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK);
	CHECK(l.kind == FLOWLINE_VERDICT && l.proto == 17 && l.orig.has_src && l.orig.sport == 9 &&
	      l.packets_out == 2);
	CHECK(l.from_ns == 3 && l.to_ns == 4 && l.bytes_out == 80);
	CHECK_SPAN(l.reason, SPAN("port-zero"));
	buf_reset(&b);
	flowlines_refused(&b, 3000000000, "no-nat-port", 1, 2, 6);
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK && l.kind == FLOWLINE_VERDICT && !l.orig.has_src &&
	      l.packets_out == 6);
}

static void notes_are_no_traffic(void)
{
	struct buf b = BUF_OF(mem);
	struct flowline l;
	flowlines_verdicts_lost(&b, 3000000000, 4);
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK && l.kind == FLOWLINE_NOTE);
	buf_reset(&b);
	flowlines_reconciled(&b, 3000000000, &(struct flowlines_reconciled){1, 2, 3, 4});
	CHECK(flowline_read(buf_span(&b), &l) == ERR_OK && l.kind == FLOWLINE_NOTE);
}

static void other_lines_are_refused(void)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"[]",
		"{\"time\":1}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"proto\":256}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"orig\":{\"src\":\"10.0.0.256\"}}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"orig\":{\"sport\":65536}}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"orig\":7}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"packets_in\":-1}",
		"{\"time\":\"1970-01-01T00:00:03Z\",\"answered\":1}",
		"{\"time\":\"1970-01-01T00:00:03Z\"",
	};
	struct flowline l;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(flowline_read(span_str(wrong[i]), &l) == ERR_SYNTAX);
}

static void a_log_line_reads_back(void)
{
	static const char text[] =
		"{\"time\":\"1970-01-01T00:00:03Z\",\"level\":\"alarm\",\"role\":\"net\",\"event\":\"lost\","
		"\"packets\":7,\"cause\":\"a\\u0007b\"}";
	struct logline l;
	struct json_member m;
	CHECK(logline_read(span_str(text), &l) == ERR_OK);
	CHECK(l.time_ns == 3000000000);
	CHECK_SPAN(l.level, SPAN("alarm"));
	CHECK_SPAN(l.role, SPAN("net"));
	CHECK_SPAN(l.event, SPAN("lost"));
	CHECK(json_walk_next(&l.rest, &m) == ERR_OK);
	CHECK_SPAN(m.key, SPAN("packets"));
	CHECK(json_walk_next(&l.rest, &m) == ERR_OK && json_walk_next(&l.rest, &m) == ERR_NOT_FOUND);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		CHECK(logline_read(span_of(text, n), &l) == ERR_SYNTAX);
	CHECK(logline_read(SPAN("{\"time\":\"1970-01-01T00:00:03Z\",\"flow\":\"end\"}"), &l) == ERR_SYNTAX);
}

int main(void)
{
	RUN(a_flow_reads_back, "a flow's line reads back as it was written");
	RUN(a_live_flow_reads_back,
	    "a flow that goes on reads back, untranslated where its answers come to its source");
	RUN(an_icmp_flow_reads_back, "a flow of ICMP reads back with its type and id");
	RUN(a_crowd_reads_back, "unanswered flows that share a line read back with their sources");
	RUN(verdicts_read_back,
	    "packets that were not forwarded read back, also those of which no address is known");
	RUN(notes_are_no_traffic, "lines that tell of losses of the record are no traffic");
	RUN(other_lines_are_refused, "what is no line of the stream is refused");
	RUN(a_log_line_reads_back, "a line of the log reads back, and cut anywhere it is refused");
	return check_done();
}
