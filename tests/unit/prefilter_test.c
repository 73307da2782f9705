#include "record/prefilter.h"

#include "check.h"
#include "noise.h"
#include "packets.h"
#include "record/packet_keys.h"

#define HOSTS 6
#define FRAME_MAX 160

static const uint16_t ports[] = {0, 22, 53, 443, 1000, 65535};
static struct bloom bloom;
static struct pcapfilter filter;

static bool compile(const char *text)
{
	char why[120];
	return !pcapfilter_compile(text, &filter, why, sizeof(why));
}

/* ---- packets of few addresses and ports, so that filters meet them; odd ones among them */

static uint32_t host(void)
{
	return 0x0a000000u + (uint32_t)noise_below(HOSTS);
}

static uint16_t port(void)
{
	return ports[noise_below(6)];
}

static bool seldom(void)
{
	return noise_below(8) == 0;
}

static void put_host6(struct buf *b)
{
	buf_be64(b, 0x20010db800000000u);
	buf_be64(b, noise_below(HOSTS));
}

static void put_ports(struct buf *b)
{
	buf_be16(b, port());
	buf_be16(b, port());
	buf_fill(b, (uint8_t)noise_u64(), 12);
}

static uint8_t protocol(void)
{
	static const uint8_t all[] = {6, 17, 132, 6, 17, 1, 58, 44, 136, 0};
	return all[noise_below(10)];
}

static void put_v4(struct buf *b)
{
	size_t at = b->len;
	put_ipv4(b, protocol(), host(), host(), seldom() ? (uint32_t)noise_below(0x10000) : 0);
	if (seldom()) { /* options; or a length that contradicts itself */
		uint8_t words = (uint8_t)noise_below(16);
		b->p[at + 2] = 0x40 | words;
		buf_fill(b, 1, words > 5 ? 4u * (words - 5) : 0);
	}
	put_ports(b);
}

static void put_v6(struct buf *b)
{
	buf_be16(b, PACKET_KEYS_IPV6);
	buf_be32(b, 0x60000000);
	buf_be16(b, 16);
	buf_u8(b, protocol());
	buf_u8(b, 64);
	put_host6(b);
	put_host6(b);
	put_ports(b);
}

static void put_arp(struct buf *b, uint16_t type)
{
	buf_be16(b, type);
	buf_be64(b, 0x0001080006040001u);
	buf_fill(b, 2, 6);
	buf_be32(b, host());
	buf_fill(b, 3, 6);
	buf_be32(b, host());
}

static void put_packet(struct buf *b)
{
	switch (noise_below(7)) {
	case 0:
		put_arp(b, PACKET_KEYS_ARP);
		return;
	case 1:
		put_arp(b, PACKET_KEYS_RARP);
		return;
	case 2:
	case 3:
		put_v6(b);
		return;
	case 4: /* PPPoE, MPLS or nothing known around it */
		buf_be16(b, noise_below(2) ? 0x8864 : noise_below(2) ? 0x8847 : (uint16_t)noise_u64());
		buf_be32(b, (uint32_t)noise_u64());
		buf_be16(b, 0x0021);
		put_v4(b);
		return;
	default:
		put_v4(b);
	}
}

/* Its keys are added, too. */
static struct span random_frame(uint8_t bytes[FRAME_MAX])
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	struct buf b = buf_over(bytes, FRAME_MAX);
	buf_fill(&b, (uint8_t)noise_u64(), 12);
	size_t count = seldom() ? noise_below(4) : noise_below(2), behind = 12;
	for (size_t i = 0; i < count; i++) {
		buf_be16(&b, tags[noise_below(3)]);
		buf_be16(&b, (uint16_t)noise_u64());
	}
	put_packet(&b);
	CHECK(!buf_err(&b));
	struct span frame = span_first(buf_span(&b), seldom() ? noise_below(b.len + 1) : b.len);
	if (count && noise_below(2))
		behind += 4; /* as where the kernel took the tag out */
	packet_keys(&bloom, span_from(frame, behind));
	return frame;
}

