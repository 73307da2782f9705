/* say: what the command tells people, on standard error: sentences that say what failed, on what, and
 * what to do. All in them that is no visible ASCII is shown as '?', in the names of strangers, too. A
 * progress line on the terminal is taken away before and put back after.
 */
#ifndef SEALTAP_CLI_SAY_H
#define SEALTAP_CLI_SAY_H

#include "base/span.h"
#include "cli/command.h"

/* "sealtap: <text>\n". Returns status, so that a command can end with it. */
__attribute__((format(printf, 2, 3))) enum exit_status say(enum exit_status status, const char *format, ...);
/* A remark: the command goes on. --quiet (say_quiet) keeps these back. */
__attribute__((format(printf, 1, 2))) void say_note(const char *format, ...);
void say_quiet(bool quiet);
bool say_is_quiet(void);
/* s for %s, in a ring of eight static buffers: visible ASCII, cut at 255 characters with "...". */
const char *say_text(struct span s);

/* Standard error is a terminal that colours may be sent to: NO_COLOR and TERM=dumb are honoured. */
bool say_colours(void);

/* All that goes to standard output, through stdio: the first failure is said once (disk full, say) and
 * EXIT_OUTPUT comes back from then on; a closed pipe ends the process as SIGPIPE does. */
enum exit_status say_out(struct span bytes);
enum exit_status say_out_done(void);
/* why: an errno of writing. EPIPE: nobody reads any more, which is no failure, and nothing to say: the
 * process ends as SIGPIPE does. */
void say_pipe_closed(int why);

#endif
