#include "role/init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "base/version.h"
#include "os/clock.h"
#include "os/firmware.h"
#include "os/log.h"
#include "role/console.h"
#include "role/loglines.h"
#include "role/machine.h"
#include "role/roster.h"

#define REPEAT_NS (180 * NS_PER_S)
#define RESTART_NS (5 * NS_PER_S)
/* EC2 gives a few minutes from the power button to the hard stop. */
#define SHUTDOWN_NS (100 * NS_PER_S)

/* Boot and shutdown in order; each phase waits for what its name says. */
enum phase {
	PHASE_LINKS,    /* net: which links there are */
	PHASE_ADDRESS,  /* net: the primary link's address */
	PHASE_CONFIG,   /* keys: configuration and identity */
	PHASE_SELFTEST, /* net: both links set up; keys: boot object stored */
	PHASE_ARMING,   /* every worker holds a key and reads its ring */
	PHASE_OPENING,  /* net: forwarding */
	PHASE_ARMED,    /* running */
	PHASE_CLOSING,  /* net: forwarding stopped */
	PHASE_DRAINING, /* workers: ring read to its end, last object sealed */
	PHASE_SHIPPING, /* upload: all shipped */
	PHASE_GOODBYE,  /* keys: the log's last object shipped */
};

static struct {
	const struct init_options *o; /* borrowed */
	struct loop loop;
	struct roster roster;
	struct console console;
	enum phase phase;
	struct msg_links links;
	bool configured, ready;
	uint32_t workers_done;
	struct msg_totals totals;
	int exit_code;
	struct buf config; /* over config_bytes */
	uint8_t config_bytes[sizeof(((struct msg_start *)0)->config)];
	struct loop_watch signals;
	struct loop_timer repeat, restart, deadline;
	struct loglines loglines;
	enum role_id speaker; /* whose message is being handled */
	char death[200];      /* why the roles started anew; empty: they did not */
} g;

static struct chan_msg received;

/* ---- sending */

static void send_to(struct roster_child *c, enum msg_type type, const void *payload)
{
	/* a role that takes no messages is about to be reaped, or hangs: the same remedy */
	if (msg_send(c->chan, type, payload) && c->pid > 0)
		kill(c->pid, SIGKILL);
}

static void send_role(enum role_id role, enum msg_type type, const void *payload)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(&g.roster); i++)
		if (g.roster.child[i].role == role)
			send_to(&g.roster.child[i], type, payload);
}

/* ---- boot, phase by phase */

static void enter(enum phase p)
{
	g.phase = p;
	g.workers_done = 0;
}

static bool filter_rings(uint32_t count)
{
	enum err e = roster_filter(&g.roster, &g.links, count);
	if (e)
		console_step(&g.console, VERDICT_RINGS, false,
			     "the kernel refused the rings' filter: use an unmodified image");
	return !e;
}

/* Takes what net says of the links. False: it is not to be believed, and net is ended. */
static bool take_links(const struct chan_msg *m, uint32_t min)
{
	struct msg_links l;
	memcpy(&l, m->payload, sizeof(l));
	if (l.count < min || l.count > MSG_MAX_LINKS) {
		kill(roster_find(&g.roster, ROLE_NET)->pid, SIGKILL);
		return false;
	}
	for (uint32_t i = 0; i < l.count; i++) {
		struct msg_link *link = &l.link[i];
		link->name[sizeof(link->name) - 1] = link->eni[sizeof(link->eni) - 1] = 0;
		/* net is new, the links are not: what still arrives for their addresses stays cut */
		for (uint32_t k = 0; k < g.links.count && link->own_addr == 0; k++)
			if (g.links.link[k].ifindex == link->ifindex)
				link->own_addr = g.links.link[k].own_addr;
	}
	g.links = l;
	return true;
}

static void arm_when_ready(void)
{
	if (g.phase != PHASE_SELFTEST || !g.configured || !g.ready)
		return;
	enter(PHASE_ARMING);
	send_role(ROLE_CAPTURE, MSG_ARM, NULL);
}

static void on_links(const struct chan_msg *m)
{
	if (g.phase != PHASE_LINKS)
		return;
	if (!take_links(m, 1) || !filter_rings(g.links.count))
		return;
	enter(PHASE_ADDRESS);
	send_role(ROLE_NET, MSG_LINKS_UP, NULL);
}