/* ---- texts of filters */

static void put_atom(char *text, size_t size)
{
	static const char *const kinds[] = {"",      "src ", "dst ", "ip ",   "ip6 ",     "arp ",
					    "rarp ", "tcp ", "udp ", "sctp ", "tcp src ", "udp dst "},
				 *const whole[] = {"vlan",
						   "ip",
						   "ip6",
						   "tcp",
						   "arp",
						   "icmp",
						   "mpls",
						   "pppoes",
						   "less 80",
						   "ip[8] = 64",
						   "vlan 5",
						   "ether[12:2] = 0x0800",
						   "tcp[13] & 2 != 0",
						   "ip[6:2] & 0x1fff = 0",
						   "ether[26:4] = 0x0a000001",
						   "ip[20:2] = 443",
						   "ip6[40:2] = 443",
						   "len > 60",
						   "broadcast",
						   "ip proto 17",
						   "ip6 proto 6",
						   "ether[30:4] = 0x0a000002",
						   "ip[12:4] = ip[16:4]",
						   "udp[0:2] = udp[2:2]",
						   "tcp[0:2] > 100"};
	unsigned which = (unsigned)noise_below(10), n = (unsigned)noise_below(HOSTS + 2);
	if (which < 3)
		snprintf(text, size, "%shost 10.0.0.%u", kinds[noise_below(7)], n);
	else if (which < 5)
		snprintf(text, size, "%shost 2001:db8::%x", kinds[noise_below(5)], n);
	else if (which < 8)
		snprintf(text, size, "%sport %u", kinds[noise_below(2) ? 0 : 7 + noise_below(5)],
			 n < 6 ? ports[n] : 7000 + n);
	else if (which == 8 && noise_below(2))
		snprintf(text, size, noise_below(2) ? "portrange %u-%u" : "net 10.0.0.0/%u", n + 20, n + 25);
	else
		snprintf(text, size, "%s", whole[noise_below(sizeof(whole) / sizeof(whole[0]))]);
}

static void put_filter(char *text, size_t size)
{
	static const char *const joints[] = {" and ", " or ", " and not ", ") or (", ") and (", " and (("};
	struct buf b = buf_over(text, size);
	unsigned open = 1, atoms = 1 + (unsigned)noise_below(5);
	buf_str(&b, seldom() ? "not (" : "(");
	for (unsigned i = 0; i < atoms; i++) {
		char atom[64];
		put_atom(atom, sizeof(atom));
		if (i) {
			const char *joint = joints[noise_below(6)];
			buf_str(&b, joint);
			open += strstr(joint, "((") ? 2 : 0;
		}
		buf_str(&b, atom);
	}
	while (open--)
		buf_str(&b, ")");
	CHECK(buf_cstr(&b));
}

static unsigned matched, passed_over;

/* A frame of a few packets: if the filter accepts one, the frame may hold one. */
static void try_frame(const char *text)
{
	uint8_t bytes[FRAME_MAX];
	size_t packets = 1 + noise_below(3);
	bool matches = false;
	bloom_reset(&bloom);
	for (size_t i = 0; i < packets; i++) {
		struct span frame = random_frame(bytes);
		matches |= pcapfilter_matches(&filter, frame, (uint32_t)frame.len);
	}
	bool may = prefilter_may(&filter, bloom_fold(&bloom));
	if (matches && !may)
		printf("  a packet is missed: %s\n", text);
	CHECK(may || !matches);
	matched += matches;
	passed_over += !may;
}

static void never_misses(void)
{
	char text[PCAPFILTER_TEXT_MAX];
	unsigned compiled = 0;
	for (unsigned i = 0; i < 2500; i++) {
		put_filter(text, sizeof(text));
		if (!compile(text))
			continue;
		compiled++;
		for (unsigned j = 0; j < 40; j++)
			try_frame(text);
	}
	printf("# %u filters compiled, %u frames matched, %u passed over\n", compiled, matched, passed_over);
	CHECK(compiled > 1000 && matched > 3000 && passed_over > 3000);
}

