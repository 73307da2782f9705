/* tls_scene: a client and its server, keys and certificates, and what carries their bytes. */
#ifndef SEALTAP_TESTS_TLS_SCENE_H
#define SEALTAP_TESTS_TLS_SCENE_H

#include "base/buf.h"
#include "check.h"
#include "lib/tls.h"
#include "tls_peer.h"

#define NAME "bucket.s3.eu-central-1.example.com"

static mbedtls_pk_context ca_key, leaf_key, other_key, rsa_key, p384_key, weak_key;
static char ca_pem[2048], other_ca_pem[2048];
static struct tls_anchors anchors;
static struct tls client;
static struct peer server;
static uint8_t record_bytes[40000]; /* what tls_write made, on its way */
static struct buf records = {record_bytes, sizeof(record_bytes), 0, false};
static size_t records_sent;
static const uint8_t entropy[TLS_ENTROPY_BYTES] = {1, 2, 3};

static void make_authority(void)
{
	must(psa_crypto_init());
	make_ec_key(&ca_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&leaf_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&other_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&p384_key, MBEDTLS_ECP_DP_SECP384R1);
	make_rsa_key(&rsa_key, 2048);
	make_rsa_key(&weak_key, 1024);
	make_root("CN=Root", &ca_key, ca_pem, sizeof(ca_pem));
	make_root("CN=Other", &other_key, other_ca_pem, sizeof(other_ca_pem));
	CHECK(tls_anchors_read(span_str(ca_pem), &anchors) == ERR_OK && anchors.count == 1);
}

/* The server's certificate for NAME, signed by the root, but for what the plan says. */
static void set_server(struct cert_plan plan)
{
	static char pem[4096];
	plan.subject = plan.subject ? plan.subject : "CN=server";
	plan.issuer = plan.issuer ? plan.issuer : "CN=Root";
	plan.dns = plan.dns ? plan.dns : NAME;
	plan.key = plan.key ? plan.key : &leaf_key;
	plan.signer = plan.signer ? plan.signer : &ca_key;
	make_cert(&plan, pem, sizeof(pem));
	peer_setup(&server, pem, plan.key);
}

static void begin_at(uint64_t now_s)
{
	peer_accept(&server);
	records.len = records_sent = 0;
	CHECK(tls_begin(&client, &anchors, NAME, now_s, entropy) == ERR_OK);
}

/* Carries at most `step` bytes each way; true when any moved. */
static bool carry(size_t step)
{
	uint8_t bytes[20000];
	size_t room, moved = 0;
	struct span made = span_first(span_from(buf_span(&records), records_sent), step);
	if (made.len)
		records_sent += moved = wire_put(&server.in, made.p, made.len);
	struct span out = span_first(tls_out(&client), records_sent == records.len ? step - moved : 0);
	if (out.len) {
		size_t n = wire_put(&server.in, out.p, out.len);
		tls_out_done(&client, n);
		moved += n;
	}
	uint8_t *in = tls_in(&client, &room);
	if (in) {
		room = room < step ? room : step;
		size_t n = wire_take(&server.out, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
		memcpy(in, bytes, n);
		tls_in_done(&client, n);
		moved += n;
	}
	return moved;
}

static enum err handshake(size_t step)
{
	bool moved = true;
	while (moved && !(tls_ready(&client) && server.ready)) {
		peer_handshake(&server);
		moved = carry(step);
	}
	return tls_status(&client);
}

static enum err outcome_at(uint64_t now_s)
{
	begin_at(now_s);
	enum err e = handshake(SIZE_MAX);
	CHECK(tls_ready(&client) == (e == ERR_OK));
	peer_hang_up(&server);
	return e;
}

static enum err outcome(struct cert_plan plan)
{
	set_server(plan);
	enum err e = outcome_at(NOW_S);
	peer_free(&server);
	return e;
}

/* Both sides send `len` bytes of a pattern and check what they get. */
static bool transfer(size_t len, size_t step)
{
	static uint8_t up[1 << 20], down[1 << 20], got_up[1 << 20], got_down[1 << 20];
	size_t sent_up = 0, sent_down = 0, have_up = 0, have_down = 0;
	for (size_t i = 0; i < len; i++) {
		up[i] = (uint8_t)(i * 131 >> 3);
		down[i] = (uint8_t)(i * 197 >> 2);
	}
	bool moved = true;
	while (moved) {
		size_t n;
		if (records_sent == records.len) {
			buf_reset(&records);
			records_sent = 0;
			sent_up += tls_write(&client, span_of(up + sent_up, len - sent_up), &records);
		}
		int r = sent_down < len ? mbedtls_ssl_write(&server.ssl, down + sent_down, len - sent_down)
					: 0;
		sent_down += r > 0 ? (size_t)r : 0;
		moved = carry(step) || r > 0;
		r = have_up < len ? mbedtls_ssl_read(&server.ssl, got_up + have_up, len - have_up) : 0;
		have_up += r > 0 ? (size_t)r : 0;
		struct span in = tls_read(&client);
		n = in.len < len - have_down ? in.len : len - have_down;
		if (n)
			memcpy(got_down + have_down, in.p, n);
		tls_read_done(&client, n);
		have_down += n;
		moved = moved || r > 0 || n;
	}
	return have_up == len && have_down == len && !memcmp(up, got_up, len) &&
	       !memcmp(down, got_down, len) && tls_status(&client) == ERR_OK;
}

#endif
