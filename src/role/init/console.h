/* console: what a person sees: the boot verdict, step by step, and warnings. init's own; roles never write
 * here.
 *
 * Lines: `sealtap: ok <code> <text>`, `sealtap: CLOSED <code>: <text>`, `sealtap: ARMED`, `sealtap: warning
 * <code>: <text>`, `sealtap: <level> <role> <event> ...`. The last verdict is repeated every few minutes, as
 * EC2 keeps 64 KiB of console output alone.
 */
#ifndef SEALTAP_ROLE_INIT_CONSOLE_H
#define SEALTAP_ROLE_INIT_CONSOLE_H

#include "os/loop.h"
#include "role/msg.h"

struct console {
	bool armed;
	bool failed[VERDICT_COUNT];
	struct msg_verdict last[VERDICT_COUNT];
	struct loop *loop; /* borrowed */
	struct loop_timer repeat;
};

void console_verdict(struct console *c, const struct msg_verdict *v);
/* init's own steps. */
void console_step(struct console *c, enum verdict_code code, bool ok, const char *text);
/* The step rings, and where there is no volume the step spool. */
void console_rings(struct console *c, const struct msg_start *s, bool volume);
void console_armed(struct console *c, bool armed);
/* Says again, every few minutes, what does not work, or that it is armed. */
void console_repeat(struct console *c, struct loop *loop);
/* One line, sealtap: in front. A console that cannot take it now loses it: it must never hold init up. */
void console_line(const char *text);
void console_version(void);
/* Before anything else is to be done: waits until it can take another line, at most so long. */
void console_drain(int most_ms);

#endif
