#include "role/capture/drops.h"

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"

void drops_log(struct drops *d, bool now)
{
	uint64_t now_ns = clock_mono_ns();
	/* a worker before this one may have told of some, and died before an object was committed with them
	 */
	uint64_t unlogged = d->progress->drops - d->progress->drops_logged;
	if (unlogged == 0 || (!now && now_ns - d->logged_ns < NS_PER_S))
		return;
	log_begin(LOG_ALARM, "lost");
	log_str("cause", "ring");
	log_u64("packets", unlogged);
	/* they were lost in the time until now */
	uint64_t since_ns = d->since_ns ? d->since_ns : d->progress->counted_ns;
	log_u64("span_ms", (now_ns - since_ns) / NS_PER_MS + 1); /* a bound: rounded up */
	/* what alarms that were not sent have told; each worker has its own */
	log_u64("total", d->progress->drops);
	log_str("stream", d->stream);
	log_end();
	d->progress->drops_logged += unlogged;
	d->since_ns = 0;
	d->logged_ns = now_ns;
}

uint64_t drops_began_ns(uint64_t first_ns, uint64_t real_ns, uint64_t mono_ns)
{
	uint64_t age_ns = real_ns > first_ns ? real_ns - first_ns : 0;
	return age_ns < mono_ns ? mono_ns - age_ns : 1; /* 0 is none */
}

void drops_tell(struct drops *d, uint64_t packets, uint64_t since_ns)
{
	d->unreported += packets;
	if (d->since_ns == 0)
		d->since_ns = since_ns;
	recorder_lost(d->recorder, packets);
}

void drops_count(struct drops *d)
{
	uint64_t packets, drops, since_ns = d->progress->counted_ns;
	if (ring_statistics(d->ring, &packets, &drops)) {
		log_event(LOG_ALARM, "ring-statistics", "reason", "the kernel gives no counters");
		return;
	}
	d->progress->counted_ns = clock_mono_ns();
	if (drops == 0)
		return;
	d->progress->drops += drops;
	drops_tell(d, drops, since_ns);
	drops_log(d, false);
}

void drops_begin(struct drops *d)
{
	d->progress->counted_ns = 1; /* nobody asked since the machine started */
	drops_count(d);
	if (d->progress->drops == 0)
		return;
	log_begin(LOG_WARN, "dropped-before-armed");
	log_u64("packets", d->progress->drops);
	log_end();
}
