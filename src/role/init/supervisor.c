#include "role/init/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/spawn.h"

#define REST_NS NS_PER_S

static struct supervisor *self; /* there is one init */

static void ended(struct roster_child *c)
{
	struct restart *r = &self->restart[c - self->roster->child];
	loop_unwatch(self->loop, &c->watch);
	roster_bury(c);
	loop_timer_in(self->loop, &r->timer, restart_delay_ns(r, clock_mono_ns()));
}

static void start(void *arg)
{
	struct roster_child *c = arg;
	char text[160];
	enum err e = roster_spawn(self->roster, c, *self->forward);
	if (!e) {
		c->watch =
			(struct loop_watch){.fd = c->chan, .events = POLLIN, .fn = self->readable, .arg = c};
		loop_watch(self->loop, &c->watch);
		self->started(c);
		return;
	}
	snprintf(text, sizeof(text), "%s could not be started: %s (%s); trust anchors: %s",
		 msg_role_name(c->role), err_text(e), strerror(errno), self->roster->anchors_path);
	console_step(self->console, VERDICT_ROLE, false, text);
	if (c->pid > 0)
		kill(c->pid, SIGKILL); /* its death is followed by another try */
	else
		ended(c);
}

static void died(struct roster_child *c, int status)
{
	char text[160], how[64];
	c->pid = 0;
	if (!self->died(c))
		return;
	const char *why = WIFEXITED(status) ? spawn_failed(WEXITSTATUS(status)) : NULL;
	snprintf(how, sizeof(how), "%s %d%s%s", WIFSIGNALED(status) ? "signal" : "exit",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), why ? ": " : "",
		 why ? why : "");
	snprintf(text, sizeof(text), "role %s died (%s): it starts anew", msg_role_name(c->role), how);
	console_step(self->console, VERDICT_ROLE, false, text);
	log_begin(LOG_ALARM, "role-died");
	log_str("died", msg_role_name(c->role));
	log_u64("index", c->index);
	log_str("how", how);
	log_end();
	ended(c);
}

void supervisor_reap(struct supervisor *s)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (uint32_t i = 0; i < ROSTER_CHILDREN(s->roster); i++)
			if (s->roster->child[i].pid == pid)
				died(&s->roster->child[i], status);
}

void supervisor_start_rest(struct supervisor *s)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(s->roster) && !s->rest_started; i++)
		if (!s->roster->child[i].on_demand && s->roster->child[i].role != ROLE_NET)
			start(&s->roster->child[i]);
	s->rest_started = true;
}

static void rest_due(void *arg)
{
	supervisor_start_rest(arg);
}

void supervisor_start(struct supervisor *s)
{
	self = s;
	for (uint32_t i = 0; i < ROSTER_CHILDREN(s->roster); i++) {
		struct roster_child *c = &s->roster->child[i];
		s->restart[i].max_ns = c->restart_max_ns;
		s->restart[i].timer = (struct loop_timer){.fn = start, .arg = c};
	}
	s->rest = (struct loop_timer){.fn = rest_due, .arg = s};
	loop_timer_in(s->loop, &s->rest, REST_NS);
	start(roster_find(s->roster, ROLE_NET));
}

void supervisor_start_role(struct supervisor *s, enum role_id role)
{
	struct roster_child *c = roster_find(s->roster, role);
	c->on_demand = false;
	start(c);
}
