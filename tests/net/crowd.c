/* crowd: very many flows at once through a gateway, for clients_test.py.
 *
 *   crowd serve ADDRESS PORT
 *       answers on UDP and TCP: whom it saw asking, behind the question itself.
 *   crowd ask PROTOCOLS GATEWAY ADDRESS PORT FLOWS FIRST_PORT SOURCE..
 *       PROTOCOLS is udp, tcp or mixed. Flow i asks from port FIRST_PORT + i / n of SOURCE i % n (mixed: four
 *       of UDP and one of TCP in turn). When all have asked once it says so in a line, and waits for one:
 *       at "again" all ask again, at "end" none. Then a JSON line says what came of it.
 *
 * A question is 16 random bytes, a new one each time: only who got it can send it back. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define QUESTION 16
#define ANSWER (QUESTION + 6) /* the asker's address and port */
#define EVENTS 256
#define FLOWS_MAX 100000
#define SOURCES_MAX 8
#define CONNECTIONS_MAX 30000
#define UNDER_WAY 256 /* no queue between two links is shorter */
#define ASK_AGAIN_MS 300
/* Linux looks for a free port in a few short windows of the range and else drops the packet. Ports that
 * stay as they are fill a quarter of the range without a gap here: by that, a packet that must change its
 * port finds none in up to one case of 64 (1/4 cubed; plain: 256). Who asks by UDP must ask again, and finds
 * other windows. */
#define TRIES 5
#define CONNECT_MS 5000
#define PARTS_MAX 64
#define AGAIN 'a'

static void watch(int epoll, int fd, uint32_t events, uint32_t number)
{
	struct epoll_event e = {.events = events, .data.u32 = number};
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

/* How many processes it takes until each may have its part of so many open files. */
static uint32_t processes_for(uint32_t files)
{
	struct rlimit limit;
	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	uint32_t each = limit.rlim_max > files + 64 ? files : (uint32_t)limit.rlim_max - 64;
	uint32_t count = (files + each - 1) / each;
	if (count > PARTS_MAX) {
		fprintf(stderr, "no more than %u open files are allowed\n", each);
		exit(2);
	}
	return count;
}

/* The number of the child in the child, count in the parent. */
static uint32_t divide(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (must(fork(), "fork"))
			continue;
		must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
		return i;
	}
	return count;
}

/* ---- serve */

static void whom(uint8_t *answer, const struct sockaddr_in *who)
{
	memcpy(answer + QUESTION, &who->sin_addr, 4);
	memcpy(answer + QUESTION + 4, &who->sin_port, 2);
}

static void answer_datagrams(int fd)
{
	uint8_t text[ANSWER];
	struct sockaddr_in who;
	socklen_t len = sizeof(who);
	while (recvfrom(fd, text, QUESTION, MSG_DONTWAIT, (struct sockaddr *)&who, &len) == QUESTION) {
		whom(text, &who);
		sendto(fd, text, ANSWER, 0, (struct sockaddr *)&who, sizeof(who));
	}
}

/* One question is one segment. */
static void answer_connection(int fd)
{
	uint8_t text[ANSWER];
	struct sockaddr_in who;
	socklen_t len = sizeof(who);
	ssize_t n = recv(fd, text, QUESTION, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n != QUESTION || getpeername(fd, (struct sockaddr *)&who, &len)) {
		close(fd);
		return;
	}
	whom(text, &who);
	send(fd, text, ANSWER, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int listener(int type, const struct sockaddr_in *at)
{
	int one = 1, fd = must(socket(AF_INET, type | SOCK_NONBLOCK, 0), "socket");
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "setsockopt");
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), "setsockopt");
	must(bind(fd, (const struct sockaddr *)at, sizeof(*at)), "bind");
	if (type == SOCK_STREAM)
		must(listen(fd, 4096), "listen");
	return fd;
}

/* Connections are divided among the processes by the kernel. */
static _Noreturn void serve(const struct sockaddr_in *at)
{
	divide(processes_for(CONNECTIONS_MAX));
	int epoll = must(epoll_create1(0), "epoll");
	int udp = listener(SOCK_DGRAM, at), tcp = listener(SOCK_STREAM, at);
	watch(epoll, udp, EPOLLIN, (uint32_t)udp);
	watch(epoll, tcp, EPOLLIN, (uint32_t)tcp);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			int fd = (int)events[i].data.u32;
			if (fd == udp) {
				answer_datagrams(udp);
			} else if (fd != tcp) {
				answer_connection(fd);
			} else {
				while ((fd = accept(tcp, NULL, NULL)) >= 0)
					watch(epoll, fd, EPOLLIN, (uint32_t)fd);
			}
		}
	}
}

/* ---- ask */

enum way { UDP, TCP, WAYS };

struct flow {
	int fd; /* -1: could not be opened */
	enum way way;
	uint16_t mapped; /* the port that the server saw; 0: not answered */
	bool waits;
	uint8_t tries;
	uint64_t asked_ms;
	uint8_t question[QUESTION];
};

