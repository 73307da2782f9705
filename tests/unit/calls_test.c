#include "check.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pcapfilter.h"
#include "role/calls.h"

/* The product's own lists, by what their filters say of calls: an interpreter of the few instructions that
 * they have stands in for the kernel, which would make the calls. That it does so by them: sandbox_test. */

enum { NET, KEYS, UPLOAD, SPOOL, STATUS, FLOWS, CAPTURE, ROLES };

static const struct sandbox *const roles[ROLES] = {
	[NET] = &calls_net,       [KEYS] = &calls_keys,   [UPLOAD] = &calls_upload,   [SPOOL] = &calls_spool,
	[STATUS] = &calls_status, [FLOWS] = &calls_flows, [CAPTURE] = &calls_capture,
};

static struct {
	struct sock_filter step[SANDBOX_STEPS];
	uint16_t count;
} filter[ROLES];

static uint32_t action(int role, const struct seccomp_data *d)
{
	uint32_t a = 0;
	for (uint16_t at = 0; at < filter[role].count; at++) {
		const struct sock_filter *s = &filter[role].step[at];
		switch (s->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const uint8_t *)d + s->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= s->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at = (uint16_t)(at + (a == s->k ? s->jt : s->jf));
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at = (uint16_t)(at + (a >= s->k ? s->jt : s->jf));
			break;
		case BPF_RET | BPF_K:
			return s->k;
		default:
			CHECK(!"an instruction that sandbox_filter has");
			return 0;
		}
	}
	CHECK(!"the filter ends");
	return 0;
}

/* With up to six arguments. */
static bool may(int role, int number, const uint64_t args[6])
{
	struct seccomp_data d = {.nr = number, .arch = AUDIT_ARCH_X86_64};
	memcpy(d.args, args, sizeof(d.args));
	return action(role, &d) == SECCOMP_RET_ALLOW;
}

#define MAY(role, name, ...) may(role, SYS_##name, (const uint64_t[6]){__VA_ARGS__})

#define NUMBERS(...)        \
	{                   \
		__VA_ARGS__ \
	}

/* programs, processes, threads, what they share */
static const int processes[] =
	NUMBERS(SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_ptrace,
		SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp, SYS_pidfd_open,
		SYS_pidfd_getfd, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_setns, SYS_unshare,
		SYS_shmat, SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open);

/* rights */
static const int rights[] = NUMBERS(SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setresuid, SYS_setgroups,
				    SYS_capset, SYS_prctl, SYS_arch_prctl, SYS_seccomp, SYS_personality,
				    SYS_setrlimit, SYS_prlimit64, SYS_keyctl, SYS_add_key, SYS_request_key);

/* files and mounts; net's settings are another test's */
static const int files[] =
	NUMBERS(SYS_openat, SYS_openat2, SYS_creat, SYS_mknod, SYS_link, SYS_symlink, SYS_rename, SYS_unlink,
		SYS_mkdir, SYS_chmod, SYS_fchmod, SYS_chown, SYS_truncate, SYS_ftruncate, SYS_mount,
		SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_chdir, SYS_fchdir, SYS_name_to_handle_at,
		SYS_open_by_handle_at, SYS_getdents64, SYS_dup, SYS_dup2, SYS_dup3, SYS_fanotify_init,
		SYS_inotify_init1, SYS_memfd_create, SYS_memfd_secret, SYS_execveat, SYS_splice, SYS_vmsplice,
		SYS_tee, SYS_sendfile, SYS_copy_file_range);

/* memory that could become executable, or be looked at from elsewhere */
static const int memory[] = NUMBERS(SYS_mprotect, SYS_pkey_mprotect, SYS_mremap, SYS_remap_file_pages,
				    SYS_madvise, SYS_userfaultfd);

/* the kernel's larger surfaces */
static const int surfaces[] =
	NUMBERS(SYS_bpf, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_perf_event_open,
		SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load,
		SYS_reboot, SYS_swapon, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_syslog, SYS_acct,
		SYS_quotactl, SYS_vhangup, SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_futex,
		SYS_io_setup, SYS_timer_create, SYS_socketpair, SYS_listen, SYS_accept, SYS_rt_sigaction,
		SYS_rt_sigreturn, SYS_sigaltstack, SYS_mlock, SYS_munlockall, SYS_lookup_dcookie, SYS_uselib);

