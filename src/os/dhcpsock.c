#include "os/dhcpsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum err dhcpsock_open(int *fd)
{
	struct sock_filter client_port[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* flags and fragment offset: a first fragment only */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* X = header length */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),  /* destination port */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 65535),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof(client_port) / sizeof(client_port[0]),
				     .filter = client_port};
	int s = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return ERR_SYSTEM;
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	const int one = 1;
	if (setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ||
	    setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    bind(s, (struct sockaddr *)&any, sizeof(any))) {
		close(s);
		return ERR_SYSTEM;
	}
	*fd = s;
	return ERR_OK;
}

enum err dhcpsock_broadcast(int fd, uint32_t ifindex, struct span datagram)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)ifindex,
		.sll_halen = ETH_ALEN,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};
	ssize_t n = sendto(fd, datagram.p, datagram.len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	return n == (ssize_t)datagram.len ? ERR_OK : ERR_SYSTEM;
}

/* Auxiliary data is the only control message this socket asks for. */
static bool checksum_ready(const struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	struct tpacket_auxdata aux;
	if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
		return true;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	return !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
}

enum err dhcpsock_receive(int fd, struct buf *b, struct dhcpsock_origin *from)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct sockaddr_ll source;
	struct iovec part = {b->p, b->cap};
	struct msghdr h;
	ssize_t n;
	buf_reset(b);
	do {
		h = (struct msghdr){.msg_name = &source, .msg_iov = &part, .msg_iovlen = 1};
		h.msg_namelen = sizeof(source);
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		n = recvmsg(fd, &h, MSG_DONTWAIT);
		/* its own broadcasts come back too */
	} while ((n < 0 && errno == EINTR) || (n >= 0 && source.sll_pkttype == PACKET_OUTGOING));
	if (n < 0)
		return errno == EAGAIN ? ERR_MORE : ERR_SYSTEM;
	b->len = (size_t)n;
	*from = (struct dhcpsock_origin){(uint32_t)source.sll_ifindex, checksum_ready(&h)};
	return ERR_OK;
}
