#include "https_scene.h"

static uint8_t big[BIG];

static void one_request(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY});
	CHECK(ask() == ERR_OK && is_hi() && !got.maybe_delivered && !got.reused);
	CHECK(!strcmp(got.where, "answer") && !strcmp(got.why, "ok"));
	scene_end();
}

static void dripped(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 100 Continue\r\n\r\n" OK2), DRIP});
	CHECK(ask() == ERR_OK && is_hi());
	scene_end();
}

static void kept(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY});
	for (unsigned i = 0; i < 3; i++)
		CHECK(ask() == ERR_OK && is_hi() && got.reused == (i > 0));
	CHECK(server.accepted == 1);
	scene_end();
}

static void not_kept(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"), STAY},
	      {HEAD_LEN, SPAN(OK2 "X"), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\n\r\nhi"), CLOSE}, {HEAD_LEN, SPAN(OK2), STAY});
	for (unsigned i = 0; i < 5; i++)
		CHECK(ask() == ERR_OK && is_hi() && !got.reused);
	CHECK(server.accepted == 5);
	scene_end();
}

static void idle_closed(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), CLOSE}, {HEAD_LEN, SPAN(OK2), RESET}, {HEAD_LEN, SPAN(OK2), CLOSE},
	      {HEAD_LEN, SPAN(OK2), STAY});
	CHECK(ask() == ERR_OK && is_hi());
	turns(5);
	CHECK(client.state == HTTPS_CLOSED && client.fd == -1);
	CHECK(ask() == ERR_OK && is_hi());
	/* no turn of the loop in which it could be noticed */
	CHECK(ask() == ERR_OK && is_hi());
	CHECK(ask() == ERR_OK && is_hi());
	CHECK(server.accepted == 4 && dones == 4);
	scene_end();
}

static void repeated(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(""), CLOSE}, {HEAD_LEN, SPAN(OK2), STAY},
	      {HEAD_LEN, SPAN(""), RESET}, {HEAD_LEN, SPAN(OK2), STAY});
	CHECK(ask() == ERR_OK && !got.maybe_delivered);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(ask() == ERR_OK && is_hi() && got.maybe_delivered && !got.reused);
		CHECK(server.accepted == 2 + i);
	}
	scene_end();
}

static void repeated_once(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(""), CLOSE}, {HEAD_LEN, SPAN(""), CLOSE},
	      {HEAD_LEN, SPAN(""), CLOSE});
	CHECK(ask() == ERR_OK);
	CHECK(ask() == ERR_CLOSED && got.maybe_delivered && !got.answered && !strcmp(got.where, "answer"));
	CHECK(server.accepted == 2);
	/* and a first connection is not repeated at all */
	CHECK(ask() == ERR_CLOSED && got.maybe_delivered && server.accepted == 3);
	scene_end();
}

static void not_repeated_once_answered(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN("H"), CLOSE}, {HEAD_LEN, SPAN(OK2), STAY},
	      {HEAD_LEN, SPAN("H"), STAY}, {HEAD_LEN, SPAN(OK2), STAY});
	CHECK(ask() == ERR_OK);
	CHECK(ask() == ERR_TRUNCATED && got.answered && got.maybe_delivered && server.accepted == 1);
	CHECK(ask() == ERR_OK && !got.maybe_delivered);
	struct https_request r = request(SPAN(""));
	https_start(&client, &r);
	while (!client.answered)
		turns(1);
	server_hang_up(&server, true);
	wait_done();
	CHECK(got.err == ERR_RESET && got.reused && got.maybe_delivered && server.accepted == 2);
	CHECK(ask() == ERR_OK && !got.maybe_delivered && server.accepted == 3);
	scene_end();
}

static void cut_off(void)
{
	static const struct span whole =
		SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
	for (size_t n = 0; n <= whole.len; n++) {
		const struct act act = {HEAD_LEN, span_first(whole, n), CLOSE};
		scene(&act, 1);
		CHECK(ask() == (n == 0 ? ERR_CLOSED : n < whole.len ? ERR_TRUNCATED : ERR_OK));
		CHECK(got.maybe_delivered == (n < whole.len) && got.answered == (n > 0));
		scene_end();
	}
}

static void reset_in_answer(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\n\r\nhalf a body"), RESET});
	enum err e = ask();
	/* a body without a length must not be taken for complete */
	CHECK(e == ERR_RESET && got.answered);
	scene_end();
}

