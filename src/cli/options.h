/* options: reads a command's options by its table, and prints the table as help. "--name value",
 * "--name=value" and flags; "--" ends them; "-" is an operand. One letter names ("-w") are rows like
 * any other.
 */
#ifndef SEALTAP_CLI_OPTIONS_H
#define SEALTAP_CLI_OPTIONS_H

#include "cli/command.h"

/* argv: what follows the command's name; the operands are moved to its front, then NULL. now_ns: for
 * times. false: it was said what is wrong (EXIT_WRONG_USAGE). */
bool options_read(const struct command *c, char **argv, uint64_t now_ns);

/* Usage, what it does, options, examples: on standard output. */
void options_help(const struct command *c);

#endif
