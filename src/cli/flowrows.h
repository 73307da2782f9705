/* flowrows: flows as rows: a table for people, CSV for spreadsheets; and their addresses as texts. */
#ifndef SEALTAP_CLI_FLOWROWS_H
#define SEALTAP_CLI_FLOWROWS_H

#include "cli/command.h"
#include "record/flowline.h"

void flowrows_begin(bool csv);
void flowrows_put(const struct flowline *f);
enum exit_status flowrows_end(void);

/* tcp, udp ..., else its number. */
void flowrows_proto(struct buf *b, uint8_t proto);
/* What became of it: "closed", "goes on", "unanswered: timeout", "not forwarded: port-zero". */
void flowrows_state(struct buf *b, const struct flowline *f);

#endif
