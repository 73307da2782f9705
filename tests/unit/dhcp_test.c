#include "net/dhcp.h"

#include <stdint.h>

#include "base/time.h"
#include "check.h"
#include "dhcp_datagram.h"
#include "noise.h"

#define ADDR 0xc6120032u   /* 198.18.0.50 */
#define SERVER 0xc6120001u /* 198.18.0.1 */
#define RANDOM 0x1122334455667788ull
#define S(n) ((n)*NS_PER_S)

/* ---- a server, written by hand */

struct answer {
	uint8_t type;
	uint32_t xid, addr;
	struct span options; /* besides the type; the end is added */
	uint8_t overload;
	struct span file, sname;
};

static uint8_t bytes[DHCP_REPLY_MAX];

static void field(struct buf *b, struct span s, size_t size)
{
	buf_put(b, s);
	buf_fill(b, 0, size - s.len);
}

static struct buf build(const struct answer *a)
{
	struct buf b = BUF_OF(bytes);
	buf_put(&b, SPAN(DHCP_HEADS));
	buf_put(&b, SPAN("\2\1\6\0"));
	buf_be32(&b, a->xid);
	buf_fill(&b, 0, 8);
	buf_be32(&b, a->addr);
	buf_fill(&b, 0, 8);
	field(&b, span_of(MAC, 6), 16);
	field(&b, a->sname, 64);
	field(&b, a->file, 128);
	buf_be32(&b, 0x63825363);
	if (a->type)
		buf_put(&b, span_of((uint8_t[]){53, 1, a->type}, 3));
	if (a->overload)
		buf_put(&b, span_of((uint8_t[]){52, 1, a->overload}, 3));
	buf_put(&b, a->options);
	buf_u8(&b, 255);
	dhcp_seal(b.p, b.len);
	return b;
}

#define OPT_SERVER "\x36\4\xc6\x12\0\1"
#define OPT_MASK "\1\4\xff\xff\xff\0"
#define OPT_LEASE "\x33\4\0\0\x0e\x10" /* 3600 s */
#define OPT_ROUTER "\3\4\xc6\x12\0\1"
#define OPT_DNS "\6\x0c\xa9\xfe\xa9\xfd\xc6\x12\0\2\1\2\3\4"
#define OPT_MTU "\x1a\2\x23\x29"
#define OPTIONS OPT_SERVER OPT_MASK OPT_LEASE OPT_ROUTER OPT_DNS OPT_MTU

/* ---- driving the client */

static struct dhcp_client c;
static uint8_t sent_bytes[DHCP_PACKET_BYTES];
static struct span sent;

static enum dhcp_event tick(uint64_t now_ns)
{
	struct buf b = BUF_OF(sent_bytes);
	enum dhcp_event e = dhcp_tick(&c, now_ns, RANDOM + now_ns, &b);
	sent = buf_span(&b);
	return e;
}

static enum dhcp_event give(uint64_t now_ns, const struct answer *a)
{
	struct buf b = build(a);
	return dhcp_receive(&c, now_ns, RANDOM + now_ns, buf_span(&b), true);
}

static enum dhcp_event reply(uint64_t now_ns, uint8_t type, struct span options)
{
	struct answer a = {.type = type, .xid = c.xid, .addr = ADDR, .options = options};
	return give(now_ns, &a);
}

/* What was sent: its message type, or 0. */
static uint8_t sent_type(void)
{
	return sent.len > 270 && load_be32(sent.p + 264) == 0x63825363 && sent.p[268] == 53 ? sent.p[270] : 0;
}

static void lease(uint64_t now_ns, struct span options)
{
	dhcp_start(&c, MAC, now_ns, RANDOM);
	CHECK(tick(now_ns) == DHCP_NOTHING && sent_type() == 1);
	CHECK(reply(now_ns, 2, options) == DHCP_NOTHING && c.state == DHCP_REQUESTING);
	CHECK(tick(now_ns) == DHCP_NOTHING && sent_type() == 3);
	CHECK(reply(now_ns, 5, options) == DHCP_LEASED && c.state == DHCP_BOUND);
}

/* ---- tests */

