/* machine: what init does to the machine itself: mounts, watchdog, forwarding's emergency stop, power-off. */
#ifndef SEALTAP_ROLE_INIT_MACHINE_H
#define SEALTAP_ROLE_INIT_MACHINE_H

#include "base/buf.h"
#include "os/loop.h"

/* In the image: a console that never blocks, and /proc, for the pools' read-only descriptors and the
 * network's sysctls. */
enum err machine_mount(void) MUST_USE;
/* In the image, once the log is open: the machine's settings, what the firmware measured, and whether the
 * kernel panicked before this boot, and why; the record of that is removed. On a host: nothing. */
void machine_tell(bool host);
/* Capture workers: one a CPU, at most `max`. */
unsigned machine_workers(unsigned max);
/* Appends a whole file; ERR_TOO_LONG when it does not fit. */
enum err machine_read(const char *path, struct buf *out) MUST_USE;
/* Closes forwarding, IPv4's and IPv6's, without any role's help. An error: one of them may be open; the other
 * was closed where that was possible. */
enum err machine_stop_forwarding(void) MUST_USE;
/* A descriptor (signalfd) of SIGCHLD and of what means shutdown: SIGTERM and SIGINT on a host, the power
 * button in the image. */
enum err machine_signals(bool host, int *fd) MUST_USE;
/* In the image: from here on a machine whose init does not come back to its loop for half a minute is reset.
 * Without a watchdog: a warning on the console. On a host: nothing. */
void machine_watchdog(bool host, struct loop *loop);
_Noreturn void machine_off(void);

#endif
