/* spawn: starts a role: a child that drops what it must not have and re-executes this binary as `init <role>`
 * with its channel on descriptor 3.
 *
 * The child keeps descriptors 0..2 on /dev/null and 3, nothing else. It is alone in a PID namespace: there is
 * no process that it could name. Of the file system it sees an empty root (os/view). All that needs a right
 * is done before it gives its rights up; it can gain none later. Limits: no core, no process or thread of its
 * own, no file grows, SPAWN_FILES descriptors, memory is locked for secrets alone. It dies with its parent.
 * Source: namespaces(7), capabilities(7), getrlimit(2).
 */
#ifndef SEALTAP_OS_SPAWN_H
#define SEALTAP_OS_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SPAWN_CHANNEL_FD 3
#define SPAWN_FILES 256 /* more than any loop watches and any pool is mapped by */

struct spawn_spec {
	uid_t uid;                /* not 0; also its group; no supplementary groups */
	uint64_t caps;            /* bits 1 << CAP_*, kept as ambient capabilities; all it can ever have */
	bool empty_network;       /* an empty network namespace; inherited sockets go on */
	bool secrets;             /* it may lock its memory (os/secret) */
	bool writes;              /* a volume, which is a file where init runs on a host */
	const char *const *keeps; /* of the file system (os/view) */
};

/* role: argv[1] of the child. exe_fd: this binary, opened with O_PATH. channel: the child's end, closed here
 * on success. */
enum err spawn_role(const char *role, const struct spawn_spec *spec, int exe_fd, int channel, pid_t *pid)
	MUST_USE;
/* What a child could not do, by the code it ended with; NULL: it ended as a role, not before. */
const char *spawn_failed(int exit_code);

#endif
