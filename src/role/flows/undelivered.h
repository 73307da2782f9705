/* undelivered: what was recorded but not forwarded, on its way into the `flows` stream: packets that the
 * packet filter logs, counted by reason and tuple (role/flows/verdicts), and those that connection tracking
 * refused, which nobody sees: of these net tells how many there were. flows' own.
 */
#ifndef SEALTAP_ROLE_FLOWS_UNDELIVERED_H
#define SEALTAP_ROLE_FLOWS_UNDELIVERED_H

#include "os/loop.h"
#include "os/netlink.h"
#include "role/flows/flowwriter.h"
#include "role/flows/verdicts.h"

struct undelivered {
	struct loop *loop;         /* borrowed; it and the next three are set by the caller before */
	struct flowwriter *writer; /* borrowed */
	int fd;                    /* owned: the socket of logged packets */
	/* Records are due, or there is something to be received. */
	void (*due)(void *arg);
	struct verdicts verdicts;
	struct loop_watch log;
	struct loop_timer window;
	bool over;                  /* the window's records are due, and wait for room */
	struct msg_refused refused; /* as net told last */
	uint8_t datagram[NETLINK_DATAGRAM_BYTES];
};

/* Zeroed, but for what the caller sets. */
void undelivered_init(struct undelivered *u);
/* Recording begins, and ends. */
void undelivered_watch(struct undelivered *u, bool on);
/* What the socket holds, a bounded number a call. False: there is no more now. */
bool undelivered_receive(struct undelivered *u);
/* MSG_REFUSED. */
void undelivered_refused(struct undelivered *u, const struct msg_refused *told);
/* The records that are due; all: the end. False: no room. */
bool undelivered_write(struct undelivered *u, bool all);

#endif
