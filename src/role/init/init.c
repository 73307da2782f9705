#include "role/init/init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/firmware.h"
#include "os/log.h"
#include "role/init/attendance.h"
#include "role/init/books.h"
#include "role/init/console.h"
#include "role/init/gate.h"
#include "role/init/hardening.h"
#include "role/init/health.h"
#include "role/init/loglines.h"
#include "role/init/machine.h"
#include "role/init/spooldisk.h"
#include "role/init/supervisor.h"
#include "role/role.h"

/* EC2 gives a few minutes from the power button to the hard stop. */
#define SHUTDOWN_NS (100 * NS_PER_S)
/* So long before that end upload says what is not shipped: an alarm still has time to leave. */
#define LATE_NS (15 * NS_PER_S)

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
	struct supervisor supervisor;
	struct spooldisk spooldisk;
	struct console console;
	struct gate gate;
	struct health health;
	struct books books;
	enum phase phase;
	struct msg_links links;      /* as net told of them last: the rings admit these */
	struct msg_links interfaces; /* outside, inside; once configured */
	bool has_config, configured, ready, forward, is_late;
	struct msg_config config; /* once has_config */
	struct attendance of[ROSTER_MAX];
	struct msg_totals totals;
	int exit_code;
	struct loop_watch signals;
	struct loop_timer late, deadline;
	struct loglines loglines;
	struct roster_child *speaker; /* whose message is being handled */
} g;

static struct chan_msg received;

static struct attendance *attendance(const struct roster_child *c)
{
	return &g.of[c - g.roster.child];
}

static void set_armed(struct roster_child *c, bool armed)
{
	attendance(c)->armed = armed;
	if (c->role == ROLE_CAPTURE)
		g.gate.worker[c->index].armed = armed;
}

/* ---- boot, phase by phase */

static void arm_when_ready(void)
{
	if (g.phase != PHASE_SELFTEST || !g.configured || !g.ready)
		return;
	g.phase = PHASE_ARMING;
	roster_send_role(&g.roster, ROLE_FLOWS, MSG_ARM, NULL);
	roster_send_role(&g.roster, ROLE_CAPTURE, MSG_ARM, NULL);
}

static void follow_links(void)
{
	if (g.configured && roster_follow(&g.roster, &g.interfaces, &g.links))
		books_replaced(&g.books);
}

/* net begins, for the first time or anew; or a link has come back under another index. */
static void on_links(const void *payload)
{
	/* from DRAINING on the rings admit nothing more */
	if (!roster_links(g.speaker, &g.links, payload, 1) ||
	    !roster_admit(&g.roster, &g.console, &g.links, g.phase < PHASE_DRAINING ? g.links.count : 0))
		return;
	books_listed(&g.books, &g.links);
	supervisor_start_rest(&g.supervisor);
	if (g.phase == PHASE_LINKS)
		g.phase = PHASE_ADDRESS;
	follow_links();
	roster_send(g.speaker, MSG_LINKS_UP, NULL);
}

static void settle(struct roster_child *c)
{
	if (!g.has_config || attendance(c)->settled)
		return;
	attendance(c)->settled = true;
	roster_send(c, MSG_SETTINGS, &g.config);
}

static void on_addressed(const void *payload)
{
	if (!roster_links(g.speaker, &g.links, payload, 1))
		return;
	/* before anybody asks IMDS: its answers carry credentials and are recorded headers only */
	if (!roster_admit(&g.roster, &g.console, &g.links, g.phase < PHASE_DRAINING ? g.links.count : 0))
		return;
	settle(g.speaker); /* on the way out, too: names are resolved by it */
	follow_links();
	if (g.phase != PHASE_ADDRESS)
		return;
	g.phase = PHASE_CONFIG;
	roster_send_role(&g.roster, ROLE_KEYS, MSG_ONLINE, NULL);
}

static void on_config(const void *payload)
{
	if (g.phase == PHASE_GOODBYE) /* it died on the way out */
		roster_send(g.speaker, MSG_SHUTDOWN, &g.totals);
	if (g.has_config)
		return; /* what user data say changes while the instance is stopped alone */
	memcpy(&g.config, payload, sizeof(g.config));
	g.has_config = true;
	g.phase = PHASE_SELFTEST;
	for (uint32_t i = 0; i < ROSTER_CHILDREN(&g.roster); i++)
		if (g.roster.child[i].role != ROLE_KEYS)
			settle(&g.roster.child[i]);
	spooldisk_want(&g.spooldisk, &g.config.settings);
}

