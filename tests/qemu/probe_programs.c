/* probe_programs: what a program may be, execute, map and reach. */
#include "qemu/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- namespaces, sockets */

void probe_user_namespaces(void)
{
	if (unshare(CLONE_NEWUSER) == 0 || errno != EINVAL)
		probe_wrong("unshare(CLONE_NEWUSER)");
}

void probe_sockets(void)
{
	for (int family = 0; family < 64; family++) {
		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK ||
		    family == AF_PACKET)
			continue;
		for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
			int fd = socket(family, type, 0);
			if (fd < 0 && errno == EAFNOSUPPORT)
				continue;
			char text[40];
			snprintf(text, sizeof(text), "socket family %d", family);
			probe_wrong(text);
			if (fd >= 0)
				close(fd);
		}
	}
}

void probe_af_alg(void)
{
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		return;
	probe_wrong("socket(AF_ALG)");
	if (fd >= 0)
		close(fd);
}

/* ---- what is executed, and how */

static int int80(void)
{
	int n = 20; /* getpid of 32-bit programs */
	__asm__ volatile("int $0x80" : "+a"(n) : : "memory");
	return 0;
}

void probe_ia32(void)
{
	int end = probe_child(int80, false);
	errno = end;
	if (end != 1000 + SIGSEGV)
		probe_wrong("int 0x80");
}

static int vsyscall_time(void)
{
	long (*time_at)(long *) = (long (*)(long *))0xffffffffff600400; /* NOLINT */
	return time_at(NULL) ? 0 : 1;
}

void probe_vsyscall(void)
{
	int end = probe_child(vsyscall_time, false);
	errno = end;
	if (end != 1000 + SIGSEGV)
		probe_wrong("a call of the vsyscall page");
}

static int exec_room(void)
{
	char *argv[] = {"x", NULL}, *envp[] = {NULL};
	execve(PROBE_ROOM "/script", argv, envp);
	return errno;
}

void probe_scripts(void)
{
	int fd = open(PROBE_ROOM "/script", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, "#!/init\n", 8) != 8 || close(fd))
		return probe_wrong("write a script");
	int end = probe_child(exec_room, false);
	errno = end;
	if (end != ENOEXEC)
		probe_wrong("execve of a script");
}

static int exec_memfd(void)
{
	char *argv[] = {"x", NULL}, *envp[] = {NULL};
	int exe = open("/init", O_RDONLY), fd = memfd_create("x", 0);
	char bytes[4096];
	for (ssize_t n; (n = read(exe, bytes, sizeof(bytes))) > 0;)
		if (write(fd, bytes, (size_t)n) != n)
			return 98;
	if (fchmod(fd, 0755) == 0)
		return 97;
	syscall(SYS_execveat, fd, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
	return errno;
}

void probe_memfd(void)
{
	errno = 0;
	if (memfd_create("x", 0x10 /* MFD_EXEC */) >= 0 || errno != EACCES)
		probe_wrong("memfd_create(MFD_EXEC)");
	int end = probe_child(exec_memfd, false);
	errno = end;
	if (end != EACCES)
		probe_wrong("execute a memfd");
}

/* ---- memory, terminals, processes */

static int dump(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_CORE, &all);
	abort();
}

void probe_coredump(void)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(dump());
	int status = 0;
	waitpid(child, &status, 0);
	if (!WIFSIGNALED(status) || WCOREDUMP(status))
		probe_wrong("abort()");
	probe_absent("/proc/sys/kernel/core_pattern");
}

static int trace_me(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0;
}

void probe_tracing(void)
{
	int end = probe_child(trace_me, false);
	errno = end;
	if (end != EPERM)
		probe_wrong("ptrace(PTRACE_TRACEME)");
	if (ptrace(PTRACE_ATTACH, 2, NULL, NULL) == 0 || errno != EPERM)
		probe_wrong("ptrace(PTRACE_ATTACH)");
}

static int map_low(void)
{
	const int low = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	void *at = mmap((void *)4096, 4096, PROT_READ, low, -1, 0); /* NOLINT */
	if (at == MAP_FAILED)
		return errno;
	munmap(at, 4096);
	return 0;
}

void probe_low_memory(void)
{
	int end = probe_child(map_low, true);
	errno = end;
	if (end != EPERM)
		probe_wrong("mmap of the second page");
}

/* A page that is read-only is not written to through /proc/self/mem. */
void probe_proc_mem(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDWR);
	errno = 0;
	if (fd >= 0 && (pwrite(fd, "x", 1, (off_t)(uintptr_t)page) >= 0 || *page))
		probe_wrong("write a read-only page");
	if (fd >= 0)
		close(fd);
}

static int inject(void)
{
	return ioctl(STDOUT_FILENO, TIOCSTI, "x") ? errno : 0;
}

void probe_tiocsti(void)
{
	int end = probe_child(inject, true);
	errno = end;
	if (end != EIO && end != EPERM)
		probe_wrong("ioctl(TIOCSTI)");
}

/* No address of the kernel is told, not even to root. */
void probe_addresses(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[256];
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "0000000000000000 ", 17) != 0) {
			probe_wrong("/proc/kallsyms");
			break;
		}
	if (f)
		fclose(f);
}
