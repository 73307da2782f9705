/* todo: what a role has to do, in order; what fails is tried again, with back-off, and holds up what stands
 * behind it. */
#ifndef SEALTAP_ROLE_TODO_H
#define SEALTAP_ROLE_TODO_H

#include "base/err.h"
#include "os/loop.h"
#include "role/backoff.h"

#define TODO_MAX 16

struct todo_task {
	enum err (*fn)(void);
	bool alone; /* it holds up none when it fails */
};

struct todo {
	struct loop *loop;             /* borrowed */
	const struct todo_task *tasks; /* static, at most TODO_MAX */
	uint32_t count;
	bool due[TODO_MAX]; /* to be done; who sets one calls todo_work() */
	/* After each round; failed: something is to be tried again. */
	void (*worked)(bool failed);
	struct loop_timer retry;
	struct backoff backoff;
};

/* backoff is set before. */
void todo_init(struct todo *t, struct loop *loop, const struct todo_task *tasks, uint32_t count,
	       void (*worked)(bool failed));
/* Does what is due. A task may make others due, but not call this. */
void todo_work(struct todo *t);
void todo_begin(struct todo *t, uint32_t task);

#endif