/* Programs that libpcap does not make: numbers and jumps of one it made become others. */
static void damaged_never_misses(void)
{
	static const char *const texts[] = {"tcp port 443 and host 10.0.0.1", "vlan and host 10.0.0.2",
					    "ip6 host 2001:db8::1 and port 53", "arp host 10.0.0.3"};
	for (unsigned i = 0; i < 2000; i++) {
		CHECK(compile(texts[i % 4]));
		for (size_t n = 1 + noise_below(3); n; n--) {
			struct pcapfilter_step *s = &filter.step[noise_below(filter.len)],
					       *t = &filter.step[noise_below(filter.len)];
			bool jumps = (s->code & 7) == 5, loads = (s->code & 7) <= 1;
			if (jumps && noise_below(2)) {
				uint8_t to = s->jump_true;
				s->jump_true = s->jump_false;
				s->jump_false = to;
			} else if (jumps == ((t->code & 7) == 5) && loads == ((t->code & 7) <= 1)) {
				s->k = t->k;
			}
		}
		for (unsigned j = 0; j < 20; j++)
			try_frame(texts[i % 4]);
	}
	/* it asks for ports where they are none: in fragments that are not the first */
	CHECK(compile("udp src port 443"));
	for (struct pcapfilter_step *s = filter.step; s < filter.step + filter.len; s++) {
		if (s->k != 0x1fff)
			continue;
		uint8_t to = s->jump_true;
		s->jump_true = s->jump_false;
		s->jump_false = to;
	}
	matched = 0;
	for (unsigned i = 0; i < 20000; i++)
		try_frame("udp src port 443 of a fragment");
	CHECK(matched > 20);
}

/* ---- what it understands */

static void fill(const char *keys)
{
	bloom_reset(&bloom);
	struct span rest = span_str(keys);
	while (rest.len) {
		struct span word = span_cut(&rest, ' ');
		struct ip ip;
		uint64_t number;
		if (!text_read_u64(word, 65535, &number))
			bloom_add(&bloom, bloom_port((uint16_t)number));
		else if (!ip_read(word, &ip))
			bloom_add(&bloom, bloom_ip(&ip));
		else
			CHECK(!"a key");
	}
}

