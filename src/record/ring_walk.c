/* Layout (linux/if_packet.h), host byte order:
 *
 *   block    0  version u32
 *            4  offset_to_priv u32
 *            8  block_status u32
 *           12  num_pkts u32
 *           16  offset_to_first_pkt u32
 *           20  blk_len u32
 *           24  seq_num u64
 *           32  first: sec u32 | nsec u32
 *           40  last: sec u32 | nsec u32
 *
 *   packet   the first at offset_to_first_pkt, each next at tp_next_offset from the one before (0 at the
 *            last): struct tpacket3_hdr, then, aligned to 16, struct sockaddr_ll; at tp_mac the frame,
 *            tp_snaplen bytes of tp_len
 */
#include "record/ring_walk.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>

#include "base/time.h"

/* TPACKET_ALIGN() of linux/if_packet.h mixes signs */
#define HEADER_BYTES \
	((sizeof(struct tpacket3_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT)

#define MACS_BYTES 12
#define TAG_BYTES 4

static uint64_t time_ns(uint32_t s, uint32_t ns)
{
	return s * NS_PER_S + ns;
}

enum err ring_walk_begin(struct ring_walk *w, struct span block)
{
	struct tpacket_block_desc d;
	*w = (struct ring_walk){.block = block};
	if (block.len < sizeof(d))
		return ERR_SYNTAX;
	memcpy(&d, block.p, sizeof(d));
	const struct tpacket_hdr_v1 *h = &d.hdr.bh1;
	w->seq = h->seq_num;
	w->first_ns = time_ns(h->ts_first_pkt.ts_sec, h->ts_first_pkt.ts_nsec);
	w->last_ns = time_ns(h->ts_last_pkt.ts_sec, h->ts_last_pkt.ts_nsec);
	w->packets = w->left = h->num_pkts;
	w->at = h->offset_to_first_pkt;
	if (h->num_pkts && h->offset_to_first_pkt < sizeof(d))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err fail(struct ring_walk *w)
{
	w->left = 1;
	w->at = w->block.len; /* every later call fails, too */
	return ERR_SYNTAX;
}

/* Puts the tag that the kernel took out back behind the MAC addresses. */
static void put_tag_back(const struct tpacket3_hdr *h, struct ring_packet *p)
{
	p->len += TAG_BYTES;
	if (p->cap_len < MACS_BYTES)
		return; /* cut before the place where it stood */
	p->cap_len += TAG_BYTES;
	p->vlan = true;
	p->tpid = (h->tp_status & TP_STATUS_VLAN_TPID_VALID) ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;
	p->tci = (uint16_t)h->hv1.tp_vlan_tci;
	p->head = span_first(p->tail, MACS_BYTES);
	p->tail = span_from(p->tail, MACS_BYTES);
}

enum err ring_walk_next(struct ring_walk *w, struct ring_packet *p)
{
	struct tpacket3_hdr h;
	struct sockaddr_ll from;
	const size_t heads = HEADER_BYTES + sizeof(from);
	if (w->left == 0)
		return ERR_NOT_FOUND;
	if (w->at > w->block.len || w->block.len - w->at < heads)
		return fail(w);
	const uint8_t *at = w->block.p + w->at;
	memcpy(&h, at, sizeof(h));
	memcpy(&from, at + HEADER_BYTES, sizeof(from));
	size_t room = w->block.len - w->at;
	if (h.tp_mac < heads || h.tp_mac > room || h.tp_snaplen > room - h.tp_mac ||
	    h.tp_snaplen > h.tp_len || h.tp_len > UINT32_MAX - TAG_BYTES || from.sll_ifindex < 0)
		return fail(w);
	if (w->left > 1 && (h.tp_next_offset < heads || h.tp_next_offset > room))
		return fail(w);
	*p = (struct ring_packet){
		.ts_ns = time_ns(h.tp_sec, h.tp_nsec),
		.ifindex = (uint32_t)from.sll_ifindex,
		.len = h.tp_len,
		.cap_len = h.tp_snaplen,
		.type = from.sll_pkttype,
		.tail = span_of(at + h.tp_mac, h.tp_snaplen),
	};
	if (h.tp_status & TP_STATUS_VLAN_VALID)
		put_tag_back(&h, p);
	w->left--;
	w->at += h.tp_next_offset;
	return ERR_OK;
}
