/* injected_clock: the kernel's time as a test says it. Linked to build/injected/init beside the very objects
 * of build/init: clock_gettime() and ppoll() are wrapped (-Wl,--wrap), and so are the times that the kernel
 * gives packets, which must be of one clock with the rest. Without the test's table it is the machine's time.
 *
 * The table (written by tests/lab/clock.py) is INJECTED_CLOCK, in shared memory: a count, then rows, each in
 * force from one moment of the machine's clocks to the next row's. Nothing but tests is linked with this.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "record/ring_walk.h"

#define ROWS_MAX 255
#define TABLE_BYTES 16384
#define NS 1000000000ull
/* So soon a sleeper notices a new row; it begins later than that after it was written. */
#define SLICE_NS 20000000ull

struct row {
	uint64_t mono_from, real_from; /* the machine's, of one moment: in force from then on */
	uint64_t mono, real;           /* what they are then */
	uint64_t speed;                /* how many times as fast both go */
};

static const struct table {
	uint64_t count;
	struct row row[ROWS_MAX];
} * table;
_Static_assert(sizeof(struct table) <= TABLE_BYTES, "the table fits");

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
enum err __real_ring_walk_next(struct ring_walk *w, struct ring_packet *p);
enum err __wrap_ring_walk_next(struct ring_walk *w, struct ring_packet *p);

/* Before main: a role may open no file later on. */
__attribute__((constructor)) static void map_table(void)
{
	int fd = open(INJECTED_CLOCK, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	void *p = mmap(NULL, TABLE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	table = p == MAP_FAILED ? NULL : p;
	close(fd);
}

static uint64_t machine_ns(clockid_t id)
{
	struct timespec ts;
	__real_clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

/* The row in force; NULL: none yet. */
static const struct row *row_at(uint64_t ns, bool real)
{
	uint64_t n = table ? __atomic_load_n(&table->count, __ATOMIC_ACQUIRE) : 0;
	while (n && (real ? table->row[n - 1].real_from : table->row[n - 1].mono_from) > ns)
		n--;
	return n ? &table->row[n - 1] : NULL;
}

static uint64_t injected_real_ns(uint64_t ns)
{
	const struct row *r = row_at(ns, true);
	return r ? r->real + (ns - r->real_from) * r->speed : ns;
}

static uint64_t injected_mono_ns(uint64_t ns)
{
	const struct row *r = row_at(ns, false);
	return r ? r->mono + (ns - r->mono_from) * r->speed : ns;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ns = machine_ns(id);
	if (id == CLOCK_REALTIME) {
		ns = injected_real_ns(ns);
	} else if (id == CLOCK_MONOTONIC) {
		ns = injected_mono_ns(ns);
	} else if (id == CLOCK_BOOTTIME) {
		uint64_t mono_ns = machine_ns(CLOCK_MONOTONIC);
		ns += injected_mono_ns(mono_ns) - mono_ns;
	}
	*ts = (struct timespec){.tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS)};
	return 0;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!table || !timeout)
		return __real_ppoll(fds, n, timeout, mask);
	uint64_t now_ns = machine_ns(CLOCK_MONOTONIC);
	uint64_t end_ns =
		injected_mono_ns(now_ns) + (uint64_t)timeout->tv_sec * NS + (uint64_t)timeout->tv_nsec;
	for (;;) {
		const struct row *r = row_at(now_ns, false);
		uint64_t at_ns = injected_mono_ns(now_ns), speed = r ? r->speed : 1;
		/* rounded up: a timer must not be asked for before it is due */
		uint64_t left_ns = at_ns < end_ns ? (end_ns - at_ns + speed - 1) / speed : 0;
		uint64_t slice_ns = left_ns < SLICE_NS ? left_ns : SLICE_NS;
		struct timespec slice = {.tv_nsec = (long)slice_ns};
		int ready = __real_ppoll(fds, n, &slice, mask);
		if (ready || left_ns <= SLICE_NS)
			return ready;
		now_ns = machine_ns(CLOCK_MONOTONIC);
	}
}

enum err __wrap_ring_walk_next(struct ring_walk *w, struct ring_packet *p)
{
	enum err e = __real_ring_walk_next(w, p);
	if (!e)
		p->ts_ns = injected_real_ns(p->ts_ns);
	return e;
}