static void big_upload(void)
{
	static uint8_t head_copy[HEAD_LEN];
	SCENE({HEAD_LEN + BIG, SPAN(OK2), STAY});
	for (size_t i = 0; i < HEAD_LEN; i++)
		head_copy[i] = pattern(i);
	for (size_t i = 0; i < BIG; i++)
		big[i] = pattern(HEAD_LEN + i);
	struct https_request r = request(span_of(big, BIG));
	r.head = span_of(head_copy, HEAD_LEN);
	server.check = true;
	https_start(&client, &r);
	while (dones == 0) {
		size_t before = client.written;
		loop_turn(&loop, 100000000);
		CHECK(client.written <= before + (1u << 18));
	}
	CHECK(is_hi() && !server.wrong && server.total == HEAD_LEN + BIG);
	scene_end();
}

static void big_download(void)
{
	static uint8_t answer[BIG + 100];
	int n = snprintf((char *)answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n",
			 BIG);
	for (size_t i = 0; i < BIG; i++)
		answer[(size_t)n + i] = big[i];
	const struct act act = {HEAD_LEN, span_of(answer, (size_t)n + BIG), STAY};
	scene(&act, 1);
	struct https_request r = request(SPAN(""));
	https_start(&client, &r);
	while (dones == 0) {
		size_t before = client.answer.len;
		loop_turn(&loop, 100000000);
		CHECK(dones || client.answer.len <= before + (1u << 18) + 16384);
	}
	CHECK(got.err == ERR_OK && got.body.len == BIG && !memcmp(got.body.p, big, BIG));
	scene_end();
}

static void too_long(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\nx"), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\nx"), STAY});
	CHECK(ask() == ERR_TOO_LONG && !strcmp(got.where, "answer"));
	CHECK(client.fd == -1);
	struct https_request r = request(SPAN(""));
	r.head_method = true;
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_OK && got.body.len == 0);
	scene_end();
}

static void early_answer(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), CLOSE},
	      {HEAD_LEN, SPAN(OK2), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), STAY});
	struct https_request r = request(span_of(big, BIG));
	for (unsigned i = 0; i < 2; i++) {
		https_start(&client, &r);
		wait_done();
		CHECK(got.err == ERR_OK && got.response->status == 403 && !got.sent_all &&
		      !got.maybe_delivered);
		CHECK(client.fd == -1);
		CHECK(i || (ask() == ERR_OK && is_hi()));
	}
	scene_end();
}

static void lost_in_upload(void)
{
	SCENE({HEAD_LEN + 1000, SPAN(""), RESET});
	struct https_request r = request(span_of(big, BIG));
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_RESET && !got.sent_all && !got.maybe_delivered);
	CHECK(!strcmp(got.where, "send"));
	scene_end();
}

static void no_answer(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 200"), STAY}, {1u << 30, SPAN(""), STAY});
	struct https_request r = request(SPAN(""));
	r.timeout_ms = 60;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start_ns = clock_mono_ns();
		https_start(&client, &r);
		wait_done();
		uint64_t took_ms = (clock_mono_ns() - start_ns) / 1000000;
		CHECK(got.err == ERR_TIMEOUT && took_ms >= 60 && took_ms < 2000);
		CHECK(got.answered == (i == 0) && got.maybe_delivered && !strcmp(got.where, "answer"));
	}
	scene_end();
}

static void refused(void)
{
	scene(NULL, 0);
	struct https_request r = request(SPAN(""));
	server_stop(&server);
	for (unsigned i = 0; i < 3; i++) {
		https_start(&client, &r);
		CHECK(dones == i);
		wait_done();
		CHECK(got.err == ERR_REFUSED && !strcmp(got.where, "connect") && !got.maybe_delivered);
	}
	/* this fails at once, within the system call, and still not within https_start */
	struct ip broadcast = ip_from_v4(0xffffffff);
	r.addr = &broadcast;
	https_start(&client, &r);
	CHECK(dones == 3 && https_busy(&client));
	wait_done();
	CHECK(got.err != ERR_OK && !strcmp(got.where, "connect"));
	loop_unwatch(&loop, &client.watch);
	CHECK(!loop.timers && client.fd == -1);
}

