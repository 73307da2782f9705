#include "record/rules.h"

#include <stdlib.h>

#include "check.h"
#include "packets.h"

static struct pcapfilter f;
static char why[96];
static struct settings s;
static struct conf_error at;
static struct rules rules;
static uint8_t bytes[512];

static struct span udp(uint32_t from, uint16_t port)
{
	struct buf b = BUF_OF(bytes);
	buf_fill(&b, 2, 12);
	put_ipv4(&b, 17, from, 0x0a000002, 0);
	put_udp(&b, 1000, port);
	buf_fill(&b, 'p', 100);
	return buf_span(&b);
}

static void matching(void)
{
	struct span frame = udp(0x0a000001, 53);
	CHECK(!pcapfilter_compile("udp port 53 and src net 10.0.0.0/8", &f, why, sizeof(why)) && !why[0]);
	CHECK(pcapfilter_matches(&f, frame, (uint32_t)frame.len));
	CHECK(!pcapfilter_matches(&f, span_first(frame, 30), (uint32_t)frame.len));
	CHECK(!pcapfilter_matches(&f, span_first(frame, 0), (uint32_t)frame.len));
	frame = udp(0x0a000001, 54);
	CHECK(!pcapfilter_matches(&f, frame, (uint32_t)frame.len));
	CHECK(!pcapfilter_compile("greater 1000", &f, why, sizeof(why)));
	CHECK(pcapfilter_matches(&f, frame, 1000) && !pcapfilter_matches(&f, frame, 999));
}

static void refused(void)
{
	static const char *const bad[] = {
		"tcp port",
		"port 99999",
		"host 1.2.3.4.5",
		"(((",
		"host www.example.com",
		"net example",
		"port http",
		"ether host me",
		"ip6 host me",
		"inbound",
		"outbound",
		"ifname eth0",
		"gateway 10.0.0.1",
		"tcp and udp and icmp and arp",
		"\xc3\xa4",
		"portrange http-99",
		"rset 1",
		"ip6 protochain 6",
		"ip protochain 6",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool refuses = pcapfilter_compile(bad[i], &f, why, sizeof(why)) == ERR_SYNTAX && why[0];
		if (!refuses)
			printf("  %s: %s\n", bad[i], why);
		CHECK(refuses);
		for (const char *c = why; *c; c++)
			CHECK(*c >= 0x20 && *c < 0x7f);
	}
	char small[8];
	CHECK(pcapfilter_compile("tcp port", &f, small, sizeof(small)) && strlen(small) < sizeof(small));
}

static void bounded(void)
{
	char text[20000];
	size_t n = 0;
	for (unsigned i = 0; i < 2000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " or %u" + (i ? 0 : 4), i + 1);
	CHECK(pcapfilter_compile(text, &f, why, sizeof(why)) == ERR_TOO_LONG && strstr(why, "too long"));
	n = (size_t)snprintf(text, sizeof(text), "host 1::1");
	for (unsigned i = 2; n + 12 <= PCAPFILTER_TEXT_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " or %x::%x", i, i);
	CHECK(pcapfilter_compile(text, &f, why, sizeof(why)) == ERR_TOO_LONG && strstr(why, "compiled"));
	n = (size_t)snprintf(text, sizeof(text), "port 1");
	for (unsigned i = 2; n + 8 <= PCAPFILTER_TEXT_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " or %u", i);
	CHECK(!pcapfilter_compile(text, &f, why, sizeof(why)) && f.len < PCAPFILTER_MAX);
	for (n = 0; n < 500; n++)
		text[n] = '(';
	text[n] = 0;
	CHECK(pcapfilter_compile(text, &f, why, sizeof(why)) == ERR_SYNTAX);
}

static void add(enum conf_keep keep, const char *filter)
{
	struct capture_rule *r = &s.rule[s.rule_count++];
	*r = (struct capture_rule){.keep = keep, .line = s.rule_count + 10};
	memcpy(r->filter, filter, strlen(filter) + 1);
}

static enum conf_keep verdict(uint16_t port)
{
	struct span frame = udp(0x0a000001, port);
	return rules_verdict(&rules, frame, (uint32_t)frame.len);
}

static void first_match_wins(void)
{
	s.rule_count = 0;
	CHECK(!rules_compile(&s, &rules, &at) && verdict(53) == CONF_KEEP_FULL);
	add(CONF_KEEP_FULL, "udp port 53");
	add(CONF_KEEP_HEADERS, "udp portrange 50-60");
	add(CONF_KEEP_NONE, "udp");
	add(CONF_KEEP_FULL, "greater 0");
	CHECK(!rules_compile(&s, &rules, &at) && rules.count == 4);
	CHECK(verdict(53) == CONF_KEEP_FULL && verdict(54) == CONF_KEEP_HEADERS &&
	      verdict(61) == CONF_KEEP_NONE);
	struct span frame = udp(1, 1);
	bytes[23] = 6;
	CHECK(rules_verdict(&rules, frame, 142) == CONF_KEEP_FULL);
}

static void blamed(void)
{
	s.rule_count = 0;
	add(CONF_KEEP_FULL, "tcp");
	add(CONF_KEEP_NONE, "port domain");
	CHECK(rules_compile(&s, &rules, &at) == ERR_SYNTAX);
	CHECK(at.line == 12 && !strcmp(at.key, "capture.rule") && strstr(at.text, "domain"));
}

int main(void)
{
	RUN(matching, "a filter in libpcap's language matches frames; what is not at hand does not match");
	RUN(refused,
	    "a filter with an error, a name, a direction or an interface is refused, and it is said why");
	RUN(bounded, "a filter's program is bounded, and so is the compiler's way through hostile text");
	RUN(first_match_wins, "the first rule that matches decides, no match is full");
	RUN(blamed, "a rule that does not compile is named by its line");
	return check_done();
}
