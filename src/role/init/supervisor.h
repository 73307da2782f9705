/* supervisor: starts the roles, and starts a role that died anew, at once or after the wait that restart.h
 * says. init's own.
 *
 *   state      pid   chan   what happens                                     next
 *   on demand  0     -1     supervisor_start_role()                          start
 *   waiting    0     -1     the time that restart.h says has come            start
 *   start                   spawned; START and its channels are sent         running; started() is called
 *                           spawned; they can't be sent                      running; killed
 *                           not spawned                                      waiting, as after a death
 *   running    > 0   >= 0   it dies, and died() says that it is needed       waiting; the alarm role-died
 *                           it dies, and died() says that it is not          gone
 *   gone       0     >= 0   nothing, until roster_stop()
 */
#ifndef SEALTAP_ROLE_INIT_SUPERVISOR_H
#define SEALTAP_ROLE_INIT_SUPERVISOR_H

#include "role/init/console.h"
#include "role/init/restart.h"
#include "role/init/roster.h"

/* Zeroed; all but `restart` is set by init before the first start. */
struct supervisor {
	struct loop *loop; /* borrowed, as all here */
	struct roster *roster;
	struct console *console;
	const bool *forward; /* forwarding is open: what net is to leave as it is */
	/* A message of the role, or its channel's end. */
	void (*readable)(void *child, short revents);
	/* It runs: it is to be told what the others were told before. */
	void (*started)(struct roster_child *c);
	/* It died, and its last messages are taken. False: it is not needed any more. */
	bool (*died)(struct roster_child *c);
	struct restart restart[ROSTER_MAX];
	struct loop_timer rest;
	bool rest_started;
};

/* net alone, which says what the rings are to admit: the sooner they do, the more is recorded of a boot. The
 * others follow when init says so, or after a second. */
void supervisor_start(struct supervisor *s);
/* All others but those on demand, once. */
void supervisor_start_rest(struct supervisor *s);
/* One of them: what it needs is there. */
void supervisor_start_role(struct supervisor *s, enum role_id role);
/* After SIGCHLD. */
void supervisor_reap(struct supervisor *s);

#endif
