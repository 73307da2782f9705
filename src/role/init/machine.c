#include "role/init/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/time.h"
#include "os/log.h"
#include "os/pstore.h"
#include "os/watchdog.h"
#include "role/init/console.h"
#include "role/init/hardening.h"
#include "role/init/measured.h"

#define WATCHDOG_S 30
#define PET_NS (5 * NS_PER_S)

#define SIGNAL_POWER_BUTTON 38 /* ACPI_TINY_POWER_BUTTON_SIGNAL of the kernel's configuration */

enum err machine_mount(void)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	/* a serial console is slow and may be read by nobody: it must not hold PID 1 up */
	int status = fcntl(STDOUT_FILENO, F_GETFL);
	if (status < 0 || fcntl(STDOUT_FILENO, F_SETFL, status | O_NONBLOCK))
		return ERR_SYSTEM;
	return mount("proc", "/proc", "proc", flags, "hidepid=invisible") ? ERR_SYSTEM : ERR_OK;
}

static void take_record(void *arg, struct span record)
{
	panic_read(record, arg);
}

static void tell_panic(void)
{
	struct panic p = {0};
	uint32_t records = 0;
	enum err e = pstore_take("/run", take_record, &p, &records);
	if (e && e != ERR_NOT_FOUND)
		log_event(LOG_WARN, "panic-records", "reason", err_text(e));
	if (records == 0)
		return;
	log_begin(LOG_ALARM, "panic");
	log_str("reason", p.reason[0] ? p.reason : "not in the kernel's record");
	if (p.cause[0])
		log_str("cause", p.cause);
	log_u64("records", records);
	log_end();
}

void machine_tell(bool host)
{
	hardening_report(host);
	measured_tell(host);
	if (!host)
		tell_panic();
}

unsigned machine_workers(unsigned max)
{
	int cpus = get_nprocs();
	return cpus < 1 ? 1 : (unsigned)cpus < max ? (unsigned)cpus : max;
}

enum err machine_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_NOT_FOUND;
	ssize_t n = 1;
	while (n > 0 && buf_room(out)) {
		n = read(fd, out->p + out->len, buf_room(out));
		out->len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (n < 0)
		return ERR_SYSTEM;
	return n ? ERR_TOO_LONG : ERR_OK;
}

static enum err switch_off(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	bool ok = write(fd, "0", 1) == 1;
	close(fd);
	return ok ? ERR_OK : ERR_SYSTEM;
}

enum err machine_stop_forwarding(void)
{
	enum err v4 = switch_off("/proc/sys/net/ipv4/ip_forward");
	enum err v6 = switch_off("/proc/sys/net/ipv6/conf/all/forwarding");
	/* a kernel without IPv6 has nothing to forward of it */
	return v4 || v6 == ERR_NOT_FOUND ? v4 : v6;
}

enum err machine_signals(bool host, int *fd)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, host ? SIGTERM : SIGNAL_POWER_BUTTON);
	if (host)
		sigaddset(&set, SIGINT);
	/* a console that nobody reads any more is no reason to die */
	signal(SIGPIPE, SIG_IGN);
	/* blocked: as PID 1, a signal without a handler would be dropped otherwise */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return ERR_SYSTEM;
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? ERR_SYSTEM : ERR_OK;
}

static struct {
	struct loop *loop; /* borrowed */
	struct loop_timer timer;
	int fd; /* owned; never closed */
} watchdog;

static void pet(void *arg)
{
	(void)arg;
	if (watchdog_pet(watchdog.fd))
		console_line("warning: the watchdog could not be petted");
	loop_timer_in(watchdog.loop, &watchdog.timer, PET_NS);
}

void machine_watchdog(bool host, struct loop *loop)
{
	if (host)
		return;
	if (watchdog_open(WATCHDOG_S, &watchdog.fd))
		console_line("warning: no working watchdog: a machine that hangs may not be reset");
	watchdog.loop = loop;
	watchdog.timer.fn = pet;
	if (watchdog.fd >= 0)
		pet(NULL);
}

_Noreturn void machine_off(void)
{
	/* no sync(): there is no filesystem, and a volume that stalls would hold it up */
	reboot(RB_POWER_OFF);
	trap();
}
