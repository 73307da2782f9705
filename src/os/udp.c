#include "os/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum err connect_to(int s, const struct ip *addr, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int failed;
	if (ip_is_v4(addr)) {
		v4.sin_addr.s_addr = htonl(ip_to_v4(addr));
		failed = connect(s, (struct sockaddr *)&v4, sizeof(v4));
	} else {
		memcpy(&v6.sin6_addr, addr->bytes, sizeof(addr->bytes));
		failed = connect(s, (struct sockaddr *)&v6, sizeof(v6));
	}
	return failed ? ERR_SYSTEM : ERR_OK;
}

enum err udp_ask(const struct ip *addr, uint16_t port, struct span payload, int *fd)
{
	int s = socket(ip_is_v4(addr) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return ERR_SYSTEM;
	if (connect_to(s, addr, port) ||
	    send(s, payload.p, payload.len, MSG_NOSIGNAL) != (ssize_t)payload.len) {
		close(s);
		return ERR_SYSTEM;
	}
	*fd = s;
	return ERR_OK;
}

enum err udp_answer(int fd, struct buf *b)
{
	ssize_t n;
	buf_reset(b);
	do
		n = recv(fd, b->p, b->cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_MORE : errno == ECONNREFUSED ? ERR_REFUSED : ERR_SYSTEM;
	b->len = (size_t)n;
	return ERR_OK;
}
