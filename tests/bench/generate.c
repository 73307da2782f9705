/* generate LINK FILE COUNT RATE: sends COUNT frames by LINK, those of a pcap of this machine's byte
 * order over and over, RATE a second (0: as fast as it goes), past the queueing discipline (packet(7):
 * PACKET_QDISC_BYPASS), 64 with a call. The frames are sent as they are. At the end a line: frames,
 * bytes, seconds. A frame that the link does not take (ENOBUFS) is none of these: it is sent again, so that
 * a link which is too slow shows in the seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum { BATCH = 64, FRAMES_MAX = 65536, FILE_HEAD = 24, RECORD_HEAD = 16, SEND_BUFFER = 8 << 20 };
#define BILLION 1000000000u

static struct iovec frames[FRAMES_MAX];
static size_t known;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * BILLION + (uint64_t)t.tv_nsec;
}

/* The file stays mapped: frames points into it. */
static void load(const char *path)
{
	struct stat s;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &s))
		die(path);
	size_t size = (size_t)s.st_size;
	char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		die(path);
	for (size_t at = FILE_HEAD; at + RECORD_HEAD <= size && known < FRAMES_MAX;) {
		uint32_t length;
		memcpy(&length, map + at + 8, sizeof(length));
		at += RECORD_HEAD;
		if (length > size - at)
			break;
		frames[known++] = (struct iovec){map + at, length};
		at += length;
	}
	if (!known) {
		fprintf(stderr, "%s: no frames\n", path);
		exit(1);
	}
}

static int socket_on(const char *link)
{
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, buffer = SEND_BUFFER;
	if (s < 0 || setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)))
		die("packet socket");
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	to.sll_ifindex = (int)if_nametoindex(link);
	if (bind(s, (struct sockaddr *)&to, sizeof(to)))
		die(link);
	return s;
}

/* Sends them all, however often the socket is full; the bytes. */
static uint64_t send_batch(int s, struct mmsghdr *batch, unsigned n)
{
	uint64_t bytes = 0;
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(s, batch + done, n - done, 0);
		if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("sendmmsg");
		for (int i = 0; i < sent; i++)
			bytes += batch[done + (unsigned)i].msg_hdr.msg_iov->iov_len;
		done += sent > 0 ? (unsigned)sent : 0;
	}
	return bytes;
}

static void wait_until(uint64_t due_ns)
{
	struct timespec t = {.tv_sec = (time_t)(due_ns / BILLION), .tv_nsec = (long)(due_ns % BILLION)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fputs("usage: generate LINK FILE COUNT RATE\n", stderr);
		return 2;
	}
	load(argv[2]);
	int s = socket_on(argv[1]);
	uint64_t count = strtoull(argv[3], NULL, 10), bytes = 0, begin = now_ns();
	double rate = strtod(argv[4], NULL);
	size_t next = 0;
	for (uint64_t sent = 0; sent < count;) {
		struct mmsghdr batch[BATCH] = {0};
		unsigned n = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
		for (unsigned i = 0; i < n; i++, next = (next + 1) % known) {
			batch[i].msg_hdr.msg_iov = &frames[next];
			batch[i].msg_hdr.msg_iovlen = 1;
		}
		if (rate > 0)
			wait_until(begin + (uint64_t)((double)sent / rate * BILLION));
		bytes += send_batch(s, batch, n);
		sent += n;
	}
	double seconds = (double)(now_ns() - begin) / BILLION;
	printf("%llu %llu %.6f\n", (unsigned long long)count, (unsigned long long)bytes, seconds);
	return 0;
}
