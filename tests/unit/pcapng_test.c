#include "check.h"
#include "noise.h"

#include <pcap.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/pcapng.h"

#define FILE_NAME "build/pcapng_test.pcapng"
#define START_NS 1767225600000000000ull

static uint8_t bytes[4 << 20];
static struct buf out;

static void put_heads(void)
{
	out = BUF_OF(bytes);
	struct pcapng_section s = {SPAN("x86_64"), SPAN("Linux"), SPAN("sealtap 1"), SPAN("a=b\nc=d\n")};
	struct pcapng_interface outside = {SPAN("eth0"), SPAN("outside eni-1"), SPAN("a filter"),
					   10000000000};
	struct pcapng_interface inside = {.name = SPAN("eth1")};
	pcapng_section(&out, &s);
	pcapng_interface(&out, &outside);
	pcapng_interface(&out, &inside);
}

static void put_packet(uint64_t ns, struct span frame, uint32_t len, uint32_t interface_id)
{
	struct ring_packet p = {.ts_ns = ns, .len = len, .cap_len = (uint32_t)frame.len, .tail = frame};
	struct pcapng_packet_info info = {
		.interface_id = interface_id, .packet_id = 7, .queue = 3, .drops = 5};
	size_t before = out.len, size = pcapng_packet_bytes(&p);
	pcapng_packet(&out, &p, &info);
	CHECK(out.len - before == size && size <= frame.len + PCAPNG_PACKET_OVERHEAD);
}

static void write_file(void)
{
	FILE *f = fopen(FILE_NAME, "wb");
	CHECK(f && !out.overflow && fwrite(out.p, 1, out.len, f) == out.len);
	if (f)
		fclose(f);
}

/* Every block's two lengths agree and are multiples of 4; gives the number of blocks of a type. */
static unsigned count_blocks(uint32_t type)
{
	unsigned n = 0;
	size_t at = 0;
	while (at + 12 <= out.len) {
		uint32_t len = load_le32(out.p + at + 4);
		if (len < 12 || len % 4 || len > out.len - at || load_le32(out.p + at + len - 4) != len) {
			CHECK(!"a block's length is wrong");
			return 0;
		}
		n += load_le32(out.p + at) == type;
		at += len;
	}
	CHECK(at == out.len);
	return n;
}

static void section_bytes(void)
{
	out = BUF_OF(bytes);
	struct pcapng_section s = {.hardware = SPAN("abc"), .comment = SPAN("k=v\n")};
	pcapng_section(&out, &s);
	CHECK(span_eq(buf_span(&out), unhex("0a0d0d0a300000004d3c2b1a01000000ffffffffffffffff"
					    "010004006b3d760a0200030061626300"
					    "0000000030000000")));
}

static void packet_bytes(void)
{
	out = BUF_OF(bytes);
	struct ring_packet p = {.ts_ns = 0x0102030405060708,
				.len = 100,
				.cap_len = 19,
				.vlan = true,
				.tpid = 0x8100,
				.tci = 0x6042};
	struct pcapng_packet_info info = {.interface_id = 1, .packet_id = 0x1122, .queue = 2, .drops = 9};
	p.head = SPAN("AAAAAABBBBBB");
	p.tail = SPAN("xyz");
	pcapng_packet(&out, &p, &info);
	CHECK(span_eq(buf_span(&out),
		      unhex("060000007000000001000000040302010807060513000000640000004141414141"
			    "414242424242428100604278797a00"
			    "0200040001000000"
			    "040008000900000000000000"
			    "050008002211000000000000"
			    "0600040002000000"
			    "07000900010f00000000000000000000"
			    "0000000070000000")));
	CHECK(out.len == pcapng_packet_bytes(&p));
}

static void every_length(void)
{
	uint8_t frame[70];
	noise_fill(frame, sizeof(frame));
	put_heads();
	for (uint32_t n = 0; n <= sizeof(frame); n++) {
		put_packet(START_NS + n, span_of(frame, n), n, n % 2);
		put_packet(START_NS + n, span_of(frame, n), n + 1, n % 2);
	}
	CHECK(count_blocks(6) == 2 * (sizeof(frame) + 1));
	CHECK(count_blocks(1) == 2 && count_blocks(0x0a0d0d0a) == 1);
}

