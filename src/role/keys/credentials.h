/* credentials: keeps the role's credentials fresh. They are asked for again from ten minutes before their
 * end, with back-off, and when a service refuses them; until new ones come, the old ones stay in use, also
 * past their end (static stability). The log tells of a change, not of each try.
 */
#ifndef SEALTAP_ROLE_KEYS_CREDENTIALS_H
#define SEALTAP_ROLE_KEYS_CREDENTIALS_H

#include "role/backoff.h"
#include "role/keys/metadata.h"

struct credentials {
	struct metadata *metadata; /* borrowed */
	struct loop *loop;         /* borrowed */
	const int64_t *offset_ns;  /* borrowed: added to the clock, as AWS's clock has it */
	struct loop_timer timer;
	struct backoff backoff;
	uint64_t asked_ns;
	char key_id[129]; /* of those in use */
	bool failing, expired;
};

void credentials_init(struct credentials *c, struct metadata *metadata, struct loop *loop,
		      const int64_t *offset_ns);
/* The first ones are there. */
void credentials_start(struct credentials *c);
/* A service refused them. */
void credentials_refused(struct credentials *c);
/* The metadata's IMDS_CREDENTIALS goal ended. *changed: there are others now. */
void credentials_done(struct credentials *c, enum err e, bool *changed);

#endif