static void writes_requests(void)
{
	dhcp_start(&c, MAC, S(100), RANDOM);
	CHECK(c.due_ns == S(100) && tick(S(100)) == DHCP_NOTHING);
	CHECK(sent.len == 20 + 8 + 300 && load_be16(sent.p + 2) == sent.len);
	CHECK_SPAN(span_of(sent.p + 12, 12), SPAN("\0\0\0\0\xff\xff\xff\xff\0\x44\0\x43"));
	CHECK(dhcp_checksum(sent.p, 20, 0) == 0);
	uint32_t pseudo = 17 + (uint32_t)sent.len - 20 + 0xffff * 2;
	CHECK(load_be16(sent.p + 24) == sent.len - 20 &&
	      dhcp_checksum(sent.p + 20, sent.len - 20, pseudo) == 0);
	CHECK_SPAN(span_of(sent.p + 28, 12), SPAN("\1\1\6\0\x11\x22\x33\x44\0\0\x80\0"));
	CHECK_SPAN(span_of(sent.p + 40, 22), SPAN("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\1"));
	CHECK_SPAN(span_of(sent.p + 264, 21),
		   SPAN("\x63\x82\x53\x63\x35\1\1\x37\7\1\3\6\x1a\x33\x3a\x3b\x39\2\5\xdc\xff"));
	CHECK(reply(S(101), 2, SPAN(OPTIONS)) == DHCP_NOTHING && tick(S(103)) == DHCP_NOTHING);
	CHECK_SPAN(span_of(sent.p + 268, 15), SPAN("\x35\1\3\x32\4\xc6\x12\0\x32\x36\4\xc6\x12\0\1"));
	CHECK(load_be16(sent.p + 36) == 3); /* seconds since it began */
}

static void gets_a_lease(void)
{
	lease(S(50), SPAN(OPTIONS));
	CHECK(c.lease.addr == ADDR && c.lease.prefix_len == 24 && c.lease.router == SERVER);
	CHECK(c.lease.dns[0] == 0xa9fea9fd && c.lease.dns[1] == 0xc6120002 && c.lease.mtu == 9001);
	CHECK(c.lease.lease_s == 3600 && c.lease.renew_s == 1800 && c.lease.rebind_s == 3150);
	CHECK(c.due_ns == S(50 + 1800) && c.refused == ERR_OK);
	/* as a server gives them, when they are in order */
	lease(0, SPAN(OPTIONS "\x3a\4\0\0\0\x0a\x3b\4\0\0\0\x14"));
	CHECK(c.lease.renew_s == 10 && c.lease.rebind_s == 20);
	lease(0, SPAN(OPTIONS "\x3a\4\0\0\0\x14\x3b\4\0\0\0\x0a"));
	CHECK(c.lease.renew_s == 1800 && c.lease.rebind_s == 3150);
	lease(0, SPAN(OPT_SERVER OPT_MASK "\x33\4\xff\xff\xff\xff"));
	CHECK(c.due_ns == UINT64_MAX && c.lease.router == 0 && c.lease.dns[0] == 0 && c.lease.mtu == 0);
	CHECK(tick(UINT64_MAX - 1) == DHCP_NOTHING && sent.len == 0);
}

static void repeats_itself(void)
{
	uint64_t now_ns = 0;
	dhcp_start(&c, MAC, 0, RANDOM);
	for (unsigned i = 0; i < 10; i++) {
		CHECK(tick(now_ns) == DHCP_NOTHING && sent_type() == 1);
		CHECK(tick(c.due_ns - 1) == DHCP_NOTHING && sent.len == 0);
		uint64_t wait_ns = c.due_ns - now_ns, mean_ns = S(i < 6 ? 1ull << i : 64);
		CHECK(wait_ns >= mean_ns * 3 / 4 && wait_ns <= mean_ns * 5 / 4);
		now_ns = c.due_ns;
	}
	/* a server that offers and then is silent is asked four times */
	CHECK(reply(now_ns, 2, SPAN(OPTIONS)) == DHCP_NOTHING);
	for (unsigned i = 0; i < 4; i++)
		CHECK(tick(now_ns = c.due_ns) == DHCP_NOTHING && sent_type() == 3);
	uint32_t old_xid = c.xid;
	CHECK(tick(c.due_ns) == DHCP_NOTHING && sent_type() == 1 && c.xid != old_xid);
}

