#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/spawn.h"
#include "os/view.h"

#define KEPT "/proc/sys/net"

static bool holds(const char *folder, const char *only)
{
	DIR *d = opendir(folder);
	bool found = false, more = false;
	for (const struct dirent *e; d && (e = readdir(d));) {
		bool is = only && strcmp(e->d_name, only) == 0;
		found |= is;
		more |= !is && e->d_name[0] != '.';
	}
	if (d)
		closedir(d);
	return d && found == !!only && !more;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* What a process sees from within, as the number of the first of these that is not so; 0: all. */
static int nothing_kept(void)
{
	static const char *const gone[] = {"/proc/self", "/dev/null", "/etc/passwd", "/proc/sys/kernel",
					   KEPT};
	if (view_enter(NULL))
		return 1;
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (is_there(gone[i]) || errno != ENOENT)
			return 2;
	if (!holds("/", NULL) || !holds("..", NULL))
		return 3;
	return mkdir("/x", 0700) && errno == EROFS ? 0 : 4;
}

static int one_kept(void)
{
	if (view_enter((const char *const[]){KEPT, NULL}))
		return 1;
	if (!holds("/", "proc") || !holds("/proc", "sys") || !holds("/proc/sys", "net"))
		return 2;
	int fd = open(KEPT "/core/somaxconn", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 3;
	close(fd);
	return is_there(KEPT "/../kernel") ? 4 : 0;
}

static int none_there(void)
{
	return view_enter((const char *const[]){"/not/there", NULL}) ? 0 : 1;
}

static int code_of(int (*look)(void))
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(look());
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
										     : -1;
}

static void a_view_is_empty_and_can_not_be_written(void)
{
	CHECK(code_of(nothing_kept) == 0);
	CHECK(is_there("/proc/self") && is_there("/dev/null")); /* nobody else's matter */
}

static void a_view_has_what_is_kept_and_nothing_beside_it(void)
{
	CHECK(code_of(one_kept) == 0);
	CHECK(code_of(none_there) == 0);
}

static const char *why(const struct spawn_spec *spec)
{
	int ends[2], status;
	pid_t child;
	int exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (exe < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
	    spawn_role("none", spec, exe, ends[1], &child) || waitpid(child, &status, 0) != child)
		return "could not be tried";
	close(ends[0]);
	close(exe);
	const char *failed = WIFEXITED(status) ? spawn_failed(WEXITSTATUS(status)) : NULL;
	return failed ? failed : "it became a role";
}

static void a_child_that_can_not_give_all_up_becomes_no_role_and_says_why(void)
{
	const struct spawn_spec root = {.uid = 0},
				lost = {.uid = 101, .keeps = (const char *const[]){"/not/there", NULL}};
	CHECK(strcmp(why(&root), "its user could not be changed") == 0);
	CHECK(strcmp(why(&lost), "no view of the file system") == 0);
	CHECK(!spawn_failed(0) && !spawn_failed(1) && !spawn_failed(127));
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skip views of the file system: it takes root\n");
		return 0;
	}
	RUN(a_view_is_empty_and_can_not_be_written,
	    "a view is empty and can't be written, and is nobody else's");
	RUN(a_view_has_what_is_kept_and_nothing_beside_it, "a view has what is kept and nothing beside it");
	RUN(a_child_that_can_not_give_all_up_becomes_no_role_and_says_why,
	    "a child that can't give all up becomes no role, and says why");
	return check_done();
}
