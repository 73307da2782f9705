/* canarywatch: whether each canary's object was stored, and how long that took: a line of the log; an alarm
 * for one that is missing. keys' own.
 */
#ifndef SEALTAP_ROLE_KEYS_CANARYWATCH_H
#define SEALTAP_ROLE_KEYS_CANARYWATCH_H

#include "os/loop.h"
#include "role/msg.h"

/* An object with a canary is stored so long after it at the latest, its own rotation time apart. */
#define CANARYWATCH_NS (60 * NS_PER_S)

struct canarywatch {
	struct loop *loop;               /* borrowed */
	const struct settings *settings; /* borrowed */
	bool waiting;
	uint32_t number;
	uint64_t sent_ns; /* monotonic */
	uint64_t stored;  /* how many were, since the role started */
	struct loop_timer late;
};

void canarywatch_init(struct canarywatch *w, struct loop *loop, const struct settings *settings);
void canarywatch_sent(struct canarywatch *w, const struct msg_canary *c);
/* An object is stored. true: it has the canary that was waited for. */
bool canarywatch_stored(struct canarywatch *w, const struct object_meta *m);

#endif
