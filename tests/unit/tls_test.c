#include "lib/tls.h"

#include "base/buf.h"
#include "check.h"
#include "tls_scene.h"
#ifdef TLS_MBEDTLS
#include "lib/tls_mbed_shared.h"
#include "tls_crowd.h"
#endif

static void all_suites(void)
{
	static const struct {
		const char *name;
		bool rsa;
	} suites[] = {
		{"TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", false},
		{"TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", false},
		{"TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256", true},
		{"TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384", true},
	};
	for (size_t i = 0; i < 4; i++) {
		set_server((struct cert_plan){.key = suites[i].rsa ? &rsa_key : &leaf_key});
		int only[] = {mbedtls_ssl_get_ciphersuite_id(suites[i].name), 0};
		mbedtls_ssl_conf_ciphersuites(&server.conf, only);
		begin_at(NOW_S);
		CHECK(handshake(SIZE_MAX) == ERR_OK && tls_ready(&client));
		CHECK(!strcmp(mbedtls_ssl_get_ciphersuite(&server.ssl), suites[i].name));
		CHECK(transfer(1 << 20, SIZE_MAX));
		peer_hang_up(&server);
		peer_free(&server);
	}
}

static void weak_suites(void)
{
	static const char *const refused[] = {
		"TLS-ECDHE-RSA-WITH-AES-128-CBC-SHA256",
		"TLS-RSA-WITH-AES-128-GCM-SHA256",
		"TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256",
		"TLS-DHE-RSA-WITH-AES-128-GCM-SHA256",
	};
	for (size_t i = 0; i < 4; i++) {
		set_server((struct cert_plan){.key = &rsa_key});
		int only[] = {mbedtls_ssl_get_ciphersuite_id(refused[i]), 0};
		CHECK(only[0]);
		mbedtls_ssl_conf_ciphersuites(&server.conf, only);
		CHECK(outcome_at(NOW_S) == ERR_TLS);
		CHECK(strstr(tls_why(&client), "cipher suites"));
		peer_free(&server);
	}
}

static void curves(void)
{
	static const struct {
		uint16_t group;
		bool want;
	} cases[] = {
		{MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, true},
		{MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, true},
		{MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, false},
		{MBEDTLS_SSL_IANA_TLS_GROUP_X25519, false},
	};
	for (size_t i = 0; i < 4; i++) {
		uint16_t only[] = {cases[i].group, 0};
		set_server((struct cert_plan){.key = &rsa_key});
		mbedtls_ssl_conf_groups(&server.conf, only);
		begin_at(NOW_S);
		/* this server gives up without a word where it has no group in common */
		CHECK((handshake(SIZE_MAX) == ERR_OK && tls_ready(&client)) == cases[i].want);
		peer_hang_up(&server);
		peer_free(&server);
	}
}

static void version_13(void)
{
	set_server((struct cert_plan){.key = NULL});
	mbedtls_ssl_conf_max_tls_version(&server.conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_min_tls_version(&server.conf, MBEDTLS_SSL_VERSION_TLS1_3);
#ifdef TLS_MBEDTLS
	for (size_t step = 1; step < 20000; step *= 7) {
		begin_at(NOW_S);
		CHECK(handshake(step) == ERR_OK && tls_ready(&client));
		CHECK(mbedtls_ssl_get_version_number(&server.ssl) == MBEDTLS_SSL_VERSION_TLS1_3);
		CHECK(transfer(70000, step));
		peer_hang_up(&server);
	}
#else
	CHECK(outcome_at(NOW_S) == ERR_TLS);
	CHECK(!strcmp(tls_why(&client), "the server does not speak TLS 1.2"));
#endif
	peer_free(&server);
}

static void every_step(void)
{
	static const size_t steps[] = {1, 2, 3, 5, 7, 64, 1021, 16384};
	set_server((struct cert_plan){.key = NULL});
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		tls_wipe(&client);
		begin_at(NOW_S);
		CHECK(handshake(steps[i]) == ERR_OK && tls_ready(&client));
		CHECK(transfer(70000, steps[i]));
		peer_hang_up(&server);
	}
	peer_free(&server);
}

