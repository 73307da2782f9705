/* The packet filter for the appliance itself. */
#include "net/nft_own.h"

#include "check.h"
#include "nft_text.h"

#define FLOWS "r1=ct0 r1=r1,4&06000000^00000000 r1!=00000000 "
#define IN_ANSWERS                                                                                 \
	"input: " IN "r1=ct1 r1=r1,4&01000000^00000000 r1!=00000000 r1=fib3 flags a r1!=02000000 " \
	"goto spoofed\n"
#define TIMES "r1=0000000000000000 header2+8,8=r1 sum1 at 2 "
#define INPUT                                                                     \
	"input: " FLOWS "accept\n"                                                \
	"input: " V4 UDP "r1=header2+0,2 r1==0043 r1=header2+2,2 r1==0044 drop\n" \
	"input: " V6 ICMPV6 "r1=header2+0,1 r1==85 accept\n"                      \
	"input: " V6 ICMPV6 "r1=header2+0,1 r1==86 " TIMES "accept\n"             \
	"input: " V6 ICMPV6 "r1=header2+0,1 r1==87 accept\n"                      \
	"input: " V6 ICMPV6 "r1=header2+0,1 r1==88 accept\n"
#define TO_NOBODY "input: goto to-appliance\n"
#define OUTPUT                                                               \
	"output: " V4 ICMP "r1=header2+0,2 r1==0302 drop\n"                  \
	"output: " V4 ICMP "r1=header2+0,2 r1==0303 drop\n"                  \
	"output: " V4 ICMP "r1=header2+0,2 r1==0304 goto too-big\n"          \
	"output: " V4 ICMP "r1=header2+0,1 r1==03 goto unreachable\n"        \
	"output: " V4 ICMP "r1=header2+0,1 r1==0b goto ttl\n"                \
	"output: " V4 ICMP "r1=header2+0,1 r1==0c accept\n"                  \
	"output: " V6 ICMPV6 "r1=header2+0,2 r1==0104 drop\n"                \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==02 goto too-big\n"          \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==03 goto ttl\n"              \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==01 goto unreachable\n"      \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==04 accept\n"                \
	"output: " FLOWS "accept\n"                                          \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==85 accept\n"                \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==87 accept\n"                \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==88 accept\n"                \
	"output: " V6 ICMPV6 "r1=header2+0,1 r1==8f accept\n"                \
	"output: r1=ct0 r1=r1,4&08000000^00000000 r1!=00000000 goto begin\n" \
	"output: goto from-appliance\n"
#define NET "r1=user r1==65000000 "
#define KEYS "r1=user r1==66000000 "
#define BEGIN                                                                                    \
	"begin: " NET UDP "r1=header2+2,2 r1==0035 accept\n"                                     \
	"begin: " NET TCP "r1=header2+2,2 r1==0035 accept\n"                                     \
	"begin: " NET UDP "r1=header2+2,2 r1==007b accept\n"                                     \
	"begin: " KEYS V4 "r1=header1+16,4 r1==a9fea9fe " TCP "r1=header2+2,2 r1==0050 accept\n" \
	"begin: " KEYS V6 "r1=header1+24,16 r1==fd000ec2000000000000000000000254 " TCP           \
	"r1=header2+2,2 r1==0050 accept\n"                                                       \
	"begin: " V4 TCP "r1=user r9=header1+16,4 r10=header2+2,2 r1 in goals4 accept\n"         \
	"begin: " V6 TCP "r1=user r9=header1+24,16 r13=header2+2,2 r1 in goals6 accept\n"        \
	"begin: goto from-appliance\n"

static void the_appliance_itself(void)
{
	configure("masquerade");
	for (int open = 0; open < 2; open++) {
		struct nft_gateway g = opened();
		g.open = open;
		const char *all = as_text(&g);
		CHECK_LINES(all, "input:", IN_ANSWERS INPUT TO_NOBODY);
		CHECK_LINES(all, "output:", OUTPUT);
		CHECK_LINES(all, "begin:", BEGIN);
	}
}

static void no_link_known(void)
{
	struct nft_gateway g = {.fresh = true};
	CHECK_LINES(as_text(&g), "input:", INPUT TO_NOBODY);
}

