#include "os/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "base/time.h"

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_real_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_raw_ns(void)
{
	return read_ns(CLOCK_MONOTONIC_RAW);
}

bool clock_is_ours(bool host_mode)
{
	return !host_mode;
}

static enum err adjust(struct timex *t)
{
	return adjtimex(t) < 0 ? ERR_SYSTEM : ERR_OK;
}

enum err clock_step(int64_t by_ns)
{
	const int64_t second_ns = (int64_t)NS_PER_S;
	int64_t ns = by_ns % second_ns;
	ns += ns < 0 ? second_ns : 0;
	struct timex t = {.modes = ADJ_SETOFFSET | ADJ_NANO};
	t.time.tv_sec = (by_ns - ns) / second_ns;
	t.time.tv_usec = ns; /* with ADJ_NANO it holds nanoseconds */
	return adjust(&t);
}

enum err clock_slew(int64_t by_ns)
{
	struct timex t = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = by_ns / 1000};
	return adjust(&t);
}

enum err clock_rate(int64_t ppb)
{
	struct timex t = {.modes = ADJ_FREQUENCY, .freq = ppb * 65536 / 1000};
	return adjust(&t);
}
