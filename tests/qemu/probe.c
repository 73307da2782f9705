/* probe: what the release kernel lets PID 1 do, from inside the booted image. It stands before
 * supervisor_start (--wrap): first stage, mounts and settings are the product's own, then this tries, says a
 * line each and powers off. Read by kernel_test.py.
 *
 * `probe NAME ok`, or `probe NAME FAILED WHAT: errno N`; `sysctl NAME VALUE`; `writable PATH`; `probe-end`.
 */
#include "qemu/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define STRANGER 65534

static const char *probe;
static bool failed;

void probe_wrong(const char *what)
{
	printf("probe %s FAILED %s: errno %d\n", probe, what, errno);
	failed = true;
}

int probe_child(int (*fn)(void), bool as_stranger)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (as_stranger &&
		    (setresgid(STRANGER, STRANGER, STRANGER) || setresuid(STRANGER, STRANGER, STRANGER)))
			_exit(99);
		_exit(fn());
	}
	int status = 0;
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

void probe_absent(const char *path)
{
	errno = 0;
	if (access(path, F_OK) == 0 || errno != ENOENT)
		probe_wrong(path);
}

/* ---- system calls that do not exist */

struct call {
	const char *probe, *name;
	long number;
};

static const struct call calls[] = {
	{"modules", "init_module", SYS_init_module},
	{"modules", "finit_module", SYS_finit_module},
	{"modules", "delete_module", SYS_delete_module},
	{"kexec", "kexec_load", SYS_kexec_load},
	{"kexec", "kexec_file_load", SYS_kexec_file_load},
	{"io_uring", "io_uring_setup", SYS_io_uring_setup},
	{"io_uring", "io_uring_enter", SYS_io_uring_enter},
	{"bpf", "bpf", SYS_bpf},
	{"userfaultfd", "userfaultfd", SYS_userfaultfd},
	{"keys", "add_key", SYS_add_key},
	{"keys", "request_key", SYS_request_key},
	{"keys", "keyctl", SYS_keyctl},
	{"swap", "swapon", SYS_swapon},
	{"swap", "swapoff", SYS_swapoff},
	{"quota", "quotactl", SYS_quotactl},
	{"ldt", "modify_ldt", SYS_modify_ldt},
	{"ports", "iopl", SYS_iopl},
	{"ports", "ioperm", SYS_ioperm},
	{"sysvipc", "shmget", SYS_shmget},
	{"sysvipc", "semget", SYS_semget},
	{"sysvipc", "msgget", SYS_msgget},
	{"mqueue", "mq_open", SYS_mq_open},
	{"aio", "io_setup", SYS_io_setup},
	{"handles", "name_to_handle_at", SYS_name_to_handle_at},
	{"handles", "open_by_handle_at", SYS_open_by_handle_at},
	{"process_vm", "process_vm_readv", SYS_process_vm_readv},
	{"process_vm", "process_vm_writev", SYS_process_vm_writev},
	{"kcmp", "kcmp", SYS_kcmp},
	{"notify", "fanotify_init", SYS_fanotify_init},
	{"notify", "inotify_init1", SYS_inotify_init1},
	{"rseq", "rseq", SYS_rseq},
	{"membarrier", "membarrier", SYS_membarrier},
	{"old_calls", "sysfs", SYS_sysfs},
	{"old_calls", "uselib", SYS_uselib},
	{"old_calls", "acct", SYS_acct},
	{"x32", "getpid as x32 has it", 0x40000000L + SYS_getpid},
};

static void try_calls(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].probe, name) != 0)
			continue;
		errno = 0;
		if (syscall(calls[i].number, 0L, 0L, 0L, 0L, 0L, 0L) != -1 || errno != ENOSYS)
			probe_wrong(calls[i].name);
	}
}

