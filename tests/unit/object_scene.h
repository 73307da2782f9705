/* object_scene: objects of format 1 as an appliance makes them: real zstd frames, index, envelope, metadata
 * and signature, of lines or packets that the test chooses. */
#ifndef SEALTAP_TESTS_OBJECT_SCENE_H
#define SEALTAP_TESTS_OBJECT_SCENE_H

#include "check.h"

#include "base/text.h"
#include "base/time.h"
#include "lib/ecdsa.h"
#include "record/object.h"
#include "record/packet_keys.h"
#include "record/pcapng.h"
#include "record/segment.h"

#define OBJECT_MAX (512u * 1024)
#define OBJECT_START_NS 1763805600000000000ull
#define OBJECT_BOOT 0x1122334455667788u

struct made {
	uint8_t bytes[OBJECT_MAX];
	size_t len;
	struct object_meta meta;
};

static const uint8_t object_data_key[32] = {9, 8, 7};
static struct ecdsa_key object_signer;
static struct object_identity object_identity = {.prefix = "p",
						 .account = "123456789012",
						 .region = "eu-central-1",
						 .appliance = "tap-1",
						 .boot = OBJECT_BOOT};
static uint8_t object_message_id; /* counts, so that each has its own */

static inline void object_scene_begin(void)
{
	static const uint8_t seed[32] = {5};
	ecdsa_keypair(seed, &object_signer, object_identity.pub);
}

static inline struct span object_span(const struct made *o)
{
	return span_of(o->bytes, o->len);
}

static inline void object_sign(struct object_meta *m)
{
	static uint8_t text[2048], hash[32];
	struct buf b = BUF_OF(text);
	size_t len = 0;
	CHECK(!object_signed_text(m, &b));
	sha256_of(buf_span(&b), hash);
	ecdsa_sign(&object_signer, hash, m->sig, &len);
	m->sig_len = (uint32_t)len;
}

static inline void object_begin(struct made *o, struct segment *s, enum object_kind kind, const char *stream,
				uint32_t seq, const struct object_meta *prev)
{
	static uint8_t context[OBJECT_CONTEXT_MAX], id[32];
	struct buf aad = BUF_OF(context);
	memset(o, 0, sizeof(*o));
	o->meta.kind = kind;
	snprintf(o->meta.stream, sizeof(o->meta.stream), "%s", stream);
	o->meta.seq = seq;
	o->meta.first_ns = o->meta.last_ns = OBJECT_START_NS + seq * 60 * NS_PER_S;
	if (prev)
		memcpy(o->meta.prev, prev->sha256, 32);
	CHECK(!object_name(&object_identity, &o->meta));
	CHECK(!object_context(&object_identity, stream, 0, &aad));
	id[0] = ++object_message_id;
	struct segment_key key = {.data_key = object_data_key,
				  .aad = buf_span(&aad),
				  .provider_info = SPAN("arn"),
				  .edk = SPAN("blob")};
	CHECK(!segment_open(s, &key, id, 1, UINT64_MAX, o->bytes, sizeof(o->bytes)));
}

/* What each object says first. */
static inline void object_inside(struct buf *b, const struct made *o, const struct object_meta *prev,
				 bool json)
{
	const char *between = json ? "\"" : "", *end = json ? "\",\"" : "\n", *is = json ? "\":\"" : "=";
	buf_str(b, "boot");
	buf_str(b, is);
	text_hex64(b, o->meta.boot);
	buf_str(b, end);
	buf_str(b, "stream");
	buf_str(b, is);
	buf_str(b, o->meta.stream);
	buf_str(b, end);
	buf_str(b, json ? "seq\":" : "seq=");
	text_u64(b, o->meta.seq);
	buf_str(b, json ? ",\"" : "\n");
	buf_str(b, "prev");
	buf_str(b, is);
	text_hex(b, span_of(o->meta.prev, 32));
	buf_str(b, end);
	buf_str(b, "prev_sig");
	buf_str(b, is);
	if (prev)
		object_put_sig(b, prev);
	buf_str(b, end);
	buf_str(b, "clock");
	buf_str(b, is);
	buf_str(b, "ntp:169.254.169.123");
	buf_str(b, json ? between : "\n");
}

