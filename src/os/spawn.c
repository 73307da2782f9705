#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/secret.h"
#include "os/view.h"

#define EXIT_FIRST 100 /* of the codes of a child that did not become a role */

/* ---- in the child, in this order: what needs a right first */

struct plan {
	const char *role;
	const struct spawn_spec *spec; /* borrowed, as all here */
	int exe, channel;
};

/* The channel on its number, /dev/null on the three below, and the binary, which execve() closes. */
static bool take_descriptors(struct plan *p)
{
	/* high numbers first, so that dup2 onto 3 cannot hit what is still needed */
	int exe = fcntl(p->exe, F_DUPFD_CLOEXEC, 64);
	int chan = fcntl(p->channel, F_DUPFD_CLOEXEC, 64);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	p->exe = exe;
	return exe >= 0 && chan >= 0 && null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
	       dup2(null, 2) == 2 && dup2(chan, SPAWN_CHANNEL_FD) == SPAWN_CHANNEL_FD &&
	       syscall(SYS_close_range, SPAWN_CHANNEL_FD + 1, (unsigned)exe - 1, 0) == 0;
}

static bool leave_network(struct plan *p)
{
	return !p->spec->empty_network || unshare(CLONE_NEWNET) == 0;
}

static bool enter_view(struct plan *p)
{
	return view_enter(p->spec->keeps) == ERR_OK;
}

/* A host may hold it lower: then that is the limit. A role whose memory is not locked says so. */
static bool limit(int what, rlim_t most)
{
	struct rlimit now;
	return setrlimit(what, &(struct rlimit){most, most}) == 0 ||
	       (getrlimit(what, &now) == 0 && now.rlim_max < most);
}

static bool set_limits(struct plan *p)
{
	/* of files' sizes: a host's volume is a file; block devices have no such limit */
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, p->spec->writes ? RLIM_INFINITY : 0) &&
	       limit(RLIMIT_NOFILE, SPAWN_FILES) &&
	       limit(RLIMIT_MEMLOCK, p->spec->secrets ? SECRET_LOCK_BYTES : 0);
}

static bool bound_caps(struct plan *p)
{
	for (unsigned long c = 0; c < 64; c++)
		if (!(p->spec->caps >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) && errno != EINVAL)
			return false; /* EINVAL: the kernel has none of that number */
	return true;
}

static bool change_user(struct plan *p)
{
	uid_t id = p->spec->uid;
	return id != 0 && prctl(PR_SET_KEEPCAPS, 1) == 0 && setgroups(0, NULL) == 0 &&
	       setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0;
}

static bool set_caps(struct plan *p)
{
	uint64_t caps = p->spec->caps;
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	for (int i = 0; i < 2; i++) {
		uint32_t word = (uint32_t)(caps >> (32 * i));
		d[i] = (struct __user_cap_data_struct){word, word, word};
	}
	if (syscall(SYS_capset, &h, d))
		return false;
	for (unsigned long c = 0; c < 64; c++)
		if (caps >> c & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0))
			return false;
	return true;
}

/* The limit of processes holds for its user: set before the user changes it would forbid execve(). A parent
 * that is dead already is no matter: a role ends with its channel, too. */
static bool shut(struct plan *p)
{
	sigset_t none;
	(void)p;
	sigemptyset(&none);
	return limit(RLIMIT_NPROC, 0) && sigprocmask(SIG_SETMASK, &none, NULL) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

static bool execute(struct plan *p)
{
	char *argv[] = {"init", (char *)(uintptr_t)p->role, NULL};
	char *envp[] = {NULL};
	return syscall(SYS_execveat, p->exe, "", argv, envp, AT_EMPTY_PATH) == 0;
}

static const struct {
	bool (*take)(struct plan *p);
	const char *failed;
} steps[] = {
	{take_descriptors, "its descriptors could not be set up"},
	{leave_network, "no empty network namespace"},
	{enter_view, "no view of the file system"},
	{set_limits, "its limits could not be set"},
	{bound_caps, "its capabilities could not be bounded"},
	{change_user, "its user could not be changed"},
	{set_caps, "its capabilities could not be set"},
	{shut, "its privileges could not be given up"},
	{execute, "this binary could not be executed"},
};

#define STEPS (int)(sizeof(steps) / sizeof(steps[0]))

static _Noreturn void become(struct plan *p)
{
	int step = 0;
	while (steps[step].take(p))
		step++; /* the last one does not return when it succeeds */
	_exit(EXIT_FIRST + step);
}

/* ---- in init */

const char *spawn_failed(int exit_code)
{
	int step = exit_code - EXIT_FIRST;
	return step >= 0 && step < STEPS ? steps[step].failed : NULL;
}

enum err spawn_role(const char *role, const struct spawn_spec *spec, int exe_fd, int channel, pid_t *pid)
{
	struct plan p = {.role = role, .spec = spec, .exe = exe_fd, .channel = channel};
	/* fork() into a PID namespace; init has no threads, of whose locks fork() would take care */
	long child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child < 0)
		return ERR_SYSTEM;
	if (child == 0)
		become(&p);
	close(channel);
	*pid = (pid_t)child;
	return ERR_OK;
}
