#include "net/nft.h"
#include "net/nft_counter.h"

#include "check.h"
#include "nft_text.h"

#define OUT "r1=iif r1==03000000 "
#define TO_OUT "r1=oif r1==03000000 "
#define TO_IN "r1=oif r1==07000000 "
#define DNAT "r1=ct2 r1=r1,4&20000000^00000000 r1!=00000000 "
#define TO_67 "r1=ct11 there r1>=0001 r1<=0043 "
#define TO_511 "r1=ct11 there r1>=0044 r1<=01ff "
#define TO_1023 "r1=ct11 there r1>=0200 r1<=03ff "
#define RESERVED "r1=ct11 there r1>=fc00 r1<=ffff "

/* Its counter and its chain; and that chain's rule. */
#define REASON(r) "object1 " r "\nchain " r "\n"
#define DROPS(r) r ": count1 " r " log " r " to 5,128 drop\n"
#define TELLS(r) r ": count1 " r " log " r " to 5,128 accept\n"

#define START "begin\ntable sealtap create\ndelete table sealtap\ntable sealtap create\nflush sealtap\n"
/* clang-format off */
#define REASONS \
	REASON("denied") REASON("limit") REASON("spoofed") REASON("stopped") REASON("invalid") \
	REASON("link-local") REASON("status-port") REASON("evidence") REASON("to-appliance") \
	REASON("from-appliance") REASON("too-big") REASON("ttl") REASON("unreachable")
#define DROPPED \
	DROPS("denied") DROPS("limit") DROPS("spoofed") DROPS("stopped") DROPS("invalid") \
	DROPS("link-local") DROPS("status-port") DROPS("evidence") DROPS("to-appliance") \
	DROPS("from-appliance")
#define TOLD TELLS("too-big") TELLS("ttl") TELLS("unreachable")
/* clang-format on */
#define CHAINS                                                 \
	"chain sources filter hook 0 priority -300 policy 1\n" \
	"chain translate nat hook 0 priority -100 policy 1\n"  \
	"chain tracked filter hook 0 priority 0 policy 1\n"    \
	"chain forward filter hook 2 priority 0 policy 0\n"    \
	"chain postrouting nat hook 4 priority 100 policy 1\n" \
	"chain input filter hook 1 priority 0 policy 0\n"      \
	"chain output filter hook 3 priority 0 policy 0\n"     \
	"chain unrouted\n"                                     \
	"chain begin\n"                                        \
	"chain publish\n"                                      \
	"chain out\n"                                          \
	"chain in\n"                                           \
	"chain new\n"
#define CLOSED                                                               \
	"tracked: " V6 "r1=header1+24,2 r1=r1,2&ffc0^0000 r1==fe80 accept\n" \
	"tracked: " V4 UDP "r1=header2+2,2 r1==0044 accept\n"                \
	"tracked: r1=fib3 flags 2 r1==01000000 goto stopped\n"               \
	"forward: goto stopped\n"                                            \
	"table sealtap create acknowledge\nend\n"

/* But for what is for the appliance itself: nft_own_test.c. */
static const char *but_own(const char *all)
{
	static const char *const own[] = {"input:", "output:", "begin:"};
	static char some[16384];
	size_t n = 0;
	for (const char *line = all; *line; line = strchr(line, '\n') + 1) {
		size_t len = (size_t)(strchr(line, '\n') + 1 - line);
		bool is_own = false;
		for (size_t i = 0; i < 3; i++)
			is_own |= strncmp(line, own[i], strlen(own[i])) == 0;
		if (is_own || n + len >= sizeof(some))
			continue;
		memcpy(some + n, line, len);
		n += len;
	}
	some[n] = 0;
	return some;
}

static void closed_stops_all(void)
{
	struct nft_gateway g = {.fresh = true};
	const char *all = as_text(&g);
	CHECK_SPAN(span_str(but_own(all)), SPAN(START REASONS CHAINS GOALS DROPPED TOLD CLOSED));
	g.fresh = false;
	all = as_text(&g);
	CHECK_LINES(all, "delete", "");
	CHECK_LINES(all, "flush", "flush sealtap\n");
}

