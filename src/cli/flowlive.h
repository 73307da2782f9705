/* flowlive: flows that go on have a line every few minutes, with counts so far, and one at their end: only
 * the last of these may count. Those of flows whose end has not come are kept here, at most FLOWLIVE_MAX.
 */
#ifndef SEALTAP_CLI_FLOWLIVE_H
#define SEALTAP_CLI_FLOWLIVE_H

#include "record/flowline.h"

#define FLOWLIVE_MAX 32768u

void flowlive_begin(void);
/* A line of a flow that lives; it replaces the one before. False: there is no room. boot: of the line's
 * object. */
bool flowlive_keep(uint64_t boot, const struct flowline *f);
/* The flow has ended: its earlier lines count no more. */
void flowlive_ended(uint64_t boot, const struct flowline *f);
/* Those that are left, in the order in which they came first: i from 0; NULL past the last. */
const struct flowline *flowlive_left(uint32_t *i);

#endif