static void renews(void)
{
	lease(0, SPAN(OPTIONS));
	uint32_t old_xid = c.xid;
	CHECK(tick(S(1800)) == DHCP_NOTHING && sent_type() == 3 && c.state == DHCP_RENEWING &&
	      c.xid != old_xid);
	/* from its own address, without options 50 and 54 */
	CHECK(load_be32(sent.p + 12) == ADDR && load_be32(sent.p + 40) == ADDR && sent.p[271] == 55);
	CHECK(dhcp_checksum(sent.p, 20, 0) == 0);
	CHECK(reply(S(1801), 5, SPAN(OPTIONS)) == DHCP_RENEWED);
	CHECK(c.due_ns == S(1800 + 1800));
	/* changed: to be applied */
	CHECK(tick(c.due_ns) == DHCP_NOTHING);
	CHECK(reply(S(3601), 5, SPAN(OPT_SERVER OPT_MASK OPT_LEASE OPT_ROUTER)) == DHCP_LEASED);
	CHECK(c.lease.mtu == 0 && c.lease.dns[0] == 0 && c.state == DHCP_BOUND);
}

static void loses_a_lease(void)
{
	unsigned renewals = 0, rebinds = 0;
	enum dhcp_event e = DHCP_NOTHING;
	lease(0, SPAN(OPTIONS));
	while (e == DHCP_NOTHING) {
		uint64_t at_ns = c.due_ns;
		e = tick(at_ns);
		if (e == DHCP_LOST)
			break;
		CHECK(c.due_ns >= at_ns + S(60) || c.due_ns == S(3150) || c.due_ns == S(3600));
		renewals += c.state == DHCP_RENEWING;
		rebinds += c.state == DHCP_REBINDING;
		CHECK((at_ns >= S(3150)) == (c.state == DHCP_REBINDING) && sent_type() == 3);
	}
	CHECK(e == DHCP_LOST && renewals >= 4 && rebinds >= 3 && sent.len == 0);
	CHECK(tick(S(3600)) == DHCP_NOTHING && sent_type() == 1 && load_be32(sent.p + 12) == 0);
	/* the answer that comes while rebinding ends the search */
	lease(0, SPAN(OPTIONS));
	CHECK(tick(S(1800)) == DHCP_NOTHING && tick(S(3150)) == DHCP_NOTHING);
	CHECK(reply(S(3151), 5, SPAN(OPTIONS)) == DHCP_RENEWED && c.due_ns == S(3150 + 1800));
}

static void obeys_refusals(void)
{
	lease(0, SPAN(OPTIONS));
	CHECK(reply(S(1), 6, SPAN(OPT_SERVER)) == DHCP_NOTHING && c.state == DHCP_BOUND);
	CHECK(tick(S(1800)) == DHCP_NOTHING);
	CHECK(reply(S(1801), 6, SPAN(OPT_SERVER)) == DHCP_LOST);
	CHECK(c.state == DHCP_SELECTING && c.refused == ERR_REFUSED && c.due_ns > S(1802));
	dhcp_start(&c, MAC, 0, RANDOM);
	CHECK(tick(0) == DHCP_NOTHING && reply(0, 2, SPAN(OPTIONS)) == DHCP_NOTHING &&
	      tick(0) == DHCP_NOTHING);
	CHECK(reply(0, 6, SPAN("\x36\4\xc6\x12\0\2")) == DHCP_NOTHING && c.state == DHCP_REQUESTING);
	CHECK(reply(0, 6, SPAN(OPT_SERVER)) == DHCP_NOTHING && c.state == DHCP_SELECTING);
}

static void takes_its_own_answers_alone(void)
{
	dhcp_start(&c, MAC, 0, RANDOM);
	CHECK(tick(0) == DHCP_NOTHING);
	struct answer a = {.type = 2, .xid = c.xid ^ 1, .addr = ADDR, .options = SPAN(OPTIONS)};
	CHECK(give(0, &a) == DHCP_NOTHING && c.state == DHCP_SELECTING && c.refused == ERR_OK);
	a.xid = c.xid;
	a.type = 5; /* an ack that was not asked for */
	CHECK(give(0, &a) == DHCP_NOTHING && c.state == DHCP_SELECTING);
	static const struct {
		size_t at;
		uint8_t xor ;
	} others[] = {{0, 0x10}, {9, 1},  {6, 0x20}, {7, 1},  {21, 1}, {23, 1},
		      {28, 3},   {29, 1}, {30, 1},   {61, 1}, {62, 1}};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a.type = 2;
		struct buf b = build(&a);
		bytes[others[i].at] ^= others[i].xor ;
		dhcp_seal(b.p, b.len);
		CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), true) == DHCP_NOTHING);
		CHECK(c.state == DHCP_SELECTING && c.refused == ERR_OK);
	}
	/* an ack for another address than was offered */
	CHECK(give(0, &a) == DHCP_NOTHING && tick(0) == DHCP_NOTHING);
	a.type = 5;
	a.addr++;
	CHECK(give(0, &a) == DHCP_NOTHING && c.state == DHCP_REQUESTING && c.refused == ERR_PROTOCOL);
}

