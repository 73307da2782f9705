#include "os/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/span.h"

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

static volatile sig_atomic_t ended_by;

static void on_end(int number)
{
	ended_by = number;
}

struct ends_before {
	sigset_t mask;
	struct sigaction action[ENDS];
};

/* What would end the process ends the question first: the terminal must not stay silent. It is heard of while
 * ppoll waits, so that none comes between a look and a wait. */
static void hold_ends(struct ends_before *before)
{
	struct sigaction action = {.sa_handler = on_end};
	sigset_t held;
	ended_by = 0;
	sigemptyset(&held);
	for (size_t i = 0; i < ENDS; i++)
		sigaddset(&held, ends[i]);
	sigprocmask(SIG_BLOCK, &held, &before->mask);
	for (size_t i = 0; i < ENDS; i++) {
		sigaction(ends[i], NULL, &before->action[i]);
		if (before->action[i].sa_handler != SIG_IGN)
			sigaction(ends[i], &action, NULL);
	}
}

static void release_ends(const struct ends_before *before)
{
	for (size_t i = 0; i < ENDS; i++)
		sigaction(ends[i], &before->action[i], NULL);
	sigprocmask(SIG_SETMASK, &before->mask, NULL);
	if (ended_by)
		raise(ended_by);
}

static bool wait_for_line(int fd, const sigset_t *mask)
{
	struct pollfd line = {.fd = fd, .events = POLLIN};
	return ppoll(&line, 1, NULL, mask) > 0;
}

static enum err ask(int fd, const sigset_t *mask, const char *question, char *answer, size_t cap)
{
	struct span rest = span_str(question);
	while (rest.len) {
		ssize_t n = write(fd, rest.p, rest.len);
		if (n <= 0)
			return ERR_SYSTEM;
		rest = span_from(rest, (size_t)n);
	}
	ssize_t n = wait_for_line(fd, mask) ? read(fd, answer, cap - 1) : 0;
	while (n > 0 && (answer[n - 1] == '\n' || answer[n - 1] == '\r'))
		n--;
	answer[n > 0 ? n : 0] = 0;
	return n > 0 ? ERR_OK : ERR_MISSING;
}

enum err terminal_ask(const char *question, char *answer, size_t cap)
{
	struct termios before;
	struct ends_before ends_before;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ERR_NOT_FOUND;
	bool known = tcgetattr(fd, &before) == 0;
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	hold_ends(&ends_before);
	if (known)
		tcsetattr(fd, TCSAFLUSH, &silent);
	enum err e = ask(fd, &ends_before.mask, question, answer, cap);
	if (known) {
		tcsetattr(fd, TCSAFLUSH, &before);
		e = write(fd, "\n", 1) == 1 ? e : ERR_SYSTEM;
	}
	close(fd);
	release_ends(&ends_before);
	return e;
}
