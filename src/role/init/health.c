#include "role/init/health.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "os/clock.h"
#include "os/log.h"

#define AGAIN_NS (2 * NS_PER_S)

/* ---- whether packets can be forwarded and recorded */

static bool workers_record(const struct gate *g)
{
	uint64_t now_ns = clock_mono_ns();
	for (uint32_t i = 0; i < g->workers; i++) {
		uint64_t turn_ns = __atomic_load_n(&g->worker[i].progress->turn_ns, __ATOMIC_RELAXED);
		if (!g->worker[i].armed || (turn_ns < now_ns && now_ns - turn_ns > HEALTH_LATE_NS))
			return false;
	}
	return true;
}

static void take_verdicts(const struct console *c, struct msg_health *m)
{
	for (uint32_t i = VERDICT_OK + 1; i < VERDICT_COUNT; i++) {
		m->step[i].told = c->last[i].code != 0;
		m->step[i].ok = !c->failed[i];
		memcpy(m->step[i].text, c->last[i].text, sizeof(m->step[i].text));
	}
}

static uint32_t reasons(const struct health *h)
{
	const struct console *c = h->supervisor->console;
	const bool holds[HEALTH_REASONS] = {
		[HEALTH_BOOTING] = !c->armed,
		[HEALTH_LEAVING] = h->leaving,
		[HEALTH_CLOSED] = !h->open || !*h->supervisor->forward,
		[HEALTH_LINK] = c->failed[VERDICT_LINK],
		[HEALTH_WORKER] = !workers_record(h->gate),
	};
	uint32_t bits = 0;
	for (uint32_t i = 0; i < HEALTH_REASONS; i++)
		bits |= (uint32_t)holds[i] << i;
	return bits;
}

static void look(void *arg)
{
	static struct msg_health now; /* all bytes are compared */
	struct health *h = arg;
	struct roster *r = h->supervisor->roster;
	memset(&now, 0, sizeof(now));
	now.reasons = reasons(h);
	if (h->gate->watching && h->gate->guard.stopped)
		strncpy(now.closed_by, h->gate->guard.reason, sizeof(now.closed_by) - 1);
	take_verdicts(h->supervisor->console, &now);
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		now.restarts[r->child[i].role] += r->child[i].life;
	uint64_t now_ns = clock_mono_ns();
	if (now_ns - h->told_ns >= HEALTH_TELL_NS || memcmp(&now, &h->last, sizeof(now)) != 0) {
		h->told_ns = now_ns;
		h->last = now;
		roster_send_role(r, ROLE_STATUS, MSG_HEALTH, &now);
	}
	loop_timer_in(h->supervisor->loop, &h->look, HEALTH_LOOK_NS);
}

void health_leaving(struct health *h)
{
	h->leaving = true;
	if (h->used)
		look(h);
}

/* ---- the port */

static void say_not_served(struct health *h, const char *reason)
{
	if (h->said)
		return;
	h->said = true;
	log_begin(LOG_ALARM, "status-not-served");
	log_u64("port", h->port);
	log_str("link", h->link.name);
	log_str("reason", reason);
	log_end();
}

static void open_port(void *arg)
{
	struct health *h = arg;
	struct roster_child *c = roster_find(h->supervisor->roster, ROLE_STATUS);
	if (roster_listen(h->supervisor->roster, h->link.name, h->port)) {
		say_not_served(h, strerror(errno));
		loop_timer_in(h->supervisor->loop, &h->open_again, AGAIN_NS);
		return;
	}
	h->ifindex = h->link.ifindex;
	if (c->on_demand)
		supervisor_start_role(h->supervisor, ROLE_STATUS);
	else if (c->pid > 0)
		kill(c->pid, SIGKILL); /* its successor gets this one */
}

void health_want(struct health *h, const struct settings *settings, const struct msg_links *links)
{
	if (!settings->status_port)
		return;
	h->port = (uint16_t)settings->status_port;
	h->link = links->link[settings->status_interface == CONF_OUTSIDE ? 0 : 1];
	if (h->used && h->ifindex == h->link.ifindex)
		return;
	if (!h->used) {
		h->used = true;
		h->look = (struct loop_timer){.fn = look, .arg = h};
		h->open_again = (struct loop_timer){.fn = open_port, .arg = h};
		look(h);
	}
	open_port(h);
}
