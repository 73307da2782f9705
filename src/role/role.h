/* role: what each role is, as one table, and what all do alike by it: they lock the memory of secrets, enter
 * their sandbox, take START, open log and loop, and hand each message to the function that the table names.
 *
 * A message that the table does not list for its sender ends the process (trap). The phase in which one may
 * come is its function's to check. role/msg.c has checked direction and length before.
 */
#ifndef SEALTAP_ROLE_ROLE_H
#define SEALTAP_ROLE_ROLE_H

#include "os/pool.h"
#include "os/spawn.h"
#include "role/calls.h"
#include "role/peer.h"

/* Who takes which message of whom. */
struct role_take {
	enum role_id from; /* or ROLE_PRODUCER, ROLE_ANY */
	/* MSG_PEER: it is there, or is a new process: what was asked before must be asked again. */
	enum msg_type type;
	uint32_t since; /* init's: the phase from which on it may come; before it breaks the protocol */
	/* One of these, by what it needs. payload: the struct that role/msg.h names for the type. It stands
	 * in the buffer of all messages: it is gone after peer_read(). */
	void (*call)(void);
	void (*take)(const void *payload);
	void (*take_from)(struct peer *from, const void *payload); /* of several like peers */
};

struct role {
	enum role_id id;
	struct spawn_spec spawn;
	const struct sandbox *sandbox;
	bool on_demand;       /* it is started when the configuration names what it serves */
	bool spared;          /* it is not missed soon: once it died it may wait long (role/init/restart.h) */
	uint32_t descriptors; /* on START: bits START_BIT() */
	struct loop *loop;
	struct msg_start *start;
	/* Once, before the first message. fds, owned by it: by enum start_fd; -1: did not come. init can be
	 * spoken to. */
	void (*set_up)(const int fds[START_FDS]);
	/* To whom it has channels: theirs; of ROLE_CAPTURE an array, by worker. Of whom it takes nothing but
	 * MSG_PEER nothing is read. */
	struct peer *peers[ROLE_COUNT];
	const struct role_take *takes;
	size_t take_count;
};

/* Its row for a message of that role; NULL: the table does not list it. init has such a table, too. */
const struct role_take *role_row(const struct role_take *takes, size_t count, enum role_id from,
				 uint32_t type);
/* Calls its function. from: NULL where no row wants it. */
void role_call(const struct role_take *row, struct peer *from, const void *payload);
/* Lives as that role. channel: towards init; the process ends when it closes. */
_Noreturn void role_run(const struct role *r, int channel);
/* Which descriptors ride on its START where there are so many workers; START_FAULTS may be missing. */
uint32_t role_descriptors(const struct role *r, uint32_t workers);
/* For set_up: maps the role's own pool, writable. */
void role_own_pool(const int fds[START_FDS], struct pool *p);
/* The same: maps the pools of which a descriptor came, read-only: p[], as POOLS numbers them. */
void role_read_pools(const int fds[START_FDS], struct pool *p);

#endif
