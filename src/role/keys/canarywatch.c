#include "role/keys/canarywatch.h"

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"

static void missing(void *arg)
{
	struct canarywatch *w = arg;
	w->waiting = false;
	log_begin(LOG_ALARM, "canary-missing");
	log_u64("number", w->number);
	log_u64("seconds", (clock_mono_ns() - w->sent_ns) / NS_PER_S);
	log_end();
}

void canarywatch_init(struct canarywatch *w, struct loop *loop, const struct settings *settings)
{
	*w = (struct canarywatch){.loop = loop, .settings = settings};
	w->late = (struct loop_timer){.fn = missing, .arg = w};
}

void canarywatch_sent(struct canarywatch *w, const struct msg_canary *c)
{
	if (w->waiting) /* the one before is not there yet; its time is not over: they are far apart */
		return;
	w->waiting = true;
	w->number = c->number;
	w->sent_ns = clock_mono_ns();
	loop_timer_in(w->loop, &w->late, w->settings->object_max_seconds * NS_PER_S + CANARYWATCH_NS);
}

bool canarywatch_stored(struct canarywatch *w, const struct object_meta *m)
{
	if (!w->waiting || m->canary == 0 || m->canary - 1 < w->number)
		return false;
	w->waiting = false;
	w->stored++;
	loop_timer_stop(w->loop, &w->late);
	log_begin(LOG_INFO, "canary-stored");
	log_u64("number", m->canary - 1);
	log_u64("ms", (clock_mono_ns() - w->sent_ns) / NS_PER_MS);
	log_end();
	return true;
}
