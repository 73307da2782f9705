/* logged: what the code under test logs, taken from the other end of its channel. */
#ifndef SEALTAP_TESTS_LOGGED_H
#define SEALTAP_TESTS_LOGGED_H

#include <stdio.h>

#include "os/chan.h"
#include "os/log.h"

static int logged_ends[2];

/* Before the first line: who logs is `role`, static. */
static inline void logged_begin(const char *role)
{
	enum err e = chan_pair(logged_ends);
	ASSERT(!e);
	log_open(logged_ends[0], 1, role);
}

/* The next line, valid until the next call; NULL when there is none. */
static inline const char *logged_line(void)
{
	static struct chan_msg m;
	if (chan_recv(logged_ends[1], &m) || m.len != sizeof(struct log_line))
		return NULL;
	return ((const struct log_line *)(const void *)m.payload)->line;
}

/* The same as a span, "(none)" when there is none. */
static inline struct span logged_span(void)
{
	const char *line = logged_line();
	return line ? span_str(line) : SPAN("(none)");
}

/* All lines there are, joined by '\n'; valid until the next call. */
static inline const char *logged_all(void)
{
	static char all[4096];
	size_t len = 0;
	all[0] = 0;
	for (const char *line = logged_line(); line; line = logged_line()) {
		int n = snprintf(all + len, sizeof(all) - len, "%s%s", len ? "\n" : "", line);
		ASSERT(n >= 0 && (size_t)n < sizeof(all) - len);
		len += (size_t)n;
	}
	return all;
}

#endif
