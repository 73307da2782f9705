/* progress: one line on the terminal while something takes long: how much of how much, rate, time left.
 * Nothing at all where standard error is no terminal, or a dumb one, or with --quiet. */
#ifndef SEALTAP_CLI_PROGRESS_H
#define SEALTAP_CLI_PROGRESS_H

#include <stdint.h>

/* what: borrowed, "opening". total_bytes 0: not known. */
void progress_begin(const char *what, uint64_t total_bytes);
/* Cheap: looks at the clock at most every so often. */
void progress_add(uint64_t bytes);
void progress_end(void);
/* For say: takes the line away; the next progress_add puts it back. */
void progress_hide(void);

#endif
