/* tls_certs: keys and certificates for tests, made by Mbed TLS in memory. Not random: the same run makes the
 * same. */
#ifndef SEALTAP_TESTS_TLS_CERTS_H
#define SEALTAP_TESTS_TLS_CERTS_H

#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>

#include "base/err.h"
#include "base/span.h"

#define NOW_S 1800000000u /* 2027-01-15 */
#define FROM "20260101000000"
#define TO "20350101000000"

static inline void must(int result)
{
	if (result) {
		printf("  the test's own TLS peer failed: -0x%04x\n", (unsigned)-result);
		trap();
	}
}

static uint64_t peer_seed = 88172645463325252u;

static int peer_random(void *unused, unsigned char *p, size_t len)
{
	(void)unused;
	for (size_t i = 0; i < len; i++) {
		peer_seed ^= peer_seed << 13;
		peer_seed ^= peer_seed >> 7;
		peer_seed ^= peer_seed << 17;
		p[i] = (unsigned char)(peer_seed >> 24);
	}
	return 0;
}

static void make_ec_key(mbedtls_pk_context *k, mbedtls_ecp_group_id curve)
{
	mbedtls_pk_init(k);
	must(mbedtls_pk_setup(k, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
	must(mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*k), peer_random, NULL));
}

static inline void make_rsa_key(mbedtls_pk_context *k, unsigned bits)
{
	mbedtls_pk_init(k);
	must(mbedtls_pk_setup(k, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)));
	must(mbedtls_rsa_gen_key(mbedtls_pk_rsa(*k), peer_random, NULL, bits, 65537));
}

struct cert_plan {
	const char *subject, *issuer, *dns; /* "CN=..."; dns may be NULL */
	mbedtls_pk_context *key, *signer;
	bool ca;
	const char *from, *to;    /* NULL: FROM, TO */
	mbedtls_md_type_t digest; /* 0: SHA-256 */
};

/* Writes the certificate as PEM. */
static void make_cert(const struct cert_plan *plan, char *pem, size_t cap)
{
	mbedtls_x509write_cert w;
	unsigned char serial[] = {0x11, 0x22, 0x33};
	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&w, plan->digest ? plan->digest : MBEDTLS_MD_SHA256);
	must(mbedtls_x509write_crt_set_serial_raw(&w, serial, sizeof(serial)));
	must(mbedtls_x509write_crt_set_subject_name(&w, plan->subject));
	must(mbedtls_x509write_crt_set_issuer_name(&w, plan->issuer));
	must(mbedtls_x509write_crt_set_validity(&w, plan->from ? plan->from : FROM,
						plan->to ? plan->to : TO));
	mbedtls_x509write_crt_set_subject_key(&w, plan->key);
	mbedtls_x509write_crt_set_issuer_key(&w, plan->signer);
	must(mbedtls_x509write_crt_set_basic_constraints(&w, plan->ca, -1));
	if (plan->dns) {
		mbedtls_x509_san_list san = {.node.type = MBEDTLS_X509_SAN_DNS_NAME};
		san.node.san.unstructured_name.p = (unsigned char *)(uintptr_t)plan->dns;
		san.node.san.unstructured_name.len = strlen(plan->dns);
		must(mbedtls_x509write_crt_set_subject_alternative_name(&w, &san));
	}
	must(mbedtls_x509write_crt_pem(&w, (unsigned char *)pem, cap, peer_random, NULL));
	mbedtls_x509write_crt_free(&w);
}

/* A certificate authority's own: name is "CN=...". */
static inline void make_root(const char *name, mbedtls_pk_context *key, char *pem, size_t cap)
{
	make_cert(&(struct cert_plan){.subject = name, .issuer = name, .key = key, .signer = key, .ca = true},
		  pem, cap);
}

#endif
