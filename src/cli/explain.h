/* explain: what opening the catalog's objects would read, ask and cost, by their names and sizes alone. */
#ifndef SEALTAP_CLI_EXPLAIN_H
#define SEALTAP_CLI_EXPLAIN_H

#include "cli/window.h"

enum exit_status explain(const struct window *w);

#endif