static void nobody_makes_any_of(const int *numbers, size_t count)
{
	static const uint64_t patterns[][6] = {{0},
					       {1, 1, 1, 1, 1, 1},
					       {3, 0, 3, 1, 0, 0},
					       {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	for (int role = 0; role < ROLES; role++)
		for (size_t i = 0; i < count; i++)
			for (size_t k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++)
				CHECK(!may(role, numbers[i], patterns[k]));
}

#define NOBODY(numbers) nobody_makes_any_of(numbers, sizeof(numbers) / sizeof((numbers)[0]))

static void nobody_starts_a_program_or_looks_into_another_process(void)
{
	NOBODY(processes);
	NOBODY(rights);
	NOBODY(files);
	NOBODY(memory);
	NOBODY(surfaces);
}

static void what_a_list_does_not_name_traps(void)
{
	struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};
	for (int role = 0; role < ROLES; role++) {
		int allowed = 0;
		for (d.nr = 0; d.nr < 1000; d.nr++) {
			uint32_t a = action(role, &d);
			CHECK(a == SECCOMP_RET_TRAP || a == SECCOMP_RET_ALLOW);
			allowed += a == SECCOMP_RET_ALLOW;
		}
		CHECK(allowed < 20); /* with arguments of nothing but zeros */
		d.nr = 0x40000000 + SYS_close;
		CHECK(action(role, &d) == SECCOMP_RET_KILL_PROCESS);
		d = (struct seccomp_data){.arch = AUDIT_ARCH_I386, .nr = SYS_close};
		CHECK(action(role, &d) == SECCOMP_RET_KILL_PROCESS);
		d.arch = AUDIT_ARCH_X86_64;
	}
}

/* Who may have a socket of that kind. */
static bool expected(int role, uint64_t family, uint64_t type, uint64_t protocol)
{
	bool internet = (family == AF_INET || family == AF_INET6) && protocol == 0;
	if (internet && type == SOCK_STREAM)
		return role == NET || role == KEYS || role == UPLOAD;
	if (internet && type == SOCK_DGRAM)
		return role == NET;
	return role == NET && family == AF_NETLINK && type == SOCK_RAW &&
	       (protocol == NETLINK_ROUTE || protocol == NETLINK_NETFILTER);
}

static void sockets_are_of_the_families_that_a_role_needs(void)
{
	for (int role = 0; role < ROLES; role++)
		for (uint64_t family = 0; family < 50; family++)
			for (uint64_t type = 0; type < 12; type++)
				for (uint64_t protocol = 0; protocol < 256; protocol++) {
					bool want = expected(role, family, type, protocol);
					CHECK(MAY(role, socket, family, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
						  protocol) == want);
				}
	CHECK(!MAY(KEYS, socket, AF_INET, SOCK_STREAM | 1 << 20));
	CHECK(!MAY(KEYS, socket, 1ull << 32 | AF_INET, SOCK_STREAM));
}

static void nobody_sends_to_an_address_but_netlinks_and_a_broadcasts(void)
{
	const uint64_t address = 0x7ffc00001000;
	for (int role = 0; role < ROLES; role++)
		for (uint64_t len = 0; len < 200; len++)
			for (uint64_t flags = 0; flags < 0x10000; flags = flags ? flags << 1 : 1) {
				bool netlink = flags == 0 && len == 12 && (role == NET || role == FLOWS);
				bool broadcast = flags == MSG_DONTWAIT && len == 20 && role == NET;
				CHECK(MAY(role, sendto, 5, address, 64, flags, address, len) ==
				      (netlink || broadcast));
				CHECK(MAY(role, bind, 5, address, len) == (role == NET && len == 12));
			}
}

static void no_memory_is_executable(void)
{
	const uint64_t page = 4096;
	for (int role = 0; role < ROLES; role++)
		for (uint64_t prot = 0; prot < 64; prot++)
			for (uint64_t flags = 0; flags < 0x400000; flags = flags ? flags << 1 : 1)
				for (uint64_t kind = 0; kind < 4; kind++)
					CHECK(!(prot & PROT_EXEC) ||
					      !MAY(role, mmap, 0, page, prot, flags | kind, 5, 0));
	CHECK(!MAY(NET, mmap, 0, page, PROT_READ, MAP_SHARED, 5, 0));
	CHECK(!MAY(UPLOAD, mmap, 0, page, PROT_READ | PROT_WRITE, MAP_SHARED, 5, 0));
	CHECK(MAY(UPLOAD, mmap, 0, page, PROT_READ, MAP_SHARED, 5, 0));
	CHECK(MAY(CAPTURE, mmap, 0, page, PROT_READ | PROT_WRITE, MAP_SHARED, 5, 0));
	CHECK(!MAY(FLOWS, mmap, 0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0));
	CHECK(!MAY(KEYS, mmap, page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   UINT64_MAX, 0));
}

static void a_device_is_asked_for_what_the_role_needs_alone(void)
{
	for (int role = 0; role < ROLES; role++)
		for (uint64_t request = 0; request < 0x10000; request++) {
			bool want = (request == SIOCETHTOOL && role == NET) ||
				    (request == SIOCOUTQ && (role == KEYS || role == UPLOAD));
			CHECK(MAY(role, ioctl, 5, request) == want);
		}
	CHECK(!MAY(NET, ioctl, 5, 1ull << 32 | SIOCETHTOOL));
	CHECK(!MAY(SPOOL, ioctl, 5, 0x1277)); /* BLKDISCARD */
}

static void net_alone_opens_files_and_makes_none(void)
{
	const uint64_t path = 0x7ffc00001000;
	for (int role = 0; role < ROLES; role++)
		for (uint64_t flags = 0; flags < 0x800000; flags += flags < 4096 ? 1 : 4096) {
			bool want = role == NET && !(flags & ~(uint64_t)(O_WRONLY | O_CLOEXEC | O_LARGEFILE));
			CHECK(MAY(role, open, path, flags) == want);
		}
	for (int role = 0; role < ROLES; role++)
		CHECK(!roles[role]->folder == (role != NET));
	CHECK(strcmp(calls_net.folder, "/proc/sys/net") == 0);
	CHECK(!MAY(KEYS, read, 5) && !MAY(UPLOAD, write, 5) && !MAY(CAPTURE, pread64, 5));
	CHECK(!MAY(NET, fcntl, 5, F_DUPFD, 3) && !MAY(NET, fcntl, 5, F_SETFL, 0));
}

#ifndef __SANITIZE_ADDRESS__ /* whose allocator makes calls of its own */
/* Parsing and compiling a rule allocates; none looks into a file or asks for a name. */
static const char *const rules[] = {
	"tcp port 443",
	"host 198.18.0.1 and not udp",
	"ip6 net 2001:db8::/32 or vlan 5",
	"ether host 02:00:00:00:00:01",
	"host www.example.org",
	"ether host gateway",
	"net backbone",
	"tcp port http",
	"ip proto bogus",
	"proto \\tcp",
	"portrange 1-65535",
	"host",
	"tcp[(tcp[12] >> 2):4] = 0x47455420",
	"((((((((ip",
	"wlan type mgt subtype beacon",
	"decnet host 10.15",
	"pppoes 7 and mpls 9 and geneve",
	"inbound and ifindex 3",
	"gateway snup",
	"$",
};

static void denied(int number)
{
	_exit(number & 0x7f);
}

static int compile_all(void)
{
	static char longest[PCAPFILTER_TEXT_MAX + 1];
	static struct pcapfilter out;
	char why[200];
	size_t len = 0;
	for (unsigned n = 1; len + 40 < sizeof(longest); n++)
		len += (size_t)snprintf(longest + len, sizeof(longest) - len, "%shost 10.%u.%u.1",
					len ? " or " : "", n >> 8, n & 0xff);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
			(void)!pcapfilter_compile(rules[i], &out, why, sizeof(why));
		(void)!pcapfilter_compile(longest, &out, why, sizeof(why));
	}
	return 0;
}

