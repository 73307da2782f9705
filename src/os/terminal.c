#include "os/terminal.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/span.h"

static enum err ask(int fd, const char *question, char *answer, size_t cap)
{
	struct span rest = span_str(question);
	while (rest.len) {
		ssize_t n = write(fd, rest.p, rest.len);
		if (n <= 0)
			return ERR_SYSTEM;
		rest = span_from(rest, (size_t)n);
	}
	ssize_t n = read(fd, answer, cap - 1);
	while (n > 0 && (answer[n - 1] == '\n' || answer[n - 1] == '\r'))
		n--;
	answer[n > 0 ? n : 0] = 0;
	return n > 0 ? ERR_OK : ERR_MISSING;
}

enum err terminal_ask(const char *question, char *answer, size_t cap)
{
	struct termios before;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ERR_NOT_FOUND;
	bool known = tcgetattr(fd, &before) == 0;
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (known)
		tcsetattr(fd, TCSAFLUSH, &silent);
	enum err e = ask(fd, question, answer, cap);
	if (known) {
		tcsetattr(fd, TCSAFLUSH, &before);
		e = write(fd, "\n", 1) == 1 ? e : ERR_SYSTEM;
	}
	close(fd);
	return e;
}
