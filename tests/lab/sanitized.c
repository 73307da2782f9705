/* sanitized: what programs with sanitizers need beside the product's own objects. A role's standard error is
 * /dev/null and its environment empty: so the options stand here, and what a sanitizer says is appended to
 * SANITIZED_REPORTS; then the process dies, which init says, too.
 *
 * The sanitizers are shared libraries that read /proc and map what they want: a role keeps the host's view of
 * the file system, and makes what calls it likes. All else is as in the product. Nothing but tests is linked
 * with this.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"

struct sandbox;

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
enum err __wrap_view_enter(const char *const *keeps);
enum err __wrap_sandbox_enter(const struct sandbox *s, void (*denied)(int number), int *landlock);
int __real_setrlimit(int what, const struct rlimit *limit);
int __wrap_setrlimit(int what, const struct rlimit *limit);

/* Leaks: nothing is allocated after the start, and nothing freed. */
const char *__asan_default_options(void)
{
	return "abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=1:allocator_may_return_null=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

__attribute__((constructor)) static void report_to_file(void)
{
	struct stat s;
	if (fstat(2, &s) || !S_ISCHR(s.st_mode) || s.st_rdev != makedev(1, 3))
		return; /* init's goes where the lab reads it */
	int fd = open(SANITIZED_REPORTS, O_WRONLY | O_APPEND | O_CLOEXEC); /* tests/lab/host.py has made it */
	if (fd >= 0) {                                                     /* else its death alone tells */
		(void)dup2(fd, 2);
		close(fd);
	}
}

enum err __wrap_view_enter(const char *const *keeps)
{
	(void)keeps;
	return ERR_OK;
}

enum err __wrap_sandbox_enter(const struct sandbox *s, void (*denied)(int number), int *landlock)
{
	(void)s;
	(void)denied;
	*landlock = 0;
	return ERR_OK;
}

/* A role's files may not grow: the report's may. */
int __wrap_setrlimit(int what, const struct rlimit *limit)
{
	return what == RLIMIT_FSIZE ? 0 : __real_setrlimit(what, limit);
}
