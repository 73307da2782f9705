/* netlink: the kernel's sockets for links, addresses, routes (NETLINK_ROUTE) and packet filters
 * (NETLINK_NETFILTER).
 *
 * The kernel answers within the call that sends, so nothing here waits. Messages are whole and well-formed
 * when handed over; what they hold is net/rtnl's and net/nft's matter. Source: netlink(7), linux/netlink.h.
 */
#ifndef SEALTAP_OS_NETLINK_H
#define SEALTAP_OS_NETLINK_H

#include "base/buf.h"

/* Longest datagram that is received. */
#define NETLINK_DATAGRAM_BYTES 32768

/* groups: RTMGRP_*, whose events are to come; 0 for requests. *fd is the caller's. ERR_UNSUPPORTED: the
 * kernel lacks the protocol; ERR_DENIED, ERR_SYSTEM. */
enum err netlink_open(int protocol, uint32_t groups, int *fd) MUST_USE;

/* Room for what waits to be received, whatever the system's limit. */
enum err netlink_buffer(int fd, uint32_t bytes) MUST_USE;
/* Whoever sends events is told when one found no room here: connection tracking then keeps a flow's end and
 * tells it again. */
enum err netlink_reliable(int fd) MUST_USE;
/* Sends a request whose answer somebody else takes. */
enum err netlink_send(int fd, struct span request) MUST_USE;

struct netlink_failure {
	unsigned index; /* of the message in the batch, from 0 */
	int code;       /* errno */
};

/* Sends the batch and takes the acknowledgements of all messages that ask for one. On error *failure tells of
 * the first refused message: ERR_DENIED, ERR_NOT_FOUND, ERR_CONFLICT, ERR_UNSUPPORTED, ERR_SYSTEM. Sequence
 * numbers of the batch ascend by 1. */
enum err netlink_transact(int fd, struct span batch, struct netlink_failure *failure) MUST_USE;
/* Sends one dump request and gives each message of the answer, header included, to fn. ERR_CONFLICT: what was
 * listed changed meanwhile, ask again. */
enum err netlink_dump(int fd, struct span request, void (*fn)(void *arg, struct span message), void *arg)
	MUST_USE;
/* The next event datagram, one or more messages, into b (NETLINK_DATAGRAM_BYTES). ERR_MORE: none now;
 * ERR_LOST: events were dropped. */
enum err netlink_receive(int fd, struct buf *b) MUST_USE;

#endif
