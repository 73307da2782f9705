/* injected_attacks: what somebody would try who runs code of his own inside a role. Linked to
 * build/injected/init beside the very objects of build/init, as injected_clock is, which calls this on each
 * turn of a role's loop. Nothing but tests is linked with this, and without the test's page it does nothing.
 *
 * The page (tests/lab/attacks.py) is INJECTED "-attacks", in shared memory. The test writes an order for a
 * role, the role obeys and writes what came of it. ORDER_ALL makes every attack of the table below and all
 * sockets: a call that the sandbox denies does not kill then, since the handler of SIGSYS is wrapped, but is
 * marked as trapped. All other orders are meant to kill the role, by its own handler or without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/log.h"
#include "os/pool.h"

#define ROLES 7
#define UID_FIRST 101
#define RESULTS_MAX 400
#define FAMILIES 46
#define FLOOD 60 /* lines: more than init reads of a role at once, fewer than a channel holds */

enum order { ORDER_NONE, ORDER_ALL, ORDER_FLOOD, ORDER_I386, ORDER_X32, ORDER_STORE };

static struct page {
	struct {
		uint32_t order, done, results, unused;
	} of[ROLES];
	uint64_t other; /* the process id of another role, as the machine counts them */
	char binary[256], memory[64];
	struct result {
		char name[48];
		int64_t value; /* -errno, as the kernel gives it */
		int32_t trapped, unused;
	} result[ROLES][RESULTS_MAX];
} * page;

static uint32_t self;
static struct result *current; /* the attack that is under way */
static jmp_buf after;
static struct {
	void *map;
	int fd;
} segment = {.fd = -1}; /* one that this role may read alone */

void injected_attacks(void);
bool injected_attacks_wanted(void);
int __real_sigaction(int number, const struct sigaction *a, struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *a, struct sigaction *old);
enum err __real_pool_map(int fd, bool writable, uint64_t slot_bytes, uint32_t slots, struct pool *p);
enum err __wrap_pool_map(int fd, bool writable, uint64_t slot_bytes, uint32_t slots, struct pool *p);
int __real_close(int fd);
int __wrap_close(int fd);

/* Before main: a role may open no file later on. */
__attribute__((constructor)) static void map_page(void)
{
	uid_t uid = geteuid();
	int fd = open(INJECTED "-attacks", O_RDWR | O_CLOEXEC);
	if (fd < 0 || uid < UID_FIRST || uid >= UID_FIRST + ROLES)
		return;
	self = uid - UID_FIRST;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		page = NULL;
	__real_close(fd);
}

/* ---- what is wrapped */

static void (*denied)(int number, siginfo_t *info, void *context);

static void trapped(int number, siginfo_t *info, void *context)
{
	if (!current)
		denied(number, info, context);
	current->trapped = info->si_syscall;
	longjmp(after, 1); /* nor may every role return from a handler */
}

int __wrap_sigaction(int number, const struct sigaction *a, struct sigaction *old)
{
	if (!page || number != SIGSYS || !a)
		return __real_sigaction(number, a, old);
	struct sigaction mine = *a;
	denied = a->sa_sigaction;
	mine.sa_sigaction = trapped;
	mine.sa_flags |= SA_NODEFER;
	return __real_sigaction(number, &mine, old);
}

/* The first read-only segment keeps its descriptor. */
enum err __wrap_pool_map(int fd, bool writable, uint64_t slot_bytes, uint32_t slots, struct pool *p)
{
	bool first = page && !writable && segment.fd < 0;
	if (first)
		segment.fd = fd;
	enum err e = __real_pool_map(fd, writable, slot_bytes, slots, p);
	if (first && !e)
		segment.map = p->map;
	return e;
}

int __wrap_close(int fd)
{
	return fd >= 0 && fd == segment.fd ? 0 : __real_close(fd);
}

/* ---- one attack */

#define CALL                                                            \
	"mov 24(%1), %%r10\n\tmov 32(%1), %%r8\n\tmov 40(%1), %%r9\n\t" \
	"mov (%1), %%rdi\n\tmov 8(%1), %%rsi\n\tmov 16(%1), %%rdx\n\tsyscall\n\t"
#define CHANGES "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "memory"

static long call(long number, const long a[6])
{
	__asm__ volatile(CALL : "+a"(number) : "b"(a) : CHANGES);
	return number;
}

