#include "role/calls.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	NET = 1,
	KEYS = 2,
	UPLOAD = 4,
	SPOOL = 8,
	STATUS = 16,
	FLOWS = 32,
	CAPTURE = 64,
	ALL = 127,
	HTTPS = KEYS | UPLOAD,
	TCP = HTTPS | NET,
	FILTERS = KEYS | CAPTURE, /* they compile rules, and libpcap allocates */
};

#define ROW(who_, name, ...)                                                \
	{                                                                   \
		.number = SYS_##name, .who = (who_), .arg = { __VA_ARGS__ } \
	}
#define IS SANDBOX_IS
#define BITS SANDBOX_BITS
#define SOCKET(who_, family, type, protocol) \
	ROW(who_, socket, IS(0, family), BITS(1, type, SOCK_CLOEXEC | SOCK_NONBLOCK), IS(2, protocol))

static const struct sandbox_call calls[] = {
	/* each turn of os/loop; role_run until START is there */
	ROW(ALL, ppoll),
	/* os/tcp and os/udp: on what is connected, never to another address */
	ROW(TCP | STATUS, sendto, BITS(3, MSG_NOSIGNAL, MSG_MORE), IS(4, 0)),
	ROW(TCP | STATUS, recvfrom, IS(3, 0), IS(4, 0)),
	/* os/tcp: is a connection that is kept still there */
	ROW(HTTPS, recvfrom, IS(3, MSG_PEEK), IS(4, 0)),
	/* os/udp */
	ROW(NET, recvfrom, IS(3, MSG_DONTWAIT), IS(4, 0)),
	/* os/netlink: requests; the length of the address is netlink's */
	ROW(NET | FLOWS, sendto, IS(3, 0), IS(5, sizeof(struct sockaddr_nl))),
	/* os/dhcpsock: a broadcast on one link */
	ROW(NET, sendto, IS(3, MSG_DONTWAIT), IS(5, sizeof(struct sockaddr_ll))),
	/* os/chan: messages, with descriptors; log lines */
	ROW(ALL, sendmsg, IS(2, MSG_NOSIGNAL | MSG_DONTWAIT)),
	ROW(ALL, recvmsg, IS(2, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)),
	/* os/netlink, os/dhcpsock */
	ROW(NET | FLOWS, recvmsg, IS(2, MSG_DONTWAIT)),
	/* os/tcp: how much the other side has not acknowledged */
	ROW(HTTPS, ioctl, IS(1, SIOCOUTQ)),
	/* os/clock: only where the clock source can't be read without a call */
	ROW(ALL, clock_gettime),
	/* os/rng: keys, identifiers, the scatter of waits; never before the kernel has entropy */
	ROW(ALL & ~STATUS, getrandom, IS(2, 0)),

	/* channels of roles that died, connections, descriptors that are mapped */
	ROW(ALL, close),
	ROW(ALL, exit_group),

	/* os/pool, os/ring: memory that is shared; nothing is ever executable */
	ROW(ALL & ~NET & ~UPLOAD, mmap, BITS(2, 0, PROT_READ | PROT_WRITE), IS(3, MAP_SHARED)),
	ROW(UPLOAD, mmap, IS(2, PROT_READ), IS(3, MAP_SHARED)),
	/* musl's malloc, for libpcap: brk and a guard page in front, mmap when it is much. It asks for
	 * mprotect only where brk fails, and does not get it. */
	ROW(FILTERS, mmap, IS(2, PROT_READ | PROT_WRITE), IS(3, MAP_PRIVATE | MAP_ANONYMOUS)),
	ROW(FILTERS, mmap, IS(2, PROT_NONE), IS(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)),
	ROW(FILTERS, munmap),
	ROW(FILTERS, brk),

	/* os/disk */
	ROW(SPOOL, pread64),
	ROW(SPOOL, pwrite64),
	ROW(SPOOL, fdatasync),
	ROW(SPOOL, lseek, IS(1, 0), IS(2, SEEK_END)), /* its size */
	ROW(SPOOL, fstat),                            /* is it a file: then its space is reserved */
	ROW(SPOOL, fallocate, IS(1, 0)),
	ROW(SPOOL, nanosleep), /* a stall that a test acts out (--disk-faults) */
	/* role/anchors */
	ROW(HTTPS, pread64),

	/* os/tcp: AWS's services, and DNS where an answer is long; os/udp: DNS, NTP */
	SOCKET(TCP, AF_INET, SOCK_STREAM, 0),
	SOCKET(TCP, AF_INET6, SOCK_STREAM, 0),
	SOCKET(NET, AF_INET, SOCK_DGRAM, 0), /* and os/ethtool */
	SOCKET(NET, AF_INET6, SOCK_DGRAM, 0),
	ROW(TCP, connect),
	ROW(TCP, setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
	ROW(TCP, getsockopt, IS(1, SOL_SOCKET), IS(2, SO_ERROR)),
	/* os/netlink; an address of another family is longer */
	SOCKET(NET, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	SOCKET(NET, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
	ROW(NET, setsockopt, IS(1, SOL_NETLINK), IS(2, NETLINK_CAP_ACK)),
	ROW(NET, bind, IS(2, sizeof(struct sockaddr_nl))),
	/* os/ethtool: offloads, queues, counters of a driver */
	ROW(NET, ioctl, IS(1, SIOCETHTOOL)),
	/* os/sysctl: the kernel's settings, in calls_net's folder alone. musl's open() says O_CLOEXEC
	 * twice. */
	ROW(NET, open, BITS(1, O_RDONLY, O_WRONLY | O_CLOEXEC | O_LARGEFILE)),
	ROW(NET, fcntl, IS(1, F_SETFD), IS(2, FD_CLOEXEC)),
	ROW(NET, read),
	ROW(NET, write),
	/* role/net/gateway: how much memory there is, for connection tracking */
	ROW(NET, sysinfo),
	/* os/clock: step, slew, rate */
	ROW(NET, adjtimex),

	/* os/ring: what it dropped */
	ROW(CAPTURE, getsockopt, IS(1, SOL_PACKET), IS(2, PACKET_STATISTICS)),

	/* os/tcp: visitors of the status port; init has bound it */
	ROW(STATUS, accept4, IS(3, SOCK_NONBLOCK | SOCK_CLOEXEC)),
	ROW(STATUS, shutdown, IS(1, SHUT_WR)),
};

#define SANDBOX(who_) .calls = calls, .count = sizeof(calls) / sizeof(calls[0]), .who = (who_)

const struct sandbox calls_net = {SANDBOX(NET), .connects = true, .folder = "/proc/sys/net"};
const struct sandbox calls_keys = {SANDBOX(KEYS), .connects = true};
const struct sandbox calls_upload = {SANDBOX(UPLOAD), .connects = true};
const struct sandbox calls_spool = {SANDBOX(SPOOL)};
const struct sandbox calls_status = {SANDBOX(STATUS)};
const struct sandbox calls_flows = {SANDBOX(FLOWS)};
const struct sandbox calls_capture = {SANDBOX(CAPTURE)};
