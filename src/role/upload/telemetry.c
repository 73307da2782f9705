#include "role/upload/telemetry.h"

#include <string.h>

#include "os/clock.h"

/* ---- metrics */

static struct cloudwatch_sample take_first(struct telemetry *t)
{
	struct cloudwatch_sample first = t->queue[t->first];
	ASSERT(t->count_queued);
	t->first = (t->first + 1) % TELEMETRY_MINUTES;
	t->count_queued--;
	return first;
}

/* Of a minute that won't be posted: its counts go with the next one, so that the sums hold. */
static void carry_on(struct telemetry *t, const struct cloudwatch_sample *minute)
{
	cloudwatch_carry(t->count_queued ? &t->queue[t->first] : &t->owed, minute);
}

static void count_own(struct telemetry *t)
{
	t->count(t->arg, &t->part[COUNTER_UPLOAD]);
	t->part[COUNTER_UPLOAD].alarms_suppressed = t->alarms.suppressed;
	t->told_by[COUNTER_UPLOAD] = true;
}

static void end_minute(struct telemetry *t)
{
	struct cloudwatch_sample sum = {.at_ns = clock_real_ns()}, minute;
	count_own(t);
	for (uint32_t i = 0; i < COUNTER_SOURCES; i++)
		cloudwatch_add(&sum, &t->part[i]);
	minute = sum;
	cloudwatch_since(&minute, &t->before);
	t->before = sum;
	cloudwatch_carry(&minute, &t->owed);
	t->owed = (struct cloudwatch_sample){.at_ns = 0};
	if (t->count_queued == TELEMETRY_MINUTES) {
		struct cloudwatch_sample oldest = take_first(t);
		carry_on(t, &oldest);
	}
	t->queue[(t->first + t->count_queued++) % TELEMETRY_MINUTES] = minute;
	poster_wake(&t->metrics);
}

static void minute_over(void *arg)
{
	struct telemetry *t = arg;
	loop_timer_at(t->loop, &t->minute,
		      t->minute.at_ns + t->settings->metrics_interval_seconds * NS_PER_S);
	end_minute(t);
}

static bool next_minute(void *arg, struct msg_sign_post *post)
{
	struct telemetry *t = arg;
	if (t->count_queued == 0)
		return false;
	post->sample = take_first(t);
	return true;
}

static void unfit_minute(void *arg, const struct msg_sign_post *post)
{
	carry_on(arg, &post->sample);
}

/* ---- the status role */

static void tell_status(struct telemetry *t, uint32_t source)
{
	if (t->status && t->told_by[source])
		peer_offer(t->status, MSG_METRICS, &(struct msg_metrics){source, t->part[source]});
}

void telemetry_status_anew(struct telemetry *t)
{
	for (uint32_t i = 0; i < COUNTER_SOURCES; i++)
		tell_status(t, i);
}

static void second_over(void *arg)
{
	struct telemetry *t = arg;
	loop_timer_in(t->loop, &t->second, NS_PER_S);
	count_own(t);
	tell_status(t, COUNTER_UPLOAD);
}

/* ---- alarms */

static bool next_alarm(void *arg, struct msg_sign_post *post)
{
	struct telemetry *t = arg;
	uint64_t wait_ns;
	if (!t->started || !t->settings->alarm_topic[0])
		return false;
	if (!alarms_next(&t->alarms, clock_mono_ns(), t->flushing, &post->alarm, &wait_ns))
		return true;
	if (wait_ns != UINT64_MAX)
		loop_timer_in(t->loop, &t->quiet, wait_ns);
	return false;
}

static void quiet_over(void *arg)
{
	struct telemetry *t = arg;
	poster_wake(&t->alarm);
}

void telemetry_alarm(struct telemetry *t, const struct sns_alarm *a)
{
	alarms_add(&t->alarms, a, clock_mono_ns());
	poster_wake(&t->alarm);
}

/* ---- the end */

static bool all_told(const struct telemetry *t)
{
	return poster_idle(&t->metrics) && poster_idle(&t->alarm);
}

static void end_flush(void *arg)
{
	struct telemetry *t = arg;
	t->flushing = false;
	t->flushed(t->arg);
}

static void told(void *arg)
{
	struct telemetry *t = arg;
	if (t->flushing && all_told(t))
		loop_timer_in(t->loop, &t->deadline, 0);
}

void telemetry_flush(struct telemetry *t)
{
	t->flushing = true;
	poster_hurry(&t->metrics);
	poster_hurry(&t->alarm);
	if (t->started && t->settings->metrics_namespace[0])
		end_minute(t);
	poster_wake(&t->alarm);
	loop_timer_in(t->loop, &t->deadline, all_told(t) ? 0 : TELEMETRY_FLUSH_NS);
}

/* ---- start, messages */

void telemetry_counters(struct telemetry *t, uint32_t source, const struct cloudwatch_sample *c)
{
	ASSERT(source < COUNTER_SOURCES);
	if (t->again && !t->told_by[source])
		cloudwatch_add(&t->before, c);
	t->part[source] = *c;
	t->told_by[source] = true;
	tell_status(t, source);
}

void telemetry_signed(struct telemetry *t, const struct msg_signed *s)
{
	ASSERT(s->what < FORM_COUNT);
	poster_signed(s->what == FORM_METRICS ? &t->metrics : &t->alarm, s);
}

void telemetry_resolved(struct telemetry *t, const struct msg_addresses *a)
{
	resolver_answer(&t->metrics.resolver, a);
	resolver_answer(&t->alarm.resolver, a);
}

void telemetry_again(struct telemetry *t, enum role_id anew)
{
	poster_again(&t->metrics, anew);
	poster_again(&t->alarm, anew);
}

void telemetry_clock(struct telemetry *t, const struct msg_skew *s)
{
	t->offset_ns = s->offset_ns;
}

void telemetry_start(struct telemetry *t)
{
	t->started = true;
	if (t->settings->metrics_namespace[0])
		loop_timer_in(t->loop, &t->minute, t->settings->metrics_interval_seconds * NS_PER_S);
	if (t->settings->status_port)
		second_over(t);
	poster_wake(&t->alarm);
}

static void set_up(struct telemetry *t, struct poster *p, enum msg_form form,
		   bool (*next)(void *, struct msg_sign_post *), const struct tls_anchors *anchors)
{
	p->loop = t->loop;
	p->keys = t->keys;
	p->net = t->net;
	p->settings = t->settings;
	p->identity = t->identity;
	p->offset_ns = &t->offset_ns;
	p->form = form;
	p->next = next;
	p->unfit = unfit_minute; /* of an alarm nobody says so */
	p->done = told;
	p->arg = t;
	poster_init(p, anchors);
}

void telemetry_init(struct telemetry *t, const struct tls_anchors *anchors)
{
	set_up(t, &t->metrics, FORM_METRICS, next_minute, anchors);
	set_up(t, &t->alarm, FORM_ALARM, next_alarm, anchors);
	t->minute = (struct loop_timer){.fn = minute_over, .arg = t};
	t->second = (struct loop_timer){.fn = second_over, .arg = t};
	t->quiet = (struct loop_timer){.fn = quiet_over, .arg = t};
	t->deadline = (struct loop_timer){.fn = end_flush, .arg = t};
}
