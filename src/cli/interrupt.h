/* interrupt: Ctrl-C and TERM end a command between two steps of its work, so that what was written is
 * whole. The second one ends it at once. */
#ifndef SEALTAP_CLI_INTERRUPT_H
#define SEALTAP_CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_watch(void);
bool interrupt_happened(void);

#endif
