/* gate: whether traffic is let through, as init decides: closed without any role's help, and where the
 * configuration says so closed as soon as recording can't go on (role/guard.h), opened again when it does.
 * init's own.
 */
#ifndef SEALTAP_ROLE_INIT_GATE_H
#define SEALTAP_ROLE_INIT_GATE_H

#include "os/loop.h"
#include "role/guard.h"

/* Zeroed; loop, workers, each worker's progress and forward are set by init before. */
struct gate {
	struct loop *loop; /* borrowed */
	uint32_t workers;
	struct guard_worker worker[GUARD_WORKERS_MAX]; /* init says which are armed */
	/* net is to open or close it, too. */
	void (*forward)(bool on);
	bool watching;
	struct guard guard;
	int netlink; /* owned: to the packet filter */
	struct loop_timer timer;
};

/* host: its namespace may have it open, so it is closed. A machine that starts forwards nothing: the kernel's
 * switches are off after a boot, and net turns them on (role/net/gateway) when init says so, once recording
 * is armed. */
enum err gate_init(struct gate *g, bool host) MUST_USE;
/* By the packet filter and by the kernel's switches, for both families; either is enough. Said on the console
 * when the filter fails, as it does where net has made no rules yet, and a switch does, too. */
void gate_close(struct gate *g);
/* From now on, forwarding is open, it is watched over if these settings want it; NULL: no longer. */
void gate_watch(struct gate *g, const struct settings *s);
/* Something has happened: look at once. */
void gate_look(struct gate *g);

#endif
