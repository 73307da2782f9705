/* roster: the set of role processes: their rings, pools and channels, and how they are started and ended.
 * init's own.
 *
 * Rings and the DHCP socket are opened once and outlive the roles; pools, channels and the boot id are new
 * with each start.
 */
#ifndef SEALTAP_ROLE_ROSTER_H
#define SEALTAP_ROLE_ROSTER_H

#include <sys/types.h>

#include "os/loop.h"
#include "role/msg.h"

#define ROSTER_MAX (3 + MSG_MAX_WORKERS)

struct roster_child {
	enum role_id role;
	uint32_t index; /* of a capture worker */
	pid_t pid;      /* 0: not running */
	int chan;       /* owned */
	struct loop_watch watch;
};

struct roster {
	struct roster_child child[ROSTER_MAX]; /* net, keys, upload, then the workers */
	uint32_t workers;
	int ring[MSG_MAX_WORKERS]; /* owned */
	int dhcp;                  /* owned */
	int exe;                   /* owned; this binary */
	struct msg_start start;
};

#define ROSTER_CHILDREN(r) (3 + (r)->workers)

/* Opens rings and sockets; sizes pools from the machine's memory. exe_path: this binary. */
enum err roster_open(struct roster *r, uint32_t workers, const char *exe_path) MUST_USE;
/* The rings admit the first `count` links, with their own connections cut to headers; 0 admits nothing. */
enum err roster_filter(struct roster *r, const struct msg_links *links, uint32_t count) MUST_USE;
/* Starts every role and sends START. config: host mode's file, else empty. */
enum err roster_start(struct roster *r, const char *anchors_path, struct span config) MUST_USE;
/* Ends every role that runs and waits for it. */
void roster_stop(struct roster *r);
struct roster_child *roster_find(struct roster *r, enum role_id role);
const char *role_name(enum role_id role);

#endif
