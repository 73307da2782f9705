/* nicring: makes a NIC's receive rings as long as the device lets them be, before the link goes up: what
 * arrives while a processor is busy waits there. To change them later would reset the queues.
 *
 * No more than a sixteenth of the memory for all rings, at a page a packet and NICRING_LINKS links: ENA's are
 * of 1,024 packets, and can have 16,384 for each queue. What is sent waits elsewhere: those rings stay.
 * Source: linux/ethtool.h, ETHTOOL_GRINGPARAM.
 */
#ifndef SEALTAP_ROLE_NET_NICRING_H
#define SEALTAP_ROLE_NET_NICRING_H

#include "os/ethtool.h"

#define NICRING_LINKS 3
#define NICRING_PACKET_BYTES 4096

/* What a ring is to hold, never less than now. */
uint32_t nicring_entries(const struct ethtool_ring *now, uint64_t memory_bytes);
/* Says in the log what it is then, or that the device keeps its own. */
void nicring_grow(const char *link, uint64_t memory_bytes);

#endif
