/* The sealed sample in tests/sample: made again from its frames, with the product's own stages, and compared
 * with the committed file. `sample_test --write` writes it. */
#include "check.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/ecdsa.h"
#include "record/object.h"
#include "record/packet_keys.h"
#include "record/pcapng.h"
#include "record/segment.h"
#include "sample/packets.h"

#define SAMPLE "tests/sample/sample.pcapng.zst.encrypted"
#define KEY "tests/sample/sample.key"
#define START_NS (1767225600 * NS_PER_S) /* 2026-01-01 */
#define PAGE_BYTES 1160u

static uint8_t raw_bytes[65536], frames_bytes[16384], slot[1 << 20], file_bytes[1 << 20];
static struct segment segment;
static struct bloom bloom;
static struct buf raw, frames;
static uint64_t now_ns;
static uint32_t packets;

static void add(uint32_t interface_id, struct span frame)
{
	now_ns += 1734567 + 100003 * (packets % 7);
	struct ring_packet p = {
		.ts_ns = now_ns,
		.len = (uint32_t)frame.len,
		.cap_len = (uint32_t)frame.len,
		.tail = frame,
	};
	struct pcapng_packet_info info = {.interface_id = interface_id, .packet_id = packets++};
	pcapng_packet(&raw, &p, &info);
	packet_keys(&bloom, span_from(frame, 12));
}

static void add_page(uint32_t ack)
{
	uint8_t page[PAGE_BYTES];
	struct buf b = BUF_OF(page);
	buf_str(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
	buf_str(&b, "Content-Length: 1074\r\nConnection: close\r\n\r\n");
	while (buf_room(&b) >= 100)
		buf_str(&b, "Recorded, sealed and opened again, with the key that stands beside.\n");
	buf_fill(&b, '.', buf_room(&b));
	add(SAMPLE_OUTSIDE, sample_tcp(&frames, true, 9001, ack, SAMPLE_PSH | SAMPLE_ACK, buf_span(&b)));
}

static void add_packets(void)
{
	struct span none = {NULL, 0};
	struct span get =
		SPAN("GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: sample\r\nAccept: */*\r\n\r\n");
	uint32_t got = 1001 + (uint32_t)get.len;
	for (uint16_t i = 1; i <= 3; i++) {
		add(SAMPLE_INSIDE, sample_ping(&frames, false, i));
		add(SAMPLE_OUTSIDE, sample_ping(&frames, true, i));
	}
	add(SAMPLE_INSIDE, sample_dns(&frames, false));
	add(SAMPLE_OUTSIDE, sample_dns(&frames, true));
	add(SAMPLE_INSIDE, sample_tcp(&frames, false, 1000, 0, SAMPLE_SYN, none));
	add(SAMPLE_OUTSIDE, sample_tcp(&frames, true, 9000, 1001, SAMPLE_SYN | SAMPLE_ACK, none));
	add(SAMPLE_INSIDE, sample_tcp(&frames, false, 1001, 9001, SAMPLE_ACK, none));
	add(SAMPLE_INSIDE, sample_tcp(&frames, false, 1001, 9001, SAMPLE_PSH | SAMPLE_ACK, get));
	add_page(got);
	add(SAMPLE_OUTSIDE, sample_tcp(&frames, true, 9001 + PAGE_BYTES, got, SAMPLE_FIN | SAMPLE_ACK, none));
	add(SAMPLE_INSIDE, sample_tcp(&frames, false, got, 9002 + PAGE_BYTES, SAMPLE_FIN | SAMPLE_ACK, none));
	add(SAMPLE_OUTSIDE, sample_tcp(&frames, true, 9002 + PAGE_BYTES, got + 1, SAMPLE_ACK, none));
}

static void add_heads(void)
{
	struct pcapng_section section = {
		.hardware = SPAN("x86_64"),
		.os = SPAN("Linux"),
		.userappl = SPAN("sealtap sample"),
		.comment = SPAN("appliance=sample\nstream=w0\nseq=0\n"),
	};
	struct pcapng_interface outside = {.name = SPAN("eth0"), .description = SPAN("outside")};
	struct pcapng_interface inside = {.name = SPAN("eth1"), .description = SPAN("inside")};
	pcapng_section(&raw, &section);
	pcapng_interface(&raw, &outside);
	pcapng_interface(&raw, &inside);
}

static void add_statistics(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct pcapng_statistics s = {.interface_id = i,
					      .now_ns = now_ns + 1000,
					      .start_ns = START_NS,
					      .received = packets / 2,
					      .delivered = packets / 2};
		pcapng_statistics(&raw, &s);
	}
}

