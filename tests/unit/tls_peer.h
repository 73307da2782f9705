/* tls_peer: the server that a TLS client is tested against (Mbed TLS, which shares nothing with the client),
 * in memory. The same run sends the same bytes, but for the server's clock. */
#ifndef SEALTAP_TESTS_TLS_PEER_H
#define SEALTAP_TESTS_TLS_PEER_H

#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <psa/crypto.h>

#include "tls_certs.h"

/* ---- the wire: bytes on their way in one direction */

struct wire {
	uint8_t bytes[1 << 16];
	size_t from, to;
	size_t total; /* ever put */
};

static size_t wire_put(struct wire *w, const void *p, size_t len)
{
	if (w->from == w->to)
		w->from = w->to = 0;
	size_t room = sizeof(w->bytes) - w->to, n = len < room ? len : room;
	memcpy(w->bytes + w->to, p, n);
	w->to += n;
	w->total += n;
	return n;
}

static size_t wire_take(struct wire *w, void *p, size_t cap)
{
	size_t there = w->to - w->from, n = there < cap ? there : cap;
	memcpy(p, w->bytes + w->from, n);
	w->from += n;
	return n;
}

/* ---- the server */

struct peer {
	mbedtls_ssl_config conf;
	mbedtls_ssl_context ssl;
	mbedtls_x509_crt chain;
	mbedtls_ssl_cache_context cache; /* of sessions; lives from peer_setup on */
	struct wire in, out;
	int result; /* of the last call that did not want more */
	bool ready;
};

static int peer_send(void *peer, const unsigned char *p, size_t len)
{
	size_t n = wire_put(&((struct peer *)peer)->out, p, len);
	return n ? (int)n : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int peer_recv(void *peer, unsigned char *p, size_t cap)
{
	size_t n = wire_take(&((struct peer *)peer)->in, p, cap);
	return n ? (int)n : MBEDTLS_ERR_SSL_WANT_READ;
}

/* A server with that chain (PEM, leaf first); TLS 1.2 and any of its suites until configured otherwise. */
static void peer_setup(struct peer *p, const char *chain_pem, mbedtls_pk_context *key)
{
	memset(p, 0, sizeof(*p));
	must(psa_crypto_init());
	mbedtls_ssl_config_init(&p->conf);
	mbedtls_x509_crt_init(&p->chain);
	mbedtls_ssl_cache_init(&p->cache);
	must(mbedtls_x509_crt_parse(&p->chain, (const unsigned char *)chain_pem, strlen(chain_pem) + 1));
	must(mbedtls_ssl_config_defaults(&p->conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
					 MBEDTLS_SSL_PRESET_DEFAULT));
	mbedtls_ssl_conf_rng(&p->conf, peer_random, NULL);
	must(mbedtls_ssl_conf_own_cert(&p->conf, &p->chain, key));
	mbedtls_ssl_conf_session_cache(&p->conf, &p->cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
	mbedtls_ssl_conf_max_tls_version(&p->conf, MBEDTLS_SSL_VERSION_TLS1_2);
}

/* Waits for a client. */
static void peer_accept(struct peer *p)
{
	mbedtls_ssl_init(&p->ssl);
	must(mbedtls_ssl_setup(&p->ssl, &p->conf));
	mbedtls_ssl_set_bio(&p->ssl, p, peer_send, peer_recv, NULL);
	p->in.from = p->in.to = p->out.from = p->out.to = p->out.total = 0;
	p->ready = false;
	p->result = 0;
}

static void peer_hang_up(struct peer *p)
{
	mbedtls_ssl_free(&p->ssl);
}

static inline void peer_free(struct peer *p)
{
	mbedtls_x509_crt_free(&p->chain);
	mbedtls_ssl_cache_free(&p->cache);
	mbedtls_ssl_config_free(&p->conf);
}

static bool peer_waits(int result)
{
	return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* Goes on with the handshake as far as it can; false once it has failed. */
static bool peer_handshake(struct peer *p)
{
	if (p->result || p->ready)
		return !p->result;
	int r = mbedtls_ssl_handshake(&p->ssl);
	p->ready = r == 0;
	if (r && !peer_waits(r))
		p->result = r;
	return !p->result;
}

#endif