static void on_addressed(const struct chan_msg *m)
{
	/* from DRAINING on the rings admit nothing more */
	if (g.phase >= PHASE_DRAINING || !take_links(m, 1))
		return;
	/* before anybody asks IMDS: its answers carry credentials and are recorded headers only */
	if (!filter_rings(g.links.count))
		return;
	if (g.configured)
		send_role(ROLE_CAPTURE, MSG_INTERFACES, &g.links);
	if (g.phase != PHASE_ADDRESS)
		return;
	enter(PHASE_CONFIG);
	send_role(ROLE_KEYS, MSG_ONLINE, NULL);
}

static void on_config(const struct chan_msg *m)
{
	if (g.phase != PHASE_CONFIG)
		return;
	enter(PHASE_SELFTEST);
	if (g.death[0])
		log_event(LOG_ALARM, "roles-restarted", "after", g.death);
	g.death[0] = 0;
	send_role(ROLE_NET, MSG_SETTINGS, m->payload);
	send_role(ROLE_UPLOAD, MSG_SETTINGS, m->payload);
	send_role(ROLE_CAPTURE, MSG_SETTINGS, m->payload);
}

static void on_configured(const struct chan_msg *m)
{
	if (g.phase != PHASE_SELFTEST)
		return;
	if (!take_links(m, 2) || !filter_rings(2))
		return;
	g.configured = true;
	send_role(ROLE_CAPTURE, MSG_INTERFACES, &g.links);
	arm_when_ready();
}

static void on_ready(const struct chan_msg *m)
{
	(void)m;
	g.ready = true;
	arm_when_ready();
}

static void on_armed(const struct chan_msg *m)
{
	(void)m;
	if (g.phase != PHASE_ARMING || ++g.workers_done < g.roster.workers)
		return;
	console_rings(&g.console, &g.roster.start);
	enter(PHASE_OPENING);
	send_role(ROLE_NET, MSG_FORWARD, &(struct msg_flag){1});
}

static void log_counters(const char *event, const struct msg_forwarding *f)
{
	log_begin(LOG_INFO, event);
	log_u64("outside_rx_packets", f->rx_packets[0]);
	log_u64("inside_rx_packets", f->rx_packets[1]);
	log_u64("outside_rx_dropped", f->rx_dropped[0]);
	log_u64("inside_rx_dropped", f->rx_dropped[1]);
	log_u64("since_kernel_start_ms", clock_boot_ns() / NS_PER_MS);
	log_end();
}

static void on_forwarding(const struct chan_msg *m)
{
	struct msg_forwarding f;
	memcpy(&f, m->payload, sizeof(f));
	if (g.phase == PHASE_OPENING && f.on) {
		enter(PHASE_ARMED);
		log_counters("armed", &f);
		console_armed(&g.console, true);
	} else if (g.phase == PHASE_CLOSING && !f.on) {
		log_counters("disarmed", &f);
		if (!filter_rings(0))
			console_line(
				"warning: the rings could not be closed: the recording's end is not exact");
		enter(PHASE_DRAINING);
		send_role(ROLE_CAPTURE, MSG_DRAIN, NULL);
	}
}

/* ---- shutdown */

static void leave(int code)
{
	g.exit_code = code;
	g.loop.stop = true;
}

static void on_drained(const struct chan_msg *m)
{
	struct msg_totals t;
	memcpy(&t, m->payload, sizeof(t));
	if (g.phase == PHASE_DRAINING) {
		msg_totals_add(&g.totals, &t);
		if (++g.workers_done < g.roster.workers)
			return;
		enter(PHASE_SHIPPING);
		send_role(ROLE_UPLOAD, MSG_DRAIN, NULL);
	} else if (g.phase == PHASE_SHIPPING) {
		enter(PHASE_GOODBYE);
		send_role(ROLE_KEYS, MSG_SHUTDOWN, &g.totals);
	}
}

static void on_goodbye(const struct chan_msg *m)
{
	(void)m;
	if (g.phase != PHASE_GOODBYE)
		return;
	char line[160];
	snprintf(line, sizeof(line), "shut down: packets %llu lost %llu objects %llu, all shipped",
		 (unsigned long long)g.totals.packets, (unsigned long long)g.totals.lost,
		 (unsigned long long)g.totals.objects);
	console_line(line);
	leave(0);
}

