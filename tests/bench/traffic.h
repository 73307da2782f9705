/* traffic: a ring's blocks full of made packets, as the kernel would have left them, more of it than a
 * processor's cache holds: what bench programs feed to the product.
 *
 * Flows of TCP between hosts of 198.18.0.0/15: headers of Ethernet, IPv4 and TCP with time stamps, and
 * numbers that go on as they do.
 */
#ifndef SEALTAP_TESTS_TRAFFIC_H
#define SEALTAP_TESTS_TRAFFIC_H

#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define TRAFFIC_BLOCK_BYTES (256u * 1024)
#define TRAFFIC_BLOCKS 128u
#define TRAFFIC_FLOWS 256u
#define TRAFFIC_HEADERS 66u /* Ethernet, IPv4, TCP with time stamps */

/* Lengths on the wire; payload: bytes of `text` or noise, by turns of `turn` segments of each flow. */
struct traffic_mix {
	const char *name;
	uint16_t len[12]; /* by turns; 0: the end */
	unsigned noisy;   /* of 256 segments so many carry noise, as TLS does */
};

static const struct traffic_mix traffic_mixes[] = {
	{"64", {60}, 0},
	{"imix", {60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514}, 128},
	{"1514", {1514}, 128},
	{"tls", {1514, 1514, 66}, 250},
	{"http", {1514, 1514, 66}, 96},
};

struct traffic {
	uint8_t *blocks; /* owned; TRAFFIC_BLOCKS of them */
	uint64_t packets, wire_bytes;
};

static uint64_t traffic_noise = 0x9e3779b97f4a7c15u;

static inline uint64_t traffic_random(void)
{
	traffic_noise ^= traffic_noise >> 12;
	traffic_noise ^= traffic_noise << 25;
	traffic_noise ^= traffic_noise >> 27;
	return traffic_noise * 0x2545f4914f6cdd1du;
}

struct traffic_flow {
	uint32_t seq, ack, ports, stamp;
	uint16_t id;
	size_t at; /* in the text */
};

/* Headers of a segment of the flow, then its payload. */
static inline void traffic_frame(uint8_t *p, size_t len, uint32_t n, struct traffic_flow *f, bool noisy,
				 struct span text)
{
	struct buf b = buf_over(p, len > TRAFFIC_HEADERS ? len : TRAFFIC_HEADERS);
	buf_be32(&b, 0x02000000);
	buf_be32(&b, 0x00010200);
	buf_be32(&b, 0x00000002);
	buf_be16(&b, 0x0800);
	buf_be16(&b, 0x4500);
	buf_be16(&b, (uint16_t)(len - 14));
	buf_be16(&b, f->id++);
	buf_be16(&b, 0x4000);
	buf_be16(&b, 0x4006);
	buf_be16(&b, (uint16_t)traffic_random());
	buf_be32(&b, 0xc6120000u + n);
	buf_be32(&b, 0xc6130000u + n % 16);
	buf_be32(&b, f->ports);
	buf_be32(&b, f->seq);
	buf_be32(&b, f->ack);
	buf_be32(&b, 0x801001f6);
	buf_be16(&b, (uint16_t)traffic_random());
	buf_be16(&b, 0);
	buf_be32(&b, 0x0101080a);
	buf_be32(&b, f->stamp++ / 16);
	buf_be32(&b, f->stamp / 16 + 77);
	size_t payload = len > TRAFFIC_HEADERS ? len - TRAFFIC_HEADERS : 0;
	f->seq += (uint32_t)payload;
	if (noisy) {
		while (buf_room(&b) >= 8)
			buf_le64(&b, traffic_random());
		buf_fill(&b, 0x17, buf_room(&b));
	}
	while (!noisy && buf_room(&b)) {
		struct span part = span_first(span_from(text, f->at), buf_room(&b));
		buf_put(&b, part);
		f->at = f->at + part.len < text.len ? f->at + part.len : 0;
	}
}

struct traffic_writer {
	const struct traffic_mix *mix;
	struct span text;
	struct traffic_flow flow[TRAFFIC_FLOWS];
	uint64_t ns;
};

/* The block's packets as packet_mmap.rst has them. */
static inline void traffic_block(struct traffic *t, struct traffic_writer *w, uint32_t index)
{
	uint8_t frame[2048], *block = t->blocks + (size_t)index * TRAFFIC_BLOCK_BYTES;
	struct tpacket_hdr_v1 *h = &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
	struct tpacket3_hdr *last = NULL;
	size_t at = 48, turns = 0;
	while (turns < 12 && w->mix->len[turns])
		turns++;
	h->block_status = TP_STATUS_USER;
	h->offset_to_first_pkt = 48;
	h->seq_num = index + 1;
	for (;;) {
		uint16_t len = w->mix->len[t->packets % turns];
		uint32_t n = (uint32_t)(traffic_random() >> 20) % TRAFFIC_FLOWS;
		size_t bytes = (82u + len + 15) / 16 * 16;
		if (at + bytes > TRAFFIC_BLOCK_BYTES)
			break;
		traffic_frame(frame, len, n, &w->flow[n], (traffic_random() >> 30) % 256 < w->mix->noisy,
			      w->text);
		if (last)
			last->tp_next_offset = (uint32_t)(block + at - (uint8_t *)last);
		last = (void *)(block + at);
		w->ns += 1000 + (traffic_random() >> 50);
		*last = (struct tpacket3_hdr){.tp_sec = (uint32_t)(w->ns / 1000000000),
					      .tp_nsec = (uint32_t)(w->ns % 1000000000),
					      .tp_snaplen = len,
					      .tp_len = len,
					      .tp_mac = 82};
		struct sockaddr_ll from = {.sll_family = 17, .sll_ifindex = 2 + (int)(n % 2)};
		memcpy(block + at + 48, &from, sizeof(from));
		memcpy(block + at + 82, frame, len);
		at += bytes;
		h->num_pkts++;
		t->packets++;
		t->wire_bytes += len;
	}
}

static inline void traffic_make(struct traffic *t, const char *mix, struct span text)
{
	static struct traffic_writer w;
	w = (struct traffic_writer){.text = text, .ns = 1767225600ull * 1000000000};
	for (size_t i = 0; i < sizeof(traffic_mixes) / sizeof(traffic_mixes[0]); i++)
		if (strcmp(traffic_mixes[i].name, mix) == 0)
			w.mix = &traffic_mixes[i];
	*t = (struct traffic){.blocks = aligned_alloc(4096, (size_t)TRAFFIC_BLOCKS * TRAFFIC_BLOCK_BYTES)};
	ASSERT(w.mix && t->blocks && text.len);
	memset(t->blocks, 0, (size_t)TRAFFIC_BLOCKS * TRAFFIC_BLOCK_BYTES);
	for (uint32_t i = 0; i < TRAFFIC_FLOWS; i++)
		w.flow[i] = (struct traffic_flow){.seq = (uint32_t)traffic_random(),
						  .ack = (uint32_t)traffic_random(),
						  .ports = (uint32_t)traffic_random() << 16 | 443,
						  .at = (size_t)(traffic_random() >> 8) % text.len};
	for (uint32_t i = 0; i < TRAFFIC_BLOCKS; i++)
		traffic_block(t, &w, i);
}

#endif
