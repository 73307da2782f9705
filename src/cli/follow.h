/* follow: new objects as they land, as one endless capture; what the commands follow and extcap do. */
#ifndef SEALTAP_CLI_FOLLOW_H
#define SEALTAP_CLI_FOLLOW_H

#include "cli/pcapout.h"
#include "cli/window.h"

/* Until Ctrl-C, or until the reader goes away. w->from_ns: where to begin. The session has begun. */
enum exit_status follow_run(struct window *w, const struct pcapout_options *out);

#endif