static void full(void)
{
	uint8_t frame[50] = {0};
	struct ring_packet p = {.len = 50, .cap_len = 50, .tail = span_of(frame, 50)};
	struct pcapng_packet_info info = {0};
	for (size_t cap = 0; cap < 160; cap++) {
		out = buf_over(bytes, cap);
		pcapng_packet(&out, &p, &info);
		CHECK(cap < pcapng_packet_bytes(&p) ? out.overflow && out.len == 0
						    : out.len == pcapng_packet_bytes(&p));
	}
}

static void read_back(void)
{
	static uint8_t frames[300][2000];
	static size_t lens[300];
	char error[PCAP_ERRBUF_SIZE];
	put_heads();
	for (unsigned i = 0; i < 300; i++) {
		lens[i] = 14 + noise_below(sizeof(frames[0]) - 14);
		noise_fill(frames[i], lens[i]);
		put_packet(START_NS + i * 1001, span_of(frames[i], lens[i]),
			   (uint32_t)lens[i] + (i % 3 ? 0 : 50), i % 2);
	}
	struct pcapng_statistics s = {.interface_id = 0,
				      .now_ns = START_NS + 5,
				      .start_ns = START_NS,
				      .received = 150,
				      .delivered = 150};
	pcapng_statistics(&out, &s);
	write_file();
	pcap_t *p = pcap_open_offline_with_tstamp_precision(FILE_NAME, PCAP_TSTAMP_PRECISION_NANO, error);
	CHECK(p);
	if (!p)
		return;
	CHECK(pcap_datalink(p) == DLT_EN10MB && pcap_snapshot(p) == PCAPNG_SNAPLEN);
	for (unsigned i = 0; i < 300; i++) {
		struct pcap_pkthdr *h;
		const u_char *data;
		if (pcap_next_ex(p, &h, &data) != 1) {
			CHECK(!"libpcap found no more packets");
			break;
		}
		CHECK(h->caplen == lens[i] && h->len == lens[i] + (i % 3 ? 0 : 50));
		CHECK(memcmp(data, frames[i], lens[i]) == 0);
		CHECK((uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec == START_NS + i * 1001);
	}
	struct pcap_pkthdr *h;
	const u_char *data;
	CHECK(pcap_next_ex(p, &h, &data) == PCAP_ERROR_BREAK);
	pcap_close(p);
}

/* Runs a command over the file of read_back(); its output, errors too. */
static bool run(const char *command, char *text, size_t cap)
{
	FILE *f = popen(command, "r");
	size_t n = f ? fread(text, 1, cap - 1, f) : 0;
	text[n] = '\0';
	return f && pclose(f) == 0;
}

static void tshark_reads(void)
{
	static char text[1 << 20];
	if (system("command -v tshark >/dev/null 2>&1")) {
		printf("skip tshark reads it: tshark is not installed\n");
		return;
	}
	put_heads();
	put_packet(START_NS + 123456789,
		   unhex("020000000001020000000002080045000014000000004000000001020304"), 90, 1);
	struct pcapng_statistics s = {1, START_NS + 9, START_NS, 12, 1, 2, 3, 4};
	pcapng_statistics(&out, &s);
	write_file();
	CHECK(run("tshark -r " FILE_NAME
		  " -T fields -E separator=/s -e frame.len -e frame.cap_len -e frame.interface_name"
		  " -e frame.packet_flags_direction -e frame.drop_count -e frame.packet_id"
		  " -e frame.interface_queue -e frame.time_epoch 2>&1 | grep -v 'Running as user'",
		  text, sizeof(text)));
	CHECK_SPAN(span_str(text), SPAN("90 30 eth1 0x00000001 5 7 3 1767225600.123456789\n"));
	CHECK(run("capinfos " FILE_NAME " 2>&1", text, sizeof(text)));
	CHECK(strstr(text, "Number of stat entries = 1") && strstr(text, "Name = eth1"));
}

int main(void)
{
	RUN(section_bytes, "a section header has the bytes of the standard");
	RUN(packet_bytes, "a packet has the bytes of the standard: the VLAN tag put back, its options");
	RUN(every_length,
	    "frames of every length, whole and cut, make well-formed blocks of the size foretold");
	RUN(full, "a block that does not fit leaves nothing behind");
	RUN(read_back, "libpcap reads 300 packets back: bytes, lengths and nanoseconds");
	RUN(tshark_reads, "tshark reads every option, without a warning");
	return check_done();
}
