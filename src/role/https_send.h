/* https_send: the sending half of role/https, which alone uses it: request to socket, through TLS or not.
 *
 * Over TLS the records are made in the connection's batch, and a batch is written at once: 256 KiB of a body
 * and more, so that a system call and the kernel's way through TCP are paid for sixteen records together.
 */
#ifndef SEALTAP_ROLE_HTTPS_SEND_H
#define SEALTAP_ROLE_HTTPS_SEND_H

#include "role/https.h"

/* Of head and body. */
size_t https_request_bytes(const struct https *h);
/* Sends what can be sent now, in one turn; sets sent_all. Errors: os/tcp.h; nothing more can be sent. */
enum err https_send(struct https *h) MUST_USE;
/* What TLS has to say at the end, as far as that is possible without waiting. */
void https_send_last(struct https *h);
/* Bytes for the server that were made and not yet written. */
size_t https_unsent(struct https *h);

#endif