static void on_configured(const void *payload)
{
	if (!roster_links(g.speaker, &g.links, payload, 2) ||
	    !roster_admit(&g.roster, &g.console, &g.links, g.phase < PHASE_DRAINING ? 2 : 0))
		return;
	g.interfaces = g.configured ? g.interfaces : g.links;
	books_links(&g.books, &g.links);
	g.configured = true;
	health_want(&g.health, &g.config.settings, &g.links);
	follow_links();
	if (g.phase >= PHASE_OPENING && g.phase <= PHASE_ARMED)
		roster_send(g.speaker, MSG_FORWARD, &(struct msg_flag){g.forward});
	arm_when_ready();
}

static void on_ready(void)
{
	g.ready = true;
	arm_when_ready();
}

static void forward(bool on)
{
	g.forward = on;
	roster_send_role(&g.roster, ROLE_NET, MSG_FORWARD, &(struct msg_flag){on});
}

static void on_armed(void)
{
	set_armed(g.speaker, true);
	if (g.phase != PHASE_ARMING || !attendance_all_armed(&g.roster, g.of))
		return;
	console_rings(&g.console, &g.roster.start, g.spooldisk.used);
	g.phase = PHASE_OPENING;
	forward(true);
}

static void on_forwarding(const void *payload)
{
	const struct msg_forwarding *f = payload;
	g.health.open = f->on;
	if (g.phase == PHASE_OPENING && f->on) {
		g.phase = PHASE_ARMED;
		books_armed(f);
		console_armed(&g.console, true);
		gate_watch(&g.gate, &g.config.settings);
	} else if (g.phase == PHASE_CLOSING && !f->on) {
		books_closing(&g.books, f);
		if (!roster_admit(&g.roster, &g.console, &g.links, 0))
			console_line("warning: the rings could not be closed");
		forward(false); /* again, for the links' counters behind the rings' end */
		g.phase = PHASE_DRAINING;
		roster_send_role(&g.roster, ROLE_CAPTURE, MSG_DRAIN, NULL);
		roster_send_role(&g.roster, ROLE_FLOWS, MSG_DRAIN, NULL);
	} else if (g.phase > PHASE_CLOSING && !g.books.closed) {
		books_closed(&g.books, f);
		if (g.phase > PHASE_DRAINING)
			books_balance(&g.books, &g.totals);
	}
}

/* ---- shutdown */

static void leave(int code)
{
	g.exit_code = code;
	g.loop.stop = true;
}

/* It gives upload nothing more. */
static bool spool_drained(void)
{
	return !g.spooldisk.used || attendance(roster_find(&g.roster, ROLE_SPOOL))->drained;
}

static void on_drained(const void *payload)
{
	if (g.phase == PHASE_DRAINING && attendance_records(g.speaker)) {
		attendance(g.speaker)->drained = true;
		if (g.speaker->role == ROLE_CAPTURE) /* flows' records are no packets */
			msg_totals_add(&g.totals, payload);
		if (!attendance_all_drained(&g.roster, g.of))
			return;
		g.phase = PHASE_SHIPPING;
		books_balance(&g.books, &g.totals);
		roster_send_role(&g.roster, ROLE_SPOOL, MSG_DRAIN, NULL);
		roster_send_role(&g.roster, ROLE_UPLOAD, MSG_DRAIN, NULL);
	} else if (g.phase == PHASE_SHIPPING && g.speaker->role == ROLE_SPOOL && !g.is_late) {
		attendance(g.speaker)->drained = true;
		roster_send_role(&g.roster, ROLE_UPLOAD, MSG_DRAIN, NULL); /* again: now it has all */
	} else if (g.phase == PHASE_SHIPPING && attendance_shipped(g.speaker, spool_drained(), g.is_late)) {
		g.phase = PHASE_GOODBYE;
		roster_send_role(&g.roster, ROLE_KEYS, MSG_SHUTDOWN, &g.totals);
	}
}

static void on_goodbye(void)
{
	books_totals(&g.totals);
	leave(0);
}

static void on_deadline(void *arg)
{
	(void)arg;
	console_line(g.spooldisk.used
			     ? "shutdown took too long: the volume keeps what was not shipped"
			     : "shutdown took too long: what was not shipped is lost with the memory");
	leave(1);
}

