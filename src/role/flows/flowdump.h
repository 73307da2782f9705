/* flowdump: all flows that the kernel has: first those that live, then those that are over and whose end
 * could not be told yet. init asks the kernel (MSG_FLOWS_DUMP), the answer comes to a socket of flows. flows'
 * own.
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWDUMP_H
#define SEALTAP_ROLE_FLOWS_FLOWDUMP_H

#include "net/ct.h"
#include "os/netlink.h"
#include "role/peer.h"

struct flowdump {
	struct loop *loop; /* borrowed; it and the next four are set by the caller before */
	struct peer *init; /* borrowed */
	int fd;            /* owned */
	/* False: there is no room for what is to be written: the same flow comes again after
	 * flowdump_go_on(). */
	bool (*flow)(void *arg, const struct ct_flow *f, bool dying);
	void (*done)(void *arg, enum err e);
	void *arg; /* borrowed */
	struct loop_watch watch;
	struct loop_timer deadline;
	uint32_t number; /* of the newest question */
	bool active, dying;
	struct span rest; /* of the datagram that is being read */
	uint8_t bytes[NETLINK_DATAGRAM_BYTES];
};

/* life: of this process; its questions are told from those of the processes before. */
void flowdump_init(struct flowdump *d, uint32_t life);
/* Does nothing while one is under way. */
void flowdump_start(struct flowdump *d);
/* There is room again. */
void flowdump_go_on(struct flowdump *d);

#endif
