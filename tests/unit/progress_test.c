#include "cli/progress.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include "check.h"
#include "cli/say.h"
#include "os/clock.h"

static uint64_t now_ns = 1000000000;
static char seen[4096];
static const char *term = "xterm";

/* In front of cli/env's. */
const char *env_get(const char *name)
{
	return strcmp(name, "TERM") ? NULL : term;
}

/* In front of os/clock's: time is the test's. */
uint64_t clock_mono_ns(void)
{
	return now_ns;
}

uint64_t clock_real_ns(void)
{
	return now_ns;
}

/* Standard error is a terminal, or no terminal, while fn runs; what was written there is in seen. */
static void watch(bool terminal, void (*fn)(void))
{
	int ends[2], before = dup(STDERR_FILENO);
	CHECK(terminal ? !openpty(&ends[0], &ends[1], NULL, NULL, NULL) : !pipe(ends));
	dup2(ends[1], STDERR_FILENO);
	fn();
	progress_end();
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	size_t len = 0;
	for (ssize_t n; (n = read(ends[0], seen + len, sizeof(seen) - 1 - len)) > 0;)
		len += (size_t)n;
	seen[len] = '\0';
	close(before);
	close(ends[0]);
	close(ends[1]);
}

static void half_of_it(void)
{
	progress_begin("opening", 200000000);
	progress_add(1);
	now_ns += 2000000000;
	progress_add(100000000);
}

static void of_known_size(void)
{
	watch(true, half_of_it);
	CHECK(strstr(seen, "opening [##########          ] 100 MB of 200 MB, 50 MB/s, 0:02 left"));
	CHECK(strstr(seen, "\r\033[K\033[?7lopening ") &&
	      strstr(seen, "0:02 left\033[?7h")); /* no wrapping */
	CHECK(strlen(seen) > 4 && !strcmp(seen + strlen(seen) - 4, "\r\033[K"));
}

static void no_size(void)
{
	progress_begin("following", 0);
	progress_add(1500);
	now_ns += 1000000000;
	progress_add(70000);
}

static void of_unknown_size(void)
{
	watch(true, no_size);
	CHECK(strstr(seen, "following 1.5 kB"));
	CHECK(strstr(seen, "following 72 kB, 72 kB/s"));
	CHECK(!strstr(seen, "left") && !strchr(seen, '#'));
}

static void many_small(void)
{
	progress_begin("opening", 100000000);
	for (int i = 0; i < 100000; i++)
		progress_add(1000); /* no time passes */
}

static void seldom(void)
{
	watch(true, many_small);
	unsigned lines = 0;
	for (const char *p = seen; (p = strstr(p, "opening")); p++)
		lines++;
	CHECK(lines == 1);
}

static void nowhere(void)
{
	watch(false, half_of_it);
	CHECK(!*seen);
	say_quiet(true);
	watch(true, half_of_it);
	CHECK(!*seen);
	say_quiet(false);
	term = "dumb";
	watch(true, half_of_it);
	CHECK(!*seen);
	term = "xterm";
}

static void with_a_remark(void)
{
	progress_begin("opening", 1000);
	progress_add(500);
	say_note("something");
	progress_add(100);
}

static void remarks(void)
{
	watch(true, with_a_remark);
	CHECK(strstr(seen, "\r\033[Ksealtap: something\r\n"));
	char *after = strstr(seen, "something");
	CHECK(after && strstr(after, "opening ["));
}

int main(void)
{
	RUN(of_known_size,
	    "a line tells how much of how much, the rate and the time left, and goes away at the end");
	RUN(of_unknown_size, "where the size is not known it tells how much and the rate");
	RUN(seldom, "many small steps make one line");
	RUN(nowhere, "where standard error is no terminal, or a dumb one, or with --quiet, there is none");
	RUN(remarks, "a remark takes the line away, and it comes back after");
	return check_done();
}