static void rules_compile_by_the_calls_that_keys_and_capture_may_make(void)
{
	const int compilers[] = {KEYS, CAPTURE};
	for (size_t i = 0; i < 2; i++) {
		int status, landlock;
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0)
			_exit(sandbox_enter(roles[compilers[i]], denied, &landlock) ? 99 : compile_all());
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}
#endif

int main(void)
{
	for (int role = 0; role < ROLES; role++)
		sandbox_filter(roles[role], filter[role].step, &filter[role].count);
	RUN(nobody_starts_a_program_or_looks_into_another_process,
	    "no role starts a program, traces one, gains rights, mounts, or reaches bpf and the like");
	RUN(what_a_list_does_not_name_traps,
	    "what a role's list does not name traps; another architecture kills");
	RUN(sockets_are_of_the_families_that_a_role_needs,
	    "net, keys and upload have sockets of the families that they need; the others none");
	RUN(nobody_sends_to_an_address_but_netlinks_and_a_broadcasts,
	    "nobody sends to an address, or binds one, but netlink's; net to a link's broadcast, too");
	RUN(no_memory_is_executable, "no role has executable memory; upload writes to none that others see");
	RUN(a_device_is_asked_for_what_the_role_needs_alone,
	    "ioctl is ethtool's for net, the count of bytes that wait for TCP, and nothing else");
	RUN(net_alone_opens_files_and_makes_none,
	    "net alone may open files, the kernel's network settings, and makes none");
#ifndef __SANITIZE_ADDRESS__
	RUN(rules_compile_by_the_calls_that_keys_and_capture_may_make,
	    "rules of all kinds compile by the calls that keys and capture may make");
#endif
	return check_done();
}
