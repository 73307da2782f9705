/* panic: why the kernel panicked, read from what it kept of its log over the reset (os/pstore).
 *
 * Of the text only two lines are taken, and of these no numbers that may be addresses: a register or a word
 * of a stack could hold bytes of a key, and whoever can write the firmware's variables can write anything
 * there. A line is a message: `<level>[seconds] text`. Source: Linux 6.12, kernel/panic.c,
 * fs/pstore/platform.c; syslog(2).
 */
#ifndef SEALTAP_BASE_PANIC_H
#define SEALTAP_BASE_PANIC_H

#include "base/span.h"

#define PANIC_TEXT_MAX 121

/* Printable ASCII, terminated; empty: not known. Longer texts are cut. */
struct panic {
	char reason[PANIC_TEXT_MAX]; /* what stands behind "Kernel panic - not syncing: " */
	char cause[PANIC_TEXT_MAX];  /* the first line that says what came before: "BUG: ..." and the like */
};

/* record: one record, perhaps cut off. Fills in what *p does not have yet: zeroed before the first record. */
void panic_read(struct span record, struct panic *p);

#endif
