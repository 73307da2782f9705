#include "cli/outfile.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"

static struct {
	const char *path;
	FILE *file;
	int failed; /* errno of the first failure */
	char part[PATH_MAX];
} g;

/* Of what ends the process in the middle nothing stays. */
static void on_end(int number)
{
	unlink(g.part);
	raise(number); /* SA_RESETHAND: it ends the process, once this is left */
}

static void watch_ends(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND}, before;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &before) && before.sa_handler == SIG_DFL)
			sigaction(ends[i], &action, NULL);
}

enum exit_status outfile_begin(const char *path)
{
	g.path = path;
	g.failed = 0;
	if (snprintf(g.part, sizeof(g.part), "%s.part", path) >= (int)sizeof(g.part))
		return say(EXIT_OUTPUT, "%s: its name is too long", say_text(span_str(path)));
	g.file = fopen(g.part, "wb");
	if (!g.file)
		return say(EXIT_OUTPUT, "can't write %s: %s", say_text(span_str(g.part)), strerror(errno));
	watch_ends();
	return EXIT_DONE;
}

void outfile_put(struct span bytes)
{
	if (!g.failed && bytes.len && fwrite(bytes.p, 1, bytes.len, g.file) != bytes.len)
		g.failed = errno ? errno : EIO;
}

enum exit_status outfile_end(bool keep)
{
	if (fclose(g.file) && !g.failed)
		g.failed = errno ? errno : EIO;
	if (keep && !g.failed && rename(g.part, g.path))
		g.failed = errno;
	if (keep && !g.failed)
		return EXIT_DONE;
	remove(g.part);
	return g.failed ? say(EXIT_OUTPUT, "can't write %s: %s", say_text(span_str(g.path)),
			      strerror(g.failed))
			: EXIT_DONE;
}
