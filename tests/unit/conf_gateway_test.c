#include "base/conf_gateway.h"

#include <stdlib.h>

#include "base/text.h"
#include "check.h"

static struct conf_gateway c;

static void clear(void)
{
	c = (struct conf_gateway){.nat = 99};
}

static bool net_is(const struct ip_net *n, const char *text)
{
	uint8_t bytes[64];
	struct buf b = BUF_OF(bytes);
	ip_net_text(&b, n);
	return span_eq(buf_span(&b), span_str(text));
}

static void nat(void)
{
	static const struct {
		const char *value;
		enum err e;
		enum conf_nat nat;
	} rows[] = {
		{"masquerade", ERR_OK, CONF_NAT_MASQUERADE},
		{"none", ERR_OK, CONF_NAT_NONE},
		{"198.51.100.7", ERR_OK, CONF_NAT_SNAT},
		{"1.0.0.0", ERR_OK, CONF_NAT_SNAT},
		{"223.255.255.255", ERR_OK, CONF_NAT_SNAT},
		{"0.0.0.0", ERR_RANGE, 0},
		{"0.1.2.3", ERR_RANGE, 0},
		{"224.0.0.1", ERR_RANGE, 0},
		{"255.255.255.255", ERR_RANGE, 0},
		{"198.51.100.7/32", ERR_SYNTAX, 0},
		{"2001:db8::1", ERR_SYNTAX, 0},
		{"", ERR_SYNTAX, 0},
		{"Masquerade", ERR_SYNTAX, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[15];
		struct buf b = BUF_OF(bytes);
		clear();
		CHECK(conf_gateway_read_nat(span_str(rows[i].value), &c) == rows[i].e);
		if (rows[i].e)
			continue;
		CHECK(c.nat == rows[i].nat && (c.nat == CONF_NAT_SNAT) == (c.snat_addr != 0));
		conf_gateway_nat_text(&b, &c);
		CHECK_SPAN(buf_span(&b), span_str(rows[i].value));
	}
}

static const struct {
	const char *value;
	enum err e;
	uint16_t first, last, to_port;
	const char *from;
} publish_rows[] = {
	{"tcp 443 -> 10.0.2.10", ERR_OK, 443, 443, 0, "0.0.0.0/0"},
	{"tcp 443 -> 10.0.2.10:443", ERR_OK, 443, 443, 0, "0.0.0.0/0"},
	{"udp  1-64511\t->\t10.0.2.10:53", ERR_OK, 1, 64511, 53, "0.0.0.0/0"},
	{"tcp 443 -> 10.0.2.10:65535 from 203.0.113.0/24", ERR_OK, 443, 443, 65535, "203.0.113.0/24"},
	{"tcp 8000-8010 -> 10.0.2.10:8000-8010 from 192.0.2.1", ERR_OK, 8000, 8010, 0, "192.0.2.1/32"},
	{"tcp 8000-8010 -> 10.0.2.10:9000-9010", ERR_UNSUPPORTED, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10:443-444", ERR_UNSUPPORTED, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10 from 2001:db8::/32", ERR_UNSUPPORTED, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10 from 203.0.113.1/24", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10 from", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10 to 10.0.0.0/8", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10 from any x", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 -> 224.0.0.1", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 443 -> 0.0.0.0", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10:0", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10:65536", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 443 -> 10.0.2.10:", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 -> web", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 -> 2001:db8::1", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443 > 10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 443->10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 0 -> 10.0.2.10", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 2-1 -> 10.0.2.10", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 1- -> 10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"tcp 64512 -> 10.0.2.10", ERR_RANGE, 0, 0, 0, NULL},
	{"tcp 64000-65000 -> 10.0.2.10", ERR_RANGE, 0, 0, 0, NULL},
	{"icmp 1 -> 10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"any 1 -> 10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"443 -> 10.0.2.10", ERR_SYNTAX, 0, 0, 0, NULL},
	{"", ERR_SYNTAX, 0, 0, 0, NULL},
};

static void publish(void)
{
	for (size_t i = 0; i < sizeof(publish_rows) / sizeof(publish_rows[0]); i++) {
		clear();
		enum err e = conf_gateway_read_publish(span_str(publish_rows[i].value), 7, &c);
		if (e != publish_rows[i].e)
			printf("  \"%s\": %s\n", publish_rows[i].value, err_text(e));
		CHECK(e == publish_rows[i].e && c.publish_count == (e ? 0 : 1));
		if (e)
			continue;
		const struct conf_publish *p = &c.publish[0];
		CHECK(p->ports.first == publish_rows[i].first && p->ports.last == publish_rows[i].last);
		CHECK(p->to_ports.first == publish_rows[i].to_port && p->to == 0x0a00020a && p->line == 7);
		CHECK(net_is(&p->from, publish_rows[i].from));
		CHECK(p->protocol == (publish_rows[i].value[0] == 't' ? CONF_TCP : CONF_UDP));
	}
}

static void publish_once(void)
{
	clear();
	CHECK(conf_gateway_read_publish(SPAN("tcp 10-20 -> 10.0.0.1"), 1, &c) == ERR_OK);
	CHECK(conf_gateway_read_publish(SPAN("udp 15 -> 10.0.0.1"), 2, &c) == ERR_OK);
	CHECK(conf_gateway_read_publish(SPAN("tcp 20 -> 10.0.0.2"), 3, &c) == ERR_DUPLICATE);
	CHECK(conf_gateway_read_publish(SPAN("tcp 1-10 -> 10.0.0.2"), 3, &c) == ERR_DUPLICATE);
	CHECK(conf_gateway_read_publish(SPAN("tcp 12-13 -> 10.0.0.2 from 192.0.2.0/24"), 3, &c) ==
	      ERR_DUPLICATE);
	CHECK(conf_gateway_read_publish(SPAN("tcp 21 -> 10.0.0.2"), 3, &c) == ERR_OK);
	CHECK(conf_gateway_read_publish(SPAN("tcp 9 -> 10.0.0.2"), 3, &c) == ERR_OK);
	while (c.publish_count < CONF_PUBLISHED) {
		char text[64];
		int n = snprintf(text, sizeof(text), "tcp %u -> 10.0.0.3", 1000 + c.publish_count);
		CHECK(conf_gateway_read_publish(span_of(text, (size_t)n), 9, &c) == ERR_OK);
	}
	CHECK(conf_gateway_read_publish(SPAN("tcp 2000 -> 10.0.0.3"), 9, &c) == ERR_TOO_LONG);
}

static const struct {
	const char *value;
	enum err e;
	enum conf_direction direction;
	enum conf_protocol protocol;
	uint32_t family;
	const char *from, *to;
	struct conf_ports from_ports, to_ports;
} forward_rows[] = {
	{"out", ERR_OK, CONF_OUT, CONF_ANY, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"in any", ERR_OK, CONF_IN, CONF_ANY, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out tcp to any port 443", ERR_OK, CONF_OUT, CONF_TCP, 0, NULL, NULL, {0, 0}, {443, 443}},
	{"in  udp from 203.0.113.0/24 port 53\tto 10.0.2.53 port 1024-65535",
	 ERR_OK,
	 CONF_IN,
	 CONF_UDP,
	 4,
	 "203.0.113.0/24",
	 "10.0.2.53/32",
	 {53, 53},
	 {1024, 65535}},
	{"out icmp to 2001:db8::/33", ERR_OK, CONF_OUT, CONF_ICMP, 6, NULL, "2001:db8::/33", {0, 0}, {0, 0}},
	{"out from 0.0.0.0/0", ERR_OK, CONF_OUT, CONF_ANY, 4, "0.0.0.0/0", NULL, {0, 0}, {0, 0}},
	{"out from ::/0", ERR_OK, CONF_OUT, CONF_ANY, 6, "::/0", NULL, {0, 0}, {0, 0}},
	{"out from 10.0.0.0/8 to 2001:db8::1", ERR_EXCLUSIVE, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out to any port 443", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out icmp to any port 8", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out tcp port 443", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out tcp to any port 0", ERR_RANGE, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out tcp to any port", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out to any from any", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out to 10.0.0.1/8", ERR_RANGE, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out to", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"out sctp", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"tcp to any port 443", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
	{"", ERR_SYNTAX, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}},
};

static bool ports_are(const struct conf_ports *a, const struct conf_ports *b)
{
	return a->first == b->first && a->last == b->last;
}

static void forward(void)
{
	for (size_t i = 0; i < sizeof(forward_rows) / sizeof(forward_rows[0]); i++) {
		clear();
		enum err e = conf_gateway_read_forward(span_str(forward_rows[i].value), 8, i % 2, &c);
		if (e != forward_rows[i].e)
			printf("  \"%s\": %s\n", forward_rows[i].value, err_text(e));
		CHECK(e == forward_rows[i].e && c.forward_count == (e ? 0 : 1));
		if (e)
			continue;
		const struct conf_forward *r = &c.forward[0];
		CHECK(r->direction == forward_rows[i].direction && r->protocol == forward_rows[i].protocol);
		CHECK(r->family == forward_rows[i].family && r->line == 8 && r->allow == i % 2);
		CHECK(forward_rows[i].from ? net_is(&r->from, forward_rows[i].from) : !r->from.prefix_len);
		CHECK(forward_rows[i].to ? net_is(&r->to, forward_rows[i].to) : !r->to.prefix_len);
		CHECK(ports_are(&r->from_ports, &forward_rows[i].from_ports));
		CHECK(ports_are(&r->to_ports, &forward_rows[i].to_ports));
	}
}

static void forward_in_order(void)
{
	clear();
	for (unsigned i = 0; i < CONF_FORWARD_RULES; i++)
		CHECK(conf_gateway_read_forward(SPAN("out"), i, i % 3 == 0, &c) == ERR_OK);
	CHECK(conf_gateway_read_forward(SPAN("out"), 99, true, &c) == ERR_TOO_LONG);
	for (unsigned i = 0; i < CONF_FORWARD_RULES; i++)
		CHECK(c.forward[i].line == i && c.forward[i].allow == (i % 3 == 0));
}

int main(void)
{
	RUN(nat, "nat is masquerade, none or a unicast IPv4 address");
	RUN(publish, "a published service is read whole or refused");
	RUN(publish_once, "no port is published twice for a protocol, and there is room for 32");
	RUN(forward, "a forward rule is read whole or refused");
	RUN(forward_in_order, "allow and deny are one list in the order of their lines, of at most 64");
	return check_done();
}
