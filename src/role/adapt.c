#include "role/adapt.h"

#include "base/time.h"
#include "os/log.h"

/* A ring of 32 MiB takes a tenth of a second at level 1. */
#define STARVED_NS (2 * NS_PER_S)

void adapt_starved(struct adapt *a)
{
	a->starving = true;
}

void adapt_fed(struct adapt *a, uint64_t now_ns)
{
	if (a->starving)
		a->fed_ns = now_ns;
	a->starving = false;
}

static enum effort_step told_as(enum effort_step step, int level)
{
	return effort_level(step, level) == level ? EFFORT_FULL : step;
}

static void tell(const char *stream, enum effort_step from, enum effort_step to, unsigned percent,
		 bool starved)
{
	log_begin(to > from ? LOG_WARN : LOG_INFO, "compression");
	log_str("stream", stream);
	log_str("from", effort_name(from));
	log_str("to", effort_name(to));
	log_u64("ring_filled_percent", percent);
	if (starved)
		log_str("starved", "yes");
	log_end();
}

enum effort_step adapt_next(struct adapt *a, const char *stream, int level, unsigned percent, uint64_t now_ns)
{
	enum effort_step before = a->effort.now;
	bool starved = a->fed_ns && now_ns - a->fed_ns < STARVED_NS;
	effort_update(&a->effort, starved ? 0 : percent, now_ns);
	enum effort_step from = told_as(before, level), to = told_as(a->effort.now, level);
	if (from != to) {
		a->changes++;
		tell(stream, from, to, percent, starved);
	}
	return a->effort.now;
}