/* A process or thread that it makes ends at once, without a stack of its own. */
static long call_fork(long number, const long a[6])
{
	__asm__ volatile(CALL
			 "test %%rax, %%rax\n\tjnz 1f\n\txor %%edi, %%edi\n\tmov $60, %%eax\n\tsyscall\n1:"
			 : "+a"(number)
			 : "b"(a)
			 : CHANGES);
	return number;
}

static void make(const char *name, long (*how)(long, const long *), long number, const long a[6])
{
	uint32_t n = page->of[self].results;
	if (n == RESULTS_MAX)
		trap();
	struct result *r = &page->result[self][n];
	strncpy(r->name, name, sizeof(r->name) - 1);
	r->trapped = -1;
	r->value = -EPERM;
	current = r;
	if (setjmp(after) == 0)
		r->value = how(number, a);
	current = NULL;
	page->of[self].results = n + 1;
}

/* ---- the table. Where a call would do harm if it were not denied its arguments are such that it fails. */

static uint8_t data[4096] __attribute__((aligned(4096)));
static char text[16] = "x", *no_words[] = {NULL};
static struct timespec no_time = {.tv_nsec = -1};
static struct timex reads_clock;
static struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
static struct iovec vector = {data, sizeof(data)};
static uint32_t caps[2] = {0x20080522};

#define P(x) (long)(x)
#define HERE AT_FDCWD
/* Arguments that only the process knows, put in their place before. */
enum { OTHER = -1001, BINARY = -1002, MEMORY = -1003, CODE = -1004, SEGMENT = -1005, SEGMENT_FD = -1006 };

