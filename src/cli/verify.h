/* verify: checks all objects that operands and options name, one by one (record/inspect) and together
 * (record/ledger). `sealtap verify` shows what it finds; a report may, too. */
#ifndef SEALTAP_CLI_VERIFY_H
#define SEALTAP_CLI_VERIFY_H

#include "cli/catalog.h"
#include "record/ledger.h"

struct verify_options {
	uint64_t from_ns, to_ns; /* 0 and UINT64_MAX: all */
	bool public_only;
	/* o: the object that it is of; NULL: f->name, or none */
	void (*finding)(void *arg, const struct ledger_finding *f, const struct catalog_object *o);
	void *arg;
};

struct verify_result {
	struct ledger_sums sums;
	uint64_t strangers,
		unopened; /* names that are none of ours; objects that could not be opened or read */
	uint64_t clocks_unsynchronised; /* objects whose times no clock stands behind */
	bool partial, subset;           /* a part of the record; objects without a log */
	bool witnessed;                 /* the log was read for LEDGER_WITNESS_S behind a part, too */
};

/* EXIT_DONE, EXIT_INCOMPLETE (gaps), EXIT_DAMAGED; else it was said what kept it from its work. */
enum exit_status verify_all(char **operands, const struct verify_options *o, struct verify_result *result);

#endif
