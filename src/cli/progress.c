#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/env.h"
#include "cli/say.h"
#include "os/clock.h"

#define PAUSE_NS (100 * NS_PER_MS) /* between two lines */
#define LOOK_BYTES 65536u          /* so much passes before the clock is asked again */
#define RATE_NS (NS_PER_S / 2)     /* no rate is told of less */
#define BAR 20

static struct {
	const char *what; /* NULL: nothing is under way, or nobody looks */
	uint64_t total, done, looked, began_ns, shown_ns;
	bool shown; /* the line stands on the terminal */
} g;

/* "1.5 GB"; powers of ten, as S3's console and AWS's bills count. */
static const char *amount(uint64_t bytes, char out[16])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	double v = (double)bytes;
	unsigned u = 0;
	for (; v >= 999.5 && u < 5; u++)
		v /= 1000;
	snprintf(out, 16, v < 10 && u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return out;
}

static void time_left(double seconds, char out[32])
{
	uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;
	if (s < 3600)
		snprintf(out, 32, ", %u:%02u left", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(out, 32, ", %u h %02u min left", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
}

/* "[#####     ] 1.5 GB of 3 GB", or without a known end "1.5 GB". */
static void so_far(char out[80])
{
	char done[16], total[16];
	amount(g.done, done);
	if (!g.total) {
		snprintf(out, 80, "%s", done);
		return;
	}
	uint64_t at = g.done < g.total ? g.done : g.total;
	int full = (int)((double)at / (double)g.total * BAR);
	snprintf(out, 80, "[%.*s%*s] %s of %s", full, "####################", BAR - full, "", done,
		 amount(g.total, total));
}

/* In one write: the terminal shows no half of it. What is wider than the terminal is cut there, not wrapped:
 * a second line would stay. */
#define LINE_BEGIN "\r\033[K\033[?7l"
#define LINE_END "\033[?7h"

static void show(uint64_t now_ns)
{
	char far[80], rate[16], left[32] = "", line[256];
	double seconds = (double)(now_ns - g.began_ns) / (double)NS_PER_S;
	double per_s = (double)g.done / (seconds > 0 ? seconds : 1);
	bool rated = now_ns - g.began_ns >= RATE_NS;
	so_far(far);
	if (rated && g.total > g.done && per_s > 0)
		time_left((double)(g.total - g.done) / per_s, left);
	if (rated)
		snprintf(line, sizeof(line), LINE_BEGIN "%s %s, %s/s%s" LINE_END, g.what, far,
			 amount((uint64_t)per_s, rate), left);
	else
		snprintf(line, sizeof(line), LINE_BEGIN "%s %s" LINE_END, g.what, far);
	fputs(line, stderr);
	g.shown = true;
	g.shown_ns = now_ns;
}

void progress_begin(const char *what, uint64_t total_bytes)
{
	progress_end();
	const char *term = env_get("TERM");
	if (!isatty(STDERR_FILENO) || say_is_quiet() || (term && !strcmp(term, "dumb")))
		return;
	g.what = what;
	g.total = total_bytes;
	g.done = g.looked = 0;
	g.began_ns = clock_mono_ns();
	g.shown_ns = 0;
}

void progress_add(uint64_t bytes)
{
	g.done += bytes;
	if (!g.what || (g.done - g.looked < LOOK_BYTES && g.shown))
		return;
	g.looked = g.done;
	uint64_t now_ns = clock_mono_ns();
	if (now_ns - g.shown_ns >= PAUSE_NS)
		show(now_ns);
}

void progress_hide(void)
{
	if (!g.shown)
		return;
	fputs("\r\033[K", stderr);
	g.shown = false;
	g.shown_ns = 0;
}

void progress_end(void)
{
	progress_hide();
	g.what = NULL;
}
