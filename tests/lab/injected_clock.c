/* injected_clock: the kernel's time as a test says it. Linked to build/injected/init beside the very objects
 * of build/init: clock_gettime() and ppoll() are wrapped (-Wl,--wrap), and so are the times that the kernel
 * gives packets and flows, which must be of one clock with the rest. Without the test's table it is the
 * machine's time.
 *
 * The table (written by tests/lab/clock.py) is INJECTED, in shared memory: a count, then rows, each in
 * force from one moment of the machine's clocks to the next row's. Behind it stands what the appliance itself
 * did to its clock: adjtimex() is wrapped too, never reaches the kernel, and steps, slews and rates are of
 * this clock alone; so clock_is_ours() may say yes in host mode. Nothing but tests is linked with this.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "net/ct.h"
#include "os/view.h"
#include "record/ring_walk.h"

#define SHARED_MEMORY "/dev/shm"
#define ROWS_MAX 1023
#define STEER_AT 49152
#define STEERS_MAX 127
#define TABLE_BYTES 65536
#define SLEW_PPM 500
#define NS 1000000000ull
/* So soon a sleeper notices a new row; it begins later than that after it was written. */
#define SLICE_NS 20000000ull

struct row {
	uint64_t mono_from, real_from; /* the machine's, of one moment: in force from then on */
	uint64_t mono, real;           /* what they are then */
	uint64_t speed;                /* how many times as fast both go */
};

/* From real_from (the machine's) on the clock shows `by` more, and gains `slew` at 500 ppm, and `ppb` all the
 * time. */
struct steer {
	uint64_t real_from;
	int64_t by, slew, ppb;
};

static struct table {
	uint64_t count;
	struct row row[ROWS_MAX];
	uint8_t unused[STEER_AT - 8 - ROWS_MAX * sizeof(struct row)];
	uint64_t steers;
	struct steer steer[STEERS_MAX];
} * table;
_Static_assert(sizeof(struct table) <= TABLE_BYTES, "the table fits");

/* tests/lab/injected_attacks.c, where that is linked, too */
__attribute__((weak)) void injected_attacks(void);
__attribute__((weak)) bool injected_attacks_wanted(void);
enum err __real_view_enter(const char *const *keeps);
/* tests/lab/sanitized.c has another */
__attribute__((weak)) enum err __wrap_view_enter(const char *const *keeps);
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int __wrap_adjtimex(struct timex *t);
bool __wrap_clock_is_ours(bool host_mode);
enum err __real_ring_walk_next(struct ring_walk *w, struct ring_packet *p);
enum err __wrap_ring_walk_next(struct ring_walk *w, struct ring_packet *p);
enum err __real_ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone);
enum err __wrap_ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone);

/* Before main: a role may open no file later on. */
__attribute__((constructor)) static void map_table(void)
{
	int fd = open(INJECTED, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	table = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		table = NULL;
	close(fd);
}

/* A role sees the folder of the table beside what else it keeps. */
enum err __wrap_view_enter(const char *const *keeps)
{
	const char *more[4] = {SHARED_MEMORY};
	for (size_t i = 1; keeps && *keeps && i < 3; i++)
		more[i] = *keeps++;
	return __real_view_enter(more);
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

/* The steering that was in force at a moment of the machine's; NULL: none yet. */
static const struct steer *steer_at(uint64_t ns)
{
	uint64_t n = table ? __atomic_load_n(&table->steers, __ATOMIC_ACQUIRE) : 0;
	while (n && table->steer[n - 1].real_from > ns)
		n--;
	return n ? &table->steer[n - 1] : NULL;
}

/* How much of `slew` is done after so long. */
static int64_t slewed(const struct steer *s, int64_t passed_ns)
{
	int64_t most = passed_ns / 1000000 * SLEW_PPM;
	return s->slew > most ? most : s->slew < -most ? -most : s->slew;
}

/* What CLOCK_MONOTONIC shows at a moment of the machine's real time; rows are never taken back. */
static uint64_t mono_at_real(uint64_t ns)
{
	const struct row *r = row_at(ns, true);
	return r ? r->mono + (ns - r->real_from) * r->speed
		 : table->row[0].mono - (table->row[0].real_from - ns);
}

/* Since the steering began, at the speeds and with the leaps that there were. */
static int64_t passed_ns(const struct steer *s, uint64_t ns)
{
	return (int64_t)(mono_at_real(ns) - mono_at_real(s->real_from));
}

static int64_t steered_ns(uint64_t ns)
{
	const struct steer *s = steer_at(ns);
	if (!s)
		return 0;
	int64_t passed = passed_ns(s, ns);
	return s->by + slewed(s, passed) + passed / 1000 * s->ppb / 1000000;
}

static uint64_t injected_real_ns(uint64_t ns)
{
	const struct row *r = row_at(ns, true);
	return (r ? r->real + (ns - r->real_from) * r->speed : ns) + (uint64_t)steered_ns(ns);
}

static uint64_t injected_mono_ns(uint64_t ns)
{
	const struct row *r = row_at(ns, false);
	return r ? r->mono + (ns - r->mono_from) * r->speed : ns;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	/* what is raw goes as CLOCK_MONOTONIC: the table knows no other */
	uint64_t ns = machine_ns(id == CLOCK_MONOTONIC_RAW ? CLOCK_MONOTONIC : id);
	if (id == CLOCK_REALTIME) {
		ns = injected_real_ns(ns);
	} else if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW) {
		ns = injected_mono_ns(ns);
	} else if (id == CLOCK_BOOTTIME) {
		uint64_t mono_ns = machine_ns(CLOCK_MONOTONIC);
		ns += injected_mono_ns(mono_ns) - mono_ns;
	}
	*ts = (struct timespec){.tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS)};
	return 0;
}

bool __wrap_clock_is_ours(bool host_mode)
{
	return !host_mode || table;
}

/* One process calls it at a time. When all places are taken the last one is used again. */
int __wrap_adjtimex(struct timex *t)
{
	if (!table)
		return -1;
	uint64_t now_ns = machine_ns(CLOCK_REALTIME), n = table->steers;
	struct steer s = {.real_from = now_ns, .by = steered_ns(now_ns)};
	const struct steer *before = steer_at(now_ns);
	if (before) {
		s.slew = before->slew - slewed(before, passed_ns(before, now_ns));
		s.ppb = before->ppb;
	}
	if (t->modes == ADJ_OFFSET_SINGLESHOT)
		s.slew = t->offset * 1000;
	else if (t->modes == ADJ_FREQUENCY)
		s.ppb = t->freq * 1000 / 65536;
	else if (t->modes == (ADJ_SETOFFSET | ADJ_NANO))
		s.by += t->time.tv_sec * (int64_t)NS + t->time.tv_usec;
	else
		return -1;
	n -= n == STEERS_MAX;
	table->steer[n] = s;
	__atomic_store_n(&table->steers, n + 1, __ATOMIC_RELEASE);
	return 0;
}

static bool attacked(void)
{
	return injected_attacks_wanted && injected_attacks_wanted();
}

static void turn(void)
{
	if (injected_attacks)
		injected_attacks();
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	turn();
	if ((!table && !attacked()) || !timeout)
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
		turn();
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

enum err __wrap_ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone)
{
	enum err e = __real_ct_read(m, f, gone);
	if (!e && f->start_ns)
		f->start_ns = injected_real_ns(f->start_ns);
	if (!e && f->stop_ns)
		f->stop_ns = injected_real_ns(f->stop_ns);
	return e;
}
