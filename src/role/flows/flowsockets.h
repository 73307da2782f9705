/* flowsockets: the kernel's sockets that flows reads. init opens them and keeps them: what waits there
 * outlives the role, and a dump is asked for by whoever may (flows has no capability).
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWSOCKETS_H
#define SEALTAP_ROLE_FLOWS_FLOWSOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Rules of the packet filter log to this group what is not forwarded, with the reason as prefix. */
#define FLOWSOCKETS_LOG_GROUP 5
/* Bytes of a logged packet: the longest headers, and those of a packet within an ICMP error. */
#define FLOWSOCKETS_LOG_BYTES 128

struct flowsockets {
	int events; /* new and ended flows, reliable: an end that finds no room is told again */
	int dump;   /* answers to flowsockets_ask() */
	int log;    /* logged packets */
};

/* buffer_bytes: of `events`; 0: as many as are good. */
enum err flowsockets_open(struct flowsockets *s, uint32_t buffer_bytes) MUST_USE;
/* Asks for all flows, or all that are dying (net/ct.h). The answer, or an error as NLMSG_ERROR, comes to
 * `dump` with that number. */
enum err flowsockets_ask(const struct flowsockets *s, uint32_t number, bool dying) MUST_USE;

#endif
