/* pcapng: the blocks of a recording: section header, interface descriptions, packets, interface statistics.
 *
 * Source: draft-ietf-opsawg-pcapng. Little-endian, Ethernet, nanoseconds (if_tsresol 9), no Custom Blocks.
 * Writers append whole blocks to a buf (sticky overflow). Times are ns since 1970. An empty span, or a 0
 * where said so, leaves its option out; an option of more than 65,535 bytes traps.
 */
#ifndef SEALTAP_RECORD_PCAPNG_H
#define SEALTAP_RECORD_PCAPNG_H

#include "base/buf.h"
#include "record/ring_walk.h"

#define PCAPNG_SNAPLEN 262144u
/* Bytes of one statistics block; of a packet's block beyond its captured bytes. */
#define PCAPNG_STATISTICS_MAX 128
#define PCAPNG_PACKET_OVERHEAD 104

struct pcapng_section {
	struct span hardware; /* borrowed, as all below */
	struct span os;
	struct span userappl;
	struct span comment; /* UTF-8; lines end with LF */
};

struct pcapng_interface {
	struct span name;
	struct span description;
	struct span filter;
	uint64_t speed_bps; /* 0: unknown */
};

struct pcapng_packet_info {
	uint32_t interface_id; /* from 0 in the order of the descriptions */
	uint32_t queue;
	uint64_t packet_id;
	uint64_t drops; /* packets lost on this interface since the one before */
};

struct pcapng_statistics {
	uint32_t interface_id;
	uint64_t now_ns;
	uint64_t start_ns;
	/* all since start_ns */
	uint64_t received;      /* packets that reached the interface's tap */
	uint64_t dropped;       /* by the interface, before the tap */
	uint64_t filtered;      /* received but refused by the filter */
	uint64_t dropped_by_os; /* let through but lost, since the ring was full */
	uint64_t delivered;     /* recorded */
};

void pcapng_section(struct buf *b, const struct pcapng_section *s);
void pcapng_interface(struct buf *b, const struct pcapng_interface *i);
/* Exactly what pcapng_packet() will append. */
size_t pcapng_packet_bytes(const struct ring_packet *p);
/* Options: inbound flag, drop count, packet id, queue; and, where the filter cut the packet, its verdict: the
 * number of bytes that it let pass. */
void pcapng_packet(struct buf *b, const struct ring_packet *p, const struct pcapng_packet_info *info);
void pcapng_statistics(struct buf *b, const struct pcapng_statistics *s);

#endif
