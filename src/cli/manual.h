/* manual: the manual page and the completions for shells, made of the tables of commands: on standard output.
 * Sources: man(7); bash(1), "Programmable Completion"; zshcompsys(1).
 */
#ifndef SEALTAP_CLI_MANUAL_H
#define SEALTAP_CLI_MANUAL_H

#include <stddef.h>

#include "cli/command.h"

/* A table of commands ends with NULL. */
void manual_page(const struct command *const *commands, const char *exit_text);
/* False: no such shell; bash and zsh are known. */
bool manual_completion(const struct command *const *commands, const char *shell);

#endif
