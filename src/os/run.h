/* run: runs a program of the operator's, without a shell, and reads what it prints. Standard input and
 * error are this process's own, so that it can ask and complain. Source: POSIX, fork, execvp, waitpid.
 */
#ifndef SEALTAP_OS_RUN_H
#define SEALTAP_OS_RUN_H

#include <stddef.h>

#include "base/err.h"

/* argv: terminated by NULL; argv[0] is looked for in PATH. *status: its exit status, 127 when it could
 * not be started, 128 and the signal when one ended it. ERR_TOO_LONG: it printed more than cap bytes; it
 * was ended. ERR_SYSTEM. */
enum err run_read(char *const *argv, void *to, size_t cap, size_t *len, int *status) MUST_USE;

#endif
