/* Layout (draft-ietf-opsawg-pcapng, sections 3 and 4), little-endian. A block: type u32 | total length u32 |
 * fields | options | total length u32. An option: code u16 | length u16 | value; the last one has code 0 and
 * length 0. Frames and values are padded to 4 with zeros.
 *
 *   block       type      fields
 *   section     0a0d0d0a  1a2b3c4d u32 | 1 u16 | 0 u16 | section length u64 = -1
 *   interface   1         link type u16 = 1 | 0 u16 | snaplen u32
 *   packet      6         interface u32 | time high u32 | low u32 | captured u32 | original u32 | frame
 *   statistics  5         interface u32 | time high u32 | low u32
 *
 *   block       options, in this order
 *   section     1 opt_comment, 2 shb_hardware, 3 shb_os, 4 shb_userappl: text
 *   interface   2 if_name, 3 if_description: text; 8 if_speed u64; 9 if_tsresol u8 = 9; 11 if_filter 0 u8,
 *               text
 *   packet      2 epb_flags u32 = 1 (inbound); 4 epb_dropcount u64; 5 epb_packetid u64; 6 epb_queue u32;
 *               7 epb_verdict 1 u8, u64 (of a packet that is cut)
 *   statistics  2 isb_starttime, 3 isb_endtime: time high u32, low u32; 4 isb_ifrecv, 5 isb_ifdrop,
 *               6 isb_filteraccept, 7 isb_osdrop, 8 isb_usrdeliv: u64
 *
 * The verdict: the standard knows those of hardware (0), of eBPF programs at TC (1) and XDP (2). A socket
 * filter runs as an eBPF program, too, and is nearest to 1, whose value is the program's result: the number
 * of bytes it let pass.
 */
#include "record/pcapng.h"

#include "base/bytes.h"
#include "base/copy.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET 6u

#define LINKTYPE_ETHERNET 1
#define FLAG_INBOUND 1u
#define VERDICT_EBPF 1
/* A tag that the kernel took out is no verdict of the filter: the cut is measured on what the filter saw. */
#define TAG_BYTES 4

#define OPTION(value_bytes) (4 + ((value_bytes) + 3u) / 4 * 4)
#define PACKET_HEAD 28
#define PACKET_OPTIONS (OPTION(4) + OPTION(8) + OPTION(8) + OPTION(4) + OPTION(0))
#define VERDICT_OPTION OPTION(9)

_Static_assert(PACKET_HEAD + 3 + PACKET_OPTIONS + VERDICT_OPTION + 4 <= PCAPNG_PACKET_OVERHEAD,
	       "the overhead is no less");

static size_t padding(size_t n)
{
	return (4 - n % 4) % 4;
}

static size_t begin(struct buf *b, uint32_t type)
{
	size_t start = b->len;
	buf_le32(b, type);
	buf_le32(b, 0);
	return start;
}

static void end(struct buf *b, size_t start)
{
	uint32_t total = (uint32_t)(b->len - start + 4);
	buf_le32(b, total);
	if (!b->overflow)
		store_le32(b->p + start + 4, total);
	else
		b->len = start; /* whole blocks or nothing */
}

static void option_head(struct buf *b, uint16_t code, size_t len)
{
	ASSERT(len <= UINT16_MAX);
	buf_le16(b, code);
	buf_le16(b, (uint16_t)len);
}

static void option_text(struct buf *b, uint16_t code, struct span value)
{
	if (value.len == 0)
		return;
	option_head(b, code, value.len);
	buf_put(b, value);
	buf_fill(b, 0, padding(value.len));
}

static void option_u64(struct buf *b, uint16_t code, uint64_t value)
{
	option_head(b, code, 8);
	buf_le64(b, value);
}

static void put_time(struct buf *b, uint64_t ns)
{
	buf_le32(b, (uint32_t)(ns >> 32));
	buf_le32(b, (uint32_t)ns);
}

void pcapng_section(struct buf *b, const struct pcapng_section *s)
{
	size_t start = begin(b, BLOCK_SECTION);
	buf_le32(b, 0x1a2b3c4d);
	buf_le16(b, 1);
	buf_le16(b, 0);
	buf_le64(b, UINT64_MAX);
	option_text(b, 1, s->comment);
	option_text(b, 2, s->hardware);
	option_text(b, 3, s->os);
	option_text(b, 4, s->userappl);
	option_head(b, 0, 0);
	end(b, start);
}

