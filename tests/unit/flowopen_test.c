#include "cli/flowopen.h"

#include "check.h"
#include "lib/pcapfilter.h"

static struct pcapfilter compiled;
static const struct flowopen_asked nothing;

static struct flowline flow(uint32_t client, uint16_t port, uint8_t proto)
{
	struct flowline f = {
		.kind = FLOWLINE_END, .proto = proto, .from_ns = 10000000000u, .to_ns = 20000000000u};
	f.orig = (struct flowline_side){.has_src = true, .has_dst = true, .sport = port, .dport = 443};
	f.orig.src = ip_from_v4(client);
	f.orig.dst = ip_from_v4(0xcb007105); /* 203.0.113.5 */
	f.reply = (struct flowline_side){.has_src = true, .has_dst = true, .sport = 443, .dport = 1024};
	f.reply.src = f.orig.dst;
	f.reply.dst = ip_from_v4(0xc612000a); /* 198.18.0.10 */
	return f;
}

static void compiles(const char *filter)
{
	char why[256];
	CHECK(pcapfilter_compile(filter, &compiled, why, sizeof(why)) == ERR_OK);
}

static void one_flow_is_named_on_both_sides(void)
{
	struct flowline f = flow(0x0a000005, 5000, 6);
	flowopen_begin(&nothing);
	flowopen_add(&f);
	flowopen_add(&f);
	const struct flowopen *o = flowopen_end();
	CHECK(o->how == FLOWOPEN_EXACT && o->flows == 2);
	CHECK_SPAN(span_str(o->filter),
		   SPAN("(tcp and host 10.0.0.5 and host 203.0.113.5 and port 5000 and port 443) or "
			"(tcp and host 203.0.113.5 and host 198.18.0.10 and port 443 and port 1024)"));
	CHECK(o->from_ns == 8000000000u && o->to_ns == 22000000000u);
	compiles(o->filter);
}

static void many_flows_are_named_by_who_answered(void)
{
	flowopen_begin(&nothing);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flowline f = flow(0x0a000005 + i, (uint16_t)(5000 + i), 6);
		flowopen_add(&f);
	}
	const struct flowopen *o = flowopen_end();
	CHECK(o->how == FLOWOPEN_SERVICES && o->flows == 1000);
	CHECK_SPAN(span_str(o->filter), SPAN("(tcp and host 203.0.113.5 and port 443)"));
	compiles(o->filter);
}

static void too_many_services_have_no_filter(void)
{
	flowopen_begin(&nothing);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flowline f = flow(0x0a000005, 5000, 17);
		f.orig.dst = f.reply.src = ip_from_v4(0xcb007100 + i);
		flowopen_add(&f);
	}
	CHECK(flowopen_end()->how == FLOWOPEN_NONE && !flowopen_end()->filter);
}

/* 1,000 flows of as many servers, chosen by what is asked. */
static const char *filter_of_many(const struct flowopen_asked *asked)
{
	flowopen_begin(asked);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flowline f = flow(0x0a000005, (uint16_t)(5000 + i), 17);
		f.orig.dst = f.reply.src = ip_from_v4(0xcb007100 + i);
		flowopen_add(&f);
	}
	const struct flowopen *o = flowopen_end();
	CHECK(o->how == FLOWOPEN_ASKED && o->filter);
	compiles(o->filter);
	return o->filter;
}

static void too_many_services_are_named_by_what_was_asked(void)
{
	struct flowopen_asked a = {.by_port = true, .port = 443};
	CHECK_SPAN(span_str(filter_of_many(&a)), SPAN("(port 443)"));
	a.by_proto = true;
	CHECK_SPAN(span_str(filter_of_many(&a)), SPAN("(udp and port 443)"));
	a.by_host = true;
	CHECK(!ip_net_read(SPAN("10.0.0.5"), &a.host));
	CHECK_SPAN(span_str(filter_of_many(&a)),
		   SPAN("(udp and net 10.0.0.5/32 and port 443) or (udp and host 198.18.0.10 and port 443)"));
	a = (struct flowopen_asked){.by_host = true};
	CHECK(!ip_net_read(SPAN("198.18.0.0/16"), &a.host)); /* the translation's own */
	CHECK_SPAN(span_str(filter_of_many(&a)), SPAN("(host 10.0.0.5) or (net 198.18.0.0/16)"));
}

