#include "role/capture/cutter.h"

#include <linux/if_packet.h>
#include <time.h>

#include "check.h"
#include "packets.h"
#include "record/pcapng.h"

#define CLIENT 0xc6120a01u
#define SERVER 0xc6120b02u
#define OWN 0xc6120b0au

static struct cutter c;
static struct settings s;
static uint8_t bytes[2048];
static struct ring_packet p;

static void start(void)
{
	static struct msg_links links = {.count = 2, .link = {{.own_count = 1}, {.own_count = 1}}};
	memset(&c, 0, sizeof(c));
	cutter_init(&c, &s, 1);
	links.link[0].own[0] = ip_from_v4(OWN);
	links.link[1].own[0] = ip_from_v4(OWN + 1);
	cutter_own(&c, &links);
}

static void rule(enum conf_keep keep, const char *filter)
{
	struct capture_rule *r = &s.rule[s.rule_count++];
	*r = (struct capture_rule){.keep = keep};
	memcpy(r->filter, filter, strlen(filter) + 1);
}

static void is_packet(struct buf *b, bool vlan)
{
	uint32_t len = (uint32_t)b->len + (vlan ? 16 : 0);
	p = (struct ring_packet){
		.ts_ns = 20000 * 86400 * NS_PER_S, .len = len, .cap_len = len, .type = PACKET_HOST};
	p.vlan = vlan;
	p.tpid = 0x8100;
	p.tci = 5;
	p.head = span_of(bytes, vlan ? 12 : 0);
	p.tail = buf_span(b);
}

/* One of TCP; with vlan: as the ring gives it, the tag taken out. payload: bytes. */
static void tcp(uint32_t from, uint32_t to, uint16_t port, size_t payload, bool vlan)
{
	static uint8_t tagged[2048];
	struct buf b = vlan ? BUF_OF(tagged) : BUF_OF(bytes);
	memset(bytes, 2, 12);
	if (!vlan)
		buf_fill(&b, 2, 12);
	put_ipv4(&b, 6, from, to, 0);
	put_tcp(&b, 999, port, 6, 16);
	buf_fill(&b, 'p', payload);
	is_packet(&b, vlan);
}

static enum cutter_verdict decide(void)
{
	return cutter_decide(&c, &p);
}

static bool is_full(void)
{
	return p.cap_len == p.len && p.cap_len == p.head.len + p.tail.len + (p.vlan ? 4 : 0);
}

static bool is_headers(void)
{
	return p.cap_len == 14 + 20 + 24 + (p.vlan ? 4 : 0) && p.len > p.cap_len &&
	       p.cap_len == p.head.len + p.tail.len + (p.vlan ? 4 : 0);
}

static void nothing_configured(void)
{
	memset(&s, 0, sizeof(s));
	start();
	tcp(CLIENT, SERVER, 443, 100, false);
	CHECK(!c.on && decide() == CUTTER_RECORD && is_full());
}

static void by_rules(void)
{
	memset(&s, 0, sizeof(s));
	rule(CONF_KEEP_FULL, "host 198.18.10.9");
	rule(CONF_KEEP_HEADERS, "tcp port 443 or (vlan 5 and tcp port 443)");
	rule(CONF_KEEP_NONE, "ip and tcp");
	start();
	for (int vlan = 0; vlan < 2; vlan++) {
		tcp(CLIENT, SERVER, 443, 100, vlan);
		CHECK(decide() == CUTTER_RECORD && is_headers());
		CHECK(p.len == 14 + 20 + 24 + 100 + (vlan ? 4 : 0));
	}
	tcp(CLIENT, SERVER, 443, 0, false);
	CHECK(decide() == CUTTER_RECORD && is_full());
	tcp(CLIENT, SERVER, 80, 100, false);
	CHECK(decide() == CUTTER_REFUSED);
	tcp(0xc6120a09, SERVER, 443, 100, false);
	CHECK(decide() == CUTTER_RECORD && is_full());
	tcp(CLIENT, SERVER, 443, 100, false);
	bytes[46] = 0x10; /* a TCP header of 4 bytes */
	CHECK(decide() == CUTTER_RECORD && is_full());
}

static void own_connections(void)
{
	memset(&s, 0, sizeof(s));
	rule(CONF_KEEP_NONE, "greater 0");
	s.flow_cutoff_bytes = 1;
	s.budget_bytes_per_day = 1;
	start();
	for (size_t payload = 0; payload < 2; payload++) {
		tcp(SERVER, OWN, OWN_PORT_FIRST, payload * 100, false);
		if (payload) { /* as the ring's filter cut it */
			p.cap_len = 58;
			p.tail = span_first(p.tail, 58);
		}
		CHECK(decide() == CUTTER_RECORD && p.cap_len == 58 && p.len == 58 + payload * 100);
	}
	static const struct {
		uint32_t to;
		uint16_t port;
		uint8_t type;
		bool vlan;
	} other[] = {
		{OWN, OWN_PORT_FIRST - 1, PACKET_HOST, false},
		{OWN + 2, OWN_PORT_FIRST, PACKET_HOST, false},
		{OWN, OWN_PORT_FIRST, PACKET_OTHERHOST, false},
		{OWN, OWN_PORT_FIRST, PACKET_HOST, true},
	};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		tcp(SERVER, other[i].to, other[i].port, 0, other[i].vlan);
		p.type = other[i].type;
		CHECK(decide() == CUTTER_REFUSED);
	}
}

