#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/sandbox.h"

/* Each test's process is a child that enters a sandbox and then tries something, in this very kernel. */
enum { MINE = 1, OTHERS = 2 };

#define CALL(who_, name, ...)                                               \
	{                                                                   \
		.number = SYS_##name, .who = (who_), .arg = { __VA_ARGS__ } \
	}

#define HIGH (1ull << 32)

static const struct sandbox_call calls[] = {
	CALL(MINE, exit_group),
	CALL(MINE, sigaltstack), /* sanitizers look at the stack before a process ends */
	CALL(MINE, getppid),
	CALL(OTHERS, geteuid),
	CALL(MINE, umask, SANDBOX_IS(0, 7)),
	CALL(MINE, umask, SANDBOX_IS(0, HIGH | 9)),
	CALL(MINE, umask, SANDBOX_BITS(0, 16, 3)),
	CALL(MINE, alarm, SANDBOX_IS(0, 0), SANDBOX_IS(1, 1), SANDBOX_IS(2, 2)),
	CALL(MINE, prctl, SANDBOX_IS(0, PR_GET_NO_NEW_PRIVS)),
	/* for Landlock to refuse */
	CALL(MINE, open),
	CALL(MINE, openat),
	CALL(MINE, close),
	CALL(MINE, mkdir),
	CALL(MINE, mkdirat),
	CALL(MINE, unlink),
	CALL(MINE, socket),
	CALL(MINE, bind),
	CALL(MINE, connect),
	CALL(MINE, kill),
	CALL(MINE, write),
};

static const struct sandbox plain = {.calls = calls, .count = sizeof(calls) / sizeof(calls[0]), .who = MINE};
static char folder[] = "/tmp/sandbox-XXXXXX", inside[64], outside[64];
static int *told; /* shared with the children: the number they were told of; -1: none */
static int landlock;

static void denied(int number)
{
	*told = number;
	syscall(SYS_getppid); /* it may make calls of the list */
}

/* How it ended: the exit code that `attempt` gave, or 1000 and the signal's number. */
static int tried(const struct sandbox *s, int (*attempt)(void))
{
	int status;
	*told = -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sandbox_enter(s, denied, &landlock) ? 99 : attempt());
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define DENIED(attempt, number) CHECK(tried(&plain, attempt) == 1000 + SIGSYS && *told == (number))

/* ---- calls */

static int listed(void)
{
	return syscall(SYS_getppid) > 0 ? 0 : 1;
}

static int of_others(void)
{
	return syscall(SYS_geteuid) >= 0;
}

static int unknown(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0;
}

static void a_call_that_is_not_listed_is_told_and_ends_the_process(void)
{
	CHECK(tried(&plain, listed) == 0 && *told == -1);
	DENIED(of_others, SYS_geteuid);
	DENIED(unknown, SYS_io_uring_setup);
}

static uint64_t mask;

static int set_mask(void)
{
	syscall(SYS_umask, mask);
	return 0;
}

static void an_argument_is_looked_at_in_all_its_bits(void)
{
	const uint64_t good[] = {7, HIGH | 9, 16, 17, 18, 19};
	const uint64_t bad[] = {0,  9,         6, HIGH | 7, HIGH << 31 | 7, HIGH | 16,
				20, 16 | HIGH, 1, 3,        UINT64_MAX};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		mask = good[i];
		CHECK(tried(&plain, set_mask) == 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mask = bad[i];
		DENIED(set_mask, SYS_umask);
	}
}

static uint64_t argument[3];

static int three(void)
{
	syscall(SYS_alarm, argument[0], argument[1], argument[2]);
	return 0;
}

static void all_arguments_of_a_row_must_hold(void)
{
	for (uint64_t wrong = 0; wrong <= 3; wrong++) {
		for (uint64_t i = 0; i < 3; i++)
			argument[i] = i == wrong ? 7 : i;
		if (wrong == 3)
			CHECK(tried(&plain, three) == 0);
		else
			DENIED(three, SYS_alarm);
	}
}

/* The kernel compares with the number that the CPU was given: x32's getppid() is another one. */
static int of_x32(void)
{
	syscall(0x40000000 | SYS_getppid);
	return 0;
}

