/* outfile: a file of the operator's that is there whole or not at all: it grows under PATH.part and gets its
 * name at the end; Ctrl-C takes it away. One at a time.
 */
#ifndef SEALTAP_CLI_OUTFILE_H
#define SEALTAP_CLI_OUTFILE_H

#include "base/span.h"
#include "cli/command.h"

/* path: borrowed until the end. What fails is said. */
enum exit_status outfile_begin(const char *path);
/* A failure shows at the end. */
void outfile_put(struct span bytes);
/* keep: false takes away what was written. EXIT_OUTPUT: it could not be written, which was said, and nothing
 * is left. */
enum exit_status outfile_end(bool keep);

#endif
