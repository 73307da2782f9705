/* The HTTP client over TLS: when a request counts as sent, and when a connection is kept. The server is a
 * process of its own. */
#include "https_scene.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "os/tcp.h"
#include "role/https_send.h"
#include "tls_peer.h"

static struct tls_anchors anchors;
static mbedtls_pk_context ca_key, server_key;
static char server_pem[4096];

static void make_authority(void)
{
	static char ca_pem[2048];
	must(psa_crypto_init());
	make_ec_key(&ca_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&server_key, MBEDTLS_ECP_DP_SECP256R1);
	make_root("CN=Root", &ca_key, ca_pem, sizeof(ca_pem));
	CHECK(tls_anchors_read(span_str(ca_pem), &anchors) == ERR_OK);
	make_cert(&(struct cert_plan){.subject = "CN=server",
				      .issuer = "CN=Root",
				      .dns = "localhost",
				      .key = &server_key,
				      .signer = &ca_key},
		  server_pem, sizeof(server_pem));
}

/* ---- the server */

static struct peer peer;

/* Writes at once what the peer has made. */
static bool flush(int fd)
{
	static uint8_t bytes[sizeof(peer.out.bytes)];
	size_t n = wire_take(&peer.out, bytes, sizeof(bytes));
	return n == 0 || write(fd, bytes, n) == (ssize_t)n;
}

/* Answers requests until the client hangs up. asks_anew: it wants another handshake with its first answer,
 * which the client refuses with an alert. */
static void serve(int fd, bool asks_anew)
{
	uint8_t bytes[16384];
	size_t heard = 0;
	ssize_t n;
	peer_accept(&peer);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		wire_put(&peer.in, bytes, (size_t)n);
		peer_handshake(&peer);
		int r;
		while (peer.ready && (r = mbedtls_ssl_read(&peer.ssl, bytes, sizeof(bytes))) > 0)
			heard += (size_t)r;
		if (heard >= HEAD_LEN) {
			heard = 0;
			if (asks_anew)
				must(mbedtls_ssl_renegotiate(&peer.ssl));
			asks_anew = false;
			ASSERT(mbedtls_ssl_write(&peer.ssl, (const uint8_t *)OK2, sizeof(OK2) - 1) > 0);
		}
		if (!flush(fd))
			break;
	}
	peer_hang_up(&peer);
	close(fd);
}

/* The first connection asks anew, further ones do not. Its process, which lives until it is killed. */
static pid_t start_server(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) && !listen(fd, 8));
	ASSERT(!getsockname(fd, (struct sockaddr *)&at, &len));
	*port = ntohs(at.sin_port);
	fflush(stdout);
	pid_t pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		peer_setup(&peer, server_pem, &server_key);
		mbedtls_ssl_conf_renegotiation(&peer.conf, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
		mbedtls_ssl_conf_renegotiation_enforced(&peer.conf, MBEDTLS_SSL_RENEGOTIATION_NOT_ENFORCED);
		for (bool first = true;; first = false)
			serve(accept(fd, NULL, NULL), first);
	}
	close(fd);
	return pid;
}

/* ---- the tests */

static void not_kept_with_bytes_unsent(void)
{
	uint16_t port;
	pid_t pid = start_server(&port);
	loop_init(&loop);
	https_init(&client, &loop, &anchors, body_mem, sizeof(body_mem), on_done, &client);
	dones = 0;
	struct https_request r = request(SPAN(""));
	r.port = port;
	r.tls = true;
	for (unsigned i = 0; i < 3; i++) {
		https_start(&client, &r);
		wait_done();
		CHECK(is_hi() && got.reused == (i == 2));
		CHECK(client.state == (i == 0 ? HTTPS_CLOSED : HTTPS_KEPT));
	}
	https_abort(&client);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Fills the socket; what the other end reads makes room again. */
static void fill_up(int fd)
{
	static const uint8_t zeros[65536];
	size_t sent = 1;
	while (sent)
		CHECK(tcp_send(fd, span_of(zeros, sizeof(zeros)), false, &sent) == ERR_OK);
}

static void drain(int fd)
{
	static uint8_t bytes[65536];
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

/* TLS has something to say of its own, before the request has left and after. */
static void sent_is_sent(void)
{
	static const uint8_t entropy[TLS_ENTROPY_BYTES];
	int fds[2];
	https_init(&client, &loop, &anchors, body_mem, sizeof(body_mem), on_done, &client);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	client.fd = fds[0];
	client.use_tls = true;
	client.request.head = SPAN(HEAD);
	client.written = HEAD_LEN;
	CHECK(tls_begin(&client.tls, &anchors, "localhost", NOW_S, entropy) == ERR_OK);
	CHECK(https_unsent(&client) > 0);
	fill_up(fds[0]);
	CHECK(https_send(&client) == ERR_OK && !client.sent_all && https_unsent(&client) > 0);
	drain(fds[1]);
	CHECK(https_send(&client) == ERR_OK && client.sent_all && https_unsent(&client) == 0);
	CHECK(tls_begin(&client.tls, &anchors, "localhost", NOW_S, entropy) == ERR_OK);
	fill_up(fds[0]);
	CHECK(https_send(&client) == ERR_OK && client.sent_all && https_unsent(&client) > 0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	make_authority();
	RUN(not_kept_with_bytes_unsent,
	    "HTTP client: a connection with an alert that is not sent yet is not kept");
	RUN(sent_is_sent, "HTTP client: a request that was sent stays sent, whatever TLS has still to say");
	return check_done();
}
