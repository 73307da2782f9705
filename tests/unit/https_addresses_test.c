/* Which of a host's addresses the HTTP client connects to, and how long a connection is kept for them. */
#include "https_scene.h"

/* 127.0.0.1 and three where nobody listens: one of them has no route from there. */
static struct ip several[4];

/* The server's address last, or not at all. */
static struct https_request request_to_several(bool with_server)
{
	struct https_request r = request(SPAN(""));
	several[0] = ip_from_v4(INADDR_LOOPBACK + 1);
	several[1] = ip_from_v4(0xffffffff); /* fails within the system call */
	several[2] = ip_from_v4(INADDR_LOOPBACK + 2);
	several[3] = localhost;
	r.addr = several;
	r.addr_count = with_server ? 4 : 3;
	return r;
}

static void next_address(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), CLOSE}, {HEAD_LEN, SPAN(OK2), STAY});
	struct https_request r = request_to_several(true);
	for (unsigned i = 0; i < 2; i++) {
		https_start(&client, &r);
		CHECK(dones == i);
		wait_done();
		CHECK(is_hi() && !got.maybe_delivered && server.accepted == i + 1);
		CHECK(ip_eq(&client.peer, &localhost));
	}
	scene_end();
}

static void all_refuse(void)
{
	scene(NULL, 0);
	struct https_request r = request_to_several(false);
	for (unsigned i = 0; i < 2; i++) {
		https_start(&client, &r);
		wait_done();
		CHECK(got.err == ERR_REFUSED && !strcmp(got.where, "connect") && !got.maybe_delivered);
		CHECK(client.addr_next == 3 && client.fd == -1 && server.accepted == 0);
	}
	scene_end();
}

static void stopped_by_the_clock(void)
{
	scene(NULL, 0);
	struct https_request r = request_to_several(true);
	r.timeout_ms = 1;
	https_start(&client, &r);
	client.deadline_ns = 1; /* long over when the first one refuses */
	wait_done();
	CHECK(got.err != ERR_OK && client.addr_next == 1 && server.accepted == 0);
	scene_end();
}

static void no_next_after_sending(void)
{
	SCENE({HEAD_LEN, SPAN(""), RESET});
	struct https_request r = request_to_several(true);
	several[0] = several[1] = localhost;
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_RESET && got.maybe_delivered && server.accepted == 1 && client.addr_next == 1);
	scene_end();
}

static void silent_handshake(void)
{
	static const struct act act = {1, SPAN(""), CLOSE};
	static const struct tls_anchors anchors;
	static struct https secure;
	scene(&act, 1);
	https_init(&secure, &loop, &anchors, body_mem, sizeof(body_mem), on_done, &client);
	struct https_request r = request_to_several(true);
	r.tls = true;
	several[1] = several[2] = localhost;
	several[0] = localhost;
	r.timeout_ms = 0;
	/* the first hangs up in the handshake, the others say nothing until the patience with them ends */
	https_start(&secure, &r);
	uint64_t end_ns = clock_mono_ns() + 10000000000u;
	for (unsigned at = 2; at <= 4; at++) {
		while (clock_mono_ns() < end_ns &&
		       !(secure.addr_next == at && secure.state == HTTPS_EXCHANGE))
			loop_turn(&loop, 1000000);
		turns(20);
		CHECK(secure.addr_next == at && dones == 0);
		if (at < 4) {
			secure.progress_ns -= HTTPS_CONNECT_MS * 1000000ull;
			loop_timer_in(&loop, &secure.timer, 0);
		}
	}
	CHECK(server.accepted == 4);
	/* the last one has the usual patience */
	secure.progress_ns -= HTTPS_CONNECT_MS * 1000000ull;
	loop_timer_in(&loop, &secure.timer, 0);
	turns(20);
	CHECK(dones == 0);
	https_abort(&secure);
	scene_end();
}

static void kept_among_several(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY},
	      {HEAD_LEN, SPAN(OK2), STAY});
	CHECK(!https_kept(&client, "localhost", server.port));
	CHECK(ask() == ERR_OK);
	CHECK(https_kept(&client, "localhost", server.port));
	CHECK(!https_kept(&client, "localhosu", server.port) && !https_kept(&client, "localhost", 1));
	struct https_request r = request_to_several(true);
	https_start(&client, &r);
	CHECK(!https_kept(&client, "localhost", server.port));
	wait_done();
	CHECK(is_hi() && got.reused && server.accepted == 1);
	/* its address is no longer among them */
	r = request_to_several(false);
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_REFUSED && !got.reused && server.accepted == 1);
	/* too old */
	CHECK(ask() == ERR_OK && server.accepted == 2);
	client.opened_ns -= HTTPS_AGE_MAX_MS * 1000000ull;
	CHECK(!https_kept(&client, "localhost", server.port));
	CHECK(ask() == ERR_OK && is_hi() && !got.reused && server.accepted == 3);
	scene_end();
}

static void ipv6(void)
{
	static const uint8_t loopback[16] = {[15] = 1};
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(at);
	SCENE({HEAD_LEN, SPAN(OK2), STAY});
	struct https_request r = request_to_several(true);
	memcpy(several[0].bytes, loopback, sizeof(loopback));
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) && !listen(fd, 8) &&
		   !getsockname(fd, (struct sockaddr *)&at, &len);
	if (has) {
		loop_unwatch(&loop, &server.listener);
		close(server.listener.fd);
		server.listener.fd = fd;
		loop_watch(&loop, &server.listener);
		r.port = ntohs(at.sin6_port);
	} else if (fd >= 0) {
		close(fd);
	}
	/* on a machine without IPv6 the next address serves */
	https_start(&client, &r);
	wait_done();
	CHECK(is_hi() && ip_is_v4(&client.peer) == !has);
	scene_end();
}

int main(void)
{
	RUN(next_address, "HTTP client: where an address refuses, the next one is tried");
	RUN(all_refuse, "HTTP client: when all addresses refuse, the last one's error is told");
	RUN(stopped_by_the_clock, "HTTP client: no further address is tried when the request's time is over");
	RUN(no_next_after_sending, "HTTP client: what was sent to one address is not sent to the next");
	RUN(silent_handshake,
	    "HTTP client: a handshake that stalls or is cut off goes on at the next address");
	RUN(kept_among_several,
	    "HTTP client: a kept connection serves while its address is listed and it is young");
	RUN(ipv6, "HTTP client: IPv6 addresses are connected to");
	return check_done();
}
