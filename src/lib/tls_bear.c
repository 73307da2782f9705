/* BearSSL 0.6 behind lib/tls.h. The library is compiled without its own entropy and time sources. */
#include "lib/tls.h"

#include <stddef.h>
#include <string.h>

#include <bearssl.h>

#include "base/bytes.h"
#include "lib/tls_gcm.h"
#include "lib/tls_resume.h"

#define SECONDS_PER_DAY 86400
#define DAYS_TO_1970 719528         /* from January 1 of year 0, where BearSSL's calendar begins */
#define ALERT_UNRECOGNIZED_NAME 112 /* RFC 6066, section 3 */
#define APPLICATION_DATA 23         /* RFC 5246, section 6.2.1 */
#define MIN_RSA_BYTES 256
#define CURVES ((uint32_t)1 << BR_EC_secp256r1 | (uint32_t)1 << BR_EC_secp384r1)

struct state {
	br_ssl_client_context client;
	struct tls_gcm in, out; /* the records' keys: the engine has no room for ours; secret */
	br_x509_minimal_context x509;
	br_ec_impl ec; /* the library's, cut down to two curves */
	bool ready, eof;
	struct tls_resume resume;
	br_ssl_session_parameters session; /* to resume; secret */
	uint8_t io[BR_SSL_BUFSIZE_BIDI];
};

_Static_assert(sizeof(struct state) <= sizeof(struct tls), "struct tls holds the state");
_Static_assert(_Alignof(struct state) <= _Alignof(struct tls), "aligned for it");

static struct state *state_of(struct tls *t)
{
	return (struct state *)(void *)t->opaque;
}

static const struct state *state_of_const(const struct tls *t)
{
	return (const struct state *)(const void *)t->opaque;
}

/* ---- records: the engine's two classes for AES-GCM, over lib/tls_gcm
 *
 * The engine calls them with a context of its own, which holds nothing but their vtable: it lies in the state
 * whose keys are meant. */

static struct tls_gcm *keys_in(const void *context)
{
	size_t at = offsetof(struct state, client.eng.in.gcm);
	return &((struct state *)(void *)((uintptr_t)context - at))->in;
}

static struct tls_gcm *keys_out(const void *context)
{
	size_t at = offsetof(struct state, client.eng.out.gcm);
	return &((struct state *)(void *)((uintptr_t)context - at))->out;
}

static int in_length_good(const br_sslrec_in_class *const *context, size_t len)
{
	(void)context;
	return len >= TLS_GCM_OVERHEAD_BYTES && len <= TLS_GCM_CONTENT_MAX + TLS_GCM_OVERHEAD_BYTES;
}

static unsigned char *in_open(const br_sslrec_in_class **context, int type, unsigned version, void *payload,
			      size_t *len)
{
	struct span content;
	if (tls_gcm_open(keys_in(context), (uint8_t)type, (uint16_t)version, payload, *len, &content))
		return NULL;
	*len = content.len;
	return (unsigned char *)payload + TLS_GCM_NONCE_BYTES;
}

static void out_limits(const br_sslrec_out_class *const *context, size_t *start, size_t *end)
{
	(void)context;
	*start += TLS_GCM_NONCE_BYTES;
	size_t len = *end - *start - AEAD_TAG_BYTES;
	*end = *start + (len < TLS_GCM_CONTENT_MAX ? len : TLS_GCM_CONTENT_MAX);
}

static unsigned char *out_seal(const br_sslrec_out_class **context, int type, unsigned version, void *content,
			       size_t *len)
{
	uint8_t *record = (uint8_t *)content - TLS_GCM_FRONT_BYTES;
	*len = tls_gcm_seal(keys_out(context), (uint8_t)type, (uint16_t)version, span_of(content, *len),
			    record);
	return record;
}

static void in_init(const br_sslrec_in_gcm_class **context, const br_block_ctr_class *aes, const void *key,
		    size_t key_len, br_ghash ghash, const void *salt);
static void out_init(const br_sslrec_out_gcm_class **context, const br_block_ctr_class *aes, const void *key,
		     size_t key_len, br_ghash ghash, const void *salt);

static const br_sslrec_in_gcm_class in_class = {
	.inner = {sizeof(br_sslrec_gcm_context), in_length_good, in_open}, .init = in_init};
static const br_sslrec_out_gcm_class out_class = {
	.inner = {sizeof(br_sslrec_gcm_context), out_limits, out_seal}, .init = out_init};

static void in_init(const br_sslrec_in_gcm_class **context, const br_block_ctr_class *aes, const void *key,
		    size_t key_len, br_ghash ghash, const void *salt)
{
	(void)aes;
	(void)ghash;
	*context = &in_class;
	tls_gcm_init(keys_in(context), span_of(key, key_len), salt);
}

static void out_init(const br_sslrec_out_gcm_class **context, const br_block_ctr_class *aes, const void *key,
		     size_t key_len, br_ghash ghash, const void *salt)
{
	(void)aes;
	(void)ghash;
	*context = &out_class;
	tls_gcm_init(keys_out(context), span_of(key, key_len), salt);
}

