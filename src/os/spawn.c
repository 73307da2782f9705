#include "os/spawn.h"

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

static bool set_caps(uint64_t caps)
{
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

/* Where a host does not let init raise the limit, the role says that its memory is not locked. */
static bool set_limits(const struct spawn_spec *s)
{
	const struct rlimit none = {0, 0}, lock = {SECRET_LOCK_BYTES, SECRET_LOCK_BYTES};
	if (s->secrets)
		(void)setrlimit(RLIMIT_MEMLOCK, &lock);
	return setrlimit(RLIMIT_CORE, &none) == 0;
}

static bool drop(const struct spawn_spec *s)
{
	if (!set_limits(s))
		return false;
	if (s->empty_network && unshare(CLONE_NEWNET))
		return false;
	if (s->uid == 0)
		return true;
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) || setresgid(s->uid, s->uid, s->uid) ||
	    setresuid(s->uid, s->uid, s->uid))
		return false;
	return set_caps(s->caps);
}

/* In the child: the descriptors first, while everything is still allowed. */
static _Noreturn void become(const char *role, const struct spawn_spec *s, int exe_fd, int channel,
			     pid_t parent)
{
	/* high numbers first, so that dup2 onto 3 cannot hit what is still needed */
	int exe = fcntl(exe_fd, F_DUPFD_CLOEXEC, 64);
	int chan = fcntl(channel, F_DUPFD_CLOEXEC, 64);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;
	sigemptyset(&none);
	bool ok = exe >= 0 && chan >= 0 && null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
		  dup2(null, 2) == 2 && dup2(chan, SPAWN_CHANNEL_FD) == SPAWN_CHANNEL_FD &&
		  sigprocmask(SIG_SETMASK, &none, NULL) == 0 &&
		  syscall(SYS_close_range, SPAWN_CHANNEL_FD + 1, (unsigned)exe - 1, 0) == 0 && drop(s) &&
		  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		  getppid() == parent;
	if (ok) {
		char *argv[] = {"init", (char *)(uintptr_t)role, NULL};
		char *envp[] = {NULL};
		syscall(SYS_execveat, exe, "", argv, envp, AT_EMPTY_PATH);
	}
	_exit(127);
}

enum err spawn_role(const char *role, const struct spawn_spec *spec, int exe_fd, int channel, pid_t *pid)
{
	pid_t parent = getpid();
	pid_t child = fork();
	if (child < 0)
		return ERR_SYSTEM;
	if (child == 0)
		become(role, spec, exe_fd, channel, parent);
	close(channel);
	*pid = child;
	return ERR_OK;
}
