#include "role/net/nicring.h"

#include "os/log.h"

#define SHARE 16

uint32_t nicring_entries(const struct ethtool_ring *now, uint64_t memory_bytes)
{
	uint32_t queues = now->queues ? now->queues : 1, entries = now->max;
	uint64_t room = memory_bytes / SHARE / NICRING_PACKET_BYTES / NICRING_LINKS / queues;
	if (entries > room) /* drivers have powers of two */
		for (entries = 1; entries <= room / 2;)
			entries *= 2;
	return entries > now->entries ? entries : now->entries;
}

void nicring_grow(const char *link, uint64_t memory_bytes)
{
	struct ethtool_ring now = {.entries = 0};
	enum err e = ethtool_ring(link, &now);
	uint32_t wanted = nicring_entries(&now, memory_bytes);
	if (!e && wanted > now.entries) {
		e = ethtool_ring_set(link, wanted);
		if (!e)
			e = ethtool_ring(link, &now); /* it may have rounded */
	}
	log_begin(LOG_INFO, "ring");
	log_str("link", link);
	log_u64("packets", now.entries);
	log_u64("max", now.max);
	log_u64("queues", now.queues);
	if (e)
		log_str("kept", e == ERR_UNSUPPORTED ? "the device has none to be set" : err_text(e));
	log_end();
}
