/* lease: the DHCP client on one link at a time: tries the candidates in turn until one of them gets an
 * address, then keeps it.
 *
 * A candidate that stays silent is given up for the next one, for ever; turns get longer with each round.
 * Source: net/dhcp.h.
 */
#ifndef SEALTAP_ROLE_NET_LEASE_H
#define SEALTAP_ROLE_NET_LEASE_H

#include "net/dhcp.h"
#include "net/rtnl.h"
#include "os/loop.h"
#include "role/report.h"

struct lease_link {
	uint32_t ifindex;
	uint8_t mac[6];
};

struct lease {
	struct loop *loop;  /* borrowed */
	struct lease *next; /* borrowed; shares the socket; NULL: none */
	struct loop_watch watch;
	struct loop_timer due, turn;
	struct dhcp_client client;
	struct lease_link link[MSG_MAX_LINKS];
	uint32_t count, current;
	unsigned rounds;
	/* DHCP_LEASED: apply client.lease to link[current]; DHCP_LOST: remove it; DHCP_RENEWED */
	void (*changed)(void *arg, enum dhcp_event event);
	/* no answer on link[current] in its time */
	void (*silent)(void *arg);
	void *arg; /* borrowed */
};

/* socket: as os/dhcpsock.h opens it. loop, changed, silent and arg are set before. */
void lease_init(struct lease *l, int socket);
/* By the socket of another, for another link. loop, changed, silent and arg are set before. */
void lease_share(struct lease *l, struct lease *owner);
/* Forgets what it has and begins with the first of these. */
void lease_start(struct lease *l, const struct lease_link *links, uint32_t count);
void lease_on(struct lease *l, const struct rtnl_link *links, uint32_t count);
/* The link's cable was plugged in: no use waiting for the next try there. */
void lease_hurry(struct lease *l, uint32_t ifindex);
/* From now on the current link alone, with what it has. */
void lease_pin(struct lease *l);
bool lease_held(const struct lease *l);
/* Asks no longer, and has none. */
void lease_stop(struct lease *l);
/* For what changed(): a line of the log, and the verdict when it is lost. link: the current one's name. */
void lease_say(const struct lease *l, struct report *r, enum dhcp_event event, const char *link);
/* The verdict for silent(). */
void lease_say_silent(const struct lease *l, struct report *r, const char *link);

#endif
