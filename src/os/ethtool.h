/* ethtool: switches a link's features off, by the kernel's names for them ("rx-gro", as `ethtool -k` lists
 * them in long form).
 *
 * Source: linux/ethtool.h, ETHTOOL_GSTRINGS and ETHTOOL_SFEATURES by ioctl(SIOCETHTOOL).
 */
#ifndef SEALTAP_OS_ETHTOOL_H
#define SEALTAP_OS_ETHTOOL_H

#include <stddef.h>

#include "base/err.h"

/* names: those that the kernel or the driver does not know are off anyway. *stuck: one of them that stays on,
 * or NULL (static or the caller's, as in names). */
enum err ethtool_switch_off(const char *link, const char *const *names, size_t count, const char **stuck)
	MUST_USE;

#endif
