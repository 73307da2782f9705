#include "net/rtnl.h"

#include <stdint.h>

#include "check.h"
#include "noise.h"

/* Messages as Linux takes them on a little-endian machine, by linux/rtnetlink.h. */
#define LE16(v) ((v)&0xff), ((v) >> 8)

static uint8_t bytes[512];

static void writes_an_address(void)
{
	static const uint8_t want[] = {
		40, 0,  0, 0, LE16(20), LE16(0x505), 7, 0,
		0,  0,  0, 0, 0,        0,                 /* NEWADDR, ack|create|replace, seq 7 */
		2,  24, 0, 0, 3,        0,           0, 0, /* IPv4 /24, link 3 */
		8,  0,  2, 0, 198,      18,          1, 1, /* IFA_LOCAL */
		8,  0,  1, 0, 198,      18,          1, 1, /* IFA_ADDRESS */
	};
	struct rtnl_addr a = {.ifindex = 3, .addr = ip_from_v4(0xc6120101), .prefix_len = 24};
	struct buf b = BUF_OF(bytes);
	rtnl_addr_set(&b, 7, &a);
	CHECK_SPAN(buf_span(&b), span_of(want, sizeof(want)));
	buf_reset(&b);
	rtnl_addr_delete(&b, 7, &a);
	CHECK(b.len == 40 && b.p[4] == 21 && b.p[6] == 5 && b.p[7] == 0);
	CHECK_SPAN(span_of(b.p + 16, 24), span_of(want + 16, 24));
}

static void writes_routes(void)
{
	static const uint8_t host[] = {
		52, 0,  0, 0, LE16(24), LE16(0x505), 1,   0,   0, 0, 0, 0, 0, 0, /* NEWROUTE */
		2,  32, 0, 0, 254,      4,           253, 1,   0, 0, 0, 0, /* /32, main, static, link scope,
									      unicast */
		8,  0,  1, 0, 169,      254,         169, 254,             /* RTA_DST */
		8,  0,  4, 0, 2,        0,           0,   0,               /* RTA_OIF */
		8,  0,  7, 0, 198,      18,          0,   5,               /* RTA_PREFSRC */
	};
	static const uint8_t by_gateway[] = {
		64, 0, 0, 0,   LE16(24), LE16(0x505), 1, 0, 0,          0, 0, 0, 0,
		0,  2, 0, 0,   0,        254,         4, 0, 1,          4, 0, 0, 0, /* /0, universe, onlink */
		8,  0, 5, 0,   198,      18,          0, 1,                         /* RTA_GATEWAY */
		8,  0, 4, 0,   2,        0,           0, 0,                         /* RTA_OIF */
		8,  0, 7, 0,   198,      18,          0, 5,                         /* RTA_PREFSRC */
		12, 0, 8, 128, 8,        0,           2, 0, LE16(1500), 0, 0,       /* RTA_METRICS: mtu */
	};
	struct rtnl_route r = {.dst = ip_from_v4(0xa9fea9fe),
			       .prefix_len = 32,
			       .ifindex = 2,
			       .source = ip_from_v4(0xc6120005),
			       .table = 254};
	struct buf b = BUF_OF(bytes);
	rtnl_route_set(&b, 1, &r);
	CHECK_SPAN(buf_span(&b), span_of(host, sizeof(host)));
	r = (struct rtnl_route){.dst = ip_from_v4(0),
				.gateway = ip_from_v4(0xc6120001),
				.ifindex = 2,
				.source = ip_from_v4(0xc6120005),
				.mtu = 1500,
				.table = 254};
	buf_reset(&b);
	rtnl_route_set(&b, 1, &r);
	CHECK_SPAN(buf_span(&b), span_of(by_gateway, sizeof(by_gateway)));
}