/* Of all processes. */
struct totals {
	atomic_uint answers, wrong, moved, shared, elsewhere, late, refused;
	atomic_uchar taken[WAYS][UINT16_MAX + 1]; /* by mapped port */
};

/* Of one process: every flow whose number divided by the number of processes leaves its own. */
static struct crowd {
	struct flow flow[FLOWS_MAX];
	uint32_t count, part, parts;
	uint32_t waiting[UNDER_WAY], waits; /* numbers of flows */
	int epoll;
	struct sockaddr_in server, gateway, source[SOURCES_MAX];
	uint32_t sources;
	struct totals *total;
} crowd;

static void open_flow(struct flow *f, uint32_t at, uint16_t first_port)
{
	struct sockaddr_in from = crowd.source[at % crowd.sources];
	struct linger reset = {1, 0};
	from.sin_port = htons((uint16_t)(first_port + at / crowd.sources));
	f->fd = must(socket(AF_INET, (f->way == TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0),
		     "socket");
	/* a connection ends by a reset: no port waits for anything afterwards */
	must(setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "setsockopt");
	must(bind(f->fd, (struct sockaddr *)&from, sizeof(from)), "bind");
	if (connect(f->fd, (struct sockaddr *)&crowd.server, sizeof(crowd.server)) && errno != EINPROGRESS)
		die("connect");
	watch(crowd.epoll, f->fd, EPOLLIN | (f->way == TCP ? EPOLLOUT : 0), at);
}

static void send_question(struct flow *f)
{
	f->asked_ms = now_ms();
	f->tries++;
	send(f->fd, f->question, QUESTION, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void begin(uint32_t at)
{
	struct flow *f = &crowd.flow[at];
	must((int)getrandom(f->question, QUESTION, 0), "getrandom");
	f->waits = true;
	f->tries = 0;
	f->asked_ms = now_ms();
	crowd.waiting[crowd.waits++] = at;
	if (f->way == UDP || f->mapped)
		send_question(f);
}

static void learn(struct flow *f, const uint8_t *answer)
{
	struct totals *t = crowd.total;
	uint16_t port = (uint16_t)(answer[QUESTION + 4] << 8 | answer[QUESTION + 5]);
	t->answers++;
	f->waits = false;
	t->elsewhere += memcmp(answer + QUESTION, &crowd.gateway.sin_addr, 4) != 0;
	if (f->mapped) {
		t->moved += f->mapped != port;
		return;
	}
	f->mapped = port;
	t->shared += t->taken[f->way][port]++ > 0;
}

static void hear(struct flow *f, uint32_t events, uint32_t at)
{
	uint8_t answer[ANSWER + 1];
	if (events & EPOLLOUT) {
		struct epoll_event only_in = {.events = EPOLLIN, .data.u32 = at};
		must(epoll_ctl(crowd.epoll, EPOLL_CTL_MOD, f->fd, &only_in), "epoll_ctl");
		if (!(events & (EPOLLERR | EPOLLHUP)))
			send_question(f);
	}
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	ssize_t n = recv(f->fd, answer, sizeof(answer), MSG_DONTWAIT);
	if (n == ANSWER && !memcmp(answer, f->question, QUESTION)) {
		if (f->waits)
			learn(f, answer);
		else
			crowd.total->late++;
	} else if (n >= 0 && !(n == 0 && f->way == TCP)) {
		crowd.total->wrong++;
	} else if (n == 0 || errno != EAGAIN) {
		crowd.total->refused++;
		f->waits = f->way == UDP && f->waits;
		if (f->way == TCP)
			epoll_ctl(crowd.epoll, EPOLL_CTL_DEL, f->fd, NULL);
	}
}

/* Who waits for too long asks again, or waits no more: a connection's segments are its kernel's to repeat. */
static void sweep(void)
{
	uint64_t now = now_ms();
	uint32_t kept = 0;
	for (uint32_t i = 0; i < crowd.waits; i++) {
		struct flow *f = &crowd.flow[crowd.waiting[i]];
		if (f->waits && f->way == UDP && now - f->asked_ms > ASK_AGAIN_MS) {
			if (f->tries < TRIES)
				send_question(f);
			else
				f->waits = false;
		} else if (f->waits && now - f->asked_ms > CONNECT_MS) {
			f->waits = false;
		}
		if (f->waits)
			crowd.waiting[kept++] = crowd.waiting[i];
	}
	crowd.waits = kept;
}

/* The failure's first question is which protocol it was, from where. */
static void tell_silent(uint16_t first_port)
{
	for (uint32_t at = crowd.part; at < crowd.count; at += crowd.parts) {
		const struct flow *f = &crowd.flow[at];
		if (!f->mapped)
			fprintf(stderr, "no answer: %s, source %u, port %u, tries %u\n",
				f->way == TCP ? "tcp" : "udp", at % crowd.sources,
				first_port + at / crowd.sources, f->tries);
	}
}

static void ask_all(uint16_t first_port)
{
	struct epoll_event events[EVENTS];
	for (uint32_t next = crowd.part; next < crowd.count || crowd.waits;) {
		while (next < crowd.count && crowd.waits < UNDER_WAY / crowd.parts) {
			struct flow *f = &crowd.flow[next];
			bool first = f->fd < 0;
			if (first)
				open_flow(f, next, first_port);
			if (first || f->mapped) /* else it had no answer the first time */
				begin(next);
			next += crowd.parts;
		}
		int n = epoll_wait(crowd.epoll, events, EVENTS, 20);
		for (int i = 0; i < n; i++)
			hear(&crowd.flow[events[i].data.u32], events[i].events, events[i].data.u32);
		sweep();
	}
}

static void tell(const struct totals *t, uint32_t first)
{
	uint32_t mapped = 0, least = UINT16_MAX, most = 0;
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		uint32_t here = (uint32_t)t->taken[UDP][port] + t->taken[TCP][port];
		mapped += here;
		least = here && port < least ? port : least;
		most = here ? port : most;
	}
	printf("{\"flows\": %u, \"mapped\": %u, \"again\": %u, \"wrong\": %u, \"moved\": %u, \"shared\": %u, "
	       "\"elsewhere\": %u, \"late\": %u, \"refused\": %u, \"port_least\": %u, \"port_most\": %u}\n",
	       crowd.count, mapped, t->answers - first, t->wrong, t->moved, t->shared, t->elsewhere, t->late,
	       t->refused, least, most);
	fflush(stdout);
}

static void ask_part(const char *protocols, uint16_t first_port, int done, int go, int over)
{
	bool mixed = !strcmp(protocols, "mixed");
	char c = 0;
	for (uint32_t i = 0; i < crowd.count; i++) {
		crowd.flow[i].fd = -1;
		crowd.flow[i].way = (mixed ? i % 5 == 4 : !strcmp(protocols, "tcp")) ? TCP : UDP;
	}
	crowd.epoll = must(epoll_create1(0), "epoll");
	ask_all(first_port);
	tell_silent(first_port);
	must((int)write(done, &c, 1), "write");
	must((int)read(go, &c, 1), "read");
	if (c == AGAIN)
		ask_all(first_port);
	must((int)write(done, &c, 1), "write");
	/* closed together with all others, when all have been heard */
	must((int)read(over, &c, 1), "read");
}

static void await_parts(int done)
{
	char c;
	for (uint32_t i = 0; i < crowd.parts; i++)
		if (read(done, &c, 1) != 1)
			die("a part of the crowd");
}

static void part_died(int unused)
{
	(void)unused;
	_exit(1);
}

static int ask(const char *protocols, uint16_t first_port)
{
	int done[2], go[2], over[2];
	char line[16], word[PARTS_MAX] = "";
	void *shared =
		mmap(NULL, sizeof(*crowd.total), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	crowd.total = shared;
	must(pipe(done), "pipe");
	must(pipe(go), "pipe");
	must(pipe(over), "pipe");
	crowd.parts = processes_for(crowd.count);
	signal(SIGCHLD, part_died);
	crowd.part = divide(crowd.parts);
	if (crowd.part < crowd.parts) {
		ask_part(protocols, first_port, done[1], go[0], over[0]);
		return 0;
	}
	close(done[1]);
	await_parts(done[0]);
	uint32_t first = crowd.total->answers;
	puts("asked once");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	memset(word, line[0], sizeof(word));
	must((int)write(go[1], word, crowd.parts), "write");
	await_parts(done[0]);
	signal(SIGCHLD, SIG_DFL);
	must((int)write(over[1], word, crowd.parts), "write");
	while (wait(NULL) > 0)
		;
	tell(crowd.total, first);
	return 0;
}

/* ---- */

int main(int argc, char **argv)
{
	/* captures and recording go first: no queue of theirs is to overflow by what this one eats */
	must(nice(10), "nice");
	if (argc == 4 && !strcmp(argv[1], "serve")) {
		struct sockaddr_in at = address_of(argv[2], number(argv[3], UINT16_MAX));
		serve(&at);
	}
	if (argc < 9 || argc > 8 + SOURCES_MAX || strcmp(argv[1], "ask") != 0) {
		fputs("usage: see the top of crowd.c\n", stderr);
		return 2;
	}
	crowd.gateway = address_of(argv[3], 0);
	crowd.server = address_of(argv[4], number(argv[5], UINT16_MAX));
	crowd.count = (uint32_t)number(argv[6], FLOWS_MAX);
	for (int i = 8; i < argc; i++)
		crowd.source[crowd.sources++] = address_of(argv[i], 0);
	return ask(argv[2], (uint16_t)number(argv[7], UINT16_MAX));
}
