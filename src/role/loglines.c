#include "role/loglines.h"

#include <poll.h>
#include <string.h>

#include "role/console.h"

static struct chan_msg received;

static void to_keys(struct loglines *l, const struct log_line *line)
{
	struct roster_child *keys = roster_find(l->roster, ROLE_KEYS);
	if (keys->chan < 0 && l->waiting_count < LOGLINES_WAITING) {
		l->waiting[l->waiting_count++] = *line;
	} else if (keys->chan < 0 || msg_send(keys->chan, MSG_LOG, line)) {
		l->lost++;
	} else if (l->lost) {
		uint64_t lost = l->lost;
		l->lost = 0;
		log_begin(LOG_WARN, "log-lines-lost");
		log_u64("lines", lost);
		log_end();
	}
}

void loglines_flush(struct loglines *l)
{
	uint32_t count = l->waiting_count;
	l->waiting_count = 0;
	for (uint32_t i = 0; i < count; i++)
		to_keys(l, &l->waiting[i]);
}

void loglines_take(struct loglines *l, enum role_id speaker, const struct chan_msg *m)
{
	struct log_line line;
	memcpy(&line, m->payload, sizeof(line));
	line.line[sizeof(line.line) - 1] = 0;
	/* `<level> <role> ...` */
	struct span rest = span_str(line.line);
	span_cut(&rest, ' ');
	if (!span_eq(span_cut(&rest, ' '), span_str(role_name(speaker))))
		return;
	if (l->verbose || strncmp(line.line, "info", 4) != 0)
		console_line(line.line);
	to_keys(l, &line);
}

static void own_readable(void *arg, short revents)
{
	struct loglines *l = arg;
	(void)revents;
	while (msg_recv(l->own.fd, ROLE_INIT, ROLE_INIT, &received) == ERR_OK)
		loglines_take(l, ROLE_INIT, &received);
}

enum err loglines_open(struct loglines *l, struct loop *loop)
{
	int ends[2];
	TRY(chan_pair(ends));
	log_open(ends[1], MSG_LOG_LINE, role_name(ROLE_INIT));
	l->own = (struct loop_watch){.fd = ends[0], .events = POLLIN, .fn = own_readable, .arg = l};
	loop_watch(loop, &l->own);
	return ERR_OK;
}