static void writes_link_requests(void)
{
	static const uint8_t up[] = {
		32, 0, 0, 0, LE16(16), LE16(5), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0,  0, 3, 0, 0,        0,       1, 2, 0, 0, 1, 2, 0, 0, /* link 3, IFF_UP and IFF_ALLMULTI */
	};
	struct buf b = BUF_OF(bytes);
	rtnl_link_up(&b, 1, 3);
	CHECK_SPAN(buf_span(&b), span_of(up, sizeof(up)));
	buf_reset(&b);
	rtnl_link_mtu(&b, 1, 3, 9001);
	CHECK(b.len == 40 && load_le32(b.p + 28) == 0); /* flags stay as they are */
	CHECK_SPAN(span_of(b.p + 32, 8), SPAN("\10\0\4\0\x29\x23\0\0"));
	buf_reset(&b);
	rtnl_dump(&b, 1, RTNL_LINKS);
	rtnl_dump(&b, 2, RTNL_ADDRS);
	CHECK(b.len == 32 + 24 && b.p[4] == 18 && b.p[7] == 3 && b.p[32 + 4] == 22 && b.p[32 + 16] == 0);
	static const uint8_t types[RTNL_WHATS] = {18, 22, 26, 34, 30};
	for (int i = 0; i < RTNL_WHATS; i++) {
		buf_reset(&b);
		rtnl_dump(&b, 1, (enum rtnl_what)i);
		CHECK(b.p[4] == types[i] && b.p[7] == 3 && b.len == load_le32(b.p));
	}
}

static void never_overflows(void)
{
	struct rtnl_route r = {.dst = ip_from_v4(0),
			       .gateway = ip_from_v4(1),
			       .ifindex = 2,
			       .source = ip_from_v4(3),
			       .mtu = 1500,
			       .table = 254};
	for (size_t cap = 0; cap < 64; cap++) {
		memset(bytes, 0xaa, sizeof(bytes));
		struct buf b = buf_over(bytes, cap);
		rtnl_route_set(&b, 1, &r);
		CHECK(buf_err(&b) == ERR_FULL);
		for (size_t i = cap; i < sizeof(bytes); i++)
			CHECK(bytes[i] == 0xaa);
	}
}

/* ---- reading */

static struct buf a_link(uint16_t type, uint16_t arphrd)
{
	uint64_t stats[24] = {1000, 2000, 3000, 4000, [6] = 33, [15] = 44};
	struct buf b = BUF_OF(bytes);
	size_t mark = nlmsg_begin(&b, type, 0, 1);
	buf_le16(&b, 0);
	buf_le16(&b, arphrd);
	buf_le32(&b, 5);
	buf_le32(&b, 0x10001); /* up, carrier */
	buf_le32(&b, 0);
	nlmsg_attr_str(&b, 3, "eth0");
	nlmsg_attr_u32(&b, 4, 9001);
	nlmsg_attr(&b, 1, SPAN("\2\0\0\0\0\1"));
	nlmsg_attr(&b, 23, span_of(stats, sizeof(stats)));
	nlmsg_end(&b, mark);
	return b;
}

static enum err read_link(struct span s, struct rtnl_link *link, bool *gone)
{
	struct nlmsg m;
	enum err e = nlmsg_next(&s, &m);
	return e ? e : rtnl_read_link(&m, link, gone);
}

static void reads_a_link(void)
{
	struct rtnl_link l;
	bool gone;
	struct buf b = a_link(16, 1);
	CHECK(read_link(buf_span(&b), &l, &gone) == ERR_OK && !gone);
	CHECK(l.ifindex == 5 && !strcmp(l.name, "eth0") && l.mtu == 9001 && l.ethernet && l.up && l.carrier);
	CHECK(!memcmp(l.mac, "\2\0\0\0\0\1", 6) && l.rx_packets == 1000 && l.rx_dropped == 33 &&
	      l.rx_missed == 44 && l.tx_packets == 2000 && l.rx_bytes == 3000 && l.tx_bytes == 4000);
	b = a_link(17, 1);
	CHECK(read_link(buf_span(&b), &l, &gone) == ERR_OK && gone);
	b = a_link(16, 772); /* loopback */
	CHECK(read_link(buf_span(&b), &l, &gone) == ERR_OK && !l.ethernet);
	b = a_link(24, 1);
	CHECK(read_link(buf_span(&b), &l, &gone) == ERR_UNSUPPORTED);
	/* an unused tunnel claims to be Ethernet, without an address */
	b = a_link(16, 1);
	memset(memmem(bytes, b.len, "\2\0\0\0\0\1", 6), 0, 6);
	CHECK(read_link(buf_span(&b), &l, &gone) == ERR_OK && !l.ethernet);
}