static void certificates(void)
{
	CHECK(outcome((struct cert_plan){.key = NULL}) == ERR_OK);
	CHECK(outcome((struct cert_plan){.key = &p384_key, .digest = MBEDTLS_MD_SHA384}) == ERR_OK);
	CHECK(outcome((struct cert_plan){.dns = "*.s3.eu-central-1.example.com"}) == ERR_OK);
	CHECK(outcome((struct cert_plan){.dns = "*.eu-central-1.example.com"}) == ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.dns = "bucket.s3.eu-central-1.example.org"}) == ERR_CERTIFICATE);
	CHECK(!strcmp(tls_why(&client), "the certificate is for another name"));
	CHECK(outcome((struct cert_plan){.dns = "xbucket.s3.eu-central-1.example.com"}) == ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.subject = "CN=" NAME, .dns = "elsewhere.example"}) ==
	      ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.to = "20270114000000"}) == ERR_CERTIFICATE);
	CHECK(!strcmp(tls_why(&client), "the certificate is not valid at this time"));
	CHECK(outcome((struct cert_plan){.from = "20270116000000"}) == ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.signer = &other_key, .issuer = "CN=Other"}) == ERR_CERTIFICATE);
	CHECK(!strcmp(tls_why(&client), "the certificate does not lead to a trusted root"));
	CHECK(outcome((struct cert_plan){.signer = &other_key}) == ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.signer = &leaf_key, .issuer = "CN=server"}) == ERR_CERTIFICATE);
	CHECK(outcome((struct cert_plan){.key = &weak_key}) == ERR_CERTIFICATE);
	CHECK(!strcmp(tls_why(&client), "the certificate's key is too short"));
	CHECK(outcome((struct cert_plan){.digest = MBEDTLS_MD_SHA1}) == ERR_CERTIFICATE);
}

/* The clock as it may be: 1970 and long after. */
static void clocks(void)
{
	set_server((struct cert_plan){.key = NULL});
	CHECK(outcome_at(0) == ERR_CERTIFICATE);
	CHECK(outcome_at(1767225599) == ERR_CERTIFICATE); /* a second before FROM */
	CHECK(outcome_at(1767225600) == ERR_OK);
	CHECK(outcome_at(2051222400) == ERR_OK); /* TO itself */
	tls_wipe(&client);
	CHECK(outcome_at(2051222401) == ERR_CERTIFICATE);
	CHECK(outcome_at(253402300800) == ERR_CERTIFICATE);
	peer_free(&server);
}

static void chains(void)
{
	static char chain[8192], part[4096];
	struct cert_plan middle = {
		.subject = "CN=Middle", .issuer = "CN=Root", .key = &p384_key, .signer = &ca_key, .ca = true};
	struct cert_plan leaf = {
		.subject = "CN=x", .issuer = "CN=Middle", .dns = NAME, .key = &leaf_key, .signer = &p384_key};
	static const enum err want[] = {ERR_OK, ERR_CERTIFICATE, ERR_CERTIFICATE};
	for (size_t i = 0; i < 3; i++) {
		make_cert(&leaf, chain, sizeof(chain));
		middle.ca = i != 1;
		make_cert(&middle, part, sizeof(part));
		if (i != 2) /* the third server forgets to send it */
			strcat(chain, part);
		peer_setup(&server, chain, &leaf_key);
		CHECK(outcome_at(NOW_S) == want[i]);
		peer_free(&server);
	}
}

static void names(void)
{
	static char name[TLS_NAME_MAX + 2];
	CHECK(tls_begin(&client, &anchors, "", NOW_S, entropy) == ERR_RANGE);
	memset(name, 'a', TLS_NAME_MAX + 1);
	CHECK(tls_begin(&client, &anchors, name, NOW_S, entropy) == ERR_RANGE);
	name[TLS_NAME_MAX] = 0;
	CHECK(tls_begin(&client, &anchors, name, NOW_S, entropy) == ERR_OK);
}