static void checks_sums(void)
{
	dhcp_start(&c, MAC, 0, RANDOM);
	CHECK(tick(0) == DHCP_NOTHING);
	struct answer a = {.type = 2, .xid = c.xid, .addr = ADDR, .options = SPAN(OPTIONS)};
	struct buf b = build(&a);
	bytes[27] ^= 1;
	CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), true) == DHCP_NOTHING && c.state == DHCP_SELECTING);
	bytes[11] ^= 1;
	CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), false) == DHCP_NOTHING && c.state == DHCP_SELECTING);
	bytes[11] ^= 1;
	CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), false) == DHCP_NOTHING && c.state == DHCP_REQUESTING);
	/* none at all is allowed */
	dhcp_start(&c, MAC, 0, RANDOM);
	bytes[26] = bytes[27] = 0;
	CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), true) == DHCP_NOTHING && c.state == DHCP_REQUESTING);
}

static void refuses_unusable_offers(void)
{
	static const struct {
		struct span options;
		uint32_t addr;
		enum err e;
	} cases[] = {
		{SPAN(OPT_MASK OPT_LEASE), ADDR, ERR_MISSING},
		{SPAN(OPT_SERVER OPT_LEASE), ADDR, ERR_MISSING},
		{SPAN(OPT_SERVER OPT_MASK), ADDR, ERR_MISSING},
		{SPAN(OPT_SERVER OPT_MASK "\x33\4\0\0\0\0"), ADDR, ERR_MISSING},
		{SPAN(OPTIONS), 0, ERR_RANGE},
		{SPAN(OPTIONS), 0x7f000001, ERR_RANGE},
		{SPAN(OPTIONS), 0xe0000001, ERR_RANGE},
		{SPAN(OPT_SERVER OPT_MASK OPT_LEASE "\3\4\xff\xff\xff\xff"), ADDR, ERR_RANGE},
		{SPAN(OPT_SERVER OPT_LEASE "\1\4\xff\0\xff\0"), ADDR, ERR_SYNTAX},
		{SPAN(OPT_SERVER OPT_LEASE "\1\4\0\0\0\0"), ADDR, ERR_SYNTAX},
		{SPAN(OPT_SERVER OPT_LEASE "\1\3\xff\xff\xff"), ADDR, ERR_SYNTAX},
		{SPAN(OPTIONS OPT_MASK), ADDR, ERR_DUPLICATE},
		{SPAN(OPT_SERVER OPT_MASK OPT_LEASE "\6\0"), ADDR, ERR_SYNTAX},
		{SPAN(OPT_SERVER OPT_MASK OPT_LEASE "\3\5\1\2\3\4\5"), ADDR, ERR_SYNTAX},
		{SPAN(OPT_SERVER OPT_MASK OPT_LEASE "\x34\1\4"), ADDR, ERR_SYNTAX},
		{SPAN(OPTIONS "\x78\x14"), ADDR, ERR_TRUNCATED},
		{SPAN(OPTIONS "\x78\x01"), ADDR, ERR_TRUNCATED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dhcp_start(&c, MAC, 0, RANDOM);
		CHECK(tick(0) == DHCP_NOTHING);
		struct answer a = {
			.type = 2, .xid = c.xid, .addr = cases[i].addr, .options = cases[i].options};
		CHECK(give(0, &a) == DHCP_NOTHING && c.state == DHCP_SELECTING);
		CHECK(c.refused == cases[i].e);
	}
	/* options that are not read may be anything, and twice; a small MTU is none */
	lease(0, SPAN("\0\x78\0\x78\2ab" OPT_SERVER OPT_MASK OPT_LEASE "\x1a\2\0\x44"));
	CHECK(c.lease.mtu == 0);
}

static void reads_overloaded_fields(void)
{
	dhcp_start(&c, MAC, 0, RANDOM);
	CHECK(tick(0) == DHCP_NOTHING);
	struct answer a = {.type = 2, .xid = c.xid, .addr = ADDR, .options = SPAN(OPT_SERVER OPT_LEASE)};
	a.file = SPAN(OPT_MASK "\xff");
	a.sname = SPAN(OPT_ROUTER "\xff");
	CHECK(give(0, &a) == DHCP_NOTHING && c.refused == ERR_MISSING);
	a.overload = 2;
	CHECK(give(0, &a) == DHCP_NOTHING && c.refused == ERR_MISSING);
	a.overload = 3;
	CHECK(give(0, &a) == DHCP_NOTHING && c.state == DHCP_REQUESTING);
	CHECK(c.offer.prefix_len == 24 && c.offer.router == SERVER);
	/* without an end, or with something twice in two places */
	dhcp_start(&c, MAC, 0, RANDOM);
	a.file = SPAN(OPT_MASK);
	CHECK(give(0, &a) == DHCP_NOTHING && c.refused == ERR_TRUNCATED);
	a.file = SPAN(OPT_MASK "\xff");
	a.sname = SPAN(OPT_MASK "\xff");
	CHECK(give(0, &a) == DHCP_NOTHING && c.refused == ERR_DUPLICATE);
}

static void survives_cuts(void)
{
	dhcp_start(&c, MAC, 0, RANDOM);
	struct answer a = {.type = 2, .xid = c.xid, .addr = ADDR, .options = SPAN(OPTIONS)};
	size_t len = build(&a).len;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t exact[DHCP_REPLY_MAX], *at = exact + sizeof(exact) - cut;
		struct buf b = build(&a);
		/* as it is, then with lengths and sums that say so */
		memcpy(at, bytes, cut);
		CHECK(dhcp_receive(&c, 0, RANDOM, span_of(at, cut), true) == DHCP_NOTHING);
		CHECK(c.state == DHCP_SELECTING && c.refused == ERR_OK);
		if (cut < 28)
			continue;
		b.len = cut;
		dhcp_seal(b.p, b.len);
		memcpy(at, bytes, cut);
		CHECK(dhcp_receive(&c, 0, RANDOM, span_of(at, cut), true) == DHCP_NOTHING);
		CHECK(c.state == DHCP_SELECTING && c.refused == (cut > 268 ? ERR_TRUNCATED : ERR_OK));
		c.refused = ERR_OK;
	}
}

