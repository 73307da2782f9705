/* producer: what the two roles that record, capture and flows, do alike: ask keys for data keys and
 * signatures, and hand their objects on. There is one a process.
 *
 * The functions without a producer are rows of a role's table (role/role.h) and callbacks of its recorder.
 */
#ifndef SEALTAP_ROLE_PRODUCER_H
#define SEALTAP_ROLE_PRODUCER_H

#include "role/peer.h"
#include "role/recorder.h"

struct producer {
	struct peer keys, upload, spool;
	struct recorder *recorder; /* borrowed; set up later, when the settings are there */
	struct settings settings;
	struct object_identity identity;
	struct loop *loop;       /* borrowed */
	struct loop_timer *look; /* borrowed; the role looks what there is to be done */
	bool draining;           /* the role's to set: it ends when all is sealed */
};

/* Zeroed but for the peers. */
void producer_init(struct producer *p, struct recorder *recorder, struct loop *loop, struct loop_timer *look);
/* MSG_SETTINGS: before recorder_init(). */
void producer_settle(const struct msg_config *c);

/* For recorder_ops. */
void producer_want_key(void *arg, bool any);
void producer_sign(void *arg, const struct object_meta *meta);
/* The object goes to the spool where there is a volume, else to upload. */
void producer_sealed(void *arg, const struct msg_segment *s);
void producer_ready(void *arg);

/* For keys: MSG_PEER, MSG_KEY, MSG_OBJECT_SIGNED. */
void producer_keys_anew(void);
void producer_key(const void *payload);
void producer_signed(const void *payload);
/* For upload and the spool, whichever takes the objects: MSG_PEER, MSG_FREE and MSG_STORED. */
void producer_taker_anew(void);
void producer_taken(const void *payload);

#endif