static void understands(void)
{
	static const struct {
		const char *text, *keys;
		bool may;
	} rows[] = {
		{"host 10.0.0.1", "10.0.0.1", true},
		{"host 10.0.0.1", "10.0.0.2 1", false},
		{"src host 10.0.0.1", "10.0.0.2", false},
		{"dst host 10.0.0.1", "10.0.0.1", true},
		{"ip host 10.0.0.1", "10.0.0.2", false},
		{"arp host 10.0.0.1", "10.0.0.2", false},
		{"arp host 10.0.0.1", "10.0.0.1", true},
		{"host 10.0.0.1 or host 10.0.0.2", "10.0.0.3", false},
		{"host 10.0.0.1 or host 10.0.0.2", "10.0.0.2", true},
		{"host 10.0.0.1 and host 10.0.0.2", "10.0.0.2", false},
		{"host 10.0.0.1 and host 10.0.0.2", "10.0.0.2 10.0.0.1", true},
		{"not host 10.0.0.1", "10.0.0.1", true},
		{"not host 10.0.0.1", "", true},
		{"host 10.0.0.1 and not host 10.0.0.2", "10.0.0.2", false},
		{"port 0", "10.0.0.1 443", false},
		{"port 0", "0", true},
		{"port 443", "10.0.0.1 80", false},
		{"src port 443", "80", false},
		{"tcp dst port 443", "80", false},
		{"udp port 53 or tcp port 53", "80", false},
		{"sctp port 9", "80", false},
		{"ip6 and port 53", "80", false},
		{"tcp port 443 and host 10.0.0.5", "10.0.0.5 80", false},
		{"tcp port 443 and host 10.0.0.5", "10.0.0.6 443", false},
		{"tcp port 443 and host 10.0.0.5", "10.0.0.5 443", true},
		{"port 443 and (host 10.0.0.5 or host 2001:db8::5)", "2001:db8::5 80", false},
		{"port 443 and (host 10.0.0.5 or host 2001:db8::5)", "2001:db8::6 443", false},
		{"port 443 and (host 10.0.0.5 or host 2001:db8::5)", "2001:db8::5 443", true},
		{"host 2001:db8::1", "2001:db8::2", false},
		{"host 2001:db8::1", "2001:db8::1", true},
		{"ip6 src host 2001:db8::1 or dst host 2001:db8::3", "2001:db8::2", false},
		{"vlan and host 10.0.0.1", "10.0.0.2", false},
		{"vlan and host 10.0.0.1", "10.0.0.1", true},
		{"vlan and vlan and tcp port 80", "81", false},
		{"host 10.0.0.1 or (vlan and host 10.0.0.1)", "10.0.0.2", false},
		{"portrange 1-2", "3", true},
		{"portrange 7-7", "3", true},
		{"net 10.0.0.0/8", "11.0.0.1", true},
		{"net 10.0.0.0/8 and port 7", "10.0.0.1 8", false},
		{"tcp[13] & 2 != 0", "", true},
		{"tcp[13] & 2 != 0 and port 22", "23", false},
		{"icmp", "", true},
		{"icmp and host 10.0.0.1", "10.0.0.2", false},
		{"ether host 02:00:00:00:00:01", "", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK(compile(rows[i].text));
		fill(rows[i].keys);
		bool may = prefilter_may(&filter, bloom_fold(&bloom));
		if (may != rows[i].may)
			printf("  \"%s\" of \"%s\"\n", rows[i].text, rows[i].keys);
		CHECK(may == rows[i].may);
		CHECK(prefilter_may(&filter, span_of(NULL, 0)));
	}
}

static void tells_of_use(void)
{
	static const char *const of_use[] = {"host 10.0.0.1", "port 0", "vlan and port 1"},
				 *const of_none[] = {"not port 1", "tcp", "net 10.0.0.0/9", "portrange 1-9",
						     "port 1 or icmp"};
	for (size_t i = 0; i < 3; i++)
		CHECK(compile(of_use[i]) && prefilter_helps(&filter));
	for (size_t i = 0; i < 5; i++)
		CHECK(compile(of_none[i]) && !prefilter_helps(&filter));
}

/* Each address may be, and each is a turn: 2 to the power of 12 paths. */
static void ends(void)
{
	char text[PCAPFILTER_TEXT_MAX] = "port 1";
	fill("1 2 3 4 5 6 7 8 9 10 11 12");
	struct span filled = bloom_fold(&bloom);
	for (unsigned i = 0; i < 12; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " and ip[%u] & %u != 3", 8 + i % 2,
			 7 + i);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), " and host 10.9.9.9");
	CHECK(compile(text));
	(void)prefilter_may(&filter, filled);
	/* no program of anybody keeps it from ending: jumps to nowhere, in circles, of codes that are none */
	for (unsigned i = 0; i < 20000; i++) {
		filter.len = (uint32_t)noise_below(40);
		for (uint32_t s = 0; s < filter.len; s++)
			filter.step[s] =
				(struct pcapfilter_step){(uint16_t)noise_below(256), (uint8_t)noise_below(8),
							 (uint8_t)noise_below(8),
							 seldom() ? (uint32_t)noise_u64() : 12};
		(void)prefilter_may(&filter, filled);
	}
	filter.len = 0;
	CHECK(prefilter_may(&filter, filled));
}

int main(void)
{
	RUN(understands, "a frame without the hosts and ports that a filter asks for is passed over");
	RUN(never_misses, "no frame is passed over that holds a packet which the filter accepts");
	RUN(damaged_never_misses, "so it is with programs that libpcap does not make");
	RUN(tells_of_use, "a filter that names no host and no port is known to be of no use here");
	RUN(ends, "the work is bounded, whatever the program");
	return check_done();
}
