/* flowtop: who and what moved most, by the records of flows: hosts, ports or pairs (cli/top.h).
 *
 * host: both ends of a flow: who began it, and who answered (where the appliance forwards a port: the host
 * behind it). port: as it was asked for, with its protocol. pair: both ends with protocol and port. Sources
 * of flows that share a line (unanswered ones) are not known: these count for their destination alone.
 */
#ifndef SEALTAP_CLI_FLOWTOP_H
#define SEALTAP_CLI_FLOWTOP_H

#include "cli/command.h"
#include "cli/top.h"
#include "record/flowline.h"

enum flowtop_by { FLOWTOP_HOST, FLOWTOP_PORT, FLOWTOP_PAIR, FLOWTOP_BYS };
enum flowtop_form { FLOWTOP_TABLE, FLOWTOP_CSV, FLOWTOP_JSON };

/* False: no such word. */
bool flowtop_by_name(const char *name, enum flowtop_by *by);
void flowtop_begin(enum flowtop_by by);
void flowtop_add(enum flowtop_by by, const struct flowline *f);
/* The key of a sum as a text: "10.0.0.5", "tcp 443", "10.0.0.5 > 192.0.2.1 tcp 443". */
void flowtop_key(struct buf *b, enum flowtop_by by, const struct top_sum *s);
/* Sorted, for whoever shows them otherwise. */
const struct top *flowtop_sums(enum flowtop_by by);
/* The first n on standard output; says when sums are not exact. */
enum exit_status flowtop_show(enum flowtop_by by, uint64_t n, enum flowtop_form form);

#endif
