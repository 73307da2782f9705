/* ustar: a tar archive (POSIX.1-2017, pax, "ustar Interchange Format") into the file of cli/outfile: regular
 * files of mode 0644 that belong to nobody in particular and are of 1970: the same contents make the same
 * bytes.
 */
#ifndef SEALTAP_CLI_USTAR_H
#define SEALTAP_CLI_USTAR_H

#include "base/span.h"

#define USTAR_NAME_MAX 99u

/* name: a relative path of at most USTAR_NAME_MAX bytes. */
void ustar_file(const char *name, struct span content);
void ustar_end(void);

#endif
