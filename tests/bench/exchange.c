/* exchange: real exchanges over the kernel's TCP and UDP at a fixed rate, for measuring what a gateway
 * between them costs.
 *
 *   exchange serve ADDRESS PORT CORPUS NOISE     answers until it is killed; prints "ready"
 *   exchange ask ADDRESS PORT MIX MBIT_S SECONDS asks; prints a line: bytes, requests, connections, names, s
 *
 * A request is a head as a browser's, then a body in the direction that it names; a connection serves
 * REQUESTS of them, one after the other, and a name is asked for (UDP) before it. What is asked for depends
 * on MIX and a fixed seed alone. MIX is a row of `mixes`. CORPUS: what clear pages consist of. NOISE: what
 * ciphertext consists of, which is framed as TLS records of 16 KiB. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LANES 24
#define REQUESTS 8
#define HEAD_BYTES 420 /* as a browser's: cookies and all */
#define RECORD 16384
#define SCRATCH (256 * 1024)
#define CONNECTIONS 512
#define UPLOAD (16u << 20) /* more than a compressor looks back */

enum kind { PAGE, TLS, TLS_UP, KINDS };

/* In 1,000 requests; sizes in bytes, chosen evenly on a logarithmic scale between the two. */
static const struct mix {
	const char *name;
	unsigned share[KINDS];
} mixes[] = {{"http", {1000, 0, 0}}, {"tls", {50, 900, 50}}, {"bulk", {0, 1000, 0}}};
static const struct {
	uint32_t least, most;
} sizes[KINDS] = {[PAGE] = {1000, 1000000}, [TLS] = {2000, 2000000}, [TLS_UP] = {1000, 500000}};

struct request {
	uint32_t magic, kind, bytes, from;
	char words[HEAD_BYTES - 16];
};
_Static_assert(sizeof(struct request) == HEAD_BYTES, "as it travels");

static uint64_t seed = 88172645463325252u;
static uint8_t scratch[SCRATCH];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "exchange: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % below);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address_of(char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
	if (inet_pton(AF_INET, argv[0], &a.sin_addr) != 1)
		die(argv[0]);
	return a;
}

/* ---- the server */

struct content {
	const uint8_t *p;
	size_t len;
};

/* One connection: first a head comes, then a body goes, or comes. */
struct visit {
	struct request head;
	size_t got, to_send, to_take;
	uint64_t at;
};

static struct content contents[2];
static struct visit visits[CONNECTIONS];
static struct pollfd polls[CONNECTIONS];
static nfds_t open_count;

static struct content content_of(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	close(fd);
	return (struct content){p, (size_t)st.st_size};
}

