#include "lib/tls.h"

#include "check.h"
#include "tls_certs.h"

static mbedtls_pk_context ca_key, leaf_key, rsa_key, p384_key, weak_key;
static char ca_pem[2048];

static void make_keys(void)
{
	must(psa_crypto_init());
	make_ec_key(&ca_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&leaf_key, MBEDTLS_ECP_DP_SECP256R1);
	make_ec_key(&p384_key, MBEDTLS_ECP_DP_SECP384R1);
	make_rsa_key(&rsa_key, 2048);
	make_rsa_key(&weak_key, 1024);
	make_root("CN=Root", &ca_key, ca_pem, sizeof(ca_pem));
}

static enum err read_anchors(struct span pem)
{
	static struct tls_anchors a;
	enum err e = tls_anchors_read(pem, &a);
	CHECK(e == ERR_OK ? a.count > 0 : a.count == 0 && a.used == 0);
	return e;
}

static struct span read_file(const char *path, char *mem, size_t cap)
{
	FILE *f = fopen(path, "r");
	CHECK(f);
	size_t n = f ? fread(mem, 1, cap, f) : 0;
	if (f)
		fclose(f);
	return span_of(mem, n);
}

static void anchor_files(void)
{
	static const char *const files[] = {
		"rootfs/anchors/Amazon_Root_CA_1.pem",
		"rootfs/anchors/Amazon_Root_CA_2.pem",
		"rootfs/anchors/Amazon_Root_CA_3.pem",
		"rootfs/anchors/Amazon_Root_CA_4.pem",
		"rootfs/anchors/Starfield_Services_Root_Certificate_Authority_-_G2.pem",
		"board/qemu/test-ca.pem",
	};
	static char all[32768];
	static struct tls_anchors a;
	size_t len = 0;
	for (size_t i = 0; i < 6; i++) {
		struct span file = read_file(files[i], all + len, sizeof(all) - len);
		CHECK(read_anchors(file) == ERR_OK);
		len += file.len;
	}
	CHECK(tls_anchors_read(span_of(all, len), &a) == ERR_OK && a.count == 6);
}

static void anchor_errors(void)
{
	static char text[(TLS_MAX_ANCHORS + 1) * sizeof(ca_pem)];
	size_t len = strlen(ca_pem);
	CHECK(read_anchors(SPAN("")) == ERR_MISSING);
	CHECK(read_anchors(SPAN("no certificate here\n")) == ERR_MISSING);
	CHECK(read_anchors(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")) ==
	      ERR_SYNTAX);
	CHECK(read_anchors(SPAN("-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----\n")) ==
	      ERR_SYNTAX);
	CHECK(read_anchors(SPAN("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")) ==
	      ERR_UNSUPPORTED);
	for (size_t n = 0; n < len - 1; n++) {
		enum err e = read_anchors(span_of(ca_pem, n));
		CHECK(e != ERR_OK);
		/* where dashes end it, it may also be a last line that went wrong */
		bool plain = n > strlen("-----BEGIN CERTIFICATE-----") && ca_pem[n - 1] != '-';
		CHECK(!plain || e == ERR_TRUNCATED);
	}
	CHECK(read_anchors(span_of(ca_pem, len - 1)) == ERR_OK); /* only the last newline is missing */
	for (size_t i = 0; i < TLS_MAX_ANCHORS + 1; i++)
		memcpy(text + i * len, ca_pem, len);
	CHECK(read_anchors(span_of(text, TLS_MAX_ANCHORS * len)) == ERR_OK);
	CHECK(read_anchors(span_of(text, (TLS_MAX_ANCHORS + 1) * len)) == ERR_FULL);
	memcpy(text, "# remark\n", 9);
	memcpy(text + 9, ca_pem, len);
	CHECK(read_anchors(span_of(text, len + 9)) == ERR_OK);
}

static void anchor_kinds(void)
{
	static char pem[4096];
	struct cert_plan p = {.subject = "CN=R", .issuer = "CN=R", .ca = true};
	const struct {
		mbedtls_pk_context *key;
		bool ca;
		enum err want;
	} cases[] = {
		{&rsa_key, true, ERR_OK},
		{&p384_key, true, ERR_OK},
		{&leaf_key, false, ERR_UNSUPPORTED},
		{&weak_key, true, ERR_UNSUPPORTED},
	};
	for (size_t i = 0; i < 4; i++) {
		p.key = p.signer = cases[i].key;
		p.ca = cases[i].ca;
		make_cert(&p, pem, sizeof(pem));
		CHECK(read_anchors(span_str(pem)) == cases[i].want);
	}
	mbedtls_pk_context p521;
	make_ec_key(&p521, MBEDTLS_ECP_DP_SECP521R1);
	p.key = p.signer = &p521;
	p.ca = true;
	make_cert(&p, pem, sizeof(pem));
	CHECK(read_anchors(span_str(pem)) == ERR_UNSUPPORTED);
	mbedtls_pk_free(&p521);
}

/* A system's bundle may have certificates that nothing here understands. */
static void unknown_anchors(void)
{
	static char weak[4096], text[3 * 4096];
	static struct tls_anchors a, good;
	struct cert_plan p = {
		.subject = "CN=R", .issuer = "CN=R", .ca = true, .key = &weak_key, .signer = &weak_key};
	make_cert(&p, weak, sizeof(weak));
	int n = snprintf(text, sizeof(text), "%s%s%s", weak, ca_pem, weak);
	struct span one = span_of(text, (size_t)n);
	CHECK(tls_anchors_read(one, &a) == ERR_UNSUPPORTED && a.count == 0);
	CHECK(tls_anchors_read(span_str(ca_pem), &good) == ERR_OK);
	CHECK(tls_anchors_read_known(one, &a) == ERR_OK && a.count == 1);
	CHECK(a.used == good.used && a.der_used == good.der_used && a.der_len[0] == good.der_len[0]);
	CHECK(!memcmp(a.der, good.der, good.der_used) && !memcmp(a.pool, good.pool, good.used));
	CHECK(tls_anchors_read_known(span_str(weak), &a) == ERR_MISSING && a.count == 0);
	CHECK(tls_anchors_read_known(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
				     &a) == ERR_SYNTAX);
}

static void anchor_damage(void)
{
	static char bad[sizeof(ca_pem)];
	size_t len = strlen(ca_pem);
	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(bad, ca_pem, len);
			bad[i] = (char)(bad[i] ^ (1 << bit));
			enum err e = read_anchors(span_of(bad, len));
			CHECK(e == ERR_OK || e == ERR_SYNTAX || e == ERR_TRUNCATED || e == ERR_MISSING ||
			      e == ERR_UNSUPPORTED || e == ERR_FULL);
		}
	}
}

int main(void)
{
	make_keys();
	RUN(anchor_files, "TLS: the anchors of both boards can be read");
	RUN(anchor_errors, "TLS: a damaged bundle of anchors is refused with its reason");
	RUN(anchor_kinds, "TLS: only CA certificates with strong keys become anchors");
	RUN(unknown_anchors, "TLS: of a system's bundle what is not understood is left out");
	RUN(anchor_damage, "TLS: a flipped bit in an anchor does no harm to its reader");
	return check_done();
}