static void word_out_of_turn(void)
{
	static const struct span word = SPAN("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
	SCENE({HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY}, {HEAD_LEN, SPAN(OK2), STAY});
	for (unsigned i = 0; i < 3; i++) {
		CHECK(ask() == ERR_OK && is_hi() && !got.reused && server.accepted == i + 1);
		CHECK(client.state == HTTPS_KEPT);
		CHECK(send(server.connection.fd, word.p, word.len, 0) == (ssize_t)word.len);
		/* noticed by the loop, or only when the next request is due */
		turns(i);
	}
	scene_end();
}

static void aborted(void)
{
	SCENE({HEAD_LEN, SPAN("HTTP/1.1 2"), STAY}, {HEAD_LEN, SPAN(OK2), STAY});
	struct https_request r = request(SPAN(""));
	https_start(&client, &r);
	https_abort(&client);
	turns(5);
	CHECK(dones == 0 && !https_busy(&client));
	https_start(&client, &r);
	while (!client.answered)
		turns(1);
	https_abort(&client);
	turns(5);
	CHECK(dones == 0 && ask() == ERR_OK && is_hi());
	scene_end();
}

static void chained(void)
{
	static struct act acts[2000];
	for (size_t i = 0; i < 2000; i++)
		acts[i] = (struct act){HEAD_LEN, SPAN(OK2), i % 3 ? STAY : CLOSE};
	scene(acts, 2000);
	again = request(SPAN(""));
	chain = 1999;
	his = 0;
	https_start(&client, &again);
	uint64_t end_ns = clock_mono_ns() + 20000000000u;
	while (dones < 2000 && clock_mono_ns() < end_ns) {
		loop_turn(&loop, 100000000);
	}
	CHECK(dones == 2000 && his == 2000 && chain == 0 && server.accepted >= 667);
	chain = 0;
	scene_end();
}

static void other_server(void)
{
	static const struct act act = {HEAD_LEN, SPAN(OK2), STAY};
	static struct server second;
	scene(&act, 1);
	server_start(&second, &loop, &act, 1);
	CHECK(ask() == ERR_OK && is_hi());
	struct https_request r = request(SPAN(""));
	r.port = second.port;
	https_start(&client, &r);
	wait_done();
	CHECK(is_hi() && !got.reused && second.accepted == 1 && server.accepted == 1);
	server_stop(&second);
	scene_end();
}

static void to_the_caller(void)
{
	static uint8_t to[2];
	SCENE({HEAD_LEN, SPAN(OK2), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\nrefuse"), STAY},
	      {HEAD_LEN, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nlon"), STAY},
	      {HEAD_LEN, SPAN(OK2), STAY});
	struct https_request r = request(SPAN(""));
	r.to = to;
	r.to_bytes = sizeof(to);
	https_start(&client, &r);
	wait_done();
	CHECK(is_hi() && got.body.p == to && body_mem[0] == 0);
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_OK && got.response->status == 403 && got.body.p == body_mem);
	CHECK_SPAN(got.body, SPAN("refuse"));
	https_start(&client, &r);
	wait_done();
	CHECK(got.err == ERR_TOO_LONG);
	CHECK(ask() == ERR_OK && is_hi() && got.body.p == body_mem);
	scene_end();
}

int main(void)
{
	RUN(to_the_caller, "HTTP client: a body goes where the request says, a refusal's does not");
	RUN(one_request, "HTTP client: a request brings its answer");
	RUN(dripped, "HTTP client: an answer may come byte by byte, after an interim one");
	RUN(kept, "HTTP client: requests to one server share a connection");
	RUN(not_kept, "HTTP client: a connection is kept only when the answer allows it");
	RUN(other_server, "HTTP client: a kept connection is not used for another server");
	RUN(idle_closed, "HTTP client: a server may close a kept connection at any time");
	RUN(repeated, "HTTP client: a request that a kept connection lost is sent again, and says so");
	RUN(repeated_once, "HTTP client: no request is sent more than twice, on a new connection once");
	RUN(not_repeated_once_answered, "HTTP client: nothing is repeated after a byte of the answer");
	RUN(cut_off, "HTTP client: an answer cut off anywhere is not taken for a whole one");
	RUN(reset_in_answer, "HTTP client: a body without a length does not end by a reset");
	RUN(big_upload, "HTTP client: 8 MiB go up unharmed, in bounded turns");
	RUN(big_download, "HTTP client: 8 MiB come down unharmed, in bounded turns");
	RUN(too_long, "HTTP client: a body longer than the owner's memory is refused");
	RUN(early_answer, "HTTP client: an answer that comes before all is sent is heard");
	RUN(lost_in_upload, "HTTP client: a connection lost in an upload is told apart from a delivery");
	RUN(no_answer, "HTTP client: patience ends when the request says");
	RUN(refused, "HTTP client: a refused connection is reported from the loop");
	RUN(word_out_of_turn, "HTTP client: a word out of turn is not the next answer");
	RUN(aborted, "HTTP client: a dropped request is never heard of again");
	RUN(chained, "HTTP client: 2,000 requests can follow each other from within done");
	return check_done();
}