static void put_context(struct buf *aad)
{
	static struct object_identity id = {.account = "123456789012",
					    .region = "us-east-1",
					    .appliance = "sample",
					    .vpc = "vpc-0example",
					    .boot = 0x5ea17a9000000001};
	struct ecdsa_key k;
	uint8_t seed[32] = {1};
	ecdsa_keypair(seed, &k, id.pub);
	enum err e = object_context(&id, "w0", 0, aad);
	CHECK(!e);
}

/* As AWS's raw AES keyring wraps a data key: the sample's key file holds the wrapping key. */
static void wrap(struct span wrapping_key, const uint8_t *data_key, struct span aad, struct buf *info,
		 struct buf *edk)
{
	const uint8_t iv[12] = "sample-iv-01";
	struct aead_key k;
	uint8_t tag[16], sealed[32];
	aead_init(&k, wrapping_key);
	aead_seal(&k, iv, aad, span_of(data_key, 32), sealed, tag);
	buf_str(info, "sample-key");
	buf_be32(info, 128);
	buf_be32(info, 12);
	buf_put(info, span_of(iv, 12));
	buf_put(edk, span_of(sealed, 32));
	buf_put(edk, span_of(tag, 16));
}

static bool read_key(uint8_t key[32])
{
	char text[65] = "";
	FILE *f = fopen(KEY, "r");
	struct buf b = buf_over(key, 32);
	if (!f || fread(text, 1, 64, f) != 64)
		return false;
	fclose(f);
	return !text_read_hex(span_of(text, 64), &b);
}

static struct segment_sum make(void)
{
	uint8_t wrapping[32], data_key[32], id[32], context[2048], info_bytes[64], edk_bytes[64];
	struct buf aad = BUF_OF(context), info = BUF_OF(info_bytes), edk = BUF_OF(edk_bytes);
	struct segment_sum sum = {0};
	bool has_key = read_key(wrapping);
	CHECK(has_key);
	memset(data_key, 0x5e, sizeof(data_key));
	memset(id, 0xa1, sizeof(id));
	put_context(&aad);
	wrap(span_of(wrapping, 32), data_key, buf_span(&aad), &info, &edk);
	raw = BUF_OF(raw_bytes);
	frames = BUF_OF(frames_bytes);
	now_ns = START_NS;
	bloom_reset(&bloom);
	add_heads();
	add_packets();
	add_statistics();
	CHECK(!raw.overflow && !frames.overflow);
	struct segment_key key = {data_key, buf_span(&aad), SPAN("sealtap-sample"), buf_span(&info),
				  buf_span(&edk)};
	struct segment_frame_info frame = {START_NS, now_ns, 1, 1, packets, bloom_fold(&bloom)};
	CHECK(!segment_open(&segment, &key, id, 3, UINT64_MAX, slot, sizeof(slot)));
	CHECK(!segment_frame(&segment, buf_span(&raw), &frame, EFFORT_FULL));
	CHECK(!segment_close(&segment, &sum));
	return sum;
}

static void sample_is_what_we_make(void)
{
	struct segment_sum sum = make();
	FILE *f = fopen(SAMPLE, "rb");
	CHECK(f);
	size_t n = f ? fread(file_bytes, 1, sizeof(file_bytes), f) : 0;
	if (f)
		fclose(f);
	CHECK(n == sum.size_bytes);
	CHECK(n && memcmp(file_bytes, slot, n) == 0);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--write")) {
		struct segment_sum sum = make();
		FILE *f = fopen(SAMPLE, "wb");
		bool good = f && fwrite(slot, 1, sum.size_bytes, f) == sum.size_bytes;
		return f && fclose(f) == 0 && good ? 0 : 1;
	}
	RUN(sample_is_what_we_make,
	    "the committed sample is, byte for byte, what the recorder makes of its frames");
	return check_done();
}
