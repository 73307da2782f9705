#include "role/net/timekeeper.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "net/ntp.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/udp.h"

_Static_assert(CONF_NTP_SERVERS <= NTP_SERVERS, "all that are configured can be asked");

#define PATIENCE_NS (5 * NS_PER_S)
#define BUILD_CHECK_NS (10 * NS_PER_S)
#define HOUR_NS (3600 * NS_PER_S)
#define STEP_NS ((int64_t)NS_PER_S / 2)

static struct {
	struct loop *loop;
	struct peer *keys;
	struct report *report;
	bool ours;
	bool in_use; /* it stamps and is read: from now on it does not jump in silence */
	bool asking, told;
	struct ntp ntp;
	struct socket {
		struct loop_watch watch;
		bool told_refused; /* of this request */
	} socket[NTP_SERVERS];
	struct loop_timer due, patience, hourly;
	struct msg_clock clock; /* as it was told last */
	bool told_disagree;
} g;

/* ---- words */

struct words {
	char s[48];
};

static struct words address(uint32_t server)
{
	struct words w = {""};
	struct buf b = buf_over(w.s, sizeof(w.s) - 1);
	ip_text(&b, &g.ntp.server[server].addr);
	return w;
}

/* -1234.567890 */
static struct words milliseconds(int64_t ns)
{
	struct words w = {""};
	struct buf b = buf_over(w.s, sizeof(w.s) - 1);
	uint64_t whole = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	buf_str(&b, ns < 0 ? "-" : "");
	text_u64(&b, whole / NS_PER_MS);
	buf_u8(&b, '.');
	for (uint64_t digit = NS_PER_MS / 10; digit; digit /= 10)
		buf_u8(&b, (uint8_t)('0' + whole / digit % 10));
	return w;
}

static struct words moment(uint64_t real_ns)
{
	struct words w = {""};
	struct buf b = buf_over(w.s, sizeof(w.s) - 1);
	time_rfc3339(&b, real_ns);
	return w;
}

/* Amazon Time Sync smears, and says so; of others nothing is known. */
static bool smears(const struct ip *server)
{
	static const struct ip amazon_v6 = {{0xfd, 0, 0x0e, 0xc2, [14] = 0x01, [15] = 0x23}};
	struct ip amazon = ip_from_v4(169u << 24 | 254u << 16 | 169u << 8 | 123u);
	return ip_eq(server, &amazon) || ip_eq(server, &amazon_v6);
}

/* ---- telling */

static void log_clock(const struct ntp_estimate *e, int64_t off_ns)
{
	log_begin(g.clock.synchronised ? LOG_INFO : LOG_WARN, "clock");
	log_str("source", g.clock.synchronised ? "ntp" : "unsynchronised");
	if (g.clock.synchronised) {
		ASSERT(e);
		log_str("server", address(e->server).s);
		log_str("offset_ms", milliseconds(off_ns).s);
		log_u64("error_ns", g.clock.error_ns);
		log_u64("delay_ns", e->delay_ns);
		log_u64("stratum", e->stratum);
		log_u64("leap", e->leap);
		log_str("drift_ppm", milliseconds(g.ntp.drift_ppb * 1000).s);
		log_str("smeared", g.clock.smeared ? "yes" : "unknown");
	}
	log_str("kept", g.ours ? "yes" : "no: the host's");
	log_u64("steps", g.clock.steps);
	log_end();
}

/* What the clock is worth now, told to keys; and to the log where that is news. e: NULL for nothing known. */
static void tell(const struct ntp_estimate *e, int64_t off_ns, bool anyway)
{
	struct msg_clock now = {.steps = g.clock.steps,
				.step_from_ns = g.clock.step_from_ns,
				.step_to_ns = g.clock.step_to_ns};
	if (e) {
		now.synchronised = 1;
		now.server = g.ntp.server[e->server].addr;
		now.smeared = smears(&now.server);
		now.error_ns = e->error_ns + (uint64_t)(off_ns < 0 ? -off_ns : off_ns);
		now.at_ns = clock_mono_ns();
	}
	bool news = now.synchronised != g.clock.synchronised || !ip_eq(&now.server, &g.clock.server);
	g.clock = now;
	if (news || anyway)
		log_clock(e, off_ns);
	if (g.told)
		peer_send(g.keys, MSG_CLOCK, &g.clock);
}

/* ---- keeping */