/* ---- the tree as init left it */

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void look_through(const char *folder, int depth)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/probe", folder[1] ? folder : "");
	if (opens(path, O_WRONLY | O_CREAT | O_EXCL) || mkdir(path, 0700) == 0)
		printf("writable %s\n", folder);
	if (!strcmp(folder, "/proc") || depth > 8)
		return; /* what can be written to there is no file */
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder[1] ? folder : "", e->d_name);
		look_through(path, depth + 1);
	}
	if (d)
		closedir(d);
}

/* The one file that may be executed can't be written to. */
static void root(void)
{
	if (opens("/init", O_WRONLY) || (errno != EROFS && errno != ETXTBSY))
		probe_wrong("open /init for writing");
	if (mount(NULL, "/", NULL, MS_REMOUNT, NULL) == 0 && opens("/init", O_WRONLY))
		probe_wrong("remount the root for writing");
}

static void tell_settings(const char *folder)
{
	char path[512], text[256];
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_type == DT_DIR) {
			tell_settings(path);
			continue;
		}
		int fd = open(path, O_RDONLY | O_NONBLOCK);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		text[strcspn(text, "\n")] = 0;
		if (n > 0)
			printf("sysctl %s %s\n", path + strlen("/proc/sys/"), text);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
}

static const struct {
	const char *name;
	void (*fn)(void); /* NULL: system calls alone */
} probes[] = {
	{"modules", NULL},
	{"kexec", NULL},
	{"io_uring", NULL},
	{"bpf", NULL},
	{"userfaultfd", NULL},
	{"keys", NULL},
	{"swap", NULL},
	{"quota", NULL},
	{"ldt", NULL},
	{"ports", NULL},
	{"sysvipc", NULL},
	{"mqueue", NULL},
	{"aio", NULL},
	{"handles", NULL},
	{"process_vm", NULL},
	{"kcmp", NULL},
	{"notify", NULL},
	{"rseq", NULL},
	{"membarrier", NULL},
	{"old_calls", NULL},
	{"x32", NULL},
	{"memory_devices", probe_memory_devices},
	{"msr", probe_msr},
	{"other_devices", probe_other_devices},
	{"debugfs", probe_debugfs},
	{"filesystems", probe_filesystems},
	{"kcore", probe_kcore},
	{"sysrq", probe_sysrq},
	{"hibernation", probe_hibernation},
	{"lockdown", probe_lockdown},
	{"perf", probe_perf},
	{"user_namespaces", probe_user_namespaces},
	{"sockets", probe_sockets},
	{"af_alg", probe_af_alg},
	{"ia32", probe_ia32},
	{"vsyscall", probe_vsyscall},
	{"scripts", probe_scripts},
	{"memfd", probe_memfd},
	{"coredump", probe_coredump},
	{"tracing", probe_tracing},
	{"low_memory", probe_low_memory},
	{"proc_mem", probe_proc_mem},
	{"tiocsti", probe_tiocsti},
	{"addresses", probe_addresses},
	{"root", root},
};

void __wrap_supervisor_start(void *supervisor);
void __wrap_supervisor_start(void *supervisor)
{
	static const char *const settings[] = {
		"kernel", "vm", "fs", "dev", "net/core", "net/ipv4/neigh/default", "net/ipv6/neigh/default"};
	(void)supervisor;
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) & ~O_NONBLOCK);
	klogctl(6, NULL, 0); /* SYSLOG_ACTION_CONSOLE_OFF: none of the kernel's lines in the middle of ours */
	look_through("/", 0);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/sys/%s", settings[i]);
		tell_settings(path);
	}
	if (mount("tmpfs", PROBE_ROOM, "tmpfs", 0, NULL) || mkdir(PROBE_AT, 0700))
		printf("probe room FAILED\n");
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		probe = probes[i].name;
		failed = false;
		if (probes[i].fn)
			probes[i].fn();
		else
			try_calls(probe);
		if (!failed)
			printf("probe %s ok\n", probe);
	}
	printf("probe-end\n");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
}