/* ---- a connection */

void tls_init(struct tls *t)
{
	memset(t, 0, sizeof(*t));
}

static void set_algorithms(struct state *s)
{
	static const uint16_t suites[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	static const struct {
		int id;
		const br_hash_class *class;
	} hashes[] = {
		{br_sha256_ID, &br_sha256_vtable},
		{br_sha384_ID, &br_sha384_vtable},
		{br_sha512_ID, &br_sha512_vtable},
	};
	br_ssl_engine_context *eng = &s->client.eng;
	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(eng, suites, sizeof(suites) / sizeof(suites[0]));
	br_ssl_engine_set_rsavrfy(eng, br_rsa_pkcs1_vrfy_get_default());
	br_ssl_engine_set_ec(eng, &s->ec);
	br_ssl_engine_set_ecdsa(eng, br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_rsa(&s->x509, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(&s->x509, &s->ec, br_ecdsa_vrfy_asn1_get_default());
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		br_ssl_engine_set_hash(eng, hashes[i].id, hashes[i].class);
		br_x509_minimal_set_hash(&s->x509, hashes[i].id, hashes[i].class);
	}
	br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);
	br_ssl_engine_set_default_aes_gcm(eng); /* it wants a block cipher and a hash, and hands them to: */
	br_ssl_engine_set_gcm(eng, &in_class, &out_class);
	br_ssl_engine_add_flags(eng, BR_OPT_NO_RENEGOTIATION);
}

enum err tls_begin(struct tls *t, const struct tls_anchors *anchors, const char *server_name,
		   uint64_t unix_time_s, const uint8_t entropy[TLS_ENTROPY_BYTES])
{
	struct state *s = state_of(t);
	bool resume;
	TRY(tls_resume_begin(&s->resume, anchors, server_name, unix_time_s, &resume));
	s->ready = s->eof = false;
	s->resume.has_session = false;

	br_ssl_client_zero(&s->client);
	tls_gcm_wipe(&s->in);
	tls_gcm_wipe(&s->out);
	s->ec = *br_ec_get_default();
	s->ec.supported_curves &= CURVES;
	br_x509_minimal_init(&s->x509, &br_sha256_vtable,
			     (const br_x509_trust_anchor *)(const void *)anchors->table, anchors->count);
	br_x509_minimal_set_minrsa(&s->x509, MIN_RSA_BYTES);
	br_x509_minimal_set_time(&s->x509, (uint32_t)(unix_time_s / SECONDS_PER_DAY + DAYS_TO_1970),
				 (uint32_t)(unix_time_s % SECONDS_PER_DAY));
	set_algorithms(s);
	br_ssl_engine_set_x509(&s->client.eng, &s->x509.vtable);
	br_ssl_engine_set_buffer(&s->client.eng, s->io, sizeof(s->io), 1);
	br_ssl_engine_inject_entropy(&s->client.eng, entropy, TLS_ENTROPY_BYTES);
	if (resume)
		br_ssl_engine_set_session_parameters(&s->client.eng, &s->session);
	int begun = br_ssl_client_reset(&s->client, server_name, resume);
	ASSERT(begun);
	return ERR_OK;
}

/* Looks whether the handshake has just ended. */
static void advance(struct state *s)
{
	if (s->ready || !(br_ssl_engine_current_state(&s->client.eng) & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)))
		return;
	s->ready = true;
	br_ssl_session_parameters now;
	br_ssl_engine_get_session_parameters(&s->client.eng, &now);
	/* A server that did not resume has shown its certificate again. */
	if (now.session_id_len != s->session.session_id_len ||
	    memcmp(now.session_id, s->session.session_id, now.session_id_len) != 0)
		s->resume.verified_s = s->resume.begun_s;
	s->session = now;
	s->resume.has_session = now.session_id_len > 0;
	wipe(&now, sizeof(now));
}

struct span tls_out(struct tls *t)
{
	struct span out = {.p = NULL};
	out.p = br_ssl_engine_sendrec_buf(&state_of(t)->client.eng, &out.len);
	return out;
}

void tls_out_done(struct tls *t, size_t sent)
{
	struct state *s = state_of(t);
	ASSERT(sent <= tls_out(t).len);
	if (sent == 0)
		return;
	br_ssl_engine_sendrec_ack(&s->client.eng, sent);
	advance(s);
}

uint8_t *tls_in(struct tls *t, size_t *room)
{
	return br_ssl_engine_recvrec_buf(&state_of(t)->client.eng, room);
}

void tls_in_done(struct tls *t, size_t received)
{
	struct state *s = state_of(t);
	size_t room;
	tls_in(t, &room);
	ASSERT(received <= room);
	if (received == 0)
		return;
	br_ssl_engine_recvrec_ack(&s->client.eng, received);
	advance(s);
}

void tls_eof(struct tls *t)
{
	state_of(t)->eof = true;
}

bool tls_ready(const struct tls *t)
{
	return state_of_const(t)->ready;
}