static void sources_are_checked(void)
{
	configure("masquerade");
	struct nft_gateway g = opened();
	const char *all = as_text(&g);
	CHECK_LINES(all, "sources:",
		    "sources: " V6 "r1=header1+8,2 r1=r1,2&ffc0^0000 r1==fe80 accept\n"
		    "sources: " V4 "r1=header1+12,1 r1=r1,1&e0^00 r1==e0 goto spoofed\n"
		    "sources: " V4 "r1=header1+12,1 r1==00 r1=header1+16,4 r1!=ffffffff goto spoofed\n"
		    "sources: " IN "r1=fib1 flags 29 r1==00 goto unrouted\n"
		    "sources: " OUT "r1=fib1 flags 29 r1==00 goto spoofed\n");
	CHECK_LINES(all, "unrouted:", "unrouted: r1=01000000 mark=r1 r1=fib1 flags 2d r1==00 goto spoofed\n");
	CHECK_LINES(all, "tracked:", "tracked: r1=ct0 r1=r1,4&01000000^00000000 r1!=00000000 goto invalid\n");
}

static void sources_are_checked_while_closed(void)
{
	static char open[4096];
	configure("masquerade");
	struct nft_gateway g = opened();
	g.evidence = 9;
	snprintf(open, sizeof(open), "%s", lines_of(as_text(&g), "sources:"));
	g.open = false;
	CHECK(!strcmp(lines_of(as_text(&g), "sources:"), open));
	CHECK(strstr(open, "sources: r1=iif r1==09000000 r1=fib1 flags 29 r1==00 r1=fib3 flags 2 "
			   "r1!=03000000 r1=fib3 flags 2 r1!=05000000 goto evidence\n"));
	CHECK_LINES(as_text(&g),
		    "unrouted:", "unrouted: r1=01000000 mark=r1 r1=fib1 flags 2d r1==00 goto spoofed\n");
}

static void forwards_outward(void)
{
	configure("masquerade");
	struct nft_gateway g = opened();
	const char *all = as_text(&g);
	CHECK_LINES(all, "forward:",
		    "forward: " V4 "r1=header1+16,2 r1==a9fe goto link-local\n"
		    "forward: " V6 "r1=header1+24,4 r1==fd000ec2 goto link-local\n"
		    "forward: " IN TO_IN "r1=ct1 r1=r1,4&01000000^00000000 r1!=00000000 "
		    "r1=ct2 r1=r1,4&20000000^00000000 r1==00000000 goto spoofed\n"
		    "forward: " TCP
		    "r1=header2+13,1 r1=r1,1&06^00 r1==02 r1=rt3 r1=order1 r1 2,2 option2+2,2 op 1=r1\n"
		    "forward: r1=ct0 r1=r1,4&06000000^00000000 r1!=00000000 accept\n"
		    "forward: r1=ct2 r1=r1,4&08000000^00000000 r1!=00000000 accept\n"
		    "forward: " IN TO_OUT "goto out\n"
		    "forward: " OUT TO_IN "goto in\n"
		    "forward: " IN TO_IN DNAT "goto new\n"
		    "forward: goto denied\n");
	CHECK_LINES(all, "out:", "out: goto new\n");
	CHECK_LINES(all, "in:",
		    "in: " DNAT "goto new\n"
		    "in: goto denied\n");
	CHECK_LINES(all, "new:", "new: accept\n");
	CHECK_LINES(all, "translate:", "");
	CHECK_LINES(all, "set ", GOALS);
}

static void translates(void)
{
	configure("masquerade");
	struct nft_gateway g = opened();
	CHECK_LINES(as_text(&g), "postrouting:",
		    "postrouting: " IN TO_OUT V4 TO_67 "r1=0001 r2=0043 masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_OUT V4 TO_511 "r1=0045 r2=03ff masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_OUT V4 TO_1023 "r1=0200 r2=03ff masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_OUT V4 RESERVED "r1=0400 r2=fbff masq flags 34 r1-r2\n"
		    "postrouting: " IN TO_OUT V4 "r1=0400 r2=fbff masq flags 2 r1-r2\n");
	configure("198.51.100.7");
	CHECK_LINES(as_text(&g), "postrouting:",
		    "postrouting: " IN TO_OUT V4 TO_67
		    "r1=c6336407 r2=0001 r3=0043 nat0 family 2 r1 r2-r3 flags 2\n"
		    "postrouting: " IN TO_OUT V4 TO_511
		    "r1=c6336407 r2=0045 r3=03ff nat0 family 2 r1 r2-r3 flags 2\n"
		    "postrouting: " IN TO_OUT V4 TO_1023
		    "r1=c6336407 r2=0200 r3=03ff nat0 family 2 r1 r2-r3 flags 2\n"
		    "postrouting: " IN TO_OUT V4 RESERVED
		    "r1=c6336407 r2=0400 r3=fbff nat0 family 2 r1 r2-r3 flags 34\n"
		    "postrouting: " IN TO_OUT V4
		    "r1=c6336407 r2=0400 r3=fbff nat0 family 2 r1 r2-r3 flags 2\n");
	configure("none");
	CHECK_LINES(as_text(&g), "postrouting:", "");
}

