/* tcp: non-blocking TCP connections over IPv4 and IPv6.
 *
 * Descriptors are owned by the caller from tcp_connect, tcp_listen or tcp_accept to tcp_close. SIGPIPE is
 * never raised. The local port comes from the namespace's net.ipv4.ip_local_port_range, which holds for both
 * families (kernel: inet6_hash_connect and inet_hash_connect share __inet_hash_connect,
 * net/ipv4/inet_hashtables.c). Errors: ERR_REFUSED, ERR_TIMEOUT, ERR_UNREACHABLE, ERR_RESET, ERR_CLOSED,
 * ERR_SYSTEM.
 */
#ifndef SEALTAP_OS_TCP_H
#define SEALTAP_OS_TCP_H

#include "base/ip.h"

/* port in host byte order. ERR_UNREACHABLE also where this machine has no such family. Starts to connect:
 * wait until *fd is writable, then ask tcp_connected. *fd is -1 on error. */
enum err tcp_connect(const struct ip *addr, uint16_t port, int *fd) MUST_USE;
enum err tcp_connected(int fd) MUST_USE;
/* *sent may be less than all, or 0 when the socket is full. more: further bytes follow at once (no small
 * packet is sent yet). */
enum err tcp_send(int fd, struct span bytes, bool more, size_t *sent) MUST_USE;
/* ERR_MORE: nothing there now. ERR_CLOSED: the peer has ended its side in order. cap is not 0. */
enum err tcp_recv(int fd, void *p, size_t cap, size_t *received) MUST_USE;
/* Bytes sent that the peer has not yet acknowledged. */
size_t tcp_unacked(int fd);
/* Nothing has arrived and not been read, the end of the peer's side and errors included. */
bool tcp_quiet(int fd);
/* A listening socket at every address of this machine, for connections that arrive on one link alone. port in
 * host byte order; backlog: how many wait. */
enum err tcp_listen(const char *link, uint16_t port, int backlog, int *fd) MUST_USE;
/* The next connection, and whose it is. ERR_MORE: there is none now. */
enum err tcp_accept(int listener, struct ip *from, int *fd) MUST_USE;
/* This side has said all; it may still read. */
void tcp_end(int fd);
/* -1 is ignored. */
void tcp_close(int fd);

#endif