size_t tls_write(struct tls *t, struct span content, struct buf *records)
{
	struct state *s = state_of(t);
	br_ssl_engine_context *eng = &s->client.eng;
	struct span rest = content;
	size_t room;
	/* the engine takes content: so it has nothing to send, and the next record's number is ours to use */
	if (!br_ssl_engine_sendapp_buf(eng, &room))
		return 0;
	while (rest.len && buf_room(records) >= TLS_RECORD_MAX) {
		struct span part = span_first(rest, room);
		uint8_t *record = records->p + records->len;
		records->len += tls_gcm_seal(&s->out, APPLICATION_DATA, BR_TLS12, part, record);
		rest = span_from(rest, part.len);
	}
	return content.len - rest.len;
}

struct span tls_read(struct tls *t)
{
	struct span in = {.p = NULL};
	in.p = br_ssl_engine_recvapp_buf(&state_of(t)->client.eng, &in.len);
	return in;
}

void tls_read_done(struct tls *t, size_t taken)
{
	br_ssl_engine_context *eng = &state_of(t)->client.eng;
	size_t len;
	uint8_t *p = br_ssl_engine_recvapp_buf(eng, &len);
	ASSERT(taken <= len);
	if (taken == 0)
		return;
	wipe(p, taken);
	br_ssl_engine_recvapp_ack(eng, taken);
}

void tls_close(struct tls *t)
{
	br_ssl_engine_close(&state_of(t)->client.eng);
}

void tls_wipe(struct tls *t)
{
	wipe(t, sizeof(*t));
}

/* ---- how it stands */

static bool is_x509_error(int e)
{
	return e >= BR_ERR_X509_INVALID_VALUE && e <= BR_ERR_X509_NOT_TRUSTED;
}

enum err tls_status(const struct tls *t)
{
	const struct state *s = state_of_const(t);
	const br_ssl_engine_context *eng = &s->client.eng;
	int e = br_ssl_engine_last_error(eng);
	if (e != BR_ERR_OK)
		return is_x509_error(e) ? ERR_CERTIFICATE : ERR_TLS;
	/* The engine itself calls a connection closed only once its own close_notify is sent. */
	if (eng->shutdown_recv || br_ssl_engine_current_state(eng) == BR_SSL_CLOSED)
		return ERR_CLOSED;
	return s->eof ? ERR_TRUNCATED : ERR_OK;
}

const char *tls_why(const struct tls *t)
{
	static const struct {
		int error;
		const char *text;
	} reasons[] = {
		{BR_ERR_X509_EXPIRED, "the certificate is not valid at this time"},
		{BR_ERR_X509_BAD_SERVER_NAME, "the certificate is for another name"},
		{BR_ERR_X509_NOT_TRUSTED, "the certificate does not lead to a trusted root"},
		{BR_ERR_X509_BAD_SIGNATURE, "a certificate's signature is wrong or of a kind not supported"},
		{BR_ERR_X509_DN_MISMATCH, "the certificates do not form a chain"},
		{BR_ERR_X509_NOT_CA, "a certificate is signed by one that may not sign"},
		{BR_ERR_X509_FORBIDDEN_KEY_USAGE, "the certificate's key must not be used for this"},
		{BR_ERR_X509_WEAK_PUBLIC_KEY, "the certificate's key is too short"},
		{BR_ERR_X509_CRITICAL_EXTENSION, "the certificate has an unknown critical extension"},
		{BR_ERR_X509_UNSUPPORTED, "the certificate's kind of key or signature is not supported"},
		{BR_ERR_X509_WRONG_KEY_TYPE, "the certificate's kind of key is not supported"},
		{BR_ERR_UNSUPPORTED_VERSION, "the server does not speak TLS 1.2"},
		{BR_ERR_BAD_MAC, "a record was damaged on its way"},
		{BR_ERR_BAD_SIGNATURE, "the server did not prove that it has the certificate's key"},
		{BR_ERR_BAD_FINISHED, "the handshake was tampered with"},
		{BR_ERR_RECV_FATAL_ALERT + BR_ALERT_HANDSHAKE_FAILURE,
		 "the server accepts none of our cipher suites and signatures"},
		{BR_ERR_RECV_FATAL_ALERT + BR_ALERT_PROTOCOL_VERSION, "the server does not speak TLS 1.2"},
		{BR_ERR_RECV_FATAL_ALERT + ALERT_UNRECOGNIZED_NAME, "the server does not know this name"},
	};
	int e = br_ssl_engine_last_error(&state_of_const(t)->client.eng);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].error == e)
			return reasons[i].text;
	if (e >= BR_ERR_SEND_FATAL_ALERT)
		return "the server broke the TLS protocol";
	if (e >= BR_ERR_RECV_FATAL_ALERT)
		return "the server sent a fatal alert";
	if (is_x509_error(e))
		return "the certificate is malformed";
	return e == BR_ERR_OK ? err_text(tls_status(t)) : "the server broke the TLS protocol";
}
