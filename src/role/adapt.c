#include "role/adapt.h"

#include "base/time.h"
#include "os/log.h"

#define STARVED_NS (10 * NS_PER_S)

void adapt_starved(struct adapt *a, uint64_t now_ns)
{
	a->starved_ns = now_ns;
}

enum effort_step adapt_next(struct adapt *a, const char *stream, unsigned percent, uint64_t now_ns)
{
	enum effort_step from = a->effort.now;
	bool starved = a->starved_ns && now_ns - a->starved_ns < STARVED_NS;
	if (!effort_update(&a->effort, starved ? 0 : percent, now_ns))
		return from;
	a->changes++;
	log_begin(a->effort.now > from ? LOG_WARN : LOG_INFO, "compression");
	log_str("stream", stream);
	log_str("from", effort_name(from));
	log_str("to", effort_name(a->effort.now));
	log_u64("ring_filled_percent", percent);
	log_end();
	return a->effort.now;
}
