/* A feature is a bit; bits are numbered by their place in the kernel's list of names (32 bytes each), 32 to a
 * block. */
#include "os/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES_MAX 256
#define BLOCKS_MAX (FEATURES_MAX / 32)
#define COUNTERS_MAX 4096 /* a driver counts each of its queues apart */
#define NAMES_MAX COUNTERS_MAX

static union {
	struct ethtool_sset_info head;
	uint8_t bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
} set_info;

static union {
	struct ethtool_gstrings head;
	uint8_t bytes[sizeof(struct ethtool_gstrings) + NAMES_MAX * ETH_GSTRING_LEN];
} strings;

static union {
	struct ethtool_stats head;
	uint8_t bytes[sizeof(struct ethtool_stats) + COUNTERS_MAX * sizeof(uint64_t)];
} counters;

static union {
	struct ethtool_gfeatures head;
	uint8_t bytes[sizeof(struct ethtool_gfeatures) +
		      BLOCKS_MAX * sizeof(struct ethtool_get_features_block)];
} current;

static union {
	struct ethtool_sfeatures head;
	uint8_t bytes[sizeof(struct ethtool_sfeatures) +
		      BLOCKS_MAX * sizeof(struct ethtool_set_features_block)];
} wanted;

static enum err call(const char *link, void *command)
{
	struct ifreq r = {.ifr_data = command};
	size_t len = strlen(link);
	if (len >= sizeof(r.ifr_name))
		return ERR_TOO_LONG;
	memcpy(r.ifr_name, link, len);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	int code = ioctl(fd, SIOCETHTOOL, &r) < 0 ? errno : 0;
	close(fd);
	switch (code) {
	case 0:
		return ERR_OK;
	case EPERM:
		return ERR_DENIED;
	case ENODEV:
		return ERR_NOT_FOUND;
	case EOPNOTSUPP:
		return ERR_UNSUPPORTED;
	default:
		return ERR_SYSTEM;
	}
}

/* Of one set of names (ETH_SS_*), at most max of them. */
static enum err read_names(const char *link, uint32_t set, uint32_t max, uint32_t *count)
{
	set_info.head = (struct ethtool_sset_info){.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << set};
	TRY(call(link, &set_info));
	if (!(set_info.head.sset_mask & 1ull << set))
		return ERR_UNSUPPORTED;
	memcpy(count, set_info.bytes + sizeof(struct ethtool_sset_info), sizeof(*count));
	if (*count == 0 || *count > max)
		return ERR_UNSUPPORTED;
	strings.head = (struct ethtool_gstrings){ETHTOOL_GSTRINGS, set, *count};
	return call(link, &strings);
}

/* The name's number, or count. */
static uint32_t find(const char *name, uint32_t count)
{
	const char *at = (const char *)strings.bytes + sizeof(struct ethtool_gstrings);
	uint32_t i = 0;
	while (i < count && strncmp(at + (size_t)i * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN) != 0)
		i++;
	return i;
}

enum err ethtool_switch_off(const char *link, const char *const *names, size_t count, const char **stuck)
{
	uint32_t known;
	*stuck = NULL;
	TRY(read_names(link, ETH_SS_FEATURES, FEATURES_MAX, &known));
	memset(&wanted, 0, sizeof(wanted));
	wanted.head.cmd = ETHTOOL_SFEATURES;
	wanted.head.size = (known + 31) / 32;
	for (size_t i = 0; i < count; i++) {
		uint32_t bit = find(names[i], known);
		if (bit < known)
			wanted.head.features[bit / 32].valid |= 1u << bit % 32;
	}
	TRY(call(link, &wanted));
	memset(&current, 0, sizeof(current));
	current.head.cmd = ETHTOOL_GFEATURES;
	current.head.size = wanted.head.size;
	TRY(call(link, &current));
	for (size_t i = 0; i < count; i++) {
		uint32_t bit = find(names[i], known);
		if (bit < known && (current.head.features[bit / 32].active & 1u << bit % 32))
			*stuck = names[i];
	}
	return ERR_OK;
}

enum err ethtool_counters(const char *link, const char *const *names, size_t count, uint64_t *values)
{
	uint32_t known;
	TRY(read_names(link, ETH_SS_STATS, COUNTERS_MAX, &known));
	counters.head = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = known};
	TRY(call(link, &counters));
	if (counters.head.n_stats != known)
		return ERR_CONFLICT; /* it got queues in between */
	for (size_t i = 0; i < count; i++) {
		uint32_t at = find(names[i], known);
		if (at == known)
			return ERR_NOT_FOUND;
		memcpy(&values[i], counters.bytes + sizeof(struct ethtool_stats) + at * sizeof(uint64_t),
		       sizeof(values[i]));
	}
	return ERR_OK;
}

enum err ethtool_ring(const char *link, struct ethtool_ring *r)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_channels queues = {.cmd = ETHTOOL_GCHANNELS};
	*r = (struct ethtool_ring){.entries = 0};
	TRY(call(link, &ring));
	if (ring.rx_max_pending == 0)
		return ERR_UNSUPPORTED;
	*r = (struct ethtool_ring){.entries = ring.rx_pending, .max = ring.rx_max_pending};
	if (call(link, &queues) == ERR_OK)
		r->queues = queues.combined_count + queues.rx_count;
	return ERR_OK;
}

enum err ethtool_ring_set(const char *link, uint32_t entries)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	TRY(call(link, &ring));
	ring.cmd = ETHTOOL_SRINGPARAM;
	ring.rx_pending = entries;
	return call(link, &ring);
}

uint64_t ethtool_speed_bps(const char *link)
{
	struct ethtool_cmd c = {.cmd = ETHTOOL_GSET};
	enum err e = call(link, &c);
	uint32_t mbps = ethtool_cmd_speed(&c);
	return e || mbps == (uint32_t)SPEED_UNKNOWN ? 0 : mbps * 1000000ull;
}
