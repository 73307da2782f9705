/* clocknote: what each object says of the clock that stamps it, as text: its source, the bound of its error,
 * and whether it smears leap seconds. */
#ifndef SEALTAP_ROLE_CLOCKNOTE_H
#define SEALTAP_ROLE_CLOCKNOTE_H

#include "role/msg.h"

struct clocknote {
	char source[48];   /* "ntp:169.254.169.123", or "unsynchronised" */
	char error_ns[24]; /* decimal, or "unknown" */
	char smeared[8];   /* "yes", or "unknown" */
};

/* now_ns: monotonic; since c->at_ns the bound has grown. */
struct clocknote clocknote(const struct msg_clock *c, uint64_t now_ns);

#endif
