#include "role/flows/flowlines.h"

#include "check.h"

static uint8_t mem[FLOWLINES_FLOW_MAX];

static void a_flow(void)
{
	static const char want[] =
		"{\"time\":\"1970-01-01T00:00:03.000000000Z\",\"flow\":\"end\",\"id\":7,"
		"\"start\":\"1970-01-01T00:00:01.000000001Z\",\"end\":\"1970-01-01T00:00:02.500000000Z\","
		"\"proto\":6,\"orig\":{\"src\":\"198.19.0.10\",\"sport\":40000,"
		"\"dst\":\"198.51.100.10\",\"dport\":443},"
		"\"reply\":{\"src\":\"198.51.100.10\",\"sport\":443,\"dst\":\"198.18.0.10\",\"dport\":1024},"
		"\"packets_out\":3,\"bytes_out\":300,\"packets_in\":4,\"bytes_in\":5000000000,"
		"\"answered\":true,\"reason\":\"closed\",\"community_id\":\"1:QvR3WQqLAnYs5FRoHLGJczjJ6po=\","
		"\"community_id_nat\":\"1:roc3wsMQvv4aD/lROqklvG6Sq30=\"}\n";
	struct ct_flow f = {.proto = CT_TCP,
			    .id = 7,
			    .status = CT_ANSWERED | CT_SRC_NAT,
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
	struct buf b = BUF_OF(mem);
	flowlines_flow(&b, 3000000000, &f, "closed");
	CHECK_SPAN(buf_span(&b), span_str(want));
}

/* The filter has these keys alone: it is made of the same bits. */
static void check_keys(struct bloom *b, const uint64_t *keys, size_t count)
{
	static struct bloom want;
	bloom_reset(&want);
	for (size_t i = 0; i < count; i++)
		bloom_add(&want, keys[i]);
	CHECK(memcmp(b->bits, want.bits, sizeof(want.bits)) == 0);
	bloom_reset(b);
}

static void keys(void)
{
	static struct bloom b;
	struct ip six = {{0x20, 1, [15] = 9}};
	struct ct_flow f = {.proto = CT_TCP};
	f.orig = (struct ct_tuple){.src = ip_from_v4(1), .dst = ip_from_v4(2), .sport = 40000, .dport = 443};
	f.reply = (struct ct_tuple){.src = ip_from_v4(2), .dst = six, .sport = 443, .dport = 1024};
	flowlines_flow_keys(&b, &f);
	const uint64_t both[] = {bloom_ip4(1),      bloom_ip4(2),    bloom_ip(&six),
				 bloom_port(40000), bloom_port(443), bloom_port(1024)};
	check_keys(&b, both, 6);
	f.proto = CT_ICMP; /* type and code are no ports */
	flowlines_flow_keys(&b, &f);
	check_keys(&b, both, 3);
	struct unanswered_crowd c = {
		.dst = ip_from_v4(5), .dport = 22, .source_count = 2, .more_sources = true};
	c.source[0] = six;
	c.source[1] = ip_from_v4(6);
	flowlines_crowd_keys(&b, &c);
	const uint64_t crowd[] = {bloom_ip4(5), bloom_port(22), bloom_ip(&six), bloom_ip4(6)};
	check_keys(&b, crowd, 4);
	struct verdicts_one v = {.src = ip_from_v4(7), .dst = six, .sport = 1, .dport = 0};
	flowlines_verdict_keys(&b, &v);
	const uint64_t verdict[] = {bloom_ip4(7), bloom_ip(&six), bloom_port(1), bloom_port(0)};
	check_keys(&b, verdict, 4);
	v.other = true;
	flowlines_verdict_keys(&b, &v);
	check_keys(&b, verdict, 0);
}

static void reasons(void)
{
	static const struct {
		uint8_t proto, state;
		uint32_t timeout_s;
		const char *reason, *at_shutdown;
	} cases[] = {
		{CT_TCP, CT_TCP_TIME_WAIT, 0, "closed", "closed"},
		{CT_TCP, CT_TCP_LAST_ACK, 0, "closed", "closed"},
		{CT_TCP, CT_TCP_CLOSE, 5, "reset", "reset"},
		{CT_TCP, CT_TCP_FIN_WAIT, 0, "half-closed", "shutdown"},
		{CT_TCP, CT_TCP_CLOSE_WAIT, 0, "half-closed", "shutdown"},
		{CT_TCP, 3, 0, "timeout", "shutdown"},
		{CT_TCP, 3, 9, "removed", "shutdown"},
		{CT_TCP, 200, 0, "timeout", "shutdown"},
		{CT_UDP, CT_TCP_TIME_WAIT, 0, "timeout", "shutdown"},
		{CT_UDP, 0, 2, "removed", "shutdown"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_flow f = {.proto = cases[i].proto,
				    .tcp_state = cases[i].state,
				    .timeout_s = cases[i].timeout_s};
		CHECK(!strcmp(flowlines_reason(&f), cases[i].reason));
		CHECK(!strcmp(flowlines_reason_at_shutdown(&f), cases[i].at_shutdown));
	}
}

static struct ip longest(void)
{
	struct ip a;
	memset(a.bytes, 0xff, sizeof(a.bytes));
	return a;
}

static void the_longest_lines_fit(void)
{
	struct ct_flow f = {.proto = 255,
			    .id = UINT32_MAX,
			    .status = 0,
			    .start_ns = UINT64_MAX / 2,
			    .stop_ns = UINT64_MAX / 2};
	f.orig = (struct ct_tuple){longest(), longest(), 65535, 65535, 0, 0, 0};
	f.reply = f.orig;
	f.packets[0] = f.packets[1] = f.bytes[0] = f.bytes[1] = UINT64_MAX;
	struct buf b = BUF_OF(mem);
	flowlines_flow(&b, UINT64_MAX / 2, &f, "half-closed");
	CHECK(!b.overflow);
	struct unanswered_crowd c = {.dst = longest(),
				     .dport = 65535,
				     .proto = 255,
				     .alone = UINT32_MAX,
				     .flows = UINT64_MAX,
				     .packets = UINT64_MAX,
				     .bytes = UINT64_MAX,
				     .first_ns = UINT64_MAX / 2,
				     .last_ns = UINT64_MAX / 2,
				     .source_count = UNANSWERED_SOURCES};
	for (uint32_t i = 0; i < UNANSWERED_SOURCES; i++)
		c.source[i] = longest();
	buf_reset(&b);
	flowlines_crowd(&b, UINT64_MAX / 2, &c);
	CHECK(!b.overflow && b.len <= FLOWLINES_CROWD_MAX);
	struct verdicts_one v = {.src = longest(),
				 .dst = longest(),
				 .sport = 65535,
				 .dport = 65535,
				 .proto = 255,
				 .packets = UINT64_MAX,
				 .bytes = UINT64_MAX,
				 .first_ns = UINT64_MAX / 2,
				 .last_ns = UINT64_MAX / 2};
	memset(v.reason, '"', sizeof(v.reason) - 1);
	buf_reset(&b);
	flowlines_verdict(&b, UINT64_MAX / 2, &v);
	CHECK(!b.overflow && b.len <= FLOWLINES_VERDICT_MAX);
}

static void refused(void)
{
	struct buf b = BUF_OF(mem);
	flowlines_refused(&b, 3000000000, "conntrack-full", 1000000000, 2000000000, 7);
	CHECK_SPAN(buf_span(&b),
		   SPAN("{\"time\":\"1970-01-01T00:00:03.000000000Z\",\"verdict\":\"conntrack-full\","
			"\"first\":\"1970-01-01T00:00:01.000000000Z\","
			"\"last\":\"1970-01-01T00:00:02.000000000Z\",\"packets\":7}\n"));
	buf_reset(&b);
	flowlines_refused(&b, UINT64_MAX / 2, "conntrack-full", UINT64_MAX / 2, UINT64_MAX / 2, UINT64_MAX);
	CHECK(!b.overflow && b.len <= FLOWLINES_VERDICT_MAX);
}

static void icmp(void)
{
	struct ct_flow f = {.proto = CT_ICMP};
	f.orig = (struct ct_tuple){
		.src = ip_from_v4(0xc0a80059), .dst = ip_from_v4(0xc0a80001), .icmp_id = 9, .icmp_type = 8};
	f.reply =
		(struct ct_tuple){.src = ip_from_v4(0xc0a80001), .dst = ip_from_v4(0xc0a80059), .icmp_id = 9};
	struct buf b = BUF_OF(mem);
	flowlines_flow(&b, 1, &f, NULL);
	const char *text = buf_cstr(&b);
	CHECK(strstr(text, "\"flow\":\"live\"") && !strstr(text, "\"end\"") && !strstr(text, "reason"));
	CHECK(strstr(text, "\"dst\":\"192.168.0.1\",\"type\":8,\"code\":0,\"id\":9}"));
	CHECK(strstr(text, "\"community_id\":\"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=\""));
	CHECK(strstr(text, "\"community_id_nat\":\"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=\""));
}

int main(void)
{
	RUN(a_flow, "a flow's line has both tuples, counts, times, reason and names");
	RUN(keys, "the addresses and ports of a line, and no others, are its keys");
	RUN(reasons, "a reason is what the state of the connection lets one tell");
	RUN(the_longest_lines_fit, "the longest lines fit the room that is made for them");
	RUN(refused, "a line of refused packets has reason, time span and number, and no tuple");
	RUN(icmp, "a line of ICMP has type, code and id; one of a flow that lives has no end");
	return check_done();
}
