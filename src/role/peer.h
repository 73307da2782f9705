/* peer: one channel of a role: watched, read, written to, replaced when the role at its other end died. Which
 * peers a role has, and who takes what they say, its table tells: role/role.h. */
#ifndef SEALTAP_ROLE_PEER_H
#define SEALTAP_ROLE_PEER_H

#include "os/loop.h"
#include "role/msg.h"

struct peer {
	enum role_id self, other;
	uint32_t pool;     /* the other's own, as msg_own_pool(): tells like peers apart */
	struct loop *loop; /* borrowed */
	struct loop_watch watch;
	/* Takes its messages, one at a time. NULL: nothing is read that this peer says. */
	void (*fn)(struct peer *p, struct chan_msg *m);
};

/* The channel of a MSG_PEER for p, in the place of the one that p had, whose last messages are taken first.
 */
void peer_join(struct peer *p, const struct chan_msg *m);
/* Watches fd. The process ends when init closes, or when the peer breaks the protocol: init then starts all
 * anew. A peer that died is left to init. */
void peer_watch(struct peer *p, int fd);
/* That role was there when its channel was last read or written. */
bool peer_there(const struct peer *p);
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
