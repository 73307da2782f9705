/* loop: the one event loop of each role: poll(2) over a fixed number of descriptors, and timers.
 *
 * Watches and timers are storage of the caller (owned by it, borrowed by the loop while active); the loop
 * never allocates. Callbacks may add, change and remove any watch or timer, their own too. Time is
 * CLOCK_MONOTONIC in nanoseconds (os/clock.h).
 */
#ifndef SEALTAP_OS_LOOP_H
#define SEALTAP_OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_MAX_WATCHES 64

struct loop_watch {
	int fd;
	short events;                         /* POLLIN, POLLOUT */
	void (*fn)(void *arg, short revents); /* revents also carries POLLERR, POLLHUP */
	void *arg;                            /* borrowed */
	int slot;                             /* the loop's own; -1 while inactive */
};

struct loop_timer {
	uint64_t at_ns; /* monotonic */
	void (*fn)(void *arg);
	void *arg; /* borrowed */
	bool active;
	struct loop_timer *next; /* borrowed; the loop's own */
};

struct loop {
	struct loop_watch *watches[LOOP_MAX_WATCHES]; /* borrowed */
	struct loop_timer *timers;                    /* borrowed; sorted by at_ns */
	bool stop;
};

void loop_init(struct loop *l);
/* w->fd, events, fn and arg are set by the caller before. More than LOOP_MAX_WATCHES traps. */
void loop_watch(struct loop *l, struct loop_watch *w);
void loop_events(struct loop_watch *w, short events);
/* Does nothing when it is not active. The descriptor stays open. */
void loop_unwatch(struct loop *l, struct loop_watch *w);
/* (Re)arms; t->fn and t->arg are set by the caller before. Fires once. */
void loop_timer_at(struct loop *l, struct loop_timer *t, uint64_t at_ns);
void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t delay_ns);
void loop_timer_stop(struct loop *l, struct loop_timer *t);
/* Runs until a callback sets l->stop. */
void loop_run(struct loop *l);
/* One turn: waits at most max_wait_ns, serves what is due. */
void loop_turn(struct loop *l, uint64_t max_wait_ns);

#endif
