/* file: reads a small file of the operator's whole. */
#ifndef SEALTAP_OS_FILE_H
#define SEALTAP_OS_FILE_H

#include <stddef.h>

#include "base/err.h"

/* ERR_NOT_FOUND; ERR_DENIED; ERR_TOO_LONG: more than cap bytes; ERR_SYSTEM: errno tells. No copy stays
 * elsewhere in this process. */
enum err file_read(const char *path, void *to, size_t cap, size_t *len) MUST_USE;

#endif
