/* roster: the set of role processes: their rings, pools and channels, and how they are started and ended.
 * init's own.
 *
 * Rings, pools and the DHCP socket are opened once and outlive the roles: one that died starts anew with what
 * its predecessor left there, and the others get a new channel to it.
 */
#ifndef SEALTAP_ROLE_INIT_ROSTER_H
#define SEALTAP_ROLE_INIT_ROSTER_H

#include <sys/types.h>

#include "os/loop.h"
#include "role/flows/flowsockets.h"
#include "role/init/console.h"
#include "role/msg.h"

#define ROSTER_FIXED 6 /* roles of one process each */
#define ROSTER_MAX (ROSTER_FIXED + MSG_MAX_WORKERS)

struct roster_child {
	enum role_id role;
	uint32_t index; /* of a capture worker */
	pid_t pid;      /* 0: not running */
	int chan;       /* owned; -1: not running */
	uint32_t life;  /* how often it died */
	bool on_demand; /* it waits for what the configuration names: the spool's disk, the status port */
	uint64_t restart_max_ns; /* once it died: role/init/restart.h */
	struct loop_watch watch;
};

struct roster {
	struct roster_child child[ROSTER_MAX]; /* the fixed ones, then the workers */
	uint32_t workers;
	const char *anchors_path;  /* borrowed */
	int ring[MSG_MAX_WORKERS]; /* owned */
	int dhcp;                  /* owned */
	int exe;                   /* owned; this binary */
	int disk, disk_faults;     /* owned; the spool's; -1: none */
	struct {
		int fd;           /* owned; -1: none, or the status role has it */
		const char *link; /* borrowed */
		uint16_t port;
	} listener;
	struct roster_pool {
		int writable, read_only; /* owned */
	} pool[POOLS], kept, journal;    /* kept: what the status role counted */
	struct flowsockets flowsockets;  /* owned */
	struct msg_start start;
};

#define ROSTER_CHILDREN(r) (ROSTER_FIXED + (r)->workers)

struct roster_setup {
	uint32_t workers;
	const char *exe_path;         /* this binary */
	const char *anchors_path;     /* borrowed */
	const char *config_path;      /* host mode's file, else NULL */
	const char *disk_faults_path; /* borrowed; NULL: none */
	uint32_t ct_buffer_bytes;     /* of the socket with flows' events; 0: as many as are good */
};

/* Opens rings, sockets and pools; sizes the pools from the machine's memory. */
enum err roster_open(struct roster *r, const struct roster_setup *s) MUST_USE;
struct progress;
/* Worker i's progress, readable. */
enum err roster_progress(const struct roster *r, uint32_t i, const struct progress **p) MUST_USE;
/* Takes over what net, `from`, tells of the links, at least `min`. False: it makes no sense, and net is
 * ended.
 */
bool roster_links(const struct roster_child *from, struct msg_links *known, const struct msg_links *told,
		  uint32_t min);
/* two: outside and inside as the workers know them; each becomes what net tells of it now, if it does, and
 * the workers are told. True: one has come back under another index. */
bool roster_follow(struct roster *r, struct msg_links *two, const struct msg_links *told);
/* The rings admit the first `count` links, with their own connections cut to headers; 0 admits nothing.
 * False: they can\'t be told so, and the console says it. */
bool roster_admit(struct roster *r, struct console *c, const struct msg_links *links, uint32_t count);
/* Opens the status port, for the status role that is started next, and again for each of its successors: once
 * it runs it alone has the listener, so that nothing that has a capability listens. link stays borrowed. */
enum err roster_listen(struct roster *r, const char *link, uint16_t port) MUST_USE;
/* Starts a role that does not run: START, then the channels to the roles that run, which get their ends.
 * forward: for net: forwarding is open. */
enum err roster_spawn(struct roster *r, struct roster_child *c, bool forward) MUST_USE;
/* A role that takes no message is about to be reaped, or hangs, and is ended: the same remedy. */
void roster_send(struct roster_child *c, enum msg_type type, const void *payload);
void roster_send_role(struct roster *r, enum role_id role, enum msg_type type, const void *payload);
/* It died, and was waited for: its channel is closed. */
void roster_bury(struct roster_child *c);
/* Ends every role that runs and waits for it. */
void roster_stop(struct roster *r);
struct roster_child *roster_find(struct roster *r, enum role_id role);

#endif
