/* watchdog: /dev/watchdog, which resets the machine when nobody pets it in time (kernel:
 * Documentation/watchdog/watchdog-api.rst). On Nitro that is the kernel's own timer (softdog).
 *
 * Once open it counts and is never stopped (CONFIG_WATCHDOG_NOWAYOUT), not by closing either; an orderly
 * power-off or reboot stops it (kernel: watchdog_stop_on_reboot).
 */
#ifndef SEALTAP_OS_WATCHDOG_H
#define SEALTAP_OS_WATCHDOG_H

#include "base/err.h"

/* Counts from here on. *fd is the caller's. ERR_NOT_FOUND: there is no such device, *fd is -1. ERR_SYSTEM: it
 * could not be opened, *fd is -1, or it counts, but keeps another time than asked for. */
enum err watchdog_open(int timeout_s, int *fd) MUST_USE;
/* Begins the time anew. ERR_SYSTEM. */
enum err watchdog_pet(int fd) MUST_USE;

#endif