static void survives_mutations(void)
{
	uint32_t offers = 0;
	for (int i = 0; i < 100000; i++) {
		dhcp_start(&c, MAC, 0, RANDOM);
		struct answer a = {.type = 2, .xid = c.xid, .addr = ADDR, .options = SPAN(OPTIONS)};
		struct buf b = build(&a);
		noise_damage(bytes, 264, b.len, 2);
		dhcp_seal(b.p, b.len);
		CHECK(dhcp_receive(&c, 0, RANDOM, buf_span(&b), true) == DHCP_NOTHING);
		bool offered = c.state == DHCP_REQUESTING;
		CHECK(!offered || (c.offer.prefix_len >= 1 && c.offer.prefix_len <= 32 && c.offer.lease_s));
		CHECK(offered || c.state == DHCP_SELECTING);
		offers += offered;
	}
	CHECK(offers > 1000 && offers < 99000);
}

int main(void)
{
	RUN(writes_requests, "requests are whole IPv4 datagrams with right sums, lengths and options");
	RUN(gets_a_lease, "offer, request and ack give a lease with all its values");
	RUN(repeats_itself, "unanswered requests are repeated with growing pauses");
	RUN(renews, "a lease is renewed at half its time");
	RUN(loses_a_lease, "a lease that nobody renews is lost when it ends, not before");
	RUN(obeys_refusals, "a refusal ends a lease, one by a stranger does not");
	RUN(takes_its_own_answers_alone, "answers to others are passed over");
	RUN(checks_sums, "a wrong checksum is refused, unless hardware was to fill it in");
	RUN(refuses_unusable_offers, "an offer that cannot be used is refused with its reason");
	RUN(reads_overloaded_fields, "options in the fields sname and file are read when the reply says so");
	RUN(survives_cuts, "a reply cut at any byte is refused");
	RUN(survives_mutations, "100,000 damaged replies harm nothing");
	return check_done();
}