static void publishes(void)
{
	configure("none");
	CHECK(conf_gateway_read_publish(SPAN("tcp 443 -> 10.0.2.10:8443"), 7, &conf) == ERR_OK);
	CHECK(conf_gateway_read_publish(SPAN("udp 53-54 -> 10.0.2.11 from 203.0.113.128/25"), 8, &conf) ==
	      ERR_OK);
	struct nft_gateway g = opened();
	const char *all = as_text(&g);
	CHECK_LINES(all, "translate:",
		    "translate: " OUT V4 "r1=fib3 flags a r1==02000000 jump publish\n"
		    "translate: " IN V4
		    "r1=fib3 flags 2 r1==02000000 r1=fib3 flags a r1!=02000000 jump publish\n");
	CHECK_LINES(all, "publish:",
		    "publish: " TCP
		    "r1=header2+2,2 r1==01bb count1 publish-7 r1=0a00020a r2=20fb r3=20fb nat1 family "
		    "2 r1 r2-r3 flags 2\n"
		    "publish: " UDP
		    "r1=header1+12,4 r1=r1,4&ffffff80^00000000 r1==cb007180 r1=header2+2,2 r1>=0035 "
		    "r1<=0036 count1 publish-8 r1=0a00020b nat1 family 2 r1\n");
	CHECK_LINES(all, "postrouting:",
		    "postrouting: " IN TO_IN V4 DNAT TO_67 "r1=0001 r2=0043 masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_IN V4 DNAT TO_511 "r1=0045 r2=03ff masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_IN V4 DNAT TO_1023 "r1=0200 r2=03ff masq flags 2 r1-r2\n"
		    "postrouting: " IN TO_IN V4 DNAT RESERVED "r1=0400 r2=fbff masq flags 34 r1-r2\n"
		    "postrouting: " IN TO_IN V4 DNAT "r1=0400 r2=fbff masq flags 2 r1-r2\n");
	CHECK_LINES(all, "object1 publish",
		    "object1 publish-7\n"
		    "object1 publish-8\n");
}

static void rules_in_order(void)
{
	static const char *const rules[] = {"out tcp from 10.0.0.0/9 port 1024-65535 to any port 443",
					    "out icmp", "in from 2001:db8::/32", "in any",
					    "out icmp to 2001:db8::1"};
	configure("masquerade");
	for (unsigned i = 0; i < 5; i++)
		CHECK(conf_gateway_read_forward(span_str(rules[i]), 9 + i, i % 2 == 0, &conf) == ERR_OK);
	struct nft_gateway g = opened();
	const char *all = as_text(&g);
	CHECK_LINES(all, "out:",
		    "out: " V4 TCP
		    "r1=header1+12,2 r1=r1,2&ff80^0000 r1==0a00 r1=header2+0,2 r1>=0400 r1<=ffff "
		    "r1=header2+2,2 r1==01bb count1 allow-9 goto new\n"
		    "out: " V4 ICMP "count1 deny-10 goto denied\n"
		    "out: " V6 ICMPV6 "count1 deny-10 goto denied\n"
		    "out: " V6 ICMPV6
		    "r1=header1+24,16 r1==20010db8000000000000000000000001 count1 allow-13 goto new\n"
		    "out: goto denied\n");
	CHECK_LINES(all, "in:",
		    "in: " V6 "r1=header1+8,4 r1==20010db8 count1 allow-11 goto new\n"
		    "in: count1 deny-12 goto denied\n"
		    "in: " DNAT "goto new\n"
		    "in: goto denied\n");
	CHECK_LINES(all, "object1 allow",
		    "object1 allow-9\n"
		    "object1 allow-11\n"
		    "object1 allow-13\n");
	CHECK_LINES(all, "object1 deny-",
		    "object1 deny-10\n"
		    "object1 deny-12\n");
}

/* Whether `out` ends by letting pass what no rule matches. */
static bool rest_passes(const char *first, bool allow_first, const char *second, bool allow_second)
{
	configure("masquerade");
	CHECK(conf_gateway_read_forward(span_str(first), 1, allow_first, &conf) == ERR_OK);
	CHECK(conf_gateway_read_forward(span_str(second), 2, allow_second, &conf) == ERR_OK);
	struct nft_gateway g = opened();
	const char *out = lines_of(as_text(&g), "out: goto ");
	CHECK(!strcmp(out, "out: goto new\n") || !strcmp(out, "out: goto denied\n"));
	return out[10] == 'n';
}