/* A published port is another one behind the translation, and a crowd's source stands on no side. */
static void what_was_asked_is_on_one_side_alone(void)
{
	struct flowopen_asked a = {.by_port = true, .port = 443};
	flowopen_begin(&a);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flowline f = flow(0xcb007200 + i, 5000, 6);
		f.orig.dst = ip_from_v4(0xc6120000 + i);
		f.reply.src = ip_from_v4(0x0a000007);
		f.reply.sport = 8443;
		f.reply.dst = f.orig.src;
		f.reply.dport = f.orig.sport;
		flowopen_add(&f);
	}
	CHECK_SPAN(span_str(flowopen_end()->filter), SPAN("(port 443) or (host 10.0.0.7)"));
	compiles(flowopen_end()->filter);
	a = (struct flowopen_asked){.by_host = true};
	CHECK(!ip_net_read(SPAN("2001:db8::7"), &a.host));
	flowopen_begin(&a);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flowline f = {.kind = FLOWLINE_CROWD, .proto = 6};
		f.orig = (struct flowline_side){.has_dst = true, .dport = (uint16_t)i};
		CHECK(!ip_read(SPAN("2001:db8::9"), &f.orig.dst));
		flowopen_add(&f);
	}
	CHECK_SPAN(span_str(flowopen_end()->filter), SPAN("(net 2001:db8::7/128)"));
	compiles(flowopen_end()->filter);
}

static void as_many_as_fit_compile(void)
{
	for (uint32_t count = 1; count < 20; count++) {
		flowopen_begin(&nothing);
		for (uint32_t i = 0; i < count; i++) {
			struct flowline f = flow(0x0a000005 + i, (uint16_t)(5000 + i), i % 2 ? 6 : 17);
			f.orig.dst = f.reply.src = ip_from_v4(0xcb007100 + i);
			flowopen_add(&f);
		}
		const struct flowopen *o = flowopen_end();
		if (o->filter)
			compiles(o->filter);
	}
}

static void other_protocols_and_families_compile(void)
{
	struct flowline f = flow(0x0a000005, 0, 1), gre = flow(0x0a000006, 0, 47), six = flow(1, 7, 58);
	flowopen_begin(&nothing);
	flowopen_add(&f);
	flowopen_add(&gre);
	CHECK(!ip_read(SPAN("2001:db8::1"), &six.orig.src) && !ip_read(SPAN("2001:db8::2"), &six.orig.dst));
	six.reply = (struct flowline_side){.has_src = true, .has_dst = true};
	six.reply.src = six.orig.dst;
	six.reply.dst = six.orig.src;
	six.orig.icmp_id = six.reply.icmp_id = 9;
	flowopen_add(&six);
	const struct flowopen *o = flowopen_end();
	CHECK(o->how == FLOWOPEN_EXACT);
	compiles(o->filter);
}

static void what_has_no_address_is_counted(void)
{
	struct flowline f = {.kind = FLOWLINE_VERDICT};
	flowopen_begin(&nothing);
	flowopen_add(&f);
	CHECK(flowopen_end()->flows == 0 && flowopen_end()->without == 1);
}

int main(void)
{
	RUN(one_flow_is_named_on_both_sides, "a flow's filter names it on both sides of the translation");
	RUN(many_flows_are_named_by_who_answered, "flows too many to name are taken by who answered");
	RUN(too_many_services_have_no_filter,
	    "where that does not fit, and nothing was asked for, there is no filter");
	RUN(too_many_services_are_named_by_what_was_asked,
	    "services too many to name are taken by what was asked for, on both sides");
	RUN(what_was_asked_is_on_one_side_alone,
	    "where what was asked for is on one side alone, what stands for it on the other is named");
	RUN(as_many_as_fit_compile, "every filter that fits compiles");
	RUN(other_protocols_and_families_compile, "filters of ICMP, of other protocols and of "
						  "IPv6 compile");
	RUN(what_has_no_address_is_counted, "what has no address is counted apart");
	return check_done();
}
