#include "os/loop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/err.h"
#include "base/time.h"
#include "os/clock.h"

void loop_init(struct loop *l)
{
	*l = (struct loop){.timers = NULL};
}

void loop_watch(struct loop *l, struct loop_watch *w)
{
	for (int i = 0; i < LOOP_MAX_WATCHES; i++) {
		if (l->watches[i])
			continue;
		l->watches[i] = w;
		w->slot = i;
		return;
	}
	trap();
}

void loop_events(struct loop_watch *w, short events)
{
	w->events = events;
}

void loop_unwatch(struct loop *l, struct loop_watch *w)
{
	if (w->slot < 0 || l->watches[w->slot] != w)
		return;
	l->watches[w->slot] = NULL;
	w->slot = -1;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!t->active)
		return;
	for (struct loop_timer **at = &l->timers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	t->active = false;
}

void loop_timer_at(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	loop_timer_stop(l, t);
	t->at_ns = at_ns;
	t->active = true;
	struct loop_timer **at = &l->timers;
	while (*at && (*at)->at_ns <= at_ns)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t delay_ns)
{
	loop_timer_at(l, t, clock_mono_ns() + delay_ns);
}

static void run_timers(struct loop *l)
{
	uint64_t now_ns = clock_mono_ns();
	while (l->timers && l->timers->at_ns <= now_ns && !l->stop) {
		struct loop_timer *t = l->timers;
		l->timers = t->next;
		t->active = false;
		t->fn(t->arg);
	}
}

static uint64_t wait_ns(const struct loop *l, uint64_t max_wait_ns)
{
	if (!l->timers)
		return max_wait_ns;
	uint64_t now_ns = clock_mono_ns();
	uint64_t left_ns = l->timers->at_ns > now_ns ? l->timers->at_ns - now_ns : 0;
	return left_ns < max_wait_ns ? left_ns : max_wait_ns;
}

void loop_turn(struct loop *l, uint64_t max_wait_ns)
{
	struct pollfd polled[LOOP_MAX_WATCHES];
	struct loop_watch *watch[LOOP_MAX_WATCHES];
	nfds_t n = 0;
	for (int i = 0; i < LOOP_MAX_WATCHES; i++) {
		if (!l->watches[i])
			continue;
		watch[n] = l->watches[i];
		polled[n] = (struct pollfd){.fd = watch[n]->fd, .events = watch[n]->events};
		n++;
	}
	uint64_t ns = wait_ns(l, max_wait_ns);
	struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
	int ready = ppoll(polled, n, &ts, NULL);
	ASSERT(ready >= 0 || errno == EINTR);
	for (nfds_t i = 0; ready > 0 && i < n && !l->stop; i++) {
		struct loop_watch *w = watch[i];
		/* an earlier callback of this turn may have removed it or given it another descriptor */
		bool same = w->slot >= 0 && l->watches[w->slot] == w && w->fd == polled[i].fd;
		if (polled[i].revents && same)
			w->fn(w->arg, polled[i].revents);
	}
	run_timers(l);
}

void loop_run(struct loop *l)
{
	while (!l->stop)
		loop_turn(l, 3600 * NS_PER_S);
}
