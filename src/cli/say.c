#include "cli/say.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/env.h"
#include "cli/progress.h"

#define RING 8
#define MESSAGE_BYTES 16384 /* longer than what two paths in it take */

static struct {
	bool quiet;
	enum exit_status output; /* EXIT_OUTPUT once writing has failed */
	unsigned next;
	char text[RING][260];
} g;

static void tell(const char *format, va_list args)
{
	static char text[MESSAGE_BYTES], shown[MESSAGE_BYTES];
	int n = vsnprintf(text, sizeof(text), format, args);
	fflush(stdout);
	progress_hide();
	/* a name in it, of a path too, may hold what a terminal obeys */
	text_printable_str(n < 0 ? SPAN("") : span_str(text), shown, sizeof(shown));
	fprintf(stderr, "sealtap: %s\n", shown);
}

enum exit_status say(enum exit_status status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(format, args);
	va_end(args);
	return status;
}

void say_quiet(bool quiet)
{
	g.quiet = quiet;
}

bool say_is_quiet(void)
{
	return g.quiet;
}

void say_note(const char *format, ...)
{
	va_list args;
	if (g.quiet)
		return;
	va_start(args, format);
	tell(format, args);
	va_end(args);
}

const char *say_text(struct span s)
{
	char *out = g.text[g.next++ % RING];
	text_printable_str(s, out, 256);
	if (s.len > 255)
		memcpy(out + 252, "...", 4);
	return out;
}

bool say_colours(void)
{
	const char *term = env_get("TERM");
	return isatty(STDERR_FILENO) && !env_get("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

void say_pipe_closed(int why)
{
	if (why != EPIPE)
		return;
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}

static enum exit_status output_failed(void)
{
	int why = errno;
	say_pipe_closed(why);
	g.output = EXIT_OUTPUT;
	return say(EXIT_OUTPUT, "can't write to standard output: %s", strerror(why));
}

enum exit_status say_out(struct span bytes)
{
	if (g.output)
		return g.output;
	if (bytes.len && fwrite(bytes.p, 1, bytes.len, stdout) != bytes.len)
		return output_failed();
	return EXIT_DONE;
}

enum exit_status say_out_done(void)
{
	if (g.output)
		return g.output;
	return fflush(stdout) || ferror(stdout) ? output_failed() : EXIT_DONE;
}
