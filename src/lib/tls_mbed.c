/* Mbed TLS 3.6 behind lib/tls.h. What the connections share is in tls_mbed_shared.
 *
 * The library moves bytes through callbacks; here they lead into buffers that the owner fills and empties.
 */
#include "lib/tls.h"

#include <string.h>

#include <mbedtls/ssl.h>

#include "base/bytes.h"
#include "lib/tls_mbed_shared.h"
#include "lib/tls_resume.h"

#define BUFFER_BYTES 8192

struct channel {
	size_t from, to;
	uint8_t bytes[BUFFER_BYTES];
};

struct state {
	mbedtls_ssl_context ssl;
	struct tls_resume resume;
	mbedtls_ssl_session session; /* to resume; secret */
	bool live;                   /* ssl holds a connection */
	bool ready, eof, closed, closing, said_goodbye;
	bool checked; /* the certificate was checked in this connection */
	int error;
	uint32_t flags; /* what is wrong with the certificate */
	size_t writing; /* bytes of `plain_out` that the library is about to send; 0: it is being filled */
	struct channel in, out, plain_in, plain_out;
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

/* ---- a connection */

static size_t channel_put(struct channel *c, const void *p, size_t len)
{
	if (c->from == c->to)
		c->from = c->to = 0;
	size_t room = sizeof(c->bytes) - c->to, n = len < room ? len : room;
	memcpy(c->bytes + c->to, p, n);
	c->to += n;
	return n;
}

static struct span channel_span(const struct channel *c)
{
	return span_of(c->bytes + c->from, c->to - c->from);
}

static void channel_taken(struct channel *c, size_t n)
{
	ASSERT(n <= c->to - c->from);
	wipe(c->bytes + c->from, n);
	c->from += n;
	if (c->from == c->to)
		c->from = c->to = 0;
}

static int on_send(void *state, const unsigned char *p, size_t len)
{
	size_t n = channel_put(&((struct state *)state)->out, p, len);
	return n ? (int)n : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int on_recv(void *state, unsigned char *p, size_t cap)
{
	struct channel *in = &((struct state *)state)->in;
	struct span there = span_first(channel_span(in), cap);
	if (there.len == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(p, there.p, there.len);
	channel_taken(in, there.len);
	return (int)there.len;
}

static int on_verify(void *state, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct state *s = state;
	(void)crt;
	(void)depth;
	s->checked = true;
	s->flags |= *flags;
	return 0;
}

void tls_init(struct tls *t)
{
	tls_mbed_up();
	memset(t, 0, sizeof(*t));
	mbedtls_ssl_session_init(&state_of(t)->session);
}

static void forget_session(struct state *s)
{
	mbedtls_ssl_session_free(&s->session);
	mbedtls_ssl_session_init(&s->session);
	s->resume.has_session = false;
}

static void hang_up(struct state *s)
{
	if (s->live) {
		mbedtls_ssl_free(&s->ssl);
		tls_mbed_leave();
	}
	wipe(&s->in, sizeof(s->in));
	wipe(&s->out, sizeof(s->out));
	wipe(&s->plain_in, sizeof(s->plain_in));
	wipe(&s->plain_out, sizeof(s->plain_out));
	s->live = s->ready = s->eof = s->closed = s->closing = s->said_goodbye = s->checked = false;
	s->writing = 0;
	s->error = 0;
	s->flags = 0;
}

static int start(struct state *s)
{
	mbedtls_ssl_config *conf = NULL;
	int r = tls_mbed_join();
	if (r)
		return r;
	s->live = true;
	mbedtls_ssl_init(&s->ssl);
	r = tls_mbed_config(s->resume.anchors, &conf);
	if (!r)
		r = mbedtls_ssl_setup(&s->ssl, conf);
	if (!r)
		r = mbedtls_ssl_set_hostname(&s->ssl, s->resume.name);
	mbedtls_ssl_set_bio(&s->ssl, s, on_send, on_recv, NULL);
	mbedtls_ssl_set_verify(&s->ssl, on_verify, s);
	if (!r && s->resume.has_session)
		r = mbedtls_ssl_set_session(&s->ssl, &s->session);
	forget_session(s);
	return r;
}

static void keep_session(struct state *s)
{
	forget_session(s);
	s->resume.has_session = mbedtls_ssl_get_session(&s->ssl, &s->session) == 0;
	if (s->checked)
		s->resume.verified_s = s->resume.begun_s;
}

static bool waits(int r)
{
	return r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* The first error stays. */
static void result(struct state *s, int r)
{
	if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		s->closed = s->closing = true; /* the answer is our own */
	else if (r && !waits(r) && !s->error)
		s->error = r;
}

static void shake_hands(struct state *s)
{
	int r = mbedtls_ssl_handshake(&s->ssl);
	result(s, r);
	if (r)
		return;
	s->ready = true;
	/* what resumes a session of 1.3 comes later, as a ticket */
	if (mbedtls_ssl_get_version_number(&s->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
		keep_session(s);
}

static void write_on(struct state *s)
{
	while (s->writing) {
		struct span rest = span_first(channel_span(&s->plain_out), s->writing);
		int r = mbedtls_ssl_write(&s->ssl, rest.p, rest.len);
		if (r == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) { /* half read when this began */
			keep_session(s);
			continue;
		}
		if (r <= 0) {
			result(s, r);
			return;
		}
		channel_taken(&s->plain_out, (size_t)r);
		s->writing -= (size_t)r;
	}
}

static void read_on(struct state *s)
{
	while (!s->error && !s->closed && s->plain_in.to == 0) {
		size_t from = s->in.from;
		int r = mbedtls_ssl_read(&s->ssl, s->plain_in.bytes, sizeof(s->plain_in.bytes));
		if (r == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			keep_session(s);
			continue;
		}
		if (r > 0) {
			s->plain_in.to = (size_t)r;
			return;
		}
		result(s, r ? r : MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
		/* the library also says that it waits when it has dealt with a message of its own */
		if (waits(r) && (s->in.to == 0 || s->in.from == from))
			return;
	}
}

/* Whatever is possible with the bytes at hand. */
static void go_on(struct state *s)
{
	if (!s->live || s->error)
		return;
	tls_mbed_time(s->resume.begun_s);
	if (!s->ready)
		shake_hands(s);
	if (!s->ready || s->error)
		return;
	write_on(s);
	read_on(s);
	if (s->closing && !s->said_goodbye && (s->writing == 0 || s->closed)) {
		int r = mbedtls_ssl_close_notify(&s->ssl);
		s->said_goodbye = !waits(r);
		if (!s->closed)
			result(s, r);
	}
}

enum err tls_begin(struct tls *t, const struct tls_anchors *anchors, const char *server_name,
		   uint64_t unix_time_s, const uint8_t entropy[TLS_ENTROPY_BYTES])
{
	struct state *s = state_of(t);
	bool resume;
	TRY(tls_resume_begin(&s->resume, anchors, server_name, unix_time_s, &resume));
	if (!resume)
		forget_session(s);
	hang_up(s);
	tls_mbed_entropy(span_of(entropy, TLS_ENTROPY_BYTES));
	tls_mbed_time(unix_time_s);
	result(s, start(s));
	go_on(s);
	return ERR_OK;
}

struct span tls_out(struct tls *t)
{
	return channel_span(&state_of(t)->out);
}

void tls_out_done(struct tls *t, size_t sent)
{
	struct state *s = state_of(t);
	channel_taken(&s->out, sent);
	go_on(s);
}

uint8_t *tls_in(struct tls *t, size_t *room)
{
	struct state *s = state_of(t);
	*room = s->error || s->closed ? 0 : sizeof(s->in.bytes) - s->in.to;
	return *room ? s->in.bytes + s->in.to : NULL;
}

void tls_in_done(struct tls *t, size_t received)
{
	struct state *s = state_of(t);
	size_t room;
	tls_in(t, &room);
	ASSERT(received <= room);
	s->in.to += received;
	go_on(s);
}

void tls_eof(struct tls *t)
{
	state_of(t)->eof = true;
}

bool tls_ready(const struct tls *t)
{
	return state_of_const(t)->ready;
}

static void take_out(struct state *s, struct buf *records)
{
	struct span out = span_first(channel_span(&s->out), buf_room(records));
	buf_put(records, out);
	channel_taken(&s->out, out.len);
	go_on(s);
}

size_t tls_write(struct tls *t, struct span content, struct buf *records)
{
	struct state *s = state_of(t);
	struct span rest = content;
	while (rest.len && buf_room(records) >= TLS_RECORD_MAX && s->ready && !s->error && !s->closed &&
	       !s->closing && s->writing == 0 && channel_span(&s->out).len == 0) {
		s->writing = channel_put(&s->plain_out, rest.p, rest.len);
		rest = span_from(rest, s->writing);
		go_on(s);
		while (buf_room(records) && channel_span(&s->out).len)
			take_out(s, records);
	}
	return content.len - rest.len;
}

struct span tls_read(struct tls *t)
{
	return channel_span(&state_of(t)->plain_in);
}

void tls_read_done(struct tls *t, size_t taken)
{
	struct state *s = state_of(t);
	channel_taken(&s->plain_in, taken);
	go_on(s);
}

void tls_close(struct tls *t)
{
	struct state *s = state_of(t);
	s->closing = true;
	go_on(s);
}

void tls_wipe(struct tls *t)
{
	struct state *s = state_of(t);
	hang_up(s);
	forget_session(s);
	wipe(t, sizeof(*t));
}

/* ---- how it stands */

static bool is_x509_error(int e)
{
	return (e <= MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE && e >= MBEDTLS_ERR_X509_CERT_UNKNOWN_FORMAT) ||
	       e == MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
}

enum err tls_status(const struct tls *t)
{
	const struct state *s = state_of_const(t);
	if (s->error)
		return is_x509_error(s->error) ? ERR_CERTIFICATE : ERR_TLS;
	if (s->closed)
		return ERR_CLOSED;
	return s->eof ? ERR_TRUNCATED : ERR_OK;
}

static const char *why_certificate(uint32_t flags)
{
	static const struct {
		uint32_t flags;
		const char *text;
	} reasons[] = {
		{MBEDTLS_X509_BADCERT_BAD_KEY, "the certificate's key is too short"},
		{MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK,
		 "the certificate's kind of key or signature is not supported"},
		{MBEDTLS_X509_BADCERT_NOT_TRUSTED, "the certificate does not lead to a trusted root"},
		{MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE,
		 "the certificate is not valid at this time"},
		{MBEDTLS_X509_BADCERT_CN_MISMATCH, "the certificate is for another name"},
		{MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE,
		 "the certificate's key must not be used for this"},
	};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].flags & flags)
			return reasons[i].text;
	return "the certificate is malformed";
}

static const char *why_alert(const struct state *s)
{
	switch (s->ssl.MBEDTLS_PRIVATE(in_msg)[1]) {
	case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
		return "the server accepts none of our cipher suites and signatures";
	case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
		return "the server speaks neither TLS 1.3 nor 1.2";
	case MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME:
		return "the server does not know this name";
	default:
		return "the server sent a fatal alert";
	}
}

const char *tls_why(const struct tls *t)
{
	const struct state *s = state_of_const(t);
	switch (s->error) {
	case 0:
		return err_text(tls_status(t));
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return why_alert(s);
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
	case MBEDTLS_ERR_X509_ALLOC_FAILED:
		return "there is no memory left for this connection";
	case MBEDTLS_ERR_SSL_INVALID_MAC:
		return "a record was damaged on its way";
	case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
		return "the server speaks neither TLS 1.3 nor 1.2";
	default:
		return is_x509_error(s->error) ? why_certificate(s->flags)
					       : "the server broke the TLS protocol";
	}
}
