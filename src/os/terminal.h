/* terminal: asks the person at the terminal. */
#ifndef SEALTAP_OS_TERMINAL_H
#define SEALTAP_OS_TERMINAL_H

#include <stddef.h>

#include "base/err.h"

/* Writes the question to the terminal and reads a line without showing it, whatever standard input and
 * output are; terminated. A signal that ends the process does so when the terminal shows what is written
 * again. ERR_NOT_FOUND: there is no terminal; ERR_MISSING: nothing was said. */
enum err terminal_ask(const char *question, char *answer, size_t cap) MUST_USE;

#endif