static void step(const struct ntp_estimate *e, int64_t by_ns)
{
	uint64_t from_ns = clock_real_ns();
	enum err failed = clock_step(by_ns);
	if (g.in_use && !failed) {
		g.clock.steps++;
		g.clock.step_from_ns = from_ns;
		g.clock.step_to_ns = from_ns + (uint64_t)by_ns;
	}
	log_begin(g.in_use || failed ? LOG_ALARM : LOG_WARN, failed ? "clock-not-set" : "clock-step");
	log_str("offset_ms", milliseconds(by_ns).s);
	log_str("server", address(e->server).s);
	log_str("from", moment(from_ns).s);
	log_str("to", moment(from_ns + (uint64_t)by_ns).s);
	log_str("in_use", g.in_use ? "yes" : "no");
	log_end();
}

/* How far the clock is behind; offset_ns: as net/ntp measures it. */
static int64_t behind_ns(int64_t offset_ns)
{
	return offset_ns + (int64_t)clock_raw_ns() - (int64_t)clock_real_ns();
}

/* Sets the clock right; what it is still off then. */
static int64_t correct(const struct ntp_estimate *e)
{
	int64_t off_ns = behind_ns(e->offset_ns);
	bool far = off_ns >= STEP_NS || off_ns <= -STEP_NS;
	if (!g.ours)
		return off_ns;
	if (far && (!g.in_use || e->agreeing >= NTP_CONFIRM)) {
		step(e, off_ns);
		off_ns = behind_ns(e->offset_ns);
		far = off_ns >= STEP_NS || off_ns <= -STEP_NS;
	}
	if (!far && (clock_slew(off_ns) || (g.ntp.has_drift && clock_rate(g.ntp.drift_ppb))))
		log_event(LOG_ALARM, "clock-not-set", "reason", err_text(ERR_SYSTEM));
	return off_ns;
}

static bool best(struct ntp_estimate *e)
{
	enum err failed = ntp_best(&g.ntp, clock_raw_ns(), e);
	bool disagree = failed == ERR_CONFLICT;
	if (disagree && !g.told_disagree)
		log_event(LOG_WARN, "ntp-disagree", "reason", "no majority of the servers agrees");
	g.told_disagree = disagree;
	return !failed;
}

/* By the servers' word, or without it. */
static void settle(const struct ntp_estimate *e)
{
	int64_t off_ns = e ? correct(e) : 0;
	uint64_t now_ns = clock_real_ns(), built_ns = version_time_s * NS_PER_S;
	if (now_ns < built_ns) {
		report_verdict(
			g.report, VERDICT_CLOCK, false,
			"the clock shows %.10s, but this image was built %.10s; set it, or have NTP answer",
			moment(now_ns).s, moment(built_ns).s);
		loop_timer_in(g.loop, &g.patience, BUILD_CHECK_NS);
		return;
	}
	loop_timer_stop(g.loop, &g.patience);
	g.in_use = g.told = true;
	if (e)
		report_verdict(g.report, VERDICT_CLOCK, true, "%s by NTP, right to %s ms",
			       address(e->server).s,
			       milliseconds((int64_t)e->error_ns + (off_ns < 0 ? -off_ns : off_ns)).s);
	else
		report_verdict(g.report, VERDICT_CLOCK, true, "later than the build, not synchronised: %s",
			       g.ntp.count ? "no answer by NTP yet" : "no NTP server is configured");
	tell(e, off_ns, true);
	loop_timer_in(g.loop, &g.hourly, HOUR_NS);
}

static void look(bool anyway)
{
	struct ntp_estimate e;
	bool known = best(&e);
	if (!g.told) {
		if (known && ntp_complete(&g.ntp) && e.agreeing >= 2)
			settle(&e);
		return;
	}
	tell(known ? &e : NULL, known ? correct(&e) : 0, anyway);
}

static void impatient(void *arg)
{
	struct ntp_estimate e;
	(void)arg;
	settle(best(&e) ? &e : NULL);
}

static void hour(void *arg)
{
	(void)arg;
	loop_timer_in(g.loop, &g.hourly, HOUR_NS);
	look(true);
}

/* ---- asking */

static void hang_up(struct socket *s)
{
	loop_unwatch(g.loop, &s->watch);
	if (s->watch.fd >= 0)
		close(s->watch.fd);
	s->watch.fd = -1;
}

