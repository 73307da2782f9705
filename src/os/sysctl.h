/* sysctl: writes and reads kernel settings below /proc/sys. Source: proc(5). */
#ifndef SEALTAP_OS_SYSCTL_H
#define SEALTAP_OS_SYSCTL_H

#include <stdint.h>

#include "base/err.h"

/* path: below /proc/sys, with slashes. ERR_NOT_FOUND: the kernel has no such setting; ERR_TOO_LONG,
 * ERR_DENIED, ERR_SYSTEM. */
enum err sysctl_write(const char *path, const char *value) MUST_USE;
/* One decimal number. Also ERR_SYNTAX, ERR_RANGE. */
enum err sysctl_read_u64(const char *path, uint64_t *value) MUST_USE;

#endif
