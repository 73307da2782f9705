/* hardening: the machine's own settings of a hardened router, written once and read back, and what its
 * mounts allow. Each row of the table has its reason; a setting that the kernel's configuration leaves out
 * has no row (kernel-config/HARDENING.md). The network namespace's settings are net's (role/net/gateway.c).
 */
#ifndef SEALTAP_ROLE_INIT_HARDENING_H
#define SEALTAP_ROLE_INIT_HARDENING_H

#include "base/buf.h"

/* In the image, once /proc is mounted and before the first pool. On a host the machine is not ours: nothing.
 */
void hardening_apply(bool host);
/* Once the log is open: the event `hardened` with how many settings hold and where something is mounted, and
 * an alarm for each setting that does not hold and each mount that allows more than it needs. */
void hardening_report(bool host);

/* table: as /proc/self/mounts has it (proc_pid_mounts(5)). Appends each mount's place to `places`, and to
 * `open` each that lacks nosuid; nodev, but for devtmpfs; noexec, but for the root; ro, but for proc. Both
 * are separated by blanks. */
void hardening_judge(struct span table, struct buf *places, struct buf *open);

#endif
