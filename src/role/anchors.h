/* anchors: reads the trust anchors from the descriptor that init passed. They come from the image alone. */
#ifndef SEALTAP_ROLE_ANCHORS_H
#define SEALTAP_ROLE_ANCHORS_H

#include "lib/tls.h"
#include "role/peer.h"

/* Closes fd. Ends the process with a line in the log when the file is not what it must be: the image is
 * broken then. */
void anchors_load(int fd, struct peer *init, struct tls_anchors *out);

#endif
