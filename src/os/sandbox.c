/* The filter: the architecture, else death; the number, of x32's range: death; then for each number of the
 * list `number? no: on to the next one`, its rows, and a trap; at the end a trap. A row: for each half of an
 * argument that is looked at `load, mask, equal? no: on to the next row`; allowed. */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define X32_BIT 0x40000000u

/* ---- the filter */

struct filter {
	struct sock_filter *step;
	uint16_t count;
};

static void put(struct filter *f, uint16_t code, uint32_t k, size_t yes, size_t no)
{
	ASSERT(f->count < SANDBOX_STEPS && yes <= UINT8_MAX && no <= UINT8_MAX);
	f->step[f->count++] = (struct sock_filter){code, (uint8_t)yes, (uint8_t)no, k};
}

static void put_end(struct filter *f, uint32_t action)
{
	put(f, BPF_RET | BPF_K, action, 0, 0);
}

static void load(struct filter *f, size_t offset)
{
	put(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Steps for one half of an argument. */
static size_t half_len(uint32_t mask)
{
	return mask == 0 ? 0 : mask == UINT32_MAX ? 2 : 3;
}

static size_t row_len(const struct sandbox_call *c)
{
	size_t n = 1;
	for (size_t i = 0; i < SANDBOX_ARGS; i++)
		n += half_len((uint32_t)c->arg[i].mask) + half_len((uint32_t)(c->arg[i].mask >> 32));
	return n;
}

/* end: the step behind the row. */
static void put_half(struct filter *f, size_t offset, uint32_t mask, uint32_t value, size_t end)
{
	if (mask == 0)
		return;
	load(f, offset);
	if (mask != UINT32_MAX)
		put(f, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, value, 0, end - f->count - 1);
}

static void put_row(struct filter *f, const struct sandbox_call *c)
{
	size_t end = f->count + row_len(c);
	for (size_t i = 0; i < SANDBOX_ARGS; i++) {
		const struct sandbox_arg *a = &c->arg[i];
		size_t low = offsetof(struct seccomp_data, args) + a->index * sizeof(uint64_t);
		put_half(f, low, (uint32_t)a->mask, (uint32_t)a->value, end);
		put_half(f, low + sizeof(uint32_t), (uint32_t)(a->mask >> 32), (uint32_t)(a->value >> 32),
			 end);
	}
	put_end(f, SECCOMP_RET_ALLOW);
	ASSERT(f->count == end);
}

/* The next of its rows for that number, from there on. */
static size_t find(const struct sandbox *s, uint32_t number, size_t from)
{
	while (from < s->count && !(s->calls[from].who & s->who && s->calls[from].number == number))
		from++;
	return from;
}

static void put_number(struct filter *f, const struct sandbox *s, uint32_t number)
{
	size_t len = 1;
	for (size_t i = find(s, number, 0); i < s->count; i = find(s, number, i + 1))
		len += row_len(&s->calls[i]);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, number, 0, len);
	for (size_t i = find(s, number, 0); i < s->count; i = find(s, number, i + 1))
		put_row(f, &s->calls[i]);
	put_end(f, SECCOMP_RET_TRAP); /* with other arguments */
}

void sandbox_filter(const struct sandbox *s, struct sock_filter steps[SANDBOX_STEPS], uint16_t *count)
{
	struct filter f = {.step = steps};
	load(&f, offsetof(struct seccomp_data, arch));
	put(&f, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	put_end(&f, SECCOMP_RET_KILL_PROCESS);
	load(&f, offsetof(struct seccomp_data, nr));
	put(&f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	put_end(&f, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < s->count; i++)
		if (find(s, s->calls[i].number, 0) == i)
			put_number(&f, s, s->calls[i].number);
	put_end(&f, SECCOMP_RET_TRAP);
	*count = f.count;
}

/* ---- a call that is denied */

static void (*tell)(int number);

static void trapped(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	tell(info->si_syscall);
	syscall(X32_BIT); /* which the filter answers with death */
	trap();
}

static bool catch_denied(void (*denied)(int number))
{
	struct sigaction a = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
	tell = denied;
	return sigaction(SIGSYS, &a, NULL) == 0;
}

/* ---- Landlock; rights by the version that brought them, newer ones than some headers know */

#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)
#define NET_BIND_TCP 1u
#define NET_CONNECT_TCP 2u
#define SCOPE_ABSTRACT_UNIX_SOCKET 1u
#define SCOPE_SIGNAL 2u

static const struct {
	int version;
	uint64_t fs, net, scope;
} rights[] = {
	{.version = 1, .fs = FS_REFER - 1}, /* to execute, read, write, list, remove, make what kind ever */
	{.version = 2, .fs = FS_REFER},
	{.version = 3, .fs = FS_TRUNCATE},
	{.version = 4, .net = NET_BIND_TCP | NET_CONNECT_TCP},
	{.version = 5, .fs = FS_IOCTL_DEV},
	{.version = 6, .scope = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL},
};

static enum err allow_folder(int rules, const char *folder)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_NOT_FOUND;
	const struct landlock_path_beneath_attr a = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE,
		.parent_fd = fd,
	};
	bool ok = fchdir(fd) == 0 &&
		  syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) == 0;
	close(fd);
	return ok ? ERR_OK : ERR_SYSTEM;
}

static enum err lock_files(const struct sandbox *s, int *version)
{
	struct {
		uint64_t fs, net, scope; /* landlock_ruleset_attr of version 6 */
	} handled = {0};
	long known = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	*version = known > 0 ? (int)known : 0;
	if (known <= 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? ERR_OK : ERR_SYSTEM;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]) && rights[i].version <= known; i++) {
		handled.fs |= rights[i].fs;
		handled.net |= rights[i].net;
		handled.scope |= rights[i].scope;
	}
	if (s->connects)
		handled.net &= ~(uint64_t)NET_CONNECT_TCP;
	int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (rules < 0)
		return ERR_SYSTEM;
	enum err e = s->folder ? allow_folder(rules, s->folder) : ERR_OK;
	if (!e && syscall(SYS_landlock_restrict_self, rules, 0))
		e = ERR_SYSTEM;
	close(rules);
	return e;
}

enum err sandbox_enter(const struct sandbox *s, void (*denied)(int number), int *landlock)
{
	static struct sock_filter steps[SANDBOX_STEPS];
	struct sock_fprog program = {.filter = steps};
	sandbox_filter(s, steps, &program.len);
	/* without it neither may be done */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || !catch_denied(denied))
		return ERR_SYSTEM;
	TRY(lock_files(s, landlock));
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? ERR_SYSTEM : ERR_OK;
}
