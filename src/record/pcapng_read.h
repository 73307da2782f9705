/* pcapng_read: the blocks of a recording, as its bytes come. It reads what record/pcapng writes, not every pcapng
 * file: little-endian, blocks of at most PCAPNG_READ_BLOCK_MAX bytes.
 */
#ifndef SEALTAP_RECORD_PCAPNG_READ_H
#define SEALTAP_RECORD_PCAPNG_READ_H

#include "base/buf.h"

#define PCAPNG_READ_BLOCK_MAX (1u << 20)
/* So much of a block's body is kept: all of a section's, and what is asked of a packet. */
#define PCAPNG_READ_KEPT (72u * 1024)

enum pcapng_type {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6,
};

struct pcapng_reader {
	enum err error;
	uint64_t blocks;
	uint32_t type;
	struct span body; /* of the last block, its first PCAPNG_READ_KEPT bytes; valid until the next call */

	uint32_t total;
	size_t got; /* bytes of the block */
	uint8_t foot[4];
	uint8_t bytes[8 + PCAPNG_READ_KEPT];
};

struct pcapng_packet_head {
	uint32_t interface_id, cap_len, len;
	uint64_t ts_ns;
	struct span data; /* as much of it as was kept */
};

/* Cumulative; all ones where the option is missing. */
struct pcapng_counts {
	uint32_t interface_id;
	uint64_t received, filtered_in, dropped_by_os, delivered;
};

void pcapng_read_begin(struct pcapng_reader *r);
/* Takes bytes off *in until a block is complete: ERR_OK. ERR_MORE: *in is used up. ERR_SYNTAX; the first error
 * stays. */
enum err pcapng_read(struct pcapng_reader *r, struct span *in) MUST_USE;
/* Between two blocks. */
bool pcapng_read_whole(const struct pcapng_reader *r);

/* Of the body of a block of that type. ERR_SYNTAX. */
enum err pcapng_read_packet(struct span body, struct pcapng_packet_head *p) MUST_USE;
enum err pcapng_read_statistics(struct span body, struct pcapng_counts *c) MUST_USE;
/* The section's comment. ERR_NOT_FOUND. */
enum err pcapng_read_comment(struct span body, struct span *comment) MUST_USE;

#endif