static int of_i386(void)
{
	long number = 64; /* getppid() there; here semget() */
	__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static void calls_of_another_architecture_end_the_process(void)
{
	CHECK(tried(&plain, of_x32) == 1000 + SIGSYS && *told == -1);
	int how = tried(&plain, of_i386);
	/* a kernel without that way in knows no such interrupt */
	CHECK((how == 1000 + SIGSYS || how == 1000 + SIGSEGV) && *told == -1);
}

static int gain(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static int leave(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
}

static void there_is_no_way_back(void)
{
	CHECK(tried(&plain, gain) == 0);
	DENIED(leave, SYS_prctl);
}

/* ---- Landlock */

static bool refused(long result)
{
	return result < 0 && (errno == EACCES || errno == EPERM);
}

static int open_outside(void)
{
	return refused(open(outside, O_RDONLY)) && refused(open(outside, O_WRONLY)) &&
			       refused(open("/", O_RDONLY | O_DIRECTORY)) &&
			       refused(open(outside, O_RDWR | O_CREAT, 0600)) &&
			       refused(mkdir("/tmp/sandbox-x", 0700)) && refused(unlink(outside))
		       ? 0
		       : 1;
}

static bool opened(const char *path, int flags)
{
	int fd = open(path, flags);
	return fd >= 0 && close(fd) == 0;
}

static int open_inside(void)
{
	char made[sizeof(folder) + 8];
	snprintf(made, sizeof(made), "%s/made", folder);
	return opened(inside, O_RDONLY) && opened(inside, O_WRONLY) && refused(mkdir(made, 0700)) &&
			       refused(open(made, O_WRONLY | O_CREAT, 0600)) && refused(unlink(inside))
		       ? 0
		       : 1;
}

static void no_file_is_opened_but_beneath_the_folder(void)
{
	struct sandbox with = plain;
	with.folder = folder;
	CHECK(tried(&plain, open_outside) == 0);
	CHECK(tried(&with, open_outside) == 0);
	CHECK(tried(&with, open_inside) == 0);
	with.folder = "/no/such/folder";
	CHECK(tried(&with, listed) == 99);
}

static char setting[sizeof(folder) + 32], settings[sizeof(folder) + 16];
static int caches;

static int open_after_caches_are_dropped(void)
{
	if (!opened(setting, O_RDONLY))
		return 3;
	for (int i = 0; i < 4; i++) /* the first ones only mark what is not used */
		if (syscall(SYS_write, caches, "2", 1) != 1)
			return 2;
	return opened(setting, O_RDONLY) ? 0 : 1;
}

/* A folder of /proc/sys is another inode when the kernel forgot it, and a rule of Landlock is an inode's. */
static void the_right_to_the_kernels_settings_stays(void)
{
	struct sandbox with = plain;
	with.folder = settings;
	snprintf(settings, sizeof(settings), "%s/sys/net", folder);
	snprintf(setting, sizeof(setting), "%s/ipv4/ip_forward", settings);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) { /* a /proc of its own, of which nobody else holds anything */
		caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
		if (caches < 0 || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("proc", folder, "proc", 0, NULL))
			_exit(3);
		_exit(tried(&with, open_after_caches_are_dropped));
	}
	int status;
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct sockaddr_in port;

static int bind_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return refused(bind(fd, (struct sockaddr *)&port, sizeof(port))) ? 0 : 1;
}

/* Of where nothing listens. */
static int connect_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&port, sizeof(port)) == 0)
		return 1;
	return errno == EACCES ? 0 : errno == ECONNREFUSED ? 2 : 3;
}

static void tcp_is_neither_bound_nor_connected_unless_said(void)
{
	struct sandbox with = plain;
	with.connects = true;
	CHECK(tried(&plain, bind_tcp) == 0 && tried(&with, bind_tcp) == 0);
	CHECK(tried(&plain, connect_tcp) == 0);
	CHECK(tried(&with, connect_tcp) == 2);
}

static pid_t parent;

static int signal_parent(void)
{
	return refused(kill(parent, 0)) ? 0 : 1;
}

static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0sealtap-sandbox-test"};

static int connect_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return refused(connect(fd, (struct sockaddr *)&name, sizeof(name))) ? 0 : 1;
}

static void nobody_outside_gets_a_signal_or_a_connection(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 1) == 0);
	CHECK(tried(&plain, signal_parent) == 0);
	CHECK(tried(&plain, connect_abstract) == 0);
	close(fd);
}

/* Each of the kernel's versions of Landlock has more; the image's is 6. */
static int landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	return v > 0 ? (int)v : 0;
}

static void make_files(void)
{
	ASSERT(mkdtemp(folder));
	snprintf(inside, sizeof(inside), "%s/in", folder);
	snprintf(outside, sizeof(outside), "%s-out", folder);
	close(open(inside, O_CREAT | O_WRONLY, 0600));
	close(open(outside, O_CREAT | O_WRONLY, 0600));
}

static void remove_files(void)
{
	unlink(inside);
	unlink(outside);
	rmdir(folder);
}

int main(void)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	parent = getpid();
	port = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	make_files();
	RUN(a_call_that_is_not_listed_is_told_and_ends_the_process,
	    "a call of the list is made; one that is not is told by its number and ends the process");
	RUN(an_argument_is_looked_at_in_all_its_bits,
	    "an argument must be what one of the call's rows says, in all its 64 bits");
	RUN(all_arguments_of_a_row_must_hold, "all arguments that a row names must hold");
	RUN(calls_of_another_architecture_end_the_process,
	    "calls by the numbers of x32 or i386 end the process, untold");
	RUN(there_is_no_way_back, "who is in a sandbox can't leave it, and gains no privileges");
	int version = landlock_version();
	if (version >= 1)
		RUN(no_file_is_opened_but_beneath_the_folder,
		    "no file is opened, made or removed, but opened beneath the sandbox's folder");
	else
		printf("skip files: this kernel has no Landlock\n");
	if (version >= 1 && geteuid() == 0)
		RUN(the_right_to_the_kernels_settings_stays,
		    "the right to the kernel's settings stays when the kernel drops its caches");
	else
		printf("skip the kernel's settings: it takes root and Landlock\n");
	if (version >= 4)
		RUN(tcp_is_neither_bound_nor_connected_unless_said,
		    "no TCP port is bound, and none connected where the sandbox does not say so");
	else
		printf("skip TCP: this kernel's Landlock has version %d, not 4\n", version);
	if (version >= 6)
		RUN(nobody_outside_gets_a_signal_or_a_connection,
		    "nobody outside of the sandbox gets a signal, nor a connection to an abstract socket");
	else
		printf("skip signals: this kernel's Landlock has version %d, not 6\n", version);
	remove_files();
	return check_done();
}
