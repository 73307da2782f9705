#include "role/todo.h"

static void again(void *arg)
{
	todo_work(arg);
}

void todo_init(struct todo *t, struct loop *loop, const struct todo_task *tasks, uint32_t count,
	       void (*worked)(bool failed))
{
	ASSERT(count <= TODO_MAX);
	t->loop = loop;
	t->tasks = tasks;
	t->count = count;
	t->worked = worked;
	t->retry = (struct loop_timer){.fn = again, .arg = t};
}

void todo_work(struct todo *t)
{
	bool failed[TODO_MAX] = {false}, any_failed = false, more = false;
	loop_timer_stop(t->loop, &t->retry);
	uint32_t end = t->count;
	for (uint32_t i = 0; i < end; i++) {
		if (!t->due[i])
			continue;
		t->due[i] = false;
		if (!t->tasks[i].fn())
			continue;
		t->due[i] = failed[i] = any_failed = true;
		if (!t->tasks[i].alone)
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

void todo_begin(struct todo *t, uint32_t task)
{
	ASSERT(task < t->count);
	t->due[task] = true;
	todo_work(t);
}
