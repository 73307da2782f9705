/* notices: looks every few seconds whether the instance has to go (spot interruption, rebalance, auto
 * scaling) and says so once. IMDS out of reach is no notice.
 */
#ifndef SEALTAP_ROLE_KEYS_NOTICES_H
#define SEALTAP_ROLE_KEYS_NOTICES_H

#include "role/keys/metadata.h"
#include "role/peer.h"

struct notices {
	struct metadata *metadata; /* borrowed */
	struct loop *loop;         /* borrowed */
	struct peer *init;         /* borrowed: gets MSG_LEAVE */
	struct loop_timer timer;
	bool failing, said;
};

void notices_init(struct notices *n, struct metadata *metadata, struct loop *loop, struct peer *init);
void notices_start(struct notices *n);
/* The metadata's IMDS_NOTICES goal ended. */
void notices_done(struct notices *n, enum err e);

#endif
