/* ethtool: switches a link's features off, by the kernel's names for them ("rx-gro", as `ethtool -k` lists
 * them in long form), tells its speed and its driver's own counters, tells and sets its receive rings.
 *
 * Source: linux/ethtool.h, ETHTOOL_GSTRINGS and ETHTOOL_SFEATURES, ETHTOOL_GSTATS, ETHTOOL_GSET,
 * ETHTOOL_GRINGPARAM, ETHTOOL_GCHANNELS by ioctl(SIOCETHTOOL).
 */
#ifndef SEALTAP_OS_ETHTOOL_H
#define SEALTAP_OS_ETHTOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* names: those that the kernel or the driver does not know are off anyway. *stuck: one of them that stays on,
 * or NULL (static or the caller's, as in names). */
enum err ethtool_switch_off(const char *link, const char *const *names, size_t count, const char **stuck)
	MUST_USE;

/* The driver's counters of these names, as `ethtool -S` lists them. ERR_NOT_FOUND when one of them is
 * missing, ERR_UNSUPPORTED when the driver has none, or too many. */
enum err ethtool_counters(const char *link, const char *const *names, size_t count, uint64_t *values)
	MUST_USE;

/* A link's receive rings: packets that each of them holds. */
struct ethtool_ring {
	uint32_t entries, max;
	uint32_t queues; /* how many rings; 0: the driver does not say */
};

/* ERR_UNSUPPORTED: the device has none, or they can't be set. Setting resets the queues of a link if up. */
enum err ethtool_ring(const char *link, struct ethtool_ring *r) MUST_USE;
enum err ethtool_ring_set(const char *link, uint32_t entries) MUST_USE;

/* Bits per second; 0: the driver does not say. */
uint64_t ethtool_speed_bps(const char *link);

#endif
