/* peer: what every role does with its channels: takes START, watches a channel, answers init, leaves when
 * init is gone, and goes on with the next process when another role died. */
#ifndef SEALTAP_ROLE_PEER_H
#define SEALTAP_ROLE_PEER_H

#include "os/loop.h"
#include "role/msg.h"

/* One channel of a role, with the function that takes its messages. */
struct peer {
	enum role_id self, other;
	struct loop *loop; /* borrowed */
	struct loop_watch watch;
	/* NULL: nothing is read that this peer says. */
	void (*fn)(void *arg, uint32_t index, const struct chan_msg *m);
	/* The other end is there, or is a new process: what was asked before must be asked again. May be
	 * NULL. */
	void (*anew)(void *arg, uint32_t index);
	void *arg;      /* borrowed */
	uint32_t index; /* given to fn: which of several like peers */
};

/* Waits for START, the first message, and gives how many descriptors came with it, at most fd_count. Ends the
 * process when it does not come; upload and spool have some for each worker, of the others fd_count must
 * come. */
size_t peer_start(int channel, enum role_id self, struct msg_start *start, int *fds, size_t fd_count);
/* For the channels that come as MSG_PEER. arg and index are the caller's to set. */
void peer_init(struct peer *p, enum role_id self, enum role_id other, struct loop *loop,
	       void (*fn)(void *arg, uint32_t index, const struct chan_msg *m),
	       void (*anew)(void *arg, uint32_t index));
/* Whose channel a MSG_PEER brings. */
enum role_id peer_role(const struct chan_msg *m);
/* The channel of a MSG_PEER for p, in the place of the one that p had, whose last messages are taken first.
 */
void peer_join(struct peer *p, const struct chan_msg *m);
/* Watches fd. The process ends when init closes, or when the peer breaks the protocol: init then starts all
 * anew. A peer that died is left to init. */
void peer_watch(struct peer *p, int fd);
/* Takes all that waits there now: what the peer sent before it told somebody else of it. The messages share
 * one buffer: the caller's own message is gone after it. */
void peer_read(struct peer *p);
/* A full channel ends the process as well. What goes to a peer that is dead, or not there yet, is lost. */
void peer_send(struct peer *p, enum msg_type type, const void *payload);
/* What does not fit is dropped: for a peer that may hang without harm. */
void peer_offer(struct peer *p, enum msg_type type, const void *payload);
/* A sealed object goes to the spool where there is a volume, else to upload. */
void peer_hand_on(const struct settings *s, struct peer *spool, struct peer *upload,
		  const struct msg_segment *segment);
/* A line for the boot verdict; text is cut to fit. */
void peer_verdict(struct peer *init, enum verdict_code code, bool ok, const char *text);

#endif
