/* udp: one question and its answer: a connected UDP socket from a random local port, over IPv4 or IPv6.
 * Source: udp(7). */
#ifndef SEALTAP_OS_UDP_H
#define SEALTAP_OS_UDP_H

#include "base/ip.h"

/* Sends payload to addr (port in host byte order) and leaves the socket open for the answer, non-blocking; it
 * is the caller's. ERR_SYSTEM. */
enum err udp_ask(const struct ip *addr, uint16_t port, struct span payload, int *fd) MUST_USE;
/* The next answer from there, cut at b's capacity. ERR_MORE: none now; ERR_REFUSED: nobody listens there. */
enum err udp_answer(int fd, struct buf *b) MUST_USE;

#endif
