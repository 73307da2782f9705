#include "lib/tls_mbed_shared.h"

#include <mbedtls/hmac_drbg.h>
#include <mbedtls/memory_buffer_alloc.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>

/* The process's. */
static struct {
	bool up;
	uint64_t now_s; /* of the connection at work */
	mbedtls_hmac_drbg_context random;
	bool seeded;
	mbedtls_ssl_config conf;
	uint32_t connections;
	const struct tls_anchors *anchors; /* those that `roots` holds */
	mbedtls_x509_crt roots;
	_Alignas(16) uint8_t arena[TLS_MBED_ARENA_BYTES];
} g;

/* ---- what the library asks for */

void tls_mbed_time(uint64_t unix_time_s)
{
	g.now_s = unix_time_s;
}

static mbedtls_time_t now(mbedtls_time_t *out)
{
	if (out)
		*out = (mbedtls_time_t)g.now_s;
	return (mbedtls_time_t)g.now_s;
}

static int random_bytes(void *ctx, unsigned char *p, size_t len)
{
	(void)ctx;
	ASSERT(g.seeded);
	while (len) {
		size_t n = len < MBEDTLS_HMAC_DRBG_MAX_REQUEST ? len : MBEDTLS_HMAC_DRBG_MAX_REQUEST;
		int r = mbedtls_hmac_drbg_random(&g.random, p, n);
		if (r)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output,
					     size_t output_size, size_t *output_length)
{
	(void)context;
	*output_length = output_size;
	return random_bytes(NULL, output, output_size) ? PSA_ERROR_INSUFFICIENT_ENTROPY : PSA_SUCCESS;
}

/* Each connection begins with fresh entropy; those under way draw from the new state as well. */
void tls_mbed_entropy(struct span entropy)
{
	mbedtls_hmac_drbg_free(&g.random);
	mbedtls_hmac_drbg_init(&g.random);
	int r = mbedtls_hmac_drbg_seed_buf(&g.random, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), entropy.p,
					   entropy.len);
	ASSERT(r == 0);
	g.seeded = true;
}

/* ---- the process's part */

static const int suites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	0,
};

static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/* PKCS#1 before PSS: in 1.2 the library does not take the PSS that it offers for 1.3, and servers choose the
 * first that suits them. */
static const uint16_t signatures[] = {
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
	MBEDTLS_TLS1_3_SIG_NONE,
};

static const mbedtls_x509_crt_profile certificates = {
	.allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
		       MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
	.allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) |
		       MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS),
	.allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
			  MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
	.rsa_min_bitlen = 2048,
};

void tls_mbed_up(void)
{
	if (g.up)
		return;
	g.up = true;
	mbedtls_memory_buffer_alloc_init(g.arena, sizeof(g.arena));
	mbedtls_platform_set_time(now);
	mbedtls_hmac_drbg_init(&g.random);
	mbedtls_ssl_config_init(&g.conf);
	mbedtls_x509_crt_init(&g.roots);
}

/* Once the generator has its first entropy. */
static int configure(void)
{
	mbedtls_ssl_config *c = &g.conf;
	int r = psa_crypto_init();
	if (!r)
		r = mbedtls_ssl_config_defaults(c, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
						MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(c, suites);
	mbedtls_ssl_conf_groups(c, groups);
	mbedtls_ssl_conf_sig_algs(c, signatures);
	mbedtls_ssl_conf_cert_profile(c, &certificates);
	mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		c, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	mbedtls_ssl_conf_rng(c, random_bytes, NULL);
	return r;
}

int tls_mbed_config(const struct tls_anchors *a, struct mbedtls_ssl_config **conf)
{
	*conf = &g.conf;
	int r = g.conf.MBEDTLS_PRIVATE(f_rng) ? 0 : configure();
	if (r || g.anchors == a)
		return r;
	g.anchors = NULL;
	mbedtls_x509_crt_free(&g.roots);
	mbedtls_x509_crt_init(&g.roots);
	for (size_t i = 0, at = 0; !r && i < a->count; at += a->der_len[i++])
		r = mbedtls_x509_crt_parse_der_nocopy(&g.roots, a->der + at, a->der_len[i]);
	mbedtls_ssl_conf_ca_chain(&g.conf, &g.roots, NULL);
	if (!r)
		g.anchors = a;
	return r;
}

int tls_mbed_join(void)
{
	if (g.connections == TLS_MBED_CONNECTIONS)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	g.connections++;
	return 0;
}

void tls_mbed_leave(void)
{
	ASSERT(g.connections > 0);
	g.connections--;
}
