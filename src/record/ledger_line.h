/* ledger_line: lines of the log, told to the ledger. */
#ifndef SEALTAP_RECORD_LEDGER_LINE_H
#define SEALTAP_RECORD_LEDGER_LINE_H

#include "record/ledger.h"

/* entry, boot: of the log object in which it stands. Before ledger_object() of that, after ledger_enter().
 * */
void ledger_line_read(struct ledger *l, uint32_t entry, uint64_t boot, struct span line);

#endif