static void reads_addresses(void)
{
	struct rtnl_addr a = {.ifindex = 3, .addr = ip_from_v4(0xc6120101), .prefix_len = 24}, got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	bool gone;
	rtnl_addr_set(&b, 7, &a);
	rtnl_addr_delete(&b, 8, &a);
	struct span in = buf_span(&b);
	CHECK(nlmsg_next(&in, &m) == ERR_OK && m.seq == 7 && rtnl_read_addr(&m, &got, &gone) == ERR_OK &&
	      !gone);
	CHECK(got.ifindex == 3 && ip_eq(&got.addr, &a.addr) && got.prefix_len == 24);
	CHECK(nlmsg_next(&in, &m) == ERR_OK && m.seq == 8 && rtnl_read_addr(&m, &got, &gone) == ERR_OK &&
	      gone);
	CHECK(nlmsg_next(&in, &m) == ERR_MORE);
	bytes[16] = 11; /* neither IPv4 nor IPv6 */
	in = buf_span(&b);
	CHECK(nlmsg_next(&in, &m) == ERR_OK && rtnl_read_addr(&m, &got, &gone) == ERR_UNSUPPORTED);
}

static const struct ip six = {{0x20, 1, 0xd, 0xb8, [15] = 7}}, router = {{0xfe, 0x80, [15] = 1}};

static enum err first(const struct buf *b, struct nlmsg *m)
{
	struct span in = buf_span(b);
	return nlmsg_next(&in, m);
}

static void reads_ipv6_addresses(void)
{
	struct rtnl_addr a = {.ifindex = 3, .addr = six, .prefix_len = 128}, got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	bool gone;
	rtnl_addr_set(&b, 7, &a);
	CHECK(b.p[16] == 10 && b.p[17] == 128 && b.p[18] == 2); /* no duplicate detection */
	CHECK(!first(&b, &m) && !rtnl_read_addr(&m, &got, &gone));
	CHECK(ip_eq(&got.addr, &six) && got.prefix_len == 128 && !got.link_local);
	bytes[19] = 253; /* scope: the link's */
	CHECK(!first(&b, &m) && !rtnl_read_addr(&m, &got, &gone) && got.link_local);
	bytes[17] = 129;
	CHECK(!first(&b, &m) && rtnl_read_addr(&m, &got, &gone) == ERR_SYNTAX);
}

static void same_route(const struct rtnl_route *r)
{
	struct rtnl_route got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	rtnl_route_set(&b, 1, r);
	CHECK(!first(&b, &m) && !rtnl_read_route(&m, &got));
	CHECK(ip_eq(&got.dst, &r->dst) && ip_eq(&got.gateway, &r->gateway) && ip_eq(&got.source, &r->source));
	CHECK(got.prefix_len == r->prefix_len && got.table == r->table && got.ifindex == r->ifindex &&
	      got.mtu == r->mtu);
	bytes[16 + 5] = 2; /* by the kernel */
	CHECK(!first(&b, &m) && rtnl_read_route(&m, &got) == ERR_UNSUPPORTED);
	bytes[16 + 5] = RTNL_PROTOCOL;
	bytes[16 + 1] = 129;
	CHECK(!first(&b, &m) && rtnl_read_route(&m, &got) == ERR_SYNTAX);
	buf_reset(&b);
	rtnl_route_delete(&b, 1, r);
	CHECK(b.p[4] == 25 && b.p[6] == 5 && b.p[7] == 0);
	CHECK(!first(&b, &m) && rtnl_read_route(&m, &got) == ERR_UNSUPPORTED);
}

