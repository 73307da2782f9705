/* nvme: finds the disk that an NVMe controller's serial number names: the spool's volume.
 *
 * An EBS volume vol-0123456789abcdef0 has the serial number vol0123456789abcdef0; both spellings are
 * accepted. Names of devices tell nothing: the kernel gives them in the order it meets the controllers.
 *
 * Sources: sysfs, class/nvme/nvme<C>/serial (kernel: drivers/nvme/host/sysfs.c), the namespaces' block
 * devices as directories nvme<C>n<N> beside it, their partitions as nvme<C>n<N>p<P> within those. The image
 * has no /sys mounted, so that roles don't see it: it is mounted read-only for the time of a look-up.
 * Identify by ioctl would need no mount, but could not tell of partitions, nor be tried without a controller.
 *
 * No disk is opened or read. What is on the disk is the caller's to judge.
 */
#ifndef SEALTAP_OS_NVME_H
#define SEALTAP_OS_NVME_H

#include <stddef.h>

#include "base/err.h"

/* path: the block device, e.g. /dev/nvme1n1, terminated by 0. Needs to be root where /sys is not mounted.
 * ERR_NOT_FOUND: no controller has this serial number, or it has no namespace (attach the volume, ask again).
 * ERR_CONFLICT: more than one disk has it. ERR_DENIED: it has partitions, as a boot disk has: never a spool.
 * ERR_FULL: cap is too small. ERR_SYSTEM: sysfs can't be mounted or read. path is written on ERR_OK alone. */
enum err nvme_find(const char *serial, char *path, size_t cap) MUST_USE;
/* The same with sysfs at `sys`. */
enum err nvme_find_in(const char *sys, const char *serial, char *path, size_t cap) MUST_USE;

#endif
