#include "os/chan.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Message: u32 type in host order | payload. Both ends are the same binary. */

enum err chan_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return ERR_SYSTEM;
	/* room for a few of the largest messages; more than the limit is silently cut by the kernel */
	int bytes = 16 * CHAN_MAX_BYTES;
	for (int i = 0; i < 2; i++)
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)))
			return ERR_SYSTEM;
	return ERR_OK;
}

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * CHAN_MAX_FDS)];
};

enum err chan_send(int fd, uint32_t type, const void *payload, size_t len, const int *fds, size_t fd_count)
{
	ASSERT(len <= CHAN_MAX_BYTES && fd_count <= CHAN_MAX_FDS);
	struct iovec parts[2] = {{&type, sizeof(type)}, {(void *)(uintptr_t)payload, len}};
	struct msghdr h = {.msg_iov = parts, .msg_iovlen = 2};
	union fd_control control;
	if (fd_count) {
		memset(&control, 0, sizeof(control));
		h.msg_control = control.bytes;
		/* the cast: musl and glibc differ in the type of these lengths */
		h.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do
		n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return ERR_OK;
	if (errno == EAGAIN)
		return ERR_FULL;
	return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_SYSTEM;
}

static void take_fds(struct msghdr *h, struct chan_msg *m)
{
	/* the only kind of control message that a socket pair without options brings, and one at most */
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	m->fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(m->fds, CMSG_DATA(c), sizeof(int) * m->fd_count);
}

enum err chan_recv(int fd, struct chan_msg *m)
{
	struct iovec parts[2] = {{&m->type, sizeof(m->type)}, {m->payload, sizeof(m->payload)}};
	union fd_control control;
	struct msghdr h = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes};
	h.msg_controllen = sizeof(control.bytes);
	ssize_t n;
	/* Reset: the peer died with messages unread. That is told once, in front of what it said itself; then
	 * comes all of that. */
	do
		n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	m->fd_count = 0;
	if (n < 0)
		return errno == EAGAIN ? ERR_MORE : ERR_SYSTEM;
	if (n == 0)
		return ERR_CLOSED;
	take_fds(&h, m);
	if ((size_t)n < sizeof(m->type) || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return ERR_PROTOCOL;
	m->len = (size_t)n - sizeof(m->type);
	return ERR_OK;
}
