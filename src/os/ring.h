/* ring: a TPACKET_V3 receive ring over AF_PACKET: opened by init, mapped and read by one capture worker.
 *
 * The socket is bound to ifindex 0 while the links are still down, so that no packet can come before it; a
 * classic BPF filter admits the recorded links alone. Outgoing packets are never seen (packet(7),
 * PACKET_IGNORE_OUTGOING; in a fan-out group the group's flag counts). Source: linux/if_packet.h,
 * Documentation/networking/packet_mmap.rst.
 */
#ifndef SEALTAP_OS_RING_H
#define SEALTAP_OS_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define RING_BLOCK_BYTES (256u * 1024)
#define RING_RETIRE_MS 50u
/* A block that timed out holds a whole slot, so blocks times retire time is how long a reader may sleep: >= 5
 * s. */
#define RING_BLOCKS 128u

struct sock_filter;

/* A bound ring that drops all until ring_set_filter(). workers > 1 joins fan-out group `group` by flow hash.
 */
enum err ring_open(unsigned workers, uint16_t group, int *fd) MUST_USE;
/* ERR_SYSTEM, as all of these. program: record/ring_filter. */
enum err ring_set_filter(int fd, const struct sock_filter *program, uint16_t len) MUST_USE;

struct ring {
	int fd;
	uint8_t *map; /* owned */
	uint32_t block_bytes, blocks;
};

enum err ring_map(int fd, uint32_t block_bytes, uint32_t blocks, struct ring *r) MUST_USE;
uint8_t *ring_block(const struct ring *r, uint32_t index);
/* True when the block belongs to us (acquire). */
bool ring_block_ready(const struct ring *r, uint32_t index);
/* Packets were dropped before this block was closed, and ring_statistics() has not been asked since. */
bool ring_block_losing(const struct ring *r, uint32_t index);
/* Gives it back to the kernel (release). */
void ring_block_release(const struct ring *r, uint32_t index);
/* Where a new reader starts when all before block number seq is dealt with (0: nothing was read): with that
 * one or, right before it, what was not given back. Numbers alone tell: what is not filled yet may be a
 * moment later. The kernel counts from 1 on, in the order of the places (prb_open_block). */
uint32_t ring_start(const struct ring *r, uint64_t seq);
/* Since the last call: packets that passed the filter (drops included) and drops. The kernel clears them on
 * reading. */
enum err ring_statistics(const struct ring *r, uint64_t *packets, uint64_t *drops) MUST_USE;

#endif