static void reads_routes(void)
{
	const struct ip v4 = ip_from_v4(0x0a000100), gw4 = ip_from_v4(0x0a000001),
			own4 = ip_from_v4(0x0a000005);
	same_route(&(struct rtnl_route){v4, 24, gw4, 3, own4, 1500, 254});
	same_route(&(struct rtnl_route){ip_from_v4(0), 0, gw4, 3, own4, 0, 101});
	same_route(&(
		struct rtnl_route){.dst = six, .prefix_len = 64, .ifindex = 3, .source = six, .table = 100});
	same_route(&(struct rtnl_route){.gateway = router, .ifindex = 3, .mtu = 1500, .table = 254});
}

static void same_rule(struct ip from)
{
	struct rtnl_rule r = {.from = from, .table = 101, .priority = 1001}, got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	rtnl_rule_add(&b, 1, &r);
	CHECK(b.p[4] == 32 && !first(&b, &m) && !rtnl_read_rule(&m, &got));
	CHECK(ip_eq(&got.from, &from) && got.table == 101 && got.priority == 1001);
	b.p[b.len - 4] = 2; /* the kernel's */
	CHECK(!first(&b, &m) && rtnl_read_rule(&m, &got) == ERR_UNSUPPORTED);
	buf_reset(&b);
	rtnl_rule_delete(&b, 1, &r);
	CHECK(b.p[4] == 33 && !first(&b, &m) && rtnl_read_rule(&m, &got) == ERR_UNSUPPORTED);
}

static void same_rule_of_all(const struct rtnl_rule *r)
{
	struct rtnl_rule got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	rtnl_rule_add(&b, 1, r);
	CHECK(!first(&b, &m) && !rtnl_read_rule(&m, &got));
	CHECK(ip_eq(&got.from, &r->from) && ip_eq(&got.to, &r->to) && got.table == r->table);
	CHECK(got.priority == r->priority && got.mark == r->mark);
	CHECK(got.uid_first == r->uid_first && got.uid_last == r->uid_last);
}

static void reads_rules(void)
{
	same_rule(ip_from_v4(0x0a000005));
	same_rule(six);
	same_rule_of_all(
		&(struct rtnl_rule){.from = ip_from_v4(0), .table = 254, .priority = 950, .mark = 1});
	const struct rtnl_rule users = {.priority = 901, .uid_first = 102, .uid_last = 103};
	for (int i = 0; i < 2; i++) {
		struct rtnl_rule r = users;
		if (i == 0)
			r.from = ip_from_v4(0);
		same_rule_of_all(&r); /* refused as unreachable */
		r.table = 102;
		same_rule_of_all(&r);
		r.to = i ? six : ip_from_v4(0xa9fea9fe);
		same_rule_of_all(&r);
	}
}

static void reads_routers(void)
{
	struct rtnl_router got;
	struct buf b = BUF_OF(bytes);
	struct nlmsg m;
	bool gone;
	size_t mark = nlmsg_begin(&b, 28, 0, 1);
	buf_put(&b, SPAN("\12\0\0\0\5\0\0\0\2\0\x80\1")); /* IPv6, link 5, a router */
	nlmsg_attr(&b, 1, span_of(router.bytes, 16));
	nlmsg_end(&b, mark);
	CHECK(!first(&b, &m) && !rtnl_read_router(&m, &got, &gone) && !gone);
	CHECK(got.ifindex == 5 && ip_eq(&got.addr, &router));
	bytes[16 + 10] = 0; /* a host */
	CHECK(!first(&b, &m) && rtnl_read_router(&m, &got, &gone) == ERR_UNSUPPORTED);
	bytes[16 + 10] = 0x80;
	bytes[4] = 29;
	CHECK(!first(&b, &m) && !rtnl_read_router(&m, &got, &gone) && gone);
	bytes[28] = 19; /* the address is a byte short */
	CHECK(!first(&b, &m) && rtnl_read_router(&m, &got, &gone) == ERR_SYNTAX);
}

