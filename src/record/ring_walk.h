/* ring_walk: the packets of one block of a TPACKET_V3 ring, in memory.
 *
 * The block is borrowed until the walk is over; what a packet points to lies in it. Nothing outside the block
 * is read, whatever the block says: a block that contradicts itself gives ERR_SYNTAX. Source:
 * linux/if_packet.h, Documentation/networking/packet_mmap.rst.
 */
#ifndef SEALTAP_RECORD_RING_WALK_H
#define SEALTAP_RECORD_RING_WALK_H

#include "base/err.h"
#include "base/span.h"

struct ring_walk {
	struct span block; /* borrowed */
	uint64_t seq;      /* the block's number, from 1 on, by the kernel */
	uint64_t first_ns; /* real time of its first and last packet */
	uint64_t last_ns;
	uint32_t packets; /* in the block */
	uint32_t left;    /* not yet given out */
	size_t at;        /* offset of the next packet's header */
};

/* The frame as it was on the wire. With vlan: head (the MAC addresses) | tpid | tci | tail, since the kernel
 * takes the outer tag out before the tap; without: tail alone. */
struct ring_packet {
	uint64_t ts_ns; /* real time */
	uint32_t ifindex;
	uint32_t len;     /* bytes on the wire, the tag included */
	uint32_t cap_len; /* bytes at hand, the tag included; < len: the filter cut it */
	uint8_t type;     /* PACKET_HOST, PACKET_BROADCAST, ...: linux/if_packet.h */
	bool vlan;
	uint16_t tpid, tci; /* host order */
	struct span head;   /* borrowed from the block; 12 bytes with vlan, else empty */
	struct span tail;   /* borrowed from the block */
};

/* The caller made sure that the block is its own (TP_STATUS_USER, acquired). ERR_SYNTAX. */
enum err ring_walk_begin(struct ring_walk *w, struct span block) MUST_USE;
/* ERR_NOT_FOUND: that was the last one. ERR_SYNTAX: the block is corrupt, and so for every later call. */
enum err ring_walk_next(struct ring_walk *w, struct ring_packet *p) MUST_USE;

#endif