static void on_late(void *arg)
{
	(void)arg;
	g.is_late = true;
	roster_send_role(&g.roster, ROLE_SPOOL, MSG_LATE, NULL);
	roster_send_role(&g.roster, ROLE_UPLOAD, MSG_LATE, NULL);
}

static void begin_shutdown(const char *reason)
{
	char line[128];
	snprintf(line, sizeof(line), "shutting down: %s", reason);
	console_line(line);
	gate_close(&g.gate); /* net closes it too, but may be slow or hang */
	gate_watch(&g.gate, NULL);
	health_leaving(&g.health);
	if (!g.ready) {
		console_line("nothing was recorded: it never armed");
		leave(0);
		return;
	}
	log_event(LOG_ALARM, "shutdown", "reason", reason);
	loop_timer_in(&g.loop, &g.late, SHUTDOWN_NS - LATE_NS);
	loop_timer_in(&g.loop, &g.deadline, SHUTDOWN_NS);
	g.phase = PHASE_CLOSING;
	forward(false);
}

static void on_leave(const void *payload)
{
	struct msg_leave leave;
	memcpy(&leave, payload, sizeof(leave));
	leave.reason[sizeof(leave.reason) - 1] = 0;
	if (g.phase < PHASE_CLOSING)
		begin_shutdown(leave.reason);
}

/* ---- messages */

static void on_verdict(const void *payload)
{
	console_verdict(&g.console, payload);
}

static void on_flows_dump(const void *payload)
{
	const struct msg_flows_dump *d = payload;
	if (flowsockets_ask(&g.roster.flowsockets, d->number, d->dying != 0))
		log_event(LOG_WARN, "flows-dump-refused", "reason", strerror(errno));
}

static void on_log_line(const void *payload)
{
	loglines_take(&g.loglines, g.speaker->role, payload);
}

static void on_logged(const void *payload)
{
	const struct msg_listed *lines = payload;
	loglines_committed(&g.loglines, lines->number);
}

static const struct role_take takes[] = {
	{ROLE_NET, MSG_LINKS, .take = on_links},
	{ROLE_NET, MSG_ADDRESSED, PHASE_ADDRESS, .take = on_addressed},
	{ROLE_NET, MSG_CONFIGURED, PHASE_SELFTEST, .take = on_configured},
	{ROLE_NET, MSG_FORWARDING, PHASE_OPENING, .take = on_forwarding},
	{ROLE_KEYS, MSG_CONFIG, PHASE_CONFIG, .take = on_config},
	{ROLE_KEYS, MSG_READY, PHASE_SELFTEST, .call = on_ready},
	{ROLE_KEYS, MSG_LEAVE, .take = on_leave},
	{ROLE_KEYS, MSG_LOGGED, .take = on_logged},
	{ROLE_KEYS, MSG_GOODBYE, PHASE_GOODBYE, .call = on_goodbye},
	{ROLE_FLOWS, MSG_FLOWS_DUMP, .take = on_flows_dump},
	{ROLE_CAPTURE, MSG_ARMED, PHASE_ARMING, .call = on_armed},
	{ROLE_ANY, MSG_DRAINED, PHASE_DRAINING, .take = on_drained},
	{ROLE_ANY, MSG_VERDICT, .take = on_verdict},
	{ROLE_ANY, MSG_LOG_LINE, .take = on_log_line},
};

static void on_channel(void *arg, short revents)
{
	struct roster_child *c = arg;
	(void)revents;
	/* all that a dead one said: its channel ends, even if it gave its end to somebody else */
	for (int i = 0; i < (c->pid ? 32 : 4096) && !g.loop.stop; i++) {
		enum err e = msg_recv(c->chan, c->role, ROLE_INIT, &received);
		if (e == ERR_MORE)
			return;
		const struct role_take *row =
			e ? NULL : role_row(takes, sizeof(takes) / sizeof(takes[0]), c->role, received.type);
		if (row && g.phase >= (enum phase)row->since) {
			g.speaker = c;
			role_call(row, NULL, received.payload);
			continue;
		}
		/* closed, or it broke the protocol: SIGCHLD tells the rest */
		loop_unwatch(&g.loop, &c->watch);
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
		return;
	}
}

/* ---- roles that start, die and start anew */