static void closing_leaves_it(void)
{
	uint8_t bytes[NFT_CLOSE_BYTES];
	struct buf b = BUF_OF(bytes);
	nft_close(&b, 100);
	CHECK_SPAN(span_str(batch_as_text(&b)),
		   SPAN("begin\n"
			"flush sealtap translate\n"
			"flush sealtap tracked\n"
			"flush sealtap forward\n"
			"tracked: " V6 "r1=header1+24,2 r1=r1,2&ffc0^0000 r1==fe80 accept\n"
			"tracked: " V4 UDP "r1=header2+2,2 r1==0044 accept\n"
			"tracked: r1=fib3 flags 2 r1==01000000 goto stopped\n"
			"forward: goto stopped\n"
			"table sealtap create acknowledge\nend\n"));
}

static void goals(void)
{
	static const struct ip addr[NFT_GOALS_MAX] = {
		{{[10] = 0xff, 0xff, 192, 0, 2, 1}}, {{0x20, 1, 0xd, 0xb8, [15] = 1}}, {{[10] = 0xff, 0xff}}};
	uint8_t bytes[NFT_GOALS_BYTES];
	struct buf b = BUF_OF(bytes);
	nft_own_goals(&b, 100, 103, addr, 2, 443);
#define GOAL4 "goals4 67000000c000020101bb0000\n"
#define GOAL6 "goals6 6700000020010db800000000000000000000000101bb0000\n"
	CHECK_SPAN(span_str(batch_as_text(&b)),
		   SPAN("begin\n"
			"add " GOAL4 "remove " GOAL4 "add " GOAL4 "add " GOAL6 "remove " GOAL6 "add " GOAL6
			"table sealtap create acknowledge\nend\n"));
	buf_reset(&b);
	nft_own_goals(&b, 100, 103, addr, NFT_GOALS_MAX, 443);
	CHECK(buf_err(&b) == ERR_OK);
}

static void the_evidence_link(void)
{
	configure("masquerade");
	struct nft_gateway g = opened();
	g.evidence = 9;
	CHECK_LINES(as_text(&g),
		    "input:", IN_ANSWERS INPUT "input: r1=iif r1==09000000 goto evidence\n" TO_NOBODY);
	g.open = false;
	CHECK_LINES(as_text(&g),
		    "input:", IN_ANSWERS INPUT "input: r1=iif r1==09000000 goto evidence\n" TO_NOBODY);
}

static void the_status_port_is_for_its_sources(void)
{
	static const struct conf_nets sources = {3,
						 {{{{[10] = 0xff, 0xff, 10}}, 104},
						  {{{0x20, 1, 0xd, 0xb8}}, 32},
						  {{{[10] = 0xff, 0xff}}, 96}}};
	configure("masquerade");
	for (int open = 0; open < 2; open++) {
		struct nft_gateway g = opened();
		g.open = open;
		g.status = (struct nft_status){9100, 7, &sources};
		CHECK_LINES(as_text(&g), "input:",
			    IN_ANSWERS INPUT
			    "input: " TCP "r1=header2+2,2 r1==238c " IN V4 "r1=header1+12,1 r1==0a accept\n"
			    "input: " TCP "r1=header2+2,2 r1==238c " IN V6
			    "r1=header1+8,4 r1==20010db8 accept\n"
			    "input: " TCP "r1=header2+2,2 r1==238c " IN V4 "accept\n"
			    "input: " TCP "r1=header2+2,2 r1==238c goto status-port\n" TO_NOBODY);
	}
}

int main(void)
{
	RUN(the_appliance_itself,
	    "open or closed, nothing reaches the appliance unasked, and its roles begin what they are for");
	RUN(no_link_known, "as long as the inside link is not known, nothing is said of it");
	RUN(closing_leaves_it, "closing forwarding leaves what is for the appliance itself, and from it");
	RUN(goals, "a goal is of one user, one address, one port; its time begins anew each time");
	RUN(the_status_port_is_for_its_sources, "the status port is there for its sources by its link alone");
	RUN(the_evidence_link, "by the evidence link come answers alone");
	return check_done();
}
