#include "os/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, which does not return. */
static void become(char *const *argv, int to)
{
	signal(SIGPIPE, SIG_DFL);
	if (dup2(to, STDOUT_FILENO) >= 0)
		execvp(argv[0], argv);
	_exit(127);
}

static enum err read_to_end(int fd, uint8_t *to, size_t cap, size_t *len)
{
	for (;;) {
		uint8_t more;
		ssize_t n = *len < cap ? read(fd, to + *len, cap - *len) : read(fd, &more, 1);
		if (n == 0)
			return ERR_OK;
		if (n < 0 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0 && *len == cap)
			return ERR_TOO_LONG;
		*len += n > 0 ? (size_t)n : 0;
	}
}

static enum err wait_for(pid_t pid, int *status)
{
	int how;
	while (waitpid(pid, &how, 0) < 0)
		if (errno != EINTR)
			return ERR_SYSTEM;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	return ERR_OK;
}

enum err run_read(char *const *argv, void *to, size_t cap, size_t *len, int *status)
{
	int pipe_of[2];
	*len = 0;
	if (pipe2(pipe_of, O_CLOEXEC) < 0)
		return ERR_SYSTEM;
	pid_t pid = fork();
	if (pid == 0)
		become(argv, pipe_of[1]);
	close(pipe_of[1]);
	enum err e = pid < 0 ? ERR_SYSTEM : read_to_end(pipe_of[0], to, cap, len);
	close(pipe_of[0]);
	if (pid < 0)
		return e;
	if (e)
		kill(pid, SIGTERM);
	enum err waited = wait_for(pid, status);
	return e ? e : waited;
}