static void refuses_malformed_values(void)
{
	static const struct {
		uint16_t type;
		struct span value;
	} cases[] = {
		{3, SPAN("eth0")},                                                     /* no end */
		{3, SPAN("\0")},                                                       /* no name */
		{3, SPAN("0123456789abcdef\0")},                                       /* too long */
		{4, SPAN("\1\2\3")},                                                   /* MTU */
		{1, SPAN("\2\0\0\0\1")},                                               /* MAC address */
		{23, SPAN("0123456701234567012345670123456701234567012345670123456")}, /* counters */
	};
	struct rtnl_link l;
	struct rtnl_addr a = {.ifindex = 3, .addr = ip_from_v4(1), .prefix_len = 33};
	bool gone;
	struct nlmsg m;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = a_link(16, 1);
		nlmsg_attr(&b, cases[i].type, cases[i].value);
		nlmsg_end(&b, 0);
		CHECK(read_link(buf_span(&b), &l, &gone) == ERR_SYNTAX);
	}
	struct buf b = BUF_OF(bytes);
	rtnl_addr_set(&b, 7, &a);
	struct span in = buf_span(&b);
	CHECK(nlmsg_next(&in, &m) == ERR_OK && rtnl_read_addr(&m, &a, &gone) == ERR_SYNTAX);
}

static void survives_cuts(void)
{
	struct rtnl_link l;
	bool gone;
	struct buf b = a_link(16, 1);
	for (size_t len = 0; len < b.len; len++) {
		uint8_t exact[sizeof(bytes)], *at = exact + sizeof(exact) - len;
		memcpy(at, bytes, len);
		CHECK(read_link(span_of(at, len), &l, &gone) == (len ? ERR_SYNTAX : ERR_MORE));
		/* the header says so too: the attributes end in the middle */
		if (len < 16)
			continue;
		store_le32(at, (uint32_t)len);
		enum err e = read_link(span_of(at, len), &l, &gone);
		CHECK(e == ERR_SYNTAX || (e == ERR_OK && l.name[0]));
	}
}

static void survives_mutations(void)
{
	struct rtnl_link l;
	struct rtnl_addr a;
	bool gone;
	uint32_t read = 0, refused = 0;
	for (int i = 0; i < 200000; i++) {
		struct buf b = a_link(16, 1);
		noise_damage(bytes, 0, b.len, 3);
		struct span in = buf_span(&b);
		struct nlmsg m;
		size_t before = in.len + 1;
		while (before > in.len && nlmsg_next(&in, &m) == ERR_OK) {
			before = in.len + (in.len == 0);
			bool ok = rtnl_read_link(&m, &l, &gone) == ERR_OK;
			CHECK(!ok || (l.ifindex && l.name[0] && memchr(l.name, 0, sizeof(l.name))));
			read += ok;
			refused += !ok;
			struct rtnl_route r;
			struct rtnl_rule rule;
			struct rtnl_router router_read;
			CHECK(rtnl_read_addr(&m, &a, &gone) || a.prefix_len <= 128);
			CHECK(rtnl_read_route(&m, &r) || (r.prefix_len <= 128 && r.ifindex));
			(void)(rtnl_read_rule(&m, &rule) || rtnl_read_router(&m, &router_read, &gone));
		}
	}
	CHECK(read > 1000 && refused > 1000);
}

int main(void)
{
	RUN(writes_an_address, "an address is set and removed in the kernel's bytes");
	RUN(writes_routes, "host routes and the default route are the kernel's bytes");
	RUN(writes_link_requests, "links are listed, brought up and sized in the kernel's bytes");
	RUN(never_overflows, "a request that does not fit is an error, and writes nothing beyond");
	RUN(reads_a_link, "a link is read with its address, state and counters");
	RUN(reads_addresses, "addresses are read one message after the other");
	RUN(reads_ipv6_addresses, "IPv6 addresses are set at once, and read with their scope");
	RUN(reads_routes, "routes of both families are read as they were written, others' are not");
	RUN(reads_rules, "rules by source address, user or mark are read as they were written");
	RUN(reads_routers, "a neighbour that routes IPv6 is read, others are not");
	RUN(refuses_malformed_values, "values of a wrong length or form are refused");
	RUN(survives_cuts, "a message cut at any byte is refused");
	RUN(survives_mutations, "200,000 damaged messages harm nothing");
	return check_done();
}
