#include "os/ring.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than some UAPI headers; Linux 6.3. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

static enum err set(int fd, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, SOL_PACKET, option, value, len) ? ERR_SYSTEM : ERR_OK;
}

static enum err drop_all(int fd)
{
	struct sock_filter refuse[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	return ring_set_filter(fd, refuse, 1);
}

static enum err set_up(int fd, unsigned workers, uint16_t group)
{
	int version = TPACKET_V3, one = 1;
	struct tpacket_req3 req = {
		.tp_block_size = RING_BLOCK_BYTES,
		.tp_block_nr = RING_BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = RING_BLOCK_BYTES / 2048 * RING_BLOCKS,
		.tp_retire_blk_tov = RING_RETIRE_MS,
	};
	TRY(set(fd, PACKET_VERSION, &version, sizeof(version)));
	TRY(set(fd, PACKET_IGNORE_OUTGOING, &one, sizeof(one)));
	TRY(set(fd, PACKET_RX_RING, &req, sizeof(req)));
	TRY(drop_all(fd));
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return ERR_SYSTEM;
	if (workers < 2)
		return ERR_OK;
	/* joining cancels the socket's own PACKET_IGNORE_OUTGOING; PACKET_FANOUT_FLAG_DEFRAG would record
	 * reassembled packets */
	int fanout = group | (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
	return set(fd, PACKET_FANOUT, &fanout, sizeof(fanout));
}

enum err ring_open(unsigned workers, uint16_t group, int *fd)
{
	/* protocol 0: nothing is received before bind() */
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return ERR_SYSTEM;
	enum err e = set_up(s, workers, group);
	if (e) {
		close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}

enum err ring_set_filter(int fd, const struct sock_filter *program, uint16_t len)
{
	struct sock_fprog p = {.len = len, .filter = (struct sock_filter *)(uintptr_t)program};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) ? ERR_SYSTEM : ERR_OK;
}

enum err ring_map(int fd, uint32_t block_bytes, uint32_t blocks, struct ring *r)
{
	void *map = mmap(NULL, (size_t)block_bytes * blocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ERR_SYSTEM;
	*r = (struct ring){.fd = fd, .map = map, .block_bytes = block_bytes, .blocks = blocks};
	return ERR_OK;
}

uint8_t *ring_block(const struct ring *r, uint32_t index)
{
	ASSERT(index < r->blocks);
	return r->map + (size_t)index * r->block_bytes;
}

static struct tpacket_hdr_v1 *head(const struct ring *r, uint32_t index)
{
	return &((struct tpacket_block_desc *)(void *)ring_block(r, index))->hdr.bh1;
}

bool ring_block_ready(const struct ring *r, uint32_t index)
{
	return __atomic_load_n(&head(r, index)->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

bool ring_block_losing(const struct ring *r, uint32_t index)
{
	return head(r, index)->block_status & TP_STATUS_LOSING;
}

void ring_block_release(const struct ring *r, uint32_t index)
{
	__atomic_store_n(&head(r, index)->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

uint32_t ring_start(const struct ring *r, uint64_t seq)
{
	uint32_t at = seq ? (uint32_t)((seq - 1) % r->blocks) : 0;
	for (uint32_t n = 1; n <= r->blocks; n++) {
		uint32_t before = (at + r->blocks - 1) % r->blocks;
		if (!ring_block_ready(r, before) || head(r, before)->seq_num + n != seq)
			break;
		at = before;
	}
	return at;
}

enum err ring_statistics(const struct ring *r, uint64_t *packets, uint64_t *drops)
{
	struct tpacket_stats_v3 s;
	socklen_t len = sizeof(s);
	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len))
		return ERR_SYSTEM;
	*packets = s.tp_packets;
	*drops = s.tp_drops;
	return ERR_OK;
}
