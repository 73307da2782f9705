/* Trust anchors, for either back end: PEM and certificates are read by BearSSL. Name and key of each are what
 * BearSSL verifies with; Mbed TLS wants the whole certificate, which is kept beside them. */
#include "lib/tls.h"

#include <string.h>

#include <bearssl.h>

#define MIN_RSA_BYTES 256
#define MAX_RSA_BYTES 512

_Static_assert(sizeof(br_x509_trust_anchor) * TLS_MAX_ANCHORS <= sizeof(((struct tls_anchors *)0)->table),
	       "the table holds the anchors");

struct anchor_reader {
	struct tls_anchors *anchors;
	br_x509_decoder_context x509;
	size_t name_at; /* in the pool */
	bool full, inside, lenient;
};

static uint8_t *pool_put(struct anchor_reader *r, const void *p, size_t len)
{
	struct tls_anchors *a = r->anchors;
	uint8_t *to = a->pool + a->used;
	if (len > sizeof(a->pool) - a->used) {
		r->full = true;
		return NULL;
	}
	memcpy(to, p, len);
	a->used += len;
	return to;
}

static void take_name(void *reader, const void *p, size_t len)
{
	pool_put(reader, p, len);
}

static void take_der(void *reader, const void *p, size_t len)
{
	struct anchor_reader *r = reader;
	struct tls_anchors *a = r->anchors;
	/* pushed to after an error, it would go on behind the check that failed */
	if (r->x509.err == 0)
		br_x509_decoder_push(&r->x509, p, len);
	if (len > sizeof(a->der) - a->der_used) {
		r->full = true;
		return;
	}
	memcpy(a->der + a->der_used, p, len);
	a->der_used += len;
	a->der_len[a->count] += len;
}

static enum err copy_key(struct anchor_reader *r, const br_x509_pkey *from, br_x509_pkey *to)
{
	*to = *from;
	if (from->key_type == BR_KEYTYPE_RSA) {
		const uint8_t *n = from->key.rsa.n;
		size_t len = from->key.rsa.nlen;
		for (; len && *n == 0; len--)
			n++;
		if (len < MIN_RSA_BYTES || len > MAX_RSA_BYTES)
			return ERR_UNSUPPORTED;
		to->key.rsa.nlen = len;
		to->key.rsa.n = pool_put(r, n, len);
		to->key.rsa.e = pool_put(r, from->key.rsa.e, from->key.rsa.elen);
	} else if (from->key_type == BR_KEYTYPE_EC) {
		if (from->key.ec.curve != BR_EC_secp256r1 && from->key.ec.curve != BR_EC_secp384r1)
			return ERR_UNSUPPORTED;
		to->key.ec.q = pool_put(r, from->key.ec.q, from->key.ec.qlen);
	} else {
		return ERR_UNSUPPORTED;
	}
	return r->full ? ERR_FULL : ERR_OK;
}

static enum err begin_anchor(struct anchor_reader *r, const char *kind)
{
	if (strcmp(kind, "CERTIFICATE") != 0 && strcmp(kind, "X509 CERTIFICATE") != 0)
		return ERR_UNSUPPORTED;
	if (r->anchors->count == TLS_MAX_ANCHORS)
		return ERR_FULL;
	r->name_at = r->anchors->used;
	br_x509_decoder_init(&r->x509, take_name, r);
	return ERR_OK;
}

static enum err end_anchor(struct anchor_reader *r)
{
	struct tls_anchors *a = r->anchors;
	const br_x509_pkey *key = br_x509_decoder_get_pkey(&r->x509);
	if (!key) {
		int e = br_x509_decoder_last_error(&r->x509);
		bool other = e == BR_ERR_X509_UNSUPPORTED || e == BR_ERR_X509_WRONG_KEY_TYPE;
		return other ? ERR_UNSUPPORTED : ERR_SYNTAX;
	}
	if (r->full)
		return ERR_FULL;
	if (!br_x509_decoder_isCA(&r->x509))
		return ERR_UNSUPPORTED;
	br_x509_trust_anchor *anchor = (br_x509_trust_anchor *)(void *)a->table + a->count;
	*anchor = (br_x509_trust_anchor){
		.dn = {.data = a->pool + r->name_at, .len = a->used - r->name_at},
		.flags = BR_X509_TA_CA,
	};
	TRY(copy_key(r, key, &anchor->pkey));
	a->count++;
	return ERR_OK;
}

/* What was read of one that is not to be had is forgotten. */
static enum err leave_out(struct anchor_reader *r, enum err e)
{
	struct tls_anchors *a = r->anchors;
	if (e != ERR_UNSUPPORTED || !r->lenient)
		return e;
	a->used = r->name_at;
	a->der_used -= a->der_len[a->count];
	a->der_len[a->count] = 0;
	return ERR_OK;
}

static enum err read_pem(struct anchor_reader *r, br_pem_decoder_context *pem, struct span text)
{
	while (text.len) {
		text = span_from(text, br_pem_decoder_push(pem, text.p, text.len));
		switch (br_pem_decoder_event(pem)) {
		case BR_PEM_BEGIN_OBJ:
			TRY(begin_anchor(r, br_pem_decoder_name(pem)));
			br_pem_decoder_setdest(pem, take_der, r);
			r->inside = true;
			break;
		case BR_PEM_END_OBJ:
			TRY(leave_out(r, end_anchor(r)));
			r->inside = false;
			break;
		case BR_PEM_ERROR:
			return ERR_SYNTAX;
		default:
			break;
		}
	}
	return ERR_OK;
}

static enum err read_bundle(struct anchor_reader *r, struct span text)
{
	br_pem_decoder_context pem;
	br_pem_decoder_init(&pem);
	TRY(read_pem(r, &pem, text));
	/* the last line may lack its end */
	if (span_ends(text, SPAN("-----")))
		TRY(read_pem(r, &pem, SPAN("\n")));
	if (r->inside)
		return ERR_TRUNCATED;
	return r->anchors->count ? ERR_OK : ERR_MISSING;
}

/* What is not used is not touched: it costs no memory. */
static void empty(struct tls_anchors *a)
{
	a->count = a->used = a->der_used = 0;
	memset(a->der_len, 0, sizeof(a->der_len));
}

static enum err read_all(struct anchor_reader *r, struct span pem_bundle)
{
	empty(r->anchors);
	enum err e = read_bundle(r, pem_bundle);
	if (e)
		empty(r->anchors);
	return e;
}

enum err tls_anchors_read(struct span pem_bundle, struct tls_anchors *a)
{
	struct anchor_reader r = {.anchors = a};
	return read_all(&r, pem_bundle);
}

enum err tls_anchors_read_known(struct span pem_bundle, struct tls_anchors *a)
{
	struct anchor_reader r = {.anchors = a, .lenient = true};
	return read_all(&r, pem_bundle);
}
