/* tls: a TLS client over bytes: what arrives is put in, what must be sent is taken out; no socket, clock or
 * entropy of its own.
 *
 * ECDHE on P-256 or P-384 with AES-GCM, server name sent (SNI), the certificate chain verified up to one of
 * the given anchors, for the server's name, at the given time. SHA-2 signatures and RSA keys from 2,048 bits
 * only. Renegotiation is refused. The parameters of the last good session are kept to resume it. Sources: RFC
 * 5246, RFC 5288, RFC 5289, RFC 8422, RFC 6066, RFC 8446.
 *
 * Two back ends, one of which is linked: tls_bear.c speaks TLS 1.2 alone and understands no RSA-PSS;
 * tls_mbed.c speaks TLS 1.3 and 1.2 and allocates from an arena of the process (tls_mbed_shared.h).
 *
 * Both structures hold pointers into themselves: they must not be moved or copied while in use.
 *
 * The owner's turn, in any order:
 *
 *   send     what tls_out shows; tls_out_done
 *   receive  into tls_in; tls_in_done
 *   write    tls_write, whose records go to the server after what tls_out shows
 *   read     what tls_read shows; tls_read_done
 *
 *   state      since                       tls_status  send  receive  write  read
 *   handshake  tls_begin                   ERR_OK      +     +
 *   ready      tls_ready is true           ERR_OK      +     +        +      +
 *   closing    tls_close                   ERR_OK      +
 *   ended      the server's close_notify,  an error    +                     +
 *              tls_eof or an error
 *
 * +: there may be something to do; where there is none, a call gives nothing, or nothing of use.
 */
#ifndef SEALTAP_LIB_TLS_H
#define SEALTAP_LIB_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define TLS_MAX_ANCHORS 256 /* a system's bundle has some 140 */
#define TLS_NAME_MAX 253    /* bytes of a server's name */
#define TLS_ENTROPY_BYTES 32
#define TLS_RECORD_MAX 16640 /* bytes; RFC 8446 section 5.2, RFC 5246 section 6.2.3 allow some more */

/* Trusted roots: name and public key of each, and the certificates. Constant once read; shared by any number
 * of clients. */
struct tls_anchors {
	size_t count;
	size_t used; /* bytes of pool */
	_Alignas(16) uint8_t table[TLS_MAX_ANCHORS * 64];
	uint8_t pool[163840];
	size_t der_used, der_len[TLS_MAX_ANCHORS]; /* one after the other in der */
	uint8_t der[327680];
};

/* One connection after the other. */
struct tls {
	_Alignas(64) uint8_t opaque[49152];
};

/* Reads a bundle of PEM certificates (text between them is skipped). ERR_SYNTAX: not PEM or not a
 * certificate; ERR_TRUNCATED: ends within one; ERR_MISSING: there is none; ERR_UNSUPPORTED: another kind of
 * object, not a CA, or a key that is neither RSA of 2,048 to 4,096 bits nor EC on P-256 or P-384; ERR_FULL:
 * too many. *a is empty on error. */
enum err tls_anchors_read(struct span pem_bundle, struct tls_anchors *a) MUST_USE;
/* The same, but for certificates that would be ERR_UNSUPPORTED: they are left out. ERR_MISSING: none is
 * left. */
enum err tls_anchors_read_known(struct span pem_bundle, struct tls_anchors *a) MUST_USE;

/* Before the first tls_begin, and before anything else uses the library behind. */
void tls_init(struct tls *t);
/* Starts a connection; what went before is forgotten, but for the session to resume when server_name is the
 * same. anchors: borrowed until tls_wipe or the next tls_begin. server_name: terminated DNS name, copied.
 * unix_time_s: when certificates must be valid. entropy: fresh, wiped by the caller. ERR_RANGE: the name is
 * empty or too long. */
enum err tls_begin(struct tls *t, const struct tls_anchors *anchors, const char *server_name,
		   uint64_t unix_time_s, const uint8_t entropy[TLS_ENTROPY_BYTES]) MUST_USE;

/* Bytes for the server; empty when there is nothing to send now. Valid until the next call other than
 * tls_status. */
struct span tls_out(struct tls *t);
void tls_out_done(struct tls *t, size_t sent);
/* Where to put bytes from the server, and how many at most; NULL and 0 while none are taken: send or read
 * first. */
uint8_t *tls_in(struct tls *t, size_t *room);
void tls_in_done(struct tls *t, size_t received);
/* The transport has ended. What comes of it is in tls_status. */
void tls_eof(struct tls *t);

/* The handshake is over: the server is who it should be. Stays true until the next tls_begin. */
bool tls_ready(const struct tls *t);
/* Seals content in records that are appended to `records`, for the server; returns how many bytes of content
 * they hold. 0: none is taken now (send first what tls_out shows), or there is less room than TLS_RECORD_MAX;
 * what did not find room in the end is shown by tls_out. content: read once; records never hold plaintext. */
size_t tls_write(struct tls *t, struct span content, struct buf *records);
/* Plaintext from the server; empty when there is none now. tls_read_done wipes what was taken. */
struct span tls_read(struct tls *t);
void tls_read_done(struct tls *t, size_t taken);
/* Ends our side in order: what is left in tls_out has to be sent, nothing else is possible. */
void tls_close(struct tls *t);

/* ERR_OK: the connection lives. ERR_CLOSED: the server closed it in order (close_notify; all plaintext before
 * it was read). ERR_TRUNCATED: the transport ended without that. ERR_CERTIFICATE: the chain is not good for
 * this name and time. ERR_TLS: anything else. The first error stays. */
enum err tls_status(const struct tls *t) MUST_USE;
/* Static text that says more about tls_status; never NULL, for people. */
const char *tls_why(const struct tls *t);

/* Forgets everything, the session to resume too. tls_begin may follow. */
void tls_wipe(struct tls *t);

#endif
