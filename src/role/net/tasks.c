#include "role/net/tasks.h"

static void again(void *arg)
{
	tasks_work(arg);
}

void tasks_init(struct tasks *t, struct loop *loop, const struct tasks_row *list, uint32_t count,
		void (*worked)(bool failed))
{
	ASSERT(count <= TASKS_MAX);
	t->loop = loop;
	t->list = list;
	t->count = count;
	t->worked = worked;
	t->retry = (struct loop_timer){.fn = again, .arg = t};
}

void tasks_work(struct tasks *t)
{
	bool failed[TASKS_MAX] = {false}, any_failed = false, more = false;
	loop_timer_stop(t->loop, &t->retry);
	uint32_t end = t->count;
	for (uint32_t i = 0; i < end; i++) {
		if (!t->due[i])
			continue;
		t->due[i] = false;
		if (!t->list[i].fn())
			continue;
		t->due[i] = failed[i] = any_failed = true;
		if (!t->list[i].alone)
			end = i;
	}
	/* what a task made due in front of it needs no waiting */
	for (uint32_t i = 0; i < end; i++)
		more |= t->due[i] && !failed[i];
	if (more)
		loop_timer_in(t->loop, &t->retry, 0);
	else if (any_failed)
		loop_timer_in(t->loop, &t->retry, backoff_next_ns(&t->backoff));
	else
		backoff_reset(&t->backoff);
	t->worked(any_failed);
}

void tasks_begin(struct tasks *t, uint32_t task)
{
	ASSERT(task < t->count);
	t->due[task] = true;
	tasks_work(t);
}
