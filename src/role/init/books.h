/* books: init's account of a life: what the links counted against what the rings gave, to the packet.
 *
 *   arrived = recorded + lost + filtered + unattributed
 *
 * The links count from when they were listed, still down, until forwarding was closed. The rings end a moment
 * later, so that the links are asked before and after: what is accounted for must lie between. What is less
 * is `unattributed`, what is more `surplus`; both are 0 or something is wrong. Over both links together: a
 * ring does not tell of which one it lost a packet. What was dropped before the rings, by the kernel or the
 * NIC, stands beside the sum. Source: object format 1 (src/FORMAT.md), "Accounting".
 */
#ifndef SEALTAP_ROLE_INIT_BOOKS_H
#define SEALTAP_ROLE_INIT_BOOKS_H

#include "role/msg.h"

/* Zeroed before the first use. */
struct books {
	struct msg_links listed;           /* as the links were before they went up */
	uint64_t before[2];                /* rx_packets of then: outside, inside */
	struct msg_forwarding first, last; /* the links before the rings were closed, and after */
	bool closed;                       /* those are there */
	bool replaced;                     /* a link came back: what its predecessor counted is not known */
	bool said;
};

/* Before the links go up; later calls change nothing. */
void books_listed(struct books *b, const struct msg_links *listed);
/* The links have their roles: [0] outside, [1] inside. */
void books_links(struct books *b, const struct msg_links *links);
/* One of them was gone and has come back: the books of this life can't be closed. */
void books_replaced(struct books *b);
/* Recording begins: event `armed`. */
void books_armed(const struct msg_forwarding *f);
/* Forwarding is closed, the rings are about to be (event `disarmed`); and they are. */
void books_closing(struct books *b, const struct msg_forwarding *f);
void books_closed(struct books *b, const struct msg_forwarding *f);
/* All rings are read to their end. Event `books`, once, as soon as the links' last counters are there. */
void books_balance(struct books *b, const struct msg_totals *t);
/* On the console: all is shipped. */
void books_totals(const struct msg_totals *t);

#endif