/* Without any role's help. */
static void stop_forwarding(void)
{
	if (machine_stop_forwarding())
		console_line("warning: forwarding could not be closed by sysctl");
}

static void on_deadline(void *arg)
{
	(void)arg;
	console_line("shutdown took too long: what was not shipped is lost with the memory");
	leave(1);
}

static void begin_shutdown(const char *reason)
{
	char line[128];
	snprintf(line, sizeof(line), "shutting down: %s", reason);
	console_line(line);
	stop_forwarding(); /* net closes it too, but may be slow or hang */
	loop_timer_stop(&g.loop, &g.restart);
	if (!g.ready) {
		console_line("nothing was recorded: it never armed");
		leave(0);
		return;
	}
	log_event(LOG_ALARM, "shutdown", "reason", reason);
	loop_timer_in(&g.loop, &g.deadline, SHUTDOWN_NS);
	if (g.phase < PHASE_ARMING) {
		enter(PHASE_GOODBYE);
		send_role(ROLE_KEYS, MSG_SHUTDOWN, &g.totals);
		return;
	}
	enter(PHASE_CLOSING);
	send_role(ROLE_NET, MSG_FORWARD, &(struct msg_flag){0});
}

static void on_leave(const struct chan_msg *m)
{
	struct msg_leave leave;
	memcpy(&leave, m->payload, sizeof(leave));
	leave.reason[sizeof(leave.reason) - 1] = 0;
	if (g.phase < PHASE_CLOSING)
		begin_shutdown(leave.reason);
}

/* ---- messages */

static void on_verdict(const struct chan_msg *m)
{
	struct msg_verdict v;
	memcpy(&v, m->payload, sizeof(v));
	console_verdict(&g.console, &v);
}

static void on_log_line(const struct chan_msg *m)
{
	loglines_take(&g.loglines, g.speaker, m);
}

static const struct {
	enum role_id from; /* ROLE_ANY: any */
	void (*fn)(const struct chan_msg *m);
} handlers[MSG_TYPE_COUNT] = {
	[MSG_LINKS] = {ROLE_NET, on_links},           [MSG_ADDRESSED] = {ROLE_NET, on_addressed},
	[MSG_CONFIG] = {ROLE_KEYS, on_config},        [MSG_CONFIGURED] = {ROLE_NET, on_configured},
	[MSG_READY] = {ROLE_KEYS, on_ready},          [MSG_ARMED] = {ROLE_CAPTURE, on_armed},
	[MSG_FORWARDING] = {ROLE_NET, on_forwarding}, [MSG_DRAINED] = {ROLE_ANY, on_drained},
	[MSG_GOODBYE] = {ROLE_KEYS, on_goodbye},      [MSG_VERDICT] = {ROLE_ANY, on_verdict},
	[MSG_LOG_LINE] = {ROLE_ANY, on_log_line},     [MSG_LEAVE] = {ROLE_KEYS, on_leave},
};

static void on_channel(void *arg, short revents)
{
	struct roster_child *c = arg;
	(void)revents;
	for (int i = 0; i < 32 && !g.loop.stop; i++) {
		enum err e = msg_recv(c->chan, c->role, ROLE_INIT, &received);
		if (e == ERR_MORE)
			return;
		if (!e && handlers[received.type].fn &&
		    (handlers[received.type].from == ROLE_ANY || handlers[received.type].from == c->role)) {
			g.speaker = c->role;
			handlers[received.type].fn(&received);
			continue;
		}
		/* closed, or it broke the protocol: SIGCHLD tells the rest */
		loop_unwatch(&g.loop, &c->watch);
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
		return;
	}
}

/* ---- roles: start, death, restart */

static void start_roles(void *arg)
{
	(void)arg;
	enter(PHASE_LINKS);
	g.configured = g.ready = false;
	enum err e = roster_start(&g.roster, g.o->anchors_path, buf_span(&g.config));
	if (e) {
		char text[160];
		snprintf(text, sizeof(text), "the roles could not be started: %s (%s); trust anchors: %s",
			 err_text(e), strerror(errno), g.o->anchors_path);
		roster_stop(&g.roster);
		console_step(&g.console, VERDICT_ROLE, false, text);
		loop_timer_in(&g.loop, &g.restart, RESTART_NS);
		return;
	}
	for (uint32_t i = 0; i < ROSTER_CHILDREN(&g.roster); i++) {
		struct roster_child *c = &g.roster.child[i];
		c->watch = (struct loop_watch){.fd = c->chan, .events = POLLIN, .fn = on_channel, .arg = c};
		loop_watch(&g.loop, &c->watch);
	}
}