static void the_rest(void)
{
	CHECK(!rest_passes("out tcp", true, "out udp", true));
	CHECK(!rest_passes("out tcp", false, "out udp", true));
	CHECK(rest_passes("out tcp", true, "out udp", false));
	CHECK(rest_passes("out tcp", false, "in udp", true));
	CHECK(!rest_passes("out tcp", true, "in udp", false));
	CHECK(rest_passes("in tcp", true, "in udp", true));
}

static void limits(void)
{
	configure("masquerade");
	conf.flows_per_source = 1000;
	conf.new_flows_per_second = 50;
	struct nft_gateway g = opened();
	const char *all = as_text(&g);
	CHECK_LINES(all, "new:",
		    "new: " V4 "r1=header1+12,4 update rate4 r1 {rate 50/1 burst 50 type 0 flags 1} "
		    "goto limit\n"
		    "new: " V6 "r1=header1+8,16 update rate6 r1 {rate 50/1 burst 50 type 0 flags 1} "
		    "goto limit\n"
		    "new: " V4 "r1=header1+12,4 add flows4 r1 {flows 1000 flags 1} goto limit\n"
		    "new: " V6 "r1=header1+8,16 add flows6 r1 {flows 1000 flags 1} goto limit\n"
		    "new: accept\n");
	CHECK_LINES(all, "set ",
		    GOALS "set flows4 flags 20 type 7,4 id 1 size 65535\n"
			  "set rate4 flags 30 type 7,4 id 2 size 65535 timeout 10000\n"
			  "set flows6 flags 20 type 8,16 id 3 size 65535\n"
			  "set rate6 flags 30 type 8,16 id 4 size 65535 timeout 10000\n");
	conf.new_flows_per_second = 0;
	all = as_text(&g);
	CHECK_LINES(all, "new:",
		    "new: " V4 "r1=header1+12,4 add flows4 r1 {flows 1000 flags 1} goto limit\n"
		    "new: " V6 "r1=header1+8,16 add flows6 r1 {flows 1000 flags 1} goto limit\n"
		    "new: accept\n");
}

#define EVIDENCE "r1=iif r1==09000000 "

/* Before all else: what belongs to a flow passes by the rules behind. */
static void evidence_takes_no_part(void)
{
	configure("masquerade");
	struct nft_gateway g = opened();
	for (int open = 0; open < 2; open++) {
		g.open = open;
		g.evidence = 9;
		const char *all = as_text(&g);
		const char *forward = lines_of(all, "forward:");
		static const char first[] = "forward: " EVIDENCE "goto evidence\n"
					    "forward: r1=oif r1==09000000 goto evidence\n";
		CHECK(strncmp(forward, first, strlen(first)) == 0);
	}
}

/* As the kernel's dump has it. */
static void put_counter(struct buf *b, uint16_t type, const char *table, const char *name, uint32_t kind)
{
	static const uint8_t counts[16] = {[6] = 1, [7] = 2, [15] = 3}; /* bytes 258, packets 3 */
	size_t m = nlmsg_begin(b, type, 0, 1);
	buf_be32(b, 1 << 24);
	nlmsg_attr_str(b, 1, table);
	nlmsg_attr_str(b, 2, name);
	nlmsg_attr_be32(b, 3, kind);
	size_t nest = nlmsg_nest(b, 4);
	nlmsg_attr(b, 1, span_of(counts, 8));
	nlmsg_attr(b, 2, span_of(counts + 8, 8));
	nlmsg_nest_end(b, nest);
	nlmsg_end(b, m);
}

static enum err read_back(struct buf *b, struct nft_counter *c)
{
	struct span in = buf_span(b);
	struct nlmsg m;
	CHECK(nlmsg_next(&in, &m) == ERR_OK);
	enum err e = nft_counter_read(&m, c);
	buf_reset(b);
	return e;
}