/* True when the server went on with the last session. */
static bool resumed_at(uint64_t now_s, const char *name)
{
	peer_accept(&server);
	CHECK(tls_begin(&client, &anchors, name, now_s, entropy) == ERR_OK);
	CHECK(handshake(SIZE_MAX) == ERR_OK);
	/* a resumed handshake has no certificate in it */
	bool resumed = server.out.total < 400;
	CHECK(transfer(1000, SIZE_MAX));
	peer_hang_up(&server);
	return resumed;
}

static void resumption(void)
{
	set_server((struct cert_plan){.dns = "*.example.com"});
	tls_wipe(&client);
	CHECK(!resumed_at(NOW_S, "a.example.com"));
	CHECK(resumed_at(NOW_S, "a.example.com"));
	CHECK(resumed_at(NOW_S + 3600, "a.example.com"));
	CHECK(!resumed_at(NOW_S + 3601, "a.example.com"));
	CHECK(resumed_at(NOW_S + 3602, "a.example.com"));
	CHECK(!resumed_at(NOW_S + 3603, "b.example.com"));
	CHECK(!resumed_at(NOW_S, "b.example.com"));
	CHECK(resumed_at(NOW_S, "b.example.com"));
	tls_wipe(&client);
	CHECK(!resumed_at(NOW_S, "b.example.com"));
	peer_free(&server);
}

#ifdef TLS_MBEDTLS
/* A server with an RSA key and an intermediate, as AWS's have: what such a chain takes is the most. */
static void set_heavy_server(bool version_13)
{
	static char chain[8192], part[4096];
	struct cert_plan middle = {
		.subject = "CN=Middle", .issuer = "CN=Root", .key = &p384_key, .signer = &ca_key, .ca = true};
	struct cert_plan leaf = {
		.subject = "CN=x", .issuer = "CN=Middle", .dns = NAME, .key = &rsa_key, .signer = &p384_key};
	make_cert(&leaf, chain, sizeof(chain));
	make_cert(&middle, part, sizeof(part));
	strcat(chain, part);
	peer_setup(&server, chain, &rsa_key);
	if (version_13)
		mbedtls_ssl_conf_max_tls_version(&server.conf, MBEDTLS_SSL_VERSION_TLS1_3);
}

static void crowd_empty(size_t count)
{
	for (size_t i = 0; i < count; i++)
		crowd_leave(&crowd[i]);
}

/* All that fit at once, and one more. */
static void crowd_full(size_t before)
{
	struct member *late = &crowd[TLS_MBED_CONNECTIONS];
	size_t peak;
	for (size_t i = 0; i <= TLS_MBED_CONNECTIONS; i++)
		crowd_join(&crowd[i]);
	CHECK(tls_status(&late->client) == ERR_TLS);
	CHECK(!strcmp(tls_why(&late->client), "there is no memory left for this connection"));
	CHECK(crowd_handshake(TLS_MBED_CONNECTIONS + 1) == TLS_MBED_CONNECTIONS);
	arena_used(&peak);
	/* a quarter is left for longer chains */
	CHECK(peak > before && peak <= TLS_MBED_ARENA_BYTES / 4 * 3);
	printf("# arena: %zu bytes for %d connections\n", peak - before, TLS_MBED_CONNECTIONS);
	crowd_leave(&crowd[0]);
	crowd_leave(late);
	crowd_join(&crowd[0]);
	CHECK(crowd_handshake(1) == 1);
	crowd_empty(TLS_MBED_CONNECTIONS);
}

static void arena(void)
{
	tls_wipe(&client);
	for (int version_13 = 0; version_13 < 2; version_13++) {
		size_t peak;
		set_heavy_server(version_13);
		crowd_join(&crowd[0]); /* what the process keeps for good */
		CHECK(crowd_handshake(1) == 1);
		crowd_empty(1);
		size_t before = arena_used(&peak);
		crowd_full(before);
		CHECK(arena_used(&peak) == before);
		peer_free(&server);
	}
	tls_init(&client);
}
#endif