static void by_cutoff(void)
{
	memset(&s, 0, sizeof(s));
	rule(CONF_KEEP_HEADERS, "tcp port 80");
	s.flow_cutoff_bytes = 1000;
	start();
	for (unsigned i = 0; i < 20; i++) {
		tcp(CLIENT, SERVER, 443, 442, false); /* 500 bytes */
		CHECK(decide() == CUTTER_RECORD && (i < 2 ? is_full() : is_headers()));
	}
	tcp(CLIENT, SERVER, 444, 442, true);
	CHECK(decide() == CUTTER_RECORD && is_full());
}

static void by_budget(void)
{
	memset(&s, 0, sizeof(s));
	s.budget_bytes_per_day = 1000000;
	start();
	unsigned full = 0, cut = 0, dropped = 0;
	uint64_t written = 0;
	for (unsigned i = 0; i < 5000; i++) {
		tcp(CLIENT, SERVER, 443, 1200, i % 2);
		enum cutter_verdict v = decide();
		full += v == CUTTER_RECORD && is_full();
		cut += v == CUTTER_RECORD && is_headers();
		dropped += v == CUTTER_DROPPED;
		written += v == CUTTER_RECORD ? pcapng_packet_bytes(&p) : 0;
	}
	CHECK(full > 500 && cut > 100 && dropped > 1000 && full + cut + dropped == 5000);
	CHECK(written == c.budget.used_bytes && c.dropped == dropped && c.budget.cut == cut);
	tcp(0x01010101, SERVER, 443, 1200, false);
	CHECK(decide() == CUTTER_RECORD && is_full());
}

/* Nonsense is kept in full by rules, but is no way around the budget. */
static void nonsense(void)
{
	memset(&s, 0, sizeof(s));
	rule(CONF_KEEP_HEADERS, "greater 0");
	s.flow_cutoff_bytes = 1;
	s.budget_bytes_per_day = 1000000;
	start();
	unsigned full = 0, cut = 0, dropped = 0;
	for (unsigned i = 0; i < 10000; i++) {
		tcp(CLIENT, SERVER, 443, 1200, false);
		bytes[i % 2 ? 46 : 12] = 0;
		enum cutter_verdict v = decide();
		full += v == CUTTER_RECORD && is_full();
		cut += v == CUTTER_RECORD && p.cap_len == 12 + CUTTER_UNREAD_KEPT;
		dropped += v == CUTTER_DROPPED;
	}
	CHECK(full > 500 && cut > 100 && dropped > 1000 && full + cut + dropped == 10000);
	CHECK(c.budget.used_bytes <= 1000000);
}

static double ns_per_packet(unsigned flows)
{
	struct timespec a, b;
	unsigned n = 2000000;
	clock_gettime(CLOCK_MONOTONIC, &a);
	tcp(CLIENT, SERVER, 443, 1200, false);
	struct ring_packet fresh = p;
	for (unsigned i = 0; i < n; i++) {
		p = fresh;
		bytes[36] = (uint8_t)(i % flows >> 8);
		bytes[37] = (uint8_t)(i % flows);
		bytes[29] = (uint8_t)(i % flows);
		(void)decide();
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / n;
}

/* Prints what a decision costs; the promise is far above it, for machines that have much to do. */
static void cost(const char *configured, uint32_t flows)
{
	start();
	double ns = ns_per_packet(flows);
	printf("  # %s: %.1f ns a packet\n", configured, ns);
	CHECK(ns < 20000);
}

static void costs(void)
{
	memset(&s, 0, sizeof(s));
	cost("nothing configured", 1000);
	rule(CONF_KEEP_FULL, "udp port 53");
	cost("one rule", 1000);
	rule(CONF_KEEP_NONE, "net 10.0.0.0/8 and tcp port 9000");
	rule(CONF_KEEP_HEADERS, "tcp port 8443 or tcp port 22");
	rule(CONF_KEEP_HEADERS, "ip6 and udp");
	cost("four rules", 1000);
	s.rule_count = 0;
	s.flow_cutoff_bytes = 1000000;
	cost("cutoff, 1,000 flows", 1000);
	cost("cutoff, 50,000 flows", 50000);
	s.flow_cutoff_bytes = 0;
	s.budget_bytes_per_day = 1ull << 40;
	cost("budget", 1000);
}

int main(void)
{
	RUN(nothing_configured, "where nothing is configured every packet stays as it is");
	RUN(by_rules, "rules keep a packet in full, as headers or not at all, with and without a VLAN tag");
	RUN(own_connections,
	    "own connections stay as the ring cut them, whatever the rules say; nobody else does");
	RUN(by_cutoff, "beyond the flow's cutoff headers are kept");
	RUN(by_budget, "the budget counts what is written, cuts and drops; another source stays in full");
	RUN(nonsense, "what can't be read is kept in full, except by the budget");
	RUN(costs, "a decision takes less than 20 us a packet, whatever is configured");
	return check_done();
}
