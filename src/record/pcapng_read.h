/* pcapng_read: reads back the blocks that record/pcapng writes, one after the other: sections,
 * interface descriptions, packets, interface statistics.
 *
 * Source: draft-ietf-opsawg-pcapng. Strict, as the format is fixed (src/FORMAT.md): little-endian,
 * version 1.0, Ethernet, times in nanoseconds since 1970; blocks of other types are handed on as such.
 * Everything is borrowed from the bytes that were read. Layout: pcapng.c. */
#ifndef SEALTAP_RECORD_PCAPNG_READ_H
#define SEALTAP_RECORD_PCAPNG_READ_H

#include "base/err.h"
#include "base/span.h"

/* Interfaces of one section that a reader need remember. */
#define PCAPNG_READ_INTERFACES 16

enum pcapng_kind { PCAPNG_SECTION, PCAPNG_INTERFACE, PCAPNG_PACKET, PCAPNG_STATISTICS, PCAPNG_OTHER };

#define PCAPNG_INTERFACE_AT \
	8 /* packets and statistics: where the interface's number stands in the block, u32 */
#define PCAPNG_CAPTURED_AT 20 /* packets: captured length u32, original length u32, then the frame */
#define PCAPNG_FRAME_AT 28

struct pcapng_block {
	enum pcapng_kind kind;
	struct span bytes; /* all of it */
	struct span options;
	uint32_t interface_id; /* packets, statistics */
	uint64_t ts_ns;        /* packets, statistics */
	struct span frame;     /* packets: what was recorded of them */
	uint32_t len;          /* packets: as they were on the wire */
};

/* Takes a block off *in. ERR_MORE: *in is empty. ERR_SYNTAX: damaged, or cut short; ERR_UNSUPPORTED:
 * another byte order, version, link type or resolution of time. Options of packets are not looked at. */
enum err pcapng_next(struct span *in, struct pcapng_block *b) MUST_USE;

/* Walks options: *at starts at 0. ERR_NOT_FOUND at their end; ERR_SYNTAX. */
enum err pcapng_option_next(struct span options, size_t *at, uint16_t *code, struct span *value) MUST_USE;
/* The first option of this code. ERR_NOT_FOUND, ERR_SYNTAX. */
enum err pcapng_option_find(struct span options, uint16_t code, struct span *value) MUST_USE;

#endif