static void closing(void)
{
	set_server((struct cert_plan){.key = NULL});
	begin_at(NOW_S);
	CHECK(handshake(SIZE_MAX) == ERR_OK);
	CHECK(mbedtls_ssl_write(&server.ssl, (const unsigned char *)"end", 3) == 3);
	CHECK(mbedtls_ssl_close_notify(&server.ssl) == 0);
	while (carry(1))
		continue;
	/* what came before it has to be read first */
	CHECK(tls_status(&client) == ERR_OK);
	CHECK_SPAN(tls_read(&client), SPAN("end"));
	tls_read_done(&client, 3);
	size_t room;
	for (uint8_t *in = tls_in(&client, &room); in && wire_take(&server.out, in, 1);
	     in = tls_in(&client, &room))
		tls_in_done(&client, 1);
	/* known before our own close_notify is sent, and whether that can be sent or not */
	CHECK(tls_status(&client) == ERR_CLOSED && !tls_read(&client).len && tls_out(&client).len);
	tls_eof(&client);
	CHECK(tls_status(&client) == ERR_CLOSED);
	while (carry(1))
		continue;
	CHECK(tls_status(&client) == ERR_CLOSED);
	peer_hang_up(&server);

	begin_at(NOW_S);
	CHECK(handshake(SIZE_MAX) == ERR_OK);
	tls_eof(&client);
	CHECK(tls_status(&client) == ERR_TRUNCATED);
	peer_hang_up(&server);

	begin_at(NOW_S);
	CHECK(handshake(SIZE_MAX) == ERR_OK);
	tls_close(&client);
	while (carry(1))
		continue;
	uint8_t c;
	CHECK(mbedtls_ssl_read(&server.ssl, &c, 1) == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
	peer_hang_up(&server);
	peer_free(&server);
}

static void renegotiation(void)
{
	set_server((struct cert_plan){.key = NULL});
	mbedtls_ssl_conf_renegotiation(&server.conf, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	mbedtls_ssl_conf_renegotiation_enforced(&server.conf, MBEDTLS_SSL_RENEGOTIATION_NOT_ENFORCED);
	begin_at(NOW_S);
	CHECK(handshake(SIZE_MAX) == ERR_OK);
	CHECK(mbedtls_ssl_renegotiate(&server.ssl) == 0);
	CHECK(transfer(100000, SIZE_MAX));
	peer_hang_up(&server);
	peer_free(&server);
}

/* ---- the server's bytes once recorded, then played to a client with the same entropy */

static uint8_t tape[8192];
static size_t tape_len;
#define TAPED "the answer of the server, as it should be"

static void record_tape(void)
{
	set_server((struct cert_plan){.key = NULL});
	tls_wipe(&client);
	begin_at(NOW_S);
	tape_len = 0;
	bool written = false;
	for (bool moved = true; moved;) {
		peer_handshake(&server);
		if (server.ready && tls_ready(&client) && !written) {
			written = mbedtls_ssl_write(&server.ssl, (const unsigned char *)TAPED,
						    sizeof(TAPED) - 1) > 0;
			CHECK(mbedtls_ssl_close_notify(&server.ssl) == 0);
		}
		size_t n = server.out.to - server.out.from;
		ASSERT(tape_len + n <= sizeof(tape));
		memcpy(tape + tape_len, server.out.bytes + server.out.from, n);
		tape_len += n;
		/* all that is taped now is taken before the server may say more */
		moved = n > 0;
		while (carry(SIZE_MAX)) {
			tls_read_done(&client, tls_read(&client).len);
			moved = true;
		}
	}
	CHECK(tls_status(&client) == ERR_CLOSED);
	peer_hang_up(&server);
	peer_free(&server);
}

/* Plays a tape; *read is what came out. */
static enum err play(struct span bytes, size_t step, struct buf *read)
{
	tls_wipe(&client);
	CHECK(tls_begin(&client, &anchors, NAME, NOW_S, entropy) == ERR_OK);
	for (bool moved = true; moved;) {
		size_t room, out = tls_out(&client).len;
		tls_out_done(&client, out);
		uint8_t *in = tls_in(&client, &room);
		struct span part = span_first(span_first(bytes, room), step);
		if (part.len)
			memcpy(in, part.p, part.len);
		tls_in_done(&client, part.len);
		bytes = span_from(bytes, part.len);
		struct span plain = tls_read(&client);
		buf_put(read, plain);
		tls_read_done(&client, plain.len);
		moved = out || part.len || plain.len;
	}
	if (!bytes.len)
		tls_eof(&client);
	return tls_status(&client);
}

static void truncation(void)
{
	uint8_t mem[256];
	record_tape();
	for (size_t n = 0; n <= tape_len; n++) {
		struct buf read = BUF_OF(mem);
		enum err e = play(span_of(tape, n), SIZE_MAX, &read);
		CHECK(e == (n == tape_len ? ERR_CLOSED : ERR_TRUNCATED));
		/* a record comes out whole or not at all */
		CHECK(read.len == 0 || span_eq(buf_span(&read), SPAN(TAPED)));
	}
	struct buf read = BUF_OF(mem);
	CHECK(play(span_of(tape, tape_len), 1, &read) == ERR_CLOSED);
	CHECK_SPAN(buf_span(&read), SPAN(TAPED));
}

/* Mbed TLS does not look at the version of a record, which nothing authenticates before the keys are there.
 */
static bool overlooked(size_t at)
{
#ifdef TLS_MBEDTLS
	for (size_t record = 0; record + 5 <= at + 5 && record + 5 <= tape_len;) {
		if (at == record + 1 || at == record + 2)
			return true;
		record += 5 + (size_t)tape[record + 3] * 256 + tape[record + 4];
	}
#endif
	(void)at;
	return false;
}

static void damage(void)
{
	uint8_t mem[256], bad[sizeof(tape)];
	size_t survived = 0;
	for (size_t i = 0; i < tape_len; i++) {
		struct buf read = BUF_OF(mem);
		memcpy(bad, tape, tape_len);
		bad[i] ^= (uint8_t)(1u << i % 8);
		enum err e = play(span_of(bad, tape_len), SIZE_MAX, &read);
		CHECK(read.len == 0 || span_eq(buf_span(&read), SPAN(TAPED)));
		survived += (e == ERR_CLOSED || e == ERR_OK) && !overlooked(i);
	}
	/* every byte of the tape is authenticated, some only by what follows */
	CHECK(survived == 0);
}

int main(void)
{
	tls_init(&client);
	make_authority();
	RUN(all_suites, "TLS: all four suites carry 1 MiB each way unharmed");
	RUN(every_step, "TLS: bytes may come and go in pieces of any size");
	RUN(weak_suites, "TLS: no suite without forward secrecy and AES-GCM is used");
	RUN(curves, "TLS: keys are exchanged on P-256 and P-384 alone");
	RUN(version_13,
	    "TLS: a server with TLS 1.3 alone is spoken to, or named as that where BearSSL is behind");
	RUN(certificates, "TLS: only a certificate for this name, time and root is accepted");
	RUN(clocks, "TLS: a certificate is valid from its first to its last second");
	RUN(chains, "TLS: a chain over an intermediate CA is followed, and only over a CA");
	RUN(names, "TLS: a connection needs a server name of bearable length");
	RUN(resumption, "TLS: a session is resumed for the same name within an hour");
#ifdef TLS_MBEDTLS
	RUN(arena,
	    "TLS: seven connections shake hands at once; an eighth is refused and does the others no harm");
#endif
	RUN(closing, "TLS: an end in order differs from a broken connection");
	RUN(renegotiation, "TLS: renegotiation is refused and data goes on");
	RUN(truncation, "TLS: a server's bytes cut off anywhere are seen as cut off");
	RUN(damage, "TLS: a flipped bit anywhere in the server's bytes ends the session");
	return check_done();
}
