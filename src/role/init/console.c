#include "role/init/console.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "base/version.h"

#define REPEAT_NS (180 * NS_PER_S)

static void put_line(const char *const *parts, size_t count)
{
	uint8_t bytes[700];
	struct buf b = buf_over(bytes, sizeof(bytes) - 1);
	buf_str(&b, "sealtap: ");
	for (size_t i = 0; i < count; i++)
		buf_str(&b, parts[i]);
	for (size_t i = 0; i < b.len; i++)
		if (b.p[i] < ' ' || b.p[i] > '~')
			b.p[i] = '?';
	b.p[b.len++] = '\n';
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t n = poll(&out, 1, 0) > 0 ? write(STDOUT_FILENO, b.p, b.len) : 0;
	(void)n; /* see console_line() */
}

void console_line(const char *text)
{
	put_line(&text, 1);
}

void console_version(void)
{
	const char *parts[] = {"version ", version_text};
	put_line(parts, 2);
}

void console_drain(int most_ms)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	(void)poll(&out, 1, most_ms);
}

static void put_failed(const struct console *c, enum verdict_code code)
{
	const char *parts[] = {c->armed ? "warning " : "CLOSED ", msg_verdict_name(code), ": ",
			       c->last[code].text};
	put_line(parts, 4);
}

void console_verdict(struct console *c, const struct msg_verdict *v)
{
	if (v->code == VERDICT_OK || v->code >= VERDICT_COUNT)
		return;
	struct msg_verdict *last = &c->last[v->code];
	bool changed =
		c->failed[v->code] == (v->ok != 0) || strncmp(last->text, v->text, sizeof(last->text)) != 0;
	*last = *v;
	last->text[sizeof(last->text) - 1] = 0;
	c->failed[v->code] = !v->ok;
	if (!changed)
		return;
	const char *parts[] = {"ok ", msg_verdict_name(v->code), " ", last->text};
	if (v->ok)
		put_line(parts, 4);
	else
		put_failed(c, (enum verdict_code)v->code);
}

void console_step(struct console *c, enum verdict_code code, bool ok, const char *text)
{
	struct msg_verdict v = {.code = code, .ok = ok};
	size_t len = strlen(text);
	memcpy(v.text, text, len < sizeof(v.text) ? len : sizeof(v.text) - 1);
	console_verdict(c, &v);
}

void console_rings(struct console *c, const struct msg_start *s, bool volume)
{
	char text[96];
	snprintf(text, sizeof(text), "memory: %u segments of %llu MiB for each worker", s->segments,
		 (unsigned long long)(s->segment_bytes >> 20));
	if (!volume)
		console_step(c, VERDICT_SPOOL, true, text);
	snprintf(text, sizeof(text), "workers: %u, each with %u blocks of %u KiB", s->workers, s->ring_blocks,
		 s->ring_block_bytes >> 10);
	console_step(c, VERDICT_RINGS, true, text);
}

void console_armed(struct console *c, bool armed)
{
	c->armed = armed;
	if (!armed)
		return;
	c->failed[VERDICT_ROLE] = c->failed[VERDICT_RINGS] =
		false; /* they have no step of their own that says ok */
	console_line("ARMED");
}

static void repeat(void *arg)
{
	struct console *c = arg;
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		if (c->failed[i])
			put_failed(c, (enum verdict_code)i);
	if (c->armed)
		console_line("ARMED");
	loop_timer_in(c->loop, &c->repeat, REPEAT_NS);
}

void console_repeat(struct console *c, struct loop *loop)
{
	c->loop = loop;
	c->repeat = (struct loop_timer){.fn = repeat, .arg = c};
	repeat(c);
}
