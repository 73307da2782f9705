/* spawn: starts a role: fork, drop what it must not have, re-execute this binary as `init <role>` with its
 * channel on descriptor 3.
 *
 * The child keeps descriptors 0..2 on /dev/null and 3, nothing else; it dies with its parent and can gain no
 * privileges. uid 0 keeps root.
 */
#ifndef SEALTAP_OS_SPAWN_H
#define SEALTAP_OS_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SPAWN_CHANNEL_FD 3

struct spawn_spec {
	uid_t uid;          /* also its group; no supplementary groups */
	uint64_t caps;      /* bits 1 << CAP_*, kept as ambient capabilities */
	bool empty_network; /* an empty network namespace; inherited sockets go on */
	bool secrets;       /* it may lock its memory (os/secret) */
};

/* role: argv[1] of the child. exe_fd: this binary, opened with O_PATH. channel: the child's end, closed here
 * on success. */
enum err spawn_role(const char *role, const struct spawn_spec *spec, int exe_fd, int channel, pid_t *pid)
	MUST_USE;

#endif