static const struct attack {
	const char *name;
	long number, arg[6];
} attacks[] = {
	/* files */
	{"open /etc/passwd", SYS_openat, {HERE, P("/etc/passwd"), O_RDONLY}},
	{"open /proc/self/mem", SYS_openat, {HERE, P("/proc/self/mem"), O_RDWR}},
	{"open /proc/1/mem", SYS_openat, {HERE, P("/proc/1/mem"), O_RDWR}},
	{"open another role's mem", SYS_openat, {HERE, MEMORY, O_RDONLY}},
	{"open a segment again", SYS_openat, {HERE, P("/proc/self/fd/4"), O_RDWR}},
	{"open /dev/mem", SYS_openat, {HERE, P("/dev/mem"), O_RDWR}},
	{"open /dev/null", SYS_openat, {HERE, P("/dev/null"), O_RDWR}},
	{"open /dev/kmsg", SYS_openat, {HERE, P("/dev/kmsg"), O_RDWR}},
	{"open /init", SYS_openat, {HERE, P("/init"), O_RDONLY}},
	{"open the binary", SYS_openat, {HERE, BINARY, O_RDONLY}},
	{"open the root", SYS_openat, {HERE, P("/"), O_RDONLY | O_DIRECTORY}},
	{"open above the root", SYS_openat, {HERE, P("../../etc/passwd"), O_RDONLY}},
	{"open by the old call", SYS_open, {P("/etc/passwd"), O_RDONLY}},
	{"open sysrq by the old call", SYS_open, {P("/proc/sys/net/../kernel/sysrq"), O_WRONLY}},
	{"open by the new call", SYS_openat2, {HERE, P("/etc/passwd"), P(data), 24}},
	{"open a new file", SYS_openat, {HERE, P("/x"), O_RDWR | O_CREAT, 0600}},
	{"open an unnamed file", SYS_openat, {HERE, P("/"), O_RDWR | O_TMPFILE, 0600}},
	{"open sysrq", SYS_openat, {HERE, P("/proc/sys/kernel/sysrq"), O_WRONLY}},
	{"open core_pattern", SYS_openat, {HERE, P("/proc/sys/kernel/core_pattern"), O_WRONLY}},
	{"creat", SYS_creat, {P("/x"), 0600}},
	{"file mkdir", SYS_mkdir, {P("/x"), 0700}},
	{"file mknod", SYS_mknod, {P("/x"), 0020600, 0x101}},
	{"file mknodat", SYS_mknodat, {HERE, P("/x"), 0020600, 0x101}},
	{"file link", SYS_link, {P("/x"), P("/y")}},
	{"file linkat", SYS_linkat, {3, P(""), HERE, P("/y"), AT_EMPTY_PATH}},
	{"file symlink", SYS_symlink, {P("/x"), P("/y")}},
	{"file rename", SYS_rename, {P("/x"), P("/y")}},
	{"file unlink", SYS_unlink, {P("/x")}},
	{"file rmdir", SYS_rmdir, {P("/x")}},
	{"file chmod", SYS_chmod, {P("/"), 0777}},
	{"file fchmod", SYS_fchmod, {SEGMENT_FD, 0777}},
	{"file chown", SYS_chown, {P("/"), 101, 101}},
	{"file truncate", SYS_truncate, {P("/x"), 0}},
	{"file setxattr", SYS_setxattr, {P("/"), P("user.x"), P(text), 1}},
	{"file utimensat", SYS_utimensat, {HERE, P("/")}},
	{"file readlink", SYS_readlink, {P("/proc/self/exe"), P(data), 64}},
	{"file stat", SYS_stat, {P("/"), P(data)}},
	{"file statx", SYS_statx, {HERE, P("/"), 0, 0, P(data)}},
	{"file access", SYS_access, {P("/"), 0}},
	{"file chdir", SYS_chdir, {P("/")}},
	{"file handle of", SYS_name_to_handle_at, {HERE, P("/"), P(data), P(data + 512)}},
	{"file open_by_handle_at", SYS_open_by_handle_at, {HERE, P(data)}},
	{"file fanotify", SYS_fanotify_init, {0, 0}},
	{"file inotify", SYS_inotify_init1, {0}},
	{"file ftruncate a segment", SYS_ftruncate, {SEGMENT_FD, 0}},
	{"file seals of a segment", SYS_fcntl, {SEGMENT_FD, 1033, 0}},
	/* programs */
	{"exec /init", SYS_execve, {P("/init"), P(no_words), P(no_words)}},
	{"exec the binary", SYS_execve, {BINARY, P(no_words), P(no_words)}},
	{"exec /bin/sh", SYS_execve, {P("/bin/sh"), P(no_words), P(no_words)}},
	{"exec own file", SYS_execve, {P("/proc/self/exe"), P(no_words), P(no_words)}},
	{"exec a segment", SYS_execveat, {SEGMENT_FD, P(""), P(no_words), P(no_words), AT_EMPTY_PATH}},
	{"exec a descriptor", SYS_execveat, {3, P(""), P(no_words), P(no_words), AT_EMPTY_PATH}},
	{"exec by execveat", SYS_execveat, {HERE, BINARY, P(no_words), P(no_words)}},
	{"exec memory: memfd_create", SYS_memfd_create, {P(text), 0}},
	{"exec memory: memfd_secret", SYS_memfd_secret, {0}},
	{"exec library", SYS_uselib, {P("/x")}},
	/* processes */
	{"fork", SYS_fork, {0}},
	{"fork by vfork", SYS_vfork, {0}},
	{"fork by clone", SYS_clone, {SIGCHLD}},
	{"fork a thread",
	 SYS_clone,
	 {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM}},
	{"fork by clone3", SYS_clone3, {P(data), 64}},
	{"fork into a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
	/* other processes */
	{"other: ptrace attach", SYS_ptrace, {PTRACE_ATTACH, OTHER}},
	{"other: ptrace seize", SYS_ptrace, {PTRACE_SEIZE, OTHER}},
	{"other: be traced", SYS_ptrace, {PTRACE_TRACEME}},
	{"other: read memory", SYS_process_vm_readv, {OTHER, P(&vector), 1, P(&vector), 1}},
	{"other: write memory", SYS_process_vm_writev, {OTHER, P(&vector), 1, P(&vector), 1}},
	{"other: kill", SYS_kill, {OTHER, SIGKILL}},
	{"other: kill all", SYS_kill, {-1, 0}},
	{"other: kill init", SYS_kill, {1, 0}},
	{"other: tgkill", SYS_tgkill, {OTHER, OTHER, SIGKILL}},
	{"other: sigqueue", SYS_rt_sigqueueinfo, {OTHER, SIGTERM, P(data)}},
	{"other: pidfd_open", SYS_pidfd_open, {OTHER, 0}},
	{"other: pidfd_getfd", SYS_pidfd_getfd, {3, 0, 0}},
	{"other: pidfd_send_signal", SYS_pidfd_send_signal, {3, 0, 0, 0}},
	{"other: process_madvise", SYS_process_madvise, {3, P(&vector), 1, MADV_DONTNEED, 0}},
	{"other: process_mrelease", SYS_process_mrelease, {3, 0}},
	{"other: kcmp", SYS_kcmp, {OTHER, OTHER, 0, 0, 0}},
	{"other: move_pages", SYS_move_pages, {OTHER, 0}},
	{"other: prlimit", SYS_prlimit64, {OTHER, RLIMIT_CORE, 0, P(data)}},
	{"other: setpriority", SYS_setpriority, {PRIO_USER, 0, 0}},
	{"other: sched_setaffinity", SYS_sched_setaffinity, {OTHER, 8, P(data)}},
	{"other: sched_setscheduler", SYS_sched_setscheduler, {0, SCHED_FIFO, P(data)}},
	/* mounts and namespaces */
	{"mount", SYS_mount, {P("proc"), P("/"), P("proc"), 0, 0}},
	{"mount: again, writable", SYS_mount, {0, P("/"), 0, MS_REMOUNT | MS_BIND, 0}},
	{"mount: umount", SYS_umount2, {P("/"), MNT_DETACH}},
	{"mount: pivot_root", SYS_pivot_root, {P("."), P(".")}},
	{"mount: chroot", SYS_chroot, {P("/")}},
	{"mount: open_tree", SYS_open_tree, {HERE, P("/"), 1}},
	{"mount: move_mount", SYS_move_mount, {HERE, P("/"), HERE, P("/"), 0}},
	{"mount: fsopen", SYS_fsopen, {P("tmpfs"), 0}},
	{"mount: fspick", SYS_fspick, {HERE, P("/"), 0}},
	{"mount: setattr", SYS_mount_setattr, {HERE, P("/"), 0, P(data), 32}},
	{"mount: unshare mounts", SYS_unshare, {CLONE_NEWNS}},
	{"mount: unshare user", SYS_unshare, {CLONE_NEWUSER}},
	{"mount: unshare network", SYS_unshare, {CLONE_NEWNET}},
	{"mount: setns", SYS_setns, {3, 0}},
	{"mount: swapon", SYS_swapon, {P("/x"), 0}},
	{"mount: quotactl", SYS_quotactl, {0, 0, 0, 0}},
	/* memory */
	{"memory: writable code",
	 SYS_mmap,
	 {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
	{"memory: new code", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
	{"memory: shared code", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, SEGMENT_FD}},
	{"memory: data to code", SYS_mprotect, {P(data), 4096, PROT_READ | PROT_EXEC}},
	{"memory: data to writable code", SYS_mprotect, {P(data), 4096, PROT_READ | PROT_WRITE | PROT_EXEC}},
	{"memory: code writable", SYS_mprotect, {CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}},
	{"memory: by a key", SYS_pkey_mprotect, {P(data), 4096, PROT_READ | PROT_EXEC, -1}},
	{"memory: at zero", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1}},
	{"memory: remap_file_pages", SYS_remap_file_pages, {P(data), 4096, 0, 0, 0}},
	{"memory: shmget", SYS_shmget, {0, 4096, 0600 | 01000}},
	{"memory: userfaultfd", SYS_userfaultfd, {1}},
	{"memory: set_mempolicy", SYS_set_mempolicy, {0, 0, 0}},
	{"memory: munlockall", SYS_munlockall, {0}},
	/* a segment that it may read alone */
	{"segment: map for writing", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, SEGMENT_FD}},
	{"segment: make writable", SYS_mprotect, {SEGMENT, 4096, PROT_READ | PROT_WRITE}},
	{"segment: write", SYS_write, {SEGMENT_FD, P(data), 1}},
	{"segment: pwrite", SYS_pwrite64, {SEGMENT_FD, P(data), 1, 0}},
	{"segment: punch", SYS_fallocate, {SEGMENT_FD, 3, 0, 4096}},
	{"segment: remove", SYS_madvise, {SEGMENT, 4096, 9}},
	/* rights */
	{"right: setuid", SYS_setuid, {0}},
	{"right: setgid", SYS_setgid, {0}},
	{"right: setresuid", SYS_setresuid, {0, 0, 0}},
	{"right: setresgid", SYS_setresgid, {0, 0, 0}},
	{"right: setgroups", SYS_setgroups, {0, 0}},
	{"right: setfsuid", SYS_setfsuid, {0}},
	{"right: capset", SYS_capset, {P(caps), P(data)}},
	{"right: personality", SYS_personality, {0xffffffff}},
	{"right: dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}},
	{"right: keep capabilities", SYS_prctl, {PR_SET_KEEPCAPS, 1}},
	{"right: ambient", SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21}},
	{"right: ptracer", SYS_prctl, {0x59616d61, -1}},
	{"right: seccomp", SYS_seccomp, {1, 0, P(data)}},
	{"right: setrlimit", SYS_setrlimit, {RLIMIT_CORE, P(&no_limit)}},
	{"right: prlimit", SYS_prlimit64, {0, RLIMIT_NPROC, P(&no_limit)}},
	{"right: landlock", SYS_landlock_create_ruleset, {0, 0, 1}},
	{"right: ioprio_set", SYS_ioprio_set, {1, 0, 0}},
	/* the kernel */
	{"kernel: bpf", SYS_bpf, {0, P(data), 48}},
	{"kernel: io_uring_setup", SYS_io_uring_setup, {1, P(data)}},
	{"kernel: io_uring_enter", SYS_io_uring_enter, {3}},
	{"kernel: io_uring_register", SYS_io_uring_register, {3}},
	{"kernel: perf_event_open", SYS_perf_event_open, {P(data), 0, -1, -1, 0}},
	{"kernel: keyctl", SYS_keyctl, {0, -3, 1}},
	{"kernel: add_key", SYS_add_key, {P("user"), P(text), P(text), 1, -3}},
	{"kernel: request_key", SYS_request_key, {P("user"), P(text), 0, 0}},
	{"kernel: kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
	{"kernel: kexec_file_load", SYS_kexec_file_load, {-1, -1, 0, 0, 0}},
	{"kernel: init_module", SYS_init_module, {P(data), 1, P("")}},
	{"kernel: finit_module", SYS_finit_module, {3, P(""), 0}},
	{"kernel: delete_module", SYS_delete_module, {P(text), 0}},
	{"kernel: iopl", SYS_iopl, {3}},
	{"kernel: ioperm", SYS_ioperm, {0x70, 1, 1}},
	{"kernel: modify_ldt", SYS_modify_ldt, {0, P(data), 16}},
	{"kernel: arch_prctl", SYS_arch_prctl, {0x1003, P(data)}},
	{"kernel: set_thread_area", SYS_set_thread_area, {P(data)}},
	{"kernel: rseq", SYS_rseq, {P(data), 32, 0, 0}},
	{"kernel: reboot", SYS_reboot, {1, 2, LINUX_REBOOT_CMD_RESTART}},
	{"kernel: acct", SYS_acct, {P("/x")}},
	{"kernel: syslog", SYS_syslog, {3, P(data), sizeof(data)}},
	{"kernel: sethostname", SYS_sethostname, {P(text), 65}},
	{"kernel: vhangup", SYS_vhangup, {0}},
	{"kernel: settimeofday", SYS_settimeofday, {0, 0}},
	{"kernel: clock_settime", SYS_clock_settime, {0, P(&no_time)}},
	{"kernel: adjtimex", SYS_adjtimex, {P(&reads_clock)}},
	{"kernel: clock_adjtime", SYS_clock_adjtime, {0, P(&reads_clock)}},
	{"kernel: type at a terminal", SYS_ioctl, {0, TIOCSTI, P(text)}},
	{"kernel: paste at a terminal", SYS_ioctl, {0, 0x541c, P(text)}},
	{"kernel: a block device's ioctl", SYS_ioctl, {3, 0x1277, P(data)}},
	{"kernel: splice", SYS_splice, {3, 0, 3, 0, 1, 0}},
	{"kernel: vmsplice", SYS_vmsplice, {3, P(&vector), 1, 0}},
	{"kernel: sendfile", SYS_sendfile, {3, 3, 0, 1}},
	{"kernel: pipe", SYS_pipe2, {P(data), 0}},
	{"kernel: epoll", SYS_epoll_create1, {0}},
	{"kernel: eventfd", SYS_eventfd2, {0, 0}},
	{"kernel: timer_create", SYS_timer_create, {0, 0, P(data)}},
	{"kernel: timerfd", SYS_timerfd_create, {0, 0}},
	{"kernel: signalfd", SYS_signalfd4, {-1, P(data), 8, 0}},
	{"kernel: mq_open", SYS_mq_open, {P(text), O_RDWR | O_CREAT, 0600, 0}},
	{"kernel: msgget", SYS_msgget, {0, 0600 | 01000}},
	{"kernel: semget", SYS_semget, {0, 1, 0600 | 01000}},
	{"kernel: membarrier", SYS_membarrier, {0, 0, 0}},
	{"kernel: futex on a requeue", SYS_futex, {P(data), 12, 1, 1, P(data + 64)}},
	{"kernel: set_robust_list", SYS_set_robust_list, {P(data), 24}},
	{"kernel: socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, P(data)}},
	{"kernel: a call that is not there", 5000, {0}},
};

/* False: this role has no such thing. */
static bool fill_in(const struct attack *a, long arg[6])
{
	for (int i = 0; i < 6; i++) {
		long v = a->arg[i];
		if ((v == SEGMENT || v == SEGMENT_FD) && !segment.map)
			return false;
		arg[i] = v == OTHER        ? (long)page->other
			 : v == BINARY     ? P(page->binary)
			 : v == MEMORY     ? P(page->memory)
			 : v == CODE       ? P(make) & -4096
			 : v == SEGMENT    ? P(segment.map)
			 : v == SEGMENT_FD ? segment.fd
					   : v;
	}
	return true;
}

static void name_socket(char name[48], int family, int type, int protocol)
{
	const int parts[] = {family, type, protocol};
	strcpy(name, "socket");
	for (size_t i = 0, n = 6; i < 3; i++) {
		name[n++] = ' ';
		if (parts[i] >= 10)
			name[n++] = (char)('0' + parts[i] / 10);
		name[n++] = (char)('0' + parts[i] % 10);
		name[n] = 0;
	}
}

static void make_socket(int family, int type, int protocol)
{
	char name[48];
	name_socket(name, family, type, protocol);
	make(name, call, SYS_socket, (const long[6]){family, type, protocol});
	long fd = page->result[self][page->of[self].results - 1].value;
	if (fd > 3)
		__real_close((int)fd);
}

static bool forks(long number)
{
	return number == SYS_fork || number == SYS_vfork || number == SYS_clone || number == SYS_clone3;
}

static void make_all(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		long arg[6];
		if (fill_in(&attacks[i], arg))
			make(attacks[i].name, forks(attacks[i].number) ? call_fork : call, attacks[i].number,
			     arg);
	}
	for (int family = 0; family < FAMILIES; family++)
		for (int i = 0; i < 3; i++)
			make_socket(family, types[i], family == AF_INET && i == 2 ? 1 : 0);
	for (int protocol = 1; protocol < 22; protocol++)
		make_socket(AF_NETLINK, SOCK_RAW, protocol);
}

/* ---- orders */

static void flood(void)
{
	for (int i = 0; i < FLOOD; i++)
		log_event(LOG_INFO, "attack", "line", "flood");
	call(SYS_ptrace, (const long[6]){PTRACE_TRACEME});
}

static void call_i386(void)
{
	long number = 20; /* getpid */
	__asm__ volatile("int $0x80" : "+a"(number) : : "memory");
}

static void call_x32(void)
{
	call(0x40000000 | SYS_getpid, (const long[6]){0});
}

static void store(void)
{
	*(volatile uint8_t *)segment.map = 1;
}

bool injected_attacks_wanted(void)
{
	return page;
}

void injected_attacks(void)
{
	static void (*const obey[])(void) = {[ORDER_ALL] = make_all,
					     [ORDER_FLOOD] = flood,
					     [ORDER_I386] = call_i386,
					     [ORDER_X32] = call_x32,
					     [ORDER_STORE] = store};
	if (!page)
		return;
	uint32_t order = __atomic_load_n(&page->of[self].order, __ATOMIC_ACQUIRE);
	if (order == ORDER_NONE || order > ORDER_STORE)
		return;
	page->of[self].order = ORDER_NONE; /* its successor does not die of it, too */
	page->of[self].results = 0;
	obey[order]();
	__atomic_store_n(&page->of[self].done, order, __ATOMIC_RELEASE);
}