static inline void object_finish(struct made *o, struct segment *s)
{
	struct segment_sum sum;
	CHECK(!segment_close(s, &sum));
	o->len = sum.size_bytes;
	o->meta.size_bytes = sum.size_bytes;
	memcpy(o->meta.sha256, sum.sha256, 32);
	object_sign(&o->meta);
}

static inline void object_line(struct buf *b, uint64_t ns, const char *rest)
{
	buf_str(b, "{\"time\":\"");
	time_rfc3339(b, ns);
	buf_str(b, "\",");
	buf_str(b, rest);
	buf_str(b, "}\n");
}

/* lines: what follows the time, NULL at the end; one a second, two a frame. */
static inline void object_log(struct made *o, uint32_t seq, const struct object_meta *prev,
			      const char *const *lines)
{
	static struct segment s;
	static uint8_t text[65536];
	char head[1024];
	struct buf b = BUF_OF(text), inside = BUF_OF(head);
	struct segment_frame_info info = {.first_ns = UINT64_MAX};
	object_begin(o, &s, OBJECT_LOG, "log", seq, prev);
	buf_str(&inside, "\"level\":\"info\",\"role\":\"keys\",\"event\":\"object\",\"");
	object_inside(&inside, o, prev, true);
	CHECK(buf_cstr(&inside) != NULL);
	object_line(&b, o->meta.first_ns, head);
	for (size_t i = 0; lines[i]; i++) {
		uint64_t ns = o->meta.first_ns + i * NS_PER_S;
		object_line(&b, ns, lines[i]);
		info.first_ns = info.records ? info.first_ns : ns;
		info.last_ns = o->meta.last_ns = ns;
		info.records++;
		o->meta.records++;
		if (info.records < 2 && lines[i + 1])
			continue;
		o->meta.raw_bytes += b.len;
		CHECK(!segment_frame(&s, buf_span(&b), &info, EFFORT_FULL));
		buf_reset(&b);
		info = (struct segment_frame_info){.first_ns = UINT64_MAX};
	}
	object_finish(o, &s);
}

/* Packets of UDP, two a frame, a second apart; cut: the last one is cut by 10 bytes. */
static inline void object_packets(struct made *o, uint32_t seq, const struct object_meta *prev,
				  uint32_t count, bool cut)
{
	static struct segment s;
	static struct bloom bloom;
	static uint8_t text[65536];
	char comment[1024];
	uint8_t frame[64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17};
	struct buf b = BUF_OF(text), c = BUF_OF(comment);
	struct segment_frame_info info = {.records = 0};
	object_begin(o, &s, OBJECT_PACKETS, "w0", seq, prev);
	object_inside(&c, o, prev, false);
	struct pcapng_section section = {.comment = buf_span(&c)};
	struct pcapng_interface link = {.name = SPAN("ens5")};
	pcapng_section(&b, &section);
	pcapng_interface(&b, &link);
	pcapng_interface(&b, &link);
	for (uint32_t i = 0; i < count; i++) {
		bool last = i + 1 == count;
		uint64_t ns = o->meta.first_ns + i * NS_PER_S;
		frame[29] = (uint8_t)(1 + i); /* of the source address */
		frame[35] = 53;
		struct ring_packet p = {
			.ts_ns = ns, .len = sizeof(frame), .cap_len = sizeof(frame) - (last && cut ? 10 : 0)};
		p.tail = span_of(frame, p.cap_len);
		struct pcapng_packet_info about = {.packet_id = i};
		pcapng_packet(&b, &p, &about);
		packet_keys(&bloom, span_from(p.tail, 12));
		info.first_ns = info.records ? info.first_ns : ns;
		info.last_ns = o->meta.last_ns = ns;
		info.records++;
		o->meta.records++;
		o->meta.cut += last && cut;
		if (last)
			for (uint32_t d = 0; d < 2; d++)
				pcapng_statistics(&b,
						  &(struct pcapng_statistics){.interface_id = d,
									      .received = d ? 0 : count,
									      .delivered = d ? 0 : count});
		if (info.records < 2 && !last)
			continue;
		info.filter = bloom_fold(&bloom);
		o->meta.raw_bytes += b.len;
		CHECK(!segment_frame(&s, buf_span(&b), &info, EFFORT_FULL));
		bloom_reset(&bloom);
		buf_reset(&b);
		info = (struct segment_frame_info){.records = 0};
	}
	object_finish(o, &s);
}

#endif
