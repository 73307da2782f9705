/* tasks: what a role has to do, in order; what fails is tried again, with back-off, and holds up what stands
 * behind it. */
#ifndef SEALTAP_ROLE_NET_TASKS_H
#define SEALTAP_ROLE_NET_TASKS_H

#include "base/err.h"
#include "os/loop.h"
#include "role/backoff.h"

#define TASKS_MAX 16

struct tasks_row {
	enum err (*fn)(void);
	bool alone; /* it holds up none when it fails */
};

struct tasks {
	struct loop *loop;            /* borrowed */
	const struct tasks_row *list; /* static, at most TASKS_MAX */
	uint32_t count;
	bool due[TASKS_MAX]; /* to be done; who sets one calls tasks_work() */
	/* After each round; failed: something is to be tried again. */
	void (*worked)(bool failed);
	struct loop_timer retry;
	struct backoff backoff;
};

/* backoff is set before. */
void tasks_init(struct tasks *t, struct loop *loop, const struct tasks_row *list, uint32_t count,
		void (*worked)(bool failed));
/* Does what is due. A task may make others due, but not call this. */
void tasks_work(struct tasks *t);
void tasks_begin(struct tasks *t, uint32_t task);

#endif
