/* Datagram: messages, each padded to 4. Message: u32 length, u16 type, u16 flags, u32 sequence, u32 port |
 * body. NLMSG_ERROR's body: i32 -errno (0: acknowledged), the header it answers. NLMSG_DONE's body: i32
 * -errno. */
#include "os/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t datagram[NETLINK_DATAGRAM_BYTES];

static enum err err_of(int code)
{
	switch (code) {
	case 0:
		return ERR_OK;
	case EPERM:
	case EACCES:
		return ERR_DENIED;
	case ENOENT:
	case ENODEV:
	case ESRCH:
	case EADDRNOTAVAIL:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_CONFLICT;
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		return ERR_UNSUPPORTED;
	default:
		return ERR_SYSTEM;
	}
}

enum err netlink_open(int protocol, uint32_t groups, int *fd)
{
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (s < 0)
		return err_of(errno);
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int one = 1;
	/* acknowledgements without a copy of the request, so that those of any batch fit the socket */
	if (setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) ||
	    bind(s, (struct sockaddr *)&self, sizeof(self))) {
		enum err e = err_of(errno);
		close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}

enum err netlink_buffer(int fd, uint32_t bytes)
{
	int n = bytes < INT32_MAX ? (int)bytes : INT32_MAX;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n)) ? err_of(errno) : ERR_OK;
}

enum err netlink_reliable(int fd)
{
	int one = 1;
	return setsockopt(fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, &one, sizeof(one)) ? err_of(errno)
										       : ERR_OK;
}

enum err netlink_send(int fd, struct span request)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;
	do
		n = sendto(fd, request.p, request.len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_of(errno);
	return (size_t)n == request.len ? ERR_OK : ERR_SYSTEM;
}

enum err netlink_receive(int fd, struct buf *b)
{
	struct sockaddr_nl from;
	struct iovec part = {b->p, b->cap};
	struct msghdr h;
	ssize_t n;
	buf_reset(b);
	for (;;) {
		h = (struct msghdr){.msg_name = &from, .msg_iov = &part, .msg_iovlen = 1};
		h.msg_namelen = sizeof(from);
		n = recvmsg(fd, &h, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* another process may write to this socket: only the kernel counts */
		if (n < 0 || (h.msg_namelen == sizeof(from) && from.nl_pid == 0))
			break;
	}
	if (n < 0)
		return errno == EAGAIN ? ERR_MORE : errno == ENOBUFS ? ERR_LOST : ERR_SYSTEM;
	if (h.msg_flags & MSG_TRUNC)
		return ERR_LOST;
	b->len = (size_t)n;
	return ERR_OK;
}

/* Takes the first message off *in. The bounds come from the kernel, yet a broken one ends the walk. */
static bool next_message(struct span *in, struct nlmsghdr *h, struct span *message)
{
	if (in->len < sizeof(*h))
		return false;
	memcpy(h, in->p, sizeof(*h));
	if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > in->len)
		return false;
	*message = span_first(*in, h->nlmsg_len);
	*in = span_from(*in, NLMSG_ALIGN(h->nlmsg_len));
	return true;
}

/* The errno that a NLMSG_ERROR or NLMSG_DONE carries. */
static int code_of(struct span message)
{
	int32_t code = 0;
	struct span body = span_from(message, sizeof(struct nlmsghdr));
	if (body.len < sizeof(code))
		return EPROTO;
	memcpy(&code, body.p, sizeof(code));
	return -code;
}

static unsigned count_awaited(struct span batch, uint32_t *first_seq)
{
	struct nlmsghdr h;
	struct span message;
	unsigned n = 0;
	*first_seq = 0;
	for (bool first = true; next_message(&batch, &h, &message); first = false) {
		if (first)
			*first_seq = h.nlmsg_seq;
		n += (h.nlmsg_flags & NLM_F_ACK) != 0;
	}
	return n;
}

/* What earlier calls left behind, when they ended with an error. */
static void drain(int fd)
{
	struct buf b = BUF_OF(datagram);
	enum err e;
	do
		e = netlink_receive(fd, &b);
	while (e == ERR_OK || e == ERR_LOST);
}

enum err netlink_transact(int fd, struct span batch, struct netlink_failure *failure)
{
	uint32_t first_seq;
	unsigned awaited = count_awaited(batch, &first_seq);
	*failure = (struct netlink_failure){.index = UINT32_MAX};
	drain(fd);
	enum err e = netlink_send(fd, batch);
	struct buf b = BUF_OF(datagram);
	while (!e && (awaited || failure->code)) {
		e = netlink_receive(fd, &b);
		/* a batch that is refused as a whole is not acknowledged message by message */
		if (e == ERR_MORE && failure->code)
			break;
		struct span in = buf_span(&b), message;
		struct nlmsghdr h;
		while (!e && next_message(&in, &h, &message)) {
			if (h.nlmsg_type != NLMSG_ERROR)
				continue;
			int code = code_of(message);
			unsigned index = h.nlmsg_seq - first_seq;
			awaited -= awaited > 0;
			if (code && index < failure->index)
				*failure = (struct netlink_failure){index, code};
		}
	}
	if (failure->code)
		return err_of(failure->code);
	if (e)
		*failure = (struct netlink_failure){.code = errno};
	return e == ERR_MORE ? ERR_PROTOCOL : e;
}

enum err netlink_dump(int fd, struct span request, void (*fn)(void *arg, struct span message), void *arg)
{
	bool changed = false;
	drain(fd);
	TRY(netlink_send(fd, request));
	for (;;) {
		struct buf b = BUF_OF(datagram);
		enum err e = netlink_receive(fd, &b);
		if (e)
			return e == ERR_MORE ? ERR_PROTOCOL : e;
		struct span in = buf_span(&b), message;
		struct nlmsghdr h;
		while (next_message(&in, &h, &message)) {
			changed |= (h.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h.nlmsg_type == NLMSG_DONE && code_of(message) == 0)
				return changed ? ERR_CONFLICT : ERR_OK;
			if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
				return err_of(code_of(message));
			fn(arg, message);
		}
	}
}