void pcapng_interface(struct buf *b, const struct pcapng_interface *i)
{
	size_t start = begin(b, BLOCK_INTERFACE);
	buf_le16(b, LINKTYPE_ETHERNET);
	buf_le16(b, 0);
	buf_le32(b, PCAPNG_SNAPLEN);
	option_text(b, 2, i->name);
	option_text(b, 3, i->description);
	if (i->speed_bps)
		option_u64(b, 8, i->speed_bps);
	option_head(b, 9, 1);
	buf_le32(b, 9); /* nanoseconds; and padding */
	if (i->filter.len) {
		option_head(b, 11, 1 + i->filter.len);
		buf_u8(b, 0);
		buf_put(b, i->filter);
		buf_fill(b, 0, padding(1 + i->filter.len));
	}
	option_head(b, 0, 0);
	end(b, start);
}

static bool is_cut(const struct ring_packet *p)
{
	return p->cap_len < p->len;
}

size_t pcapng_packet_bytes(const struct ring_packet *p)
{
	return PACKET_HEAD + p->cap_len + padding(p->cap_len) + PACKET_OPTIONS +
	       (is_cut(p) ? VERDICT_OPTION : 0) + 4;
}

/* ---- a packet's block: written at once into room that was taken for all of it */

static uint8_t *put_u32(uint8_t *at, uint32_t v)
{
	store_le32(at, v);
	return at + 4;
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
	store_le64(at, v);
	return at + 8;
}

/* Code and length of an option. */
static uint8_t *put_option(uint8_t *at, uint32_t code, uint32_t len)
{
	return put_u32(at, code | len << 16);
}

static uint8_t *put_frame(uint8_t *at, const struct ring_packet *p)
{
	ASSERT(p->cap_len == p->head.len + p->tail.len + (p->vlan ? TAG_BYTES : 0));
	if (p->vlan) {
		copy_bytes(at, p->head.p, p->head.len);
		at += p->head.len;
		store_be16(at, p->tpid);
		store_be16(at + 2, p->tci);
		at += TAG_BYTES;
	}
	copy_bytes(at, p->tail.p, p->tail.len);
	at += p->tail.len;
	for (size_t i = padding(p->cap_len); i; i--)
		*at++ = 0;
	return at;
}

static uint8_t *put_verdict(uint8_t *at, const struct ring_packet *p)
{
	at = put_option(at, 7, 9);
	*at++ = VERDICT_EBPF;
	at = put_u64(at, p->head.len + p->tail.len);
	for (size_t i = padding(9); i; i--)
		*at++ = 0;
	return at;
}

void pcapng_packet(struct buf *b, const struct ring_packet *p, const struct pcapng_packet_info *info)
{
	uint32_t bytes = (uint32_t)pcapng_packet_bytes(p);
	uint8_t *at = buf_take(b, bytes);
	if (!at)
		return;
	const uint8_t *end = at + bytes;
	at = put_u32(at, BLOCK_PACKET);
	at = put_u32(at, bytes);
	at = put_u32(at, info->interface_id);
	at = put_u32(at, (uint32_t)(p->ts_ns >> 32));
	at = put_u32(at, (uint32_t)p->ts_ns);
	at = put_u32(at, p->cap_len);
	at = put_u32(at, p->len);
	at = put_frame(at, p);
	at = put_u32(put_option(at, 2, 4), FLAG_INBOUND);
	at = put_u64(put_option(at, 4, 8), info->drops);
	at = put_u64(put_option(at, 5, 8), info->packet_id);
	at = put_u32(put_option(at, 6, 4), info->queue);
	if (is_cut(p))
		at = put_verdict(at, p);
	at = put_option(at, 0, 0);
	at = put_u32(at, bytes);
	ASSERT(at == end);
}

void pcapng_statistics(struct buf *b, const struct pcapng_statistics *s)
{
	const uint64_t counters[] = {s->received, s->dropped, s->received - s->filtered, s->dropped_by_os,
				     s->delivered};
	size_t start = begin(b, BLOCK_STATISTICS);
	buf_le32(b, s->interface_id);
	put_time(b, s->now_ns);
	option_head(b, 2, 8);
	put_time(b, s->start_ns);
	option_head(b, 3, 8);
	put_time(b, s->now_ns);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		option_u64(b, (uint16_t)(4 + i), counters[i]);
	option_head(b, 0, 0);
	end(b, start);
}