static void reads_counters(void)
{
	uint8_t bytes[256];
	struct buf b = BUF_OF(bytes);
	struct nft_counter c;
	put_counter(&b, 10 << 8 | 18, "sealtap", "publish-4294967295", 1);
	CHECK(read_back(&b, &c) == ERR_OK && c.bytes == 258 && c.packets == 3);
	CHECK(!strcmp(c.name, "publish-4294967295"));
	put_counter(&b, 10 << 8 | 18, "sealtap", "12345678901234567890123", 1);
	CHECK(read_back(&b, &c) == ERR_OK && strlen(c.name) == 23);
	put_counter(&b, 10 << 8 | 18, "sealtap", "123456789012345678901234", 1);
	CHECK(read_back(&b, &c) == ERR_NOT_FOUND);
	put_counter(&b, 10 << 8 | 18, "sealtap", "", 1);
	CHECK(read_back(&b, &c) == ERR_NOT_FOUND);
	put_counter(&b, 10 << 8 | 18, "sealtap2", "denied", 1);
	CHECK(read_back(&b, &c) == ERR_NOT_FOUND);
	put_counter(&b, 10 << 8 | 18, "sealtap", "denied", 2);
	CHECK(read_back(&b, &c) == ERR_NOT_FOUND);
	put_counter(&b, 10 << 8 | 6, "sealtap", "denied", 1);
	CHECK(read_back(&b, &c) == ERR_NOT_FOUND);
}

static void cut_counters(void)
{
	uint8_t bytes[256];
	struct buf b = BUF_OF(bytes);
	struct nft_counter c;
	struct span in;
	struct nlmsg m;
	put_counter(&b, 10 << 8 | 18, "sealtap", "denied", 1);
	in = buf_span(&b);
	CHECK(nlmsg_next(&in, &m) == ERR_OK);
	struct span whole = m.body;
	for (size_t n = 0; n < whole.len; n++) {
		m.body = span_first(whole, n);
		/* only whole attributes are read; without counts they are 0 */
		CHECK(nft_counter_read(&m, &c) != ERR_OK || c.packets == 0);
	}
	CHECK(bytes[16 + 4 + 12 + 12 + 8 + 4] == 12); /* the length of the first count */
	for (unsigned len = 0; len < 256; len++) {
		bytes[16 + 4 + 12 + 12 + 8 + 4] = (uint8_t)len;
		m.body = whole;
		CHECK(nft_counter_read(&m, &c) == (len == 12 ? ERR_OK : ERR_SYNTAX));
	}
}

static void never_overflows(void)
{
	static uint8_t bytes[NFT_BATCH_BYTES + 16];
	configure("198.51.100.7");
	CHECK(conf_gateway_read_publish(SPAN("tcp 1-2 -> 10.0.0.1 from 192.0.2.0/25"), 1, &conf) == ERR_OK);
	CHECK(conf_gateway_read_forward(SPAN("out icmp"), 2, true, &conf) == ERR_OK);
	conf.flows_per_source = conf.new_flows_per_second = 1;
	struct nft_gateway g = opened();
	struct buf whole = buf_over(bytes, NFT_BATCH_BYTES);
	nft_replace(&whole, 1, &g);
	CHECK(buf_err(&whole) == ERR_OK && whole.len > 10000);
	for (size_t cap = 0; cap < whole.len; cap += 1 + cap / 64) {
		memset(bytes, 0xaa, sizeof(bytes));
		struct buf b = buf_over(bytes, cap);
		nft_replace(&b, 1, &g);
		CHECK(buf_err(&b) == ERR_FULL);
		for (size_t i = cap; i < sizeof(bytes); i++)
			CHECK(bytes[i] == 0xaa);
	}
}

int main(void)
{
	RUN(closed_stops_all,
	    "closed, all that is not for the appliance itself is stopped; one batch says just that");
	RUN(sources_are_checked, "a source that the routes do not lead back to by its link is spoofed");
	RUN(sources_are_checked_while_closed,
	    "closed, sources are looked at as when open, by the evidence link too");
	RUN(forwards_outward, "open, new flows pass from inside to outside, and no others");
	RUN(translates,
	    "NAT is a masquerade, a fixed address or nothing, by ports that are not the appliance's own");
	RUN(publishes,
	    "a published service is reached from outside and, by the outside's address, from inside");
	RUN(rules_in_order, "forward rules keep their order, each with a counter");
	RUN(the_rest, "what no rule for its direction matches has the opposite of the last one");
	RUN(limits, "limits hold for each source address of either family");
	RUN(evidence_takes_no_part, "nothing is forwarded from or to the evidence link, open or closed");
	RUN(reads_counters, "a counter is read whole, and nothing else is one");
	RUN(cut_counters, "a counter that is cut or has another length is not read");
	RUN(never_overflows, "a batch that does not fit is an error, and writes nothing beyond");
	return check_done();
}
