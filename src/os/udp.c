#include "os/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum err udp_ask(uint32_t addr, uint16_t port, struct span payload, int *fd)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return ERR_SYSTEM;
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) ||
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
