/* tls_crowd: many clients in one process, in the handshake at once; each server is a process of its own, so
 * that what Mbed TLS allocates here is the clients' alone, but for what the test had before. */
#ifndef SEALTAP_TESTS_TLS_CROWD_H
#define SEALTAP_TESTS_TLS_CROWD_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mbedtls/memory_buffer_alloc.h>

#include "lib/tls_mbed_shared.h"
#include "tls_scene.h"

#define CROWD_MAX (TLS_MBED_CONNECTIONS + 1)
#define CROWD_STEP 200 /* bytes that a client receives before the others get their turn */
#define CROWD_PATIENCE_MS 10000

static struct member {
	struct tls client;
	int fd;
	pid_t pid; /* of its server */
} crowd[CROWD_MAX];

/* The server's life: one handshake, then until the client is gone. */
static _Noreturn void crowd_serve(int fd)
{
	uint8_t bytes[4096];
	ssize_t n;
	peer_accept(&server);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		wire_put(&server.in, bytes, (size_t)n);
		peer_handshake(&server);
		size_t out = wire_take(&server.out, bytes, sizeof(bytes));
		for (; out; out = wire_take(&server.out, bytes, sizeof(bytes)))
			if (write(fd, bytes, out) != (ssize_t)out)
				_exit(1);
	}
	_exit(0);
}

static void crowd_join(struct member *m)
{
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	fflush(stdout);
	m->pid = fork();
	if (m->pid == 0) {
		close(fds[0]);
		crowd_serve(fds[1]);
	}
	ASSERT(m->pid > 0);
	close(fds[1]);
	m->fd = fds[0];
	tls_init(&m->client);
	CHECK(tls_begin(&m->client, &anchors, NAME, NOW_S, entropy) == ERR_OK);
}

static void crowd_leave(struct member *m)
{
	shutdown(m->fd, SHUT_RDWR); /* later servers hold copies of it */
	close(m->fd);
	tls_wipe(&m->client);
	ASSERT(waitpid(m->pid, NULL, 0) == m->pid);
}

/* One step of a handshake; false when it is over, one way or the other. */
static bool crowd_step(struct member *m)
{
	if (tls_status(&m->client) || tls_ready(&m->client))
		return false;
	struct span out = tls_out(&m->client);
	if (out.len) {
		ssize_t n = write(m->fd, out.p, out.len);
		ASSERT(n > 0);
		tls_out_done(&m->client, (size_t)n);
		return true;
	}
	size_t room;
	uint8_t *in = tls_in(&m->client, &room);
	struct pollfd p = {.fd = m->fd, .events = POLLIN};
	if (!in || poll(&p, 1, CROWD_PATIENCE_MS) != 1)
		return false;
	ssize_t n = read(m->fd, in, room < CROWD_STEP ? room : CROWD_STEP);
	if (n > 0)
		tls_in_done(&m->client, (size_t)n);
	return n > 0;
}

/* All of them, step by step; how many came through. */
static size_t crowd_handshake(size_t count)
{
	size_t ready = 0;
	for (bool moved = true; moved;) {
		moved = false;
		for (size_t i = 0; i < count; i++)
			moved = crowd_step(&crowd[i]) || moved;
	}
	for (size_t i = 0; i < count; i++)
		ready += tls_ready(&crowd[i].client) && !tls_status(&crowd[i].client);
	return ready;
}

/* Bytes of the arena in use now, and at the most since the last call. */
static size_t arena_used(size_t *peak)
{
	size_t used, blocks;
	mbedtls_memory_buffer_alloc_max_get(peak, &blocks);
	mbedtls_memory_buffer_alloc_cur_get(&used, &blocks);
	mbedtls_memory_buffer_alloc_max_reset();
	return used;
}

#endif
