#include "os/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

static enum err error_of(int number)
{
	switch (number) {
	case 0:
		return ERR_OK;
	case ECONNREFUSED:
		return ERR_REFUSED;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL: /* no address of that family */
	case EAFNOSUPPORT:
		return ERR_UNREACHABLE;
	case ECONNRESET:
		return ERR_RESET;
	case EPIPE:
		return ERR_CLOSED;
	default:
		return ERR_SYSTEM;
	}
}

union target {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t set_target(const struct ip *addr, uint16_t port, union target *to)
{
	memset(to, 0, sizeof(*to));
	if (ip_is_v4(addr)) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(port);
		to->v4.sin_addr.s_addr = htonl(ip_to_v4(addr));
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(port);
	memcpy(&to->v6.sin6_addr, addr->bytes, sizeof(addr->bytes));
	return sizeof(to->v6);
}

enum err tcp_connect(const struct ip *addr, uint16_t port, int *fd)
{
	union target to;
	socklen_t to_len = set_target(addr, port, &to);
	const int on = 1;
	*fd = -1;
	int s = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return error_of(errno);
	/* Whole records are written, and MSG_MORE marks those that others follow: waiting for more never
	 * helps. */
	int failed = setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!failed)
		failed = connect(s, &to.any, to_len) && errno != EINPROGRESS;
	if (failed) {
		enum err e = error_of(errno);
		close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}

enum err tcp_connected(int fd)
{
	int number = 0;
	socklen_t len = sizeof(number);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len))
		return ERR_SYSTEM;
	return error_of(number);
}

enum err tcp_send(int fd, struct span bytes, bool more, size_t *sent)
{
	*sent = 0;
	ssize_t n = send(fd, bytes.p, bytes.len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	if (n >= 0) {
		*sent = (size_t)n;
		return ERR_OK;
	}
	return errno == EAGAIN || errno == EINTR ? ERR_OK : error_of(errno);
}

enum err tcp_recv(int fd, void *p, size_t cap, size_t *received)
{
	*received = 0;
	ssize_t n = recv(fd, p, cap, 0);
	if (n > 0) {
		*received = (size_t)n;
		return ERR_OK;
	}
	if (n == 0)
		return ERR_CLOSED;
	return errno == EAGAIN || errno == EINTR ? ERR_MORE : error_of(errno);
}

/* Both families by one socket, or IPv4 alone where the kernel has no IPv6. */
static int bound(const char *link, uint16_t port, int family)
{
	union target at;
	struct ip any = family == AF_INET ? ip_from_v4(INADDR_ANY) : (struct ip){{0}};
	socklen_t at_len = set_target(&any, port, &at);
	const int on = 1, off = 0;
	int s = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -1;
	bool ok = !setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
		  (family == AF_INET || !setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) &&
		  !setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, link, (socklen_t)strlen(link)) &&
		  !bind(s, &at.any, at_len);
	if (ok)
		return s;
	close(s);
	return -1;
}

enum err tcp_listen(const char *link, uint16_t port, int backlog, int *fd)
{
	int s = bound(link, port, AF_INET6);
	if (s < 0)
		s = bound(link, port, AF_INET);
	*fd = -1;
	if (s < 0)
		return ERR_SYSTEM;
	if (listen(s, backlog)) {
		close(s);
		return ERR_SYSTEM;
	}
	*fd = s;
	return ERR_OK;
}

enum err tcp_accept(int listener, struct ip *from, int *fd)
{
	union target peer;
	socklen_t len = sizeof(peer);
	*fd = accept4(listener, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd < 0) /* one that is gone already is as good as none */
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? ERR_MORE : ERR_SYSTEM;
	if (peer.any.sa_family == AF_INET)
		*from = ip_from_v4(ntohl(peer.v4.sin_addr.s_addr));
	else
		memcpy(from->bytes, &peer.v6.sin6_addr, sizeof(from->bytes));
	return ERR_OK;
}

void tcp_end(int fd)
{
	(void)shutdown(fd, SHUT_WR); /* it fails where the connection is gone */
}

size_t tcp_unacked(int fd)
{
	int n;
	return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

bool tcp_quiet(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

void tcp_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