static void role_died(const struct roster_child *c, int status)
{
	bool closing = g.phase >= PHASE_CLOSING;
	stop_forwarding();
	snprintf(g.death, sizeof(g.death),
		 "role %s died (%s %d): all roles start anew; what boot %016llx had not shipped is lost",
		 role_name(c->role), WIFSIGNALED(status) ? "signal" : "exit",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 (unsigned long long)g.roster.start.boot);
	console_armed(&g.console, false);
	console_step(&g.console, VERDICT_ROLE, false, g.death);
	for (uint32_t i = 0; i < ROSTER_CHILDREN(&g.roster); i++)
		loop_unwatch(&g.loop, &g.roster.child[i].watch);
	roster_stop(&g.roster);
	enter(PHASE_LINKS);
	g.configured = g.ready = false;
	if (closing)
		leave(1);
	else
		loop_timer_in(&g.loop, &g.restart, RESTART_NS);
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (uint32_t i = 0; i < ROSTER_CHILDREN(&g.roster); i++) {
			struct roster_child *c = &g.roster.child[i];
			if (c->pid != pid)
				continue;
			c->pid = 0;
			on_channel(c, 0); /* its last words */
			if (c->role == ROLE_CAPTURE && g.phase >= PHASE_SHIPPING)
				break; /* it has done its work; upload and keys have not */
			role_died(c, status);
			break;
		}
	}
}

static void on_signal(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	struct signalfd_siginfo si;
	while (read(g.signals.fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			reap();
		else if (g.phase < PHASE_CLOSING)
			begin_shutdown("power button");
	}
}

static void on_repeat(void *arg)
{
	(void)arg;
	console_repeat(&g.console);
	loop_timer_in(&g.loop, &g.repeat, REPEAT_NS);
}

/* ---- start */

static enum err watch_signals(void)
{
	int fd;
	TRY(machine_signals(g.o->host, &fd));
	g.signals = (struct loop_watch){.fd = fd, .events = POLLIN, .fn = on_signal};
	loop_watch(&g.loop, &g.signals);
	return ERR_OK;
}

static enum err set_up(void)
{
	loop_init(&g.loop);
	g.config = BUF_OF(g.config_bytes);
	g.repeat.fn = on_repeat;
	g.restart.fn = start_roles;
	g.deadline.fn = on_deadline;
	TRY(watch_signals());
	g.loglines.roster = &g.roster;
	g.loglines.verbose = g.o->verbose;
	TRY(loglines_open(&g.loglines, &g.loop));
	if (g.o->config_path)
		TRY(machine_read(g.o->config_path, &g.config));
	g.roster.start.host_mode = g.o->host;
	if (!g.o->host)
		firmware_sha256(g.roster.start.image_sha256);
	stop_forwarding(); /* a host's namespace may have it open */
	return roster_open(&g.roster, g.o->workers ? g.o->workers : machine_workers(MSG_MAX_WORKERS),
			   g.o->host ? "/proc/self/exe" : "/init");
}

int init_main(const struct init_options *o)
{
	g.o = o;
	if (!o->host && machine_mount())
		console_line("warning: /proc could not be mounted");
	char text[160];
	snprintf(text, sizeof(text), "version %s", version_text);
	console_line(text);
	enum err e = set_up();
	if (e) {
		snprintf(text, sizeof(text), "init could not start: %s (%s)%s", err_text(e), strerror(errno),
			 o->host ? "; it needs root and a readable configuration" : "");
		console_step(&g.console, VERDICT_RINGS, false, text);
		g.exit_code = 1;
	} else {
		on_repeat(NULL);
		start_roles(NULL);
		loop_run(&g.loop);
		stop_forwarding();
		roster_stop(&g.roster);
	}
	if (o->host)
		return g.exit_code;
	if (e)
		sleep(60);
	machine_off();
}
