/* books: what init tells of the life's counts: the links' own counters when recording begins and ends,
 * against which the recorded packets are checked, and the totals at the end. */
#ifndef SEALTAP_ROLE_BOOKS_H
#define SEALTAP_ROLE_BOOKS_H

#include "role/msg.h"

/* event: `armed` or `disarmed`. */
void books_links(const char *event, const struct msg_forwarding *f);
/* On the console: all is shipped. */
void books_totals(const struct msg_totals *t);

#endif
