/* chan: messages between two roles over one SOCK_SEQPACKET pair.
 *
 * A message is a u32 type followed by a payload whose length is fixed per type (role/msg.h); descriptors may
 * ride on it. The reader gets exactly one message a call; another length than the type's is ERR_PROTOCOL,
 * which ends the role that sent it.
 */
#ifndef SEALTAP_OS_CHAN_H
#define SEALTAP_OS_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CHAN_MAX_BYTES 32768 /* payload */
#define CHAN_MAX_FDS 24

struct chan_msg {
	uint32_t type;
	size_t len; /* bytes of payload */
	_Alignas(16) uint8_t payload[CHAN_MAX_BYTES];
	int fds[CHAN_MAX_FDS]; /* owned by the receiver */
	size_t fd_count;
};

/* Two connected ends, close-on-exec, non-blocking. */
enum err chan_pair(int ends[2]) MUST_USE;
/* fds are duplicated into the message; the sender keeps its own. ERR_FULL: the socket's buffer is full;
 * ERR_CLOSED: the peer is gone; ERR_SYSTEM. */
enum err chan_send(int fd, uint32_t type, const void *payload, size_t len, const int *fds, size_t fd_count)
	MUST_USE;
/* ERR_MORE: there is none now; ERR_CLOSED: at the end, behind all that the peer said before it died, whatever
 * it had not read; ERR_PROTOCOL: cut short, or longer than a message can be; ERR_SYSTEM. *m owns the
 * descriptors that came, also with ERR_PROTOCOL. */
enum err chan_recv(int fd, struct chan_msg *m) MUST_USE;

#endif
