/* command: what a subcommand of `sealtap` is: a row of the table in main.c. Help, manual page and
 * completions are made from it, so that none of them can say what the program does not do.
 *
 * Exit status: sysexits.h for what kept the command from its work, 0 to 2 for what it found.
 */
#ifndef SEALTAP_CLI_COMMAND_H
#define SEALTAP_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum exit_status {
	EXIT_DONE = 0,         /* all of it; verify: complete */
	EXIT_INCOMPLETE = 1,   /* done, but not all: what is missing was said; verify: gaps, each explained */
	EXIT_DAMAGED = 2,      /* evidence is missing, damaged, altered or forged */
	EXIT_WRONG_USAGE = 64, /* EX_USAGE */
	EXIT_NO_INPUT = 66,    /* EX_NOINPUT: no such object, file or bucket; nothing in that time */
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: the service can't be reached or fails */
	EXIT_OUTPUT = 74,      /* EX_IOERR: can't write, disk full */
	EXIT_TRY_AGAIN =
		75,       /* EX_TEMPFAIL: throttled for long, session expired, colder storage: go on later */
	EXIT_DENIED = 77, /* EX_NOPERM: AccessDenied, wrong credentials */
	EXIT_NOT_SET_UP = 78, /* EX_CONFIG: no credentials, region or bucket known */
	EXIT_INTERRUPTED = 130,
};

enum option_kind {
	OPTION_FLAG,   /* *(bool *) */
	OPTION_TEXT,   /* *(const char **), borrowed from argv */
	OPTION_NUMBER, /* *(uint64_t *); decimal */
	OPTION_TIME,   /* *(uint64_t *): ns since 1970; cli/when.h */
	OPTION_FILE,   /* as TEXT; completed with files */
};

/* A table of these ends with a zeroed row. */
struct option_row {
	const char *name; /* "--from" */
	enum option_kind kind;
	const char *value; /* "TIME"; NULL for a flag */
	const char *text;  /* a line for the help */
	void *to;          /* set when the option is given */
};

#define COMMAND_OPERANDS_MAX 1024

struct command {
	const char *name;
	const char *operands; /* "[OBJECT...]" as shown in the usage; NULL: none */
	const char *summary;  /* one line */
	const char *text;     /* help after the options: what it does, examples; lines of at most 80 */
	const struct option_row *options;
	const struct option_row *common; /* session_options (cli/session.h) where it goes to AWS; NULL */
	unsigned operands_min, operands_max;
	/* operands: terminated with NULL, borrowed from argv. */
	enum exit_status (*run)(char **operands);
};

extern const struct command cmd_ls, cmd_fetch, cmd_open, cmd_follow, cmd_extcap, cmd_flows, cmd_verify,
	cmd_hold, cmd_release, cmd_salvage, cmd_restore, cmd_status, cmd_logs, cmd_support, cmd_doctor,
	cmd_check_config, cmd_cost, cmd_report, cmd_decrypt;

#endif
