#include "role/init/loglines.h"

#include <poll.h>
#include <string.h>

#include "role/init/console.h"

static struct chan_msg received;

static void flush(struct loglines *l)
{
	struct roster_child *keys = roster_find(l->roster, ROLE_KEYS);
	while (l->sent < l->last && keys->chan >= 0 &&
	       !msg_send(keys->chan, MSG_LOG, &l->line[(l->sent + 1) % LOGLINES_MAX]))
		l->sent++;
}

void loglines_committed(struct loglines *l, uint64_t number)
{
	if (number > l->committed && number <= l->sent)
		l->committed = number;
	flush(l);
}

void loglines_again(struct loglines *l)
{
	l->sent = l->committed;
	flush(l);
}

static void to_keys(struct loglines *l, const struct log_line *line)
{
	if (l->last - l->committed == LOGLINES_MAX) {
		l->lost++;
		return;
	}
	struct msg_log *m = &l->line[++l->last % LOGLINES_MAX];
	m->number = l->last;
	m->line = *line;
	flush(l);
	if (l->lost == 0 || l->sent != l->last)
		return;
	uint64_t lost = l->lost;
	l->lost = 0;
	log_begin(LOG_WARN, "log-lines-lost");
	log_u64("lines", lost);
	log_end();
}

void loglines_take(struct loglines *l, enum role_id speaker, const struct log_line *told)
{
	struct log_line line = *told;
	line.line[sizeof(line.line) - 1] = 0;
	/* `<level> <role> ...` */
	struct span rest = span_str(line.line);
	span_cut(&rest, ' ');
	if (!span_eq(span_cut(&rest, ' '), span_str(msg_role_name(speaker))))
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
		loglines_take(l, ROLE_INIT, (const void *)received.payload);
}

enum err loglines_open(struct loglines *l, struct loop *loop)
{
	int ends[2];
	TRY(chan_pair(ends));
	log_open(ends[1], MSG_LOG_LINE, msg_role_name(ROLE_INIT));
	l->own = (struct loop_watch){.fd = ends[0], .events = POLLIN, .fn = own_readable, .arg = l};
	loop_watch(loop, &l->own);
	return ERR_OK;
}