/* A new process is told what the others were told before. */
static void bring_up(struct roster_child *c)
{
	if (c->role == ROLE_NET) {
		if (g.phase == PHASE_CLOSING) /* nothing it needs for that is missing */
			roster_send(c, MSG_FORWARD, &(struct msg_flag){0});
		return; /* the rest is told as it asks */
	}
	if (c->role == ROLE_KEYS) {
		if (g.phase >= PHASE_CONFIG)
			roster_send(c, MSG_ONLINE, NULL);
		return;
	}
	settle(c);
	if ((c->role == ROLE_UPLOAD || c->role == ROLE_SPOOL) && g.phase >= PHASE_SHIPPING)
		roster_send(c, MSG_DRAIN, NULL);
	if (!attendance_records(c))
		return;
	if (g.configured && c->role == ROLE_CAPTURE)
		roster_send(c, MSG_INTERFACES, &g.interfaces);
	if (g.phase >= PHASE_ARMING && g.phase <= PHASE_DRAINING)
		roster_send(c, MSG_ARM, NULL);
	if (g.phase == PHASE_DRAINING)
		roster_send(c, MSG_DRAIN, NULL);
}

static void role_started(struct roster_child *c)
{
	attendance(c)->settled = false;
	bring_up(c);
	if (c->role == ROLE_KEYS)
		loglines_again(&g.loglines);
}

static bool role_died(struct roster_child *c)
{
	on_channel(c, 0); /* its last words */
	set_armed(c, false);
	gate_look(&g.gate);
	return !attendance_records(c) || !attendance(c)->drained; /* else it has done its work */
}

static void on_signal(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	struct signalfd_siginfo si;
	while (read(g.signals.fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			supervisor_reap(&g.supervisor);
		else if (g.phase < PHASE_CLOSING)
			begin_shutdown("power button");
	}
}

/* ---- start */

static enum err set_up(void)
{
	loop_init(&g.loop);
	g.late.fn = on_late;
	g.deadline.fn = on_deadline;
	g.signals = (struct loop_watch){.events = POLLIN, .fn = on_signal};
	TRY(machine_signals(g.o->host, &g.signals.fd));
	loop_watch(&g.loop, &g.signals);
	g.loglines.roster = &g.roster;
	g.loglines.verbose = g.o->verbose;
	TRY(loglines_open(&g.loglines, &g.loop));
	g.roster.start.host_mode = g.o->host;
	if (!g.o->host)
		firmware_sha256(g.roster.start.image_sha256);
	TRY(gate_init(&g.gate, g.o->host));
	struct roster_setup r = {
		.workers = g.o->workers ? g.o->workers : machine_workers(MSG_MAX_WORKERS),
		.exe_path = g.o->host ? "/proc/self/exe" : "/init",
		.anchors_path = g.o->anchors_path,
		.config_path = g.o->config_path,
		.disk_faults_path = g.o->disk_faults_path,
		.ct_buffer_bytes = g.o->ct_buffer_bytes,
	};
	g.spooldisk.host = g.o->host;
	g.spooldisk.supervisor = g.health.supervisor = &g.supervisor;
	g.health.gate = &g.gate;
	g.supervisor = (struct supervisor){.loop = &g.loop,
					   .roster = &g.roster,
					   .console = &g.console,
					   .forward = &g.forward,
					   .readable = on_channel,
					   .started = role_started,
					   .died = role_died};
	TRY(roster_open(&g.roster, &r));
	g.gate.loop = &g.loop;
	g.gate.workers = g.roster.workers;
	g.gate.forward = forward;
	for (uint32_t i = 0; i < g.roster.workers; i++)
		TRY(roster_progress(&g.roster, i, &g.gate.worker[i].progress));
	return ERR_OK;
}

int init_main(const struct init_options *o)
{
	g.o = o;
	if (!o->host && machine_mount())
		console_line("warning: /proc could not be mounted");
	hardening_apply(o->host);
	console_version();
	enum err e = set_up();
	if (e) {
		char text[160];
		snprintf(text, sizeof(text), "init could not start: %s (%s)%s", err_text(e), strerror(errno),
			 o->host ? "; it needs root and a readable configuration" : "");
		console_step(&g.console, VERDICT_RINGS, false, text);
		g.exit_code = 1;
	} else {
		machine_tell(o->host);
		console_repeat(&g.console, &g.loop);
		machine_watchdog(o->host, &g.loop);
		supervisor_start(&g.supervisor);
		loop_run(&g.loop);
		gate_close(&g.gate);
		roster_stop(&g.roster);
	}
	if (o->host)
		return g.exit_code;
	if (e)
		sleep(60);
	machine_off();
}
