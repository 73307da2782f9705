/* https_scene: the HTTP client of role/https before a scripted server on 127.0.0.1, for the tests of both its
 * files. */
#ifndef SEALTAP_TESTS_HTTPS_SCENE_H
#define SEALTAP_TESTS_HTTPS_SCENE_H

#include "role/https.h"

#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "os/clock.h"
#include "scripted_server.h"

#define BIG (8u << 20)
#define HEAD "PUT /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HEAD_LEN (sizeof(HEAD) - 1)
#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct loop loop;
static struct server server;
static struct https client;
static uint8_t body_mem[BIG];

/* What done was called with, and how often. */
static struct https_result got;
static unsigned dones, his;
static unsigned chain; /* requests still to be started from within done */
static struct https_request again;

static inline bool is_hi(void)
{
	return got.err == ERR_OK && got.response->status == 200 && span_eq(got.body, SPAN("hi")) &&
	       got.answered && got.sent_all;
}

static inline void on_done(void *arg, const struct https_result *r)
{
	got = *r;
	dones++;
	his += is_hi();
	CHECK(arg == &client && !https_busy(&client));
	if (chain) {
		chain--;
		https_start(&client, &again);
		CHECK(https_busy(&client));
	}
}

static inline void scene(const struct act *acts, size_t count)
{
	loop_init(&loop);
	server_start(&server, &loop, acts, count);
	https_init(&client, &loop, NULL, body_mem, sizeof(body_mem), on_done, &client);
	dones = 0;
}
#define SCENE(...)                                       \
	static const struct act acts_[] = {__VA_ARGS__}; \
	scene(acts_, sizeof(acts_) / sizeof(acts_[0]))

static inline void scene_end(void)
{
	https_abort(&client);
	server_stop(&server);
	for (int i = 0; i < LOOP_MAX_WATCHES; i++)
		CHECK(!loop.watches[i]);
	CHECK(!loop.timers);
}

static struct ip localhost; /* 127.0.0.1, where the server is */

static inline struct https_request request(struct span body)
{
	localhost = ip_from_v4(INADDR_LOOPBACK);
	return (struct https_request){.host = "localhost",
				      .addr = &localhost,
				      .addr_count = 1,
				      .port = server.port,
				      .head = SPAN(HEAD),
				      .body = body,
				      .timeout_ms = 5000};
}

static inline void turns(unsigned n)
{
	while (n--)
		loop_turn(&loop, 1000000);
}

static inline void wait_done(void)
{
	unsigned before = dones;
	uint64_t end_ns = clock_mono_ns() + 10000000000u;
	while (dones == before && clock_mono_ns() < end_ns)
		loop_turn(&loop, 100000000);
	CHECK(dones == before + 1);
}

static inline enum err ask(void)
{
	struct https_request r = request(SPAN(""));
	unsigned before = dones;
	https_start(&client, &r);
	CHECK(https_busy(&client) && dones == before);
	wait_done();
	return got.err;
}

#endif