/* The next piece of a body: of ciphertext a record, its header in front. */
static ssize_t send_piece(int fd, struct visit *v)
{
	static uint8_t record[5 + RECORD] = {0x17, 0x03, 0x03, RECORD >> 8, RECORD & 0xff};
	const struct content *c = &contents[v->head.kind != PAGE];
	size_t at = (v->head.from + v->at) % (c->len - RECORD), n = v->to_send < RECORD ? v->to_send : RECORD;
	if (v->head.kind == PAGE)
		return send(fd, c->p + at, n, MSG_NOSIGNAL | MSG_DONTWAIT | (v->to_send > n ? MSG_MORE : 0));
	if (v->at % sizeof(record) == 0 && v->to_send >= sizeof(record)) {
		memcpy(record + 5, c->p + at, RECORD);
		return send(fd, record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	return send(fd, c->p + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool take(int fd, struct visit *v)
{
	ssize_t n;
	if (v->to_take) {
		size_t want = v->to_take < SCRATCH ? v->to_take : SCRATCH;
		n = recv(fd, scratch, want, MSG_DONTWAIT | MSG_TRUNC);
		if (n > 0 && (v->to_take -= (size_t)n) == 0)
			v->to_send = 200; /* a word of thanks */
		return n > 0 || (n < 0 && errno == EAGAIN);
	}
	n = recv(fd, (uint8_t *)&v->head + v->got, sizeof(v->head) - v->got, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	v->got += (size_t)n;
	if (v->got == sizeof(v->head)) {
		v->got = v->at = 0;
		v->to_send = v->head.kind == TLS_UP ? 0 : v->head.bytes;
		v->to_take = v->head.kind == TLS_UP ? v->head.bytes : 0;
	}
	return true;
}

static bool serve_one(struct pollfd *p, struct visit *v)
{
	if ((p->revents & (POLLIN | POLLHUP | POLLERR)) && v->to_send == 0 && !take(p->fd, v))
		return false;
	while (v->to_send) {
		ssize_t n = send_piece(p->fd, v);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return false;
		v->to_send -= (size_t)n;
		v->at += (uint64_t)n;
	}
	p->events = v->to_send ? POLLOUT : POLLIN;
	return true;
}

static void answer_name(int udp)
{
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(udp, q, 64, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (n > 0 && sendto(udp, q, 140, 0, (struct sockaddr *)&from, len) < 0)
		die("answer");
}

static void serve(char **argv)
{
	struct sockaddr_in at = address_of(argv);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	contents[0] = content_of(argv[2]);
	contents[1] = content_of(argv[3]);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    bind(udp, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 128))
		die("bind");
	polls[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = udp, .events = POLLIN};
	open_count = 2;
	printf("ready\n");
	fflush(stdout);
	while (poll(polls, open_count, -1) > 0) {
		for (nfds_t i = open_count; i-- > 2;) {
			if (!polls[i].revents || serve_one(&polls[i], &visits[i]))
				continue;
			close(polls[i].fd);
			polls[i] = polls[--open_count];
			visits[i] = visits[open_count];
		}
		if (polls[1].revents)
			answer_name(udp);
		if (polls[0].revents && open_count < CONNECTIONS) {
			polls[open_count] =
				(struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
			visits[open_count++] = (struct visit){.got = 0};
		}
	}
}

/* ---- the client */

struct lane {
	size_t to_take, to_send;
	unsigned left; /* requests that this connection may still carry */
};

static struct lane lanes[LANES];
static uint8_t upload[UPLOAD]; /* noise */
static size_t upload_at;       /* moves on: a body is not the bytes of the one before */
static struct pollfd asks[LANES];
static struct {
	uint64_t bytes, requests, connections, names;
} sum;

/* The rate is that of bodies, heads and answers; what the network adds is not counted. */
static void connect_lane(unsigned i, const struct sockaddr_in *to, int udp)
{
	uint8_t q[60] = {0}, a[512];
	if (asks[i].fd > 0)
		close(asks[i].fd);
	if (sendto(udp, q, sizeof(q), 0, (const struct sockaddr *)to, sizeof(*to)) > 0)
		sum.names++;
	while (recv(udp, a, sizeof(a), MSG_DONTWAIT) > 0)
		;
	asks[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
	if (connect(asks[i].fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect");
	lanes[i].left = REQUESTS;
	sum.connections++;
}

static enum kind choose(const struct mix *m)
{
	uint32_t at = chance(1000), kind = 0;
	while (kind + 1 < KINDS && at >= m->share[kind])
		at -= m->share[kind++];
	return (enum kind)kind;
}

static void ask_one(unsigned i, const struct mix *m)
{
	struct request r = {.magic = 0x20544547, .kind = choose(m), .from = chance(1u << 30)};
	unsigned halvings = chance(100);
	/* 100 steps from the largest to the least */
	double size = sizes[r.kind].most;
	for (unsigned n = 0; n < halvings; n++)
		size *= 0.933;
	r.bytes = size < sizes[r.kind].least ? sizes[r.kind].least : (uint32_t)size;
	memset(r.words, 'a' + (int)(r.from % 26), sizeof(r.words));
	if (send(asks[i].fd, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		die("ask");
	lanes[i].to_send = r.kind == TLS_UP ? r.bytes : 0;
	lanes[i].to_take = r.kind == TLS_UP ? 200 : r.bytes;
	sum.bytes += r.bytes + sizeof(r);
	sum.requests++;
}

static void carry(unsigned i)
{
	struct lane *l = &lanes[i];
	if (asks[i].revents & POLLOUT) {
		size_t n = l->to_send < SCRATCH ? l->to_send : SCRATCH;
		upload_at = upload_at + n > UPLOAD ? 0 : upload_at;
		ssize_t sent = send(asks[i].fd, upload + upload_at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		l->to_send -= sent > 0 ? (size_t)sent : 0;
		upload_at += sent > 0 ? (size_t)sent : 0;
	}
	if (asks[i].revents & (POLLIN | POLLERR | POLLHUP)) {
		ssize_t n =
			recv(asks[i].fd, scratch, l->to_take, MSG_DONTWAIT | MSG_TRUNC); /* no copy: tcp(7) */
		if (n == 0 || (n < 0 && errno != EAGAIN))
			die("answer");
		l->to_take -= n > 0 ? (size_t)n : 0;
		if (l->to_take == 0)
			l->left--;
	}
	asks[i].events = (short)(POLLIN | (l->to_send ? POLLOUT : 0));
}

/* Lanes that are free ask, as long as `more` bytes are due; how many are at it. */
static unsigned ask_all(const struct mix *m, double more, const struct sockaddr_in *to, int udp)
{
	unsigned busy = 0;
	for (unsigned i = 0; i < LANES; i++) {
		uint64_t before = sum.bytes;
		if (!lanes[i].to_take && more > 0) {
			if (!lanes[i].left)
				connect_lane(i, to, udp);
			ask_one(i, m);
			asks[i].events = (short)(POLLIN | (lanes[i].to_send ? POLLOUT : 0));
		}
		more -= (double)(sum.bytes - before);
		busy += lanes[i].to_take > 0;
	}
	return busy;
}

static const struct mix *mix_of(const char *name)
{
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++)
		if (strcmp(mixes[i].name, name) == 0)
			return &mixes[i];
	die(name);
}

static void ask(char **argv)
{
	struct sockaddr_in to = address_of(argv);
	const struct mix *m = mix_of(argv[2]);
	double bytes_s = strtod(argv[3], NULL) * 1e6 / 8, seconds = strtod(argv[4], NULL), begin = now_s();
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned busy = 1;
	for (size_t i = 0; i < UPLOAD; i++)
		upload[i] = (uint8_t)chance(256);
	for (unsigned i = 0; i < LANES; i++)
		asks[i].fd = -1;
	while (busy || now_s() - begin < seconds) {
		double age_s = now_s() - begin;
		busy = ask_all(m, age_s < seconds ? bytes_s * age_s - (double)sum.bytes : 0, &to, udp);
		if (poll(asks, LANES, 2) < 0)
			die("poll");
		for (unsigned i = 0; i < LANES; i++)
			if (asks[i].revents && lanes[i].to_take)
				carry(i);
	}
	printf("%llu bytes %llu requests %llu connections %llu names %.3f s\n", (unsigned long long)sum.bytes,
	       (unsigned long long)sum.requests, (unsigned long long)sum.connections,
	       (unsigned long long)sum.names, now_s() - begin);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "serve") == 0)
		serve(argv + 2);
	else if (argc == 7 && strcmp(argv[1], "ask") == 0)
		ask(argv + 2);
	else
		die("usage: serve ADDRESS PORT CORPUS NOISE, or ask ADDRESS PORT MIX MBIT_S SECONDS");
	return 0;
}