static void arm_due(void)
{
	uint32_t server;
	uint64_t due_ns = ntp_due_ns(&g.ntp, &server), now_ns = clock_raw_ns();
	if (due_ns != UINT64_MAX)
		loop_timer_in(g.loop, &g.due, due_ns > now_ns ? due_ns - now_ns : 0);
}

static void log_server(enum log_level level, const char *event, uint32_t i, const char *key,
		       const char *value)
{
	log_begin(level, event);
	log_str("server", address(i).s);
	log_str(key, value);
	log_end();
}

static void happened(enum ntp_event event, uint32_t i)
{
	const struct ntp_server *s = &g.ntp.server[i];
	const struct ntp_sample *suspect = s->suspects ? &s->suspect[s->suspects - 1] : NULL;
	switch (event) {
	case NTP_NOTHING:
		return;
	case NTP_SILENT:
		log_server(LOG_WARN, "ntp-silent", i, "reason", "no usable answer");
		return;
	case NTP_REFUSED:
		if (!g.socket[i].told_refused)
			log_server(LOG_WARN, "ntp-answer-refused", i, "reason", err_text(s->refused));
		g.socket[i].told_refused = true;
		return; /* the true answer may still come */
	case NTP_KISS:
		log_server(LOG_WARN, "ntp-kiss", i, "code", s->refused == ERR_DENIED ? "DENY" : "RATE");
		break;
	case NTP_SPIKE:
		ASSERT(suspect);
		log_server(LOG_WARN, "ntp-spike", i, "offset_ms",
			   milliseconds(behind_ns(suspect->offset_ns)).s);
		break;
	case NTP_SAMPLE:
	case NTP_JUMPED:
		break;
	}
	hang_up(&g.socket[i]);
	look(false);
}

static void on_readable(void *arg, short revents)
{
	uint64_t now_ns = clock_raw_ns();
	struct socket *s = arg;
	uint32_t i = (uint32_t)(s - g.socket);
	uint8_t bytes[1024];
	struct buf b = BUF_OF(bytes);
	(void)revents;
	enum err e = udp_answer(s->watch.fd, &b);
	if (e && e != ERR_MORE)
		hang_up(s); /* nobody listens there: as good as no answer */
	if (!e)
		happened(ntp_receive(&g.ntp, i, now_ns, buf_span(&b)), i);
	arm_due();
}

static void ask(uint32_t i)
{
	uint8_t bytes[NTP_PACKET_BYTES];
	uint64_t random[2];
	struct buf packet = BUF_OF(bytes);
	struct socket *s = &g.socket[i];
	hang_up(s);
	s->told_refused = false;
	rng_fill(random, sizeof(random));
	happened(ntp_tick(&g.ntp, i, clock_raw_ns(), random[0], random[1], &packet), i);
	/* what could not be sent is as what was lost on the way */
	if (udp_ask(&g.ntp.server[i].addr, NTP_PORT, buf_span(&packet), &s->watch.fd))
		return;
	loop_watch(g.loop, &s->watch);
}

static void on_due(void *arg)
{
	uint32_t server;
	(void)arg;
	if (ntp_due_ns(&g.ntp, &server) <= clock_raw_ns())
		ask(server);
	arm_due();
}

/* ---- start */

void timekeeper_servers(const struct msg_time_servers *m)
{
	if (g.told)
		peer_send(g.keys, MSG_CLOCK, &g.clock);
	if (g.asking)
		return;
	uint32_t count = m->ntp.count;
	ASSERT(count <= CONF_NTP_SERVERS);
	g.asking = true;
	ntp_start(&g.ntp, m->ntp.server, count, version_time_s * NS_PER_S, clock_raw_ns());
	for (uint32_t i = 0; i < count; i++)
		g.socket[i].watch = (struct loop_watch){
			.fd = -1, .events = POLLIN, .fn = on_readable, .arg = &g.socket[i], .slot = -1};
	arm_due();
	if (count == 0)
		impatient(NULL);
	else
		loop_timer_in(g.loop, &g.patience, PATIENCE_NS);
}

void timekeeper_init(struct loop *loop, struct peer *keys, struct report *report,
		     const struct msg_start *start)
{
	g.loop = loop;
	g.keys = keys;
	g.report = report;
	g.ours = clock_is_ours(start->host_mode);
	g.in_use = start->life > 0;
	g.due.fn = on_due;
	g.patience.fn = impatient;
	g.hourly.fn = hour;
}
