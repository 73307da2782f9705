/* https: an HTTP/1.1 client for one server at a time, over TLS or plain, on the role's event loop.
 *
 * One request at a time. The connection is kept for HTTPS_KEEP_MS after an answer, when both sides allow it,
 * and used again for the same host, port and kind, as long as its address is among those given and it is not
 * older than HTTPS_AGE_MAX_MS (so that a change of the DNS is honoured in the end). Where a kept connection
 * turns out closed before any byte of the answer came, the request is sent once more over a new one: so
 * requests must be safe to repeat, and maybe_delivered tells when an earlier sending may have been carried
 * out. Nothing else is repeated here.
 *
 * A new connection goes to the addresses given, in their order: where one cannot be connected to, or falls
 * silent or hangs up before the TLS handshake is done, the next is tried, so nothing of the request was sent
 * there. A certificate that does not fit is final: trying on would hide it. So is a clock that shows a time
 * before the build (ERR_CLOCK): certificates can't be judged by it. The result speaks of the last.
 *
 * Time limits: HTTPS_CONNECT_MS to connect (and without progress in the handshake, if there is a next
 * address), HTTPS_STALL_MS without a byte moving in either direction (bytes that the peer acknowledges
 * count), and the request's own for the whole exchange. The work done in one turn of the loop is bounded.
 * Bodies are read once: where the TLS records are made, HTTPS_BATCH_BYTES of them at a time, which are then
 * written to the socket at once.
 */
#ifndef SEALTAP_ROLE_HTTPS_H
#define SEALTAP_ROLE_HTTPS_H

#include "base/ip.h"
#include "lib/tls.h"
#include "net/http1.h"
#include "os/loop.h"

#define HTTPS_CONNECT_MS 5000
#define HTTPS_STALL_MS 20000
#define HTTPS_KEEP_MS 15000
#define HTTPS_AGE_MAX_MS 300000
#define HTTPS_ADDRS 8
/* 256 KiB of a body, what the records add, and a head in front. */
#define HTTPS_BATCH_BYTES (17 * TLS_RECORD_MAX)

struct https_request {
	const char *host;      /* terminated, borrowed for the call; the certificate's name */
	const struct ip *addr; /* addr_count (1..HTTPS_ADDRS) of them, borrowed for the call */
	uint32_t addr_count;
	uint16_t port;
	bool tls;
	struct span head;    /* complete, with its empty line; borrowed until done */
	struct span body;    /* borrowed until done */
	uint64_t timeout_ms; /* for the whole exchange, connecting included; 0: no such limit */
	bool head_method;    /* it is a HEAD request: the answer has no body */
	/* Where the body of a 2xx answer goes in the place of https_init's memory; NULL: there. Borrowed
	 * until done. */
	void *to;
	size_t to_bytes;
	/* Each header of a 2xx answer (net/http1.h); NULL: none. */
	void (*field)(void *arg, struct span name, struct span value);
	void *field_arg;
};

struct https_result {
	enum err err;         /* ERR_OK: a complete answer of whatever status */
	bool answered;        /* a byte of the answer arrived */
	bool sent_all;        /* the kernel took the whole request, on the last connection used */
	bool maybe_delivered; /* the whole request was once sent without bringing a complete answer */
	bool reused;          /* the last connection used was a kept one */
	const char *where;    /* static: "connect", "TLS handshake", "send", "answer" */
	const char *why;      /* static: the error in words; more exact than err where TLS failed */
	/* both borrowed until the next https_start; of use when err is ERR_OK; body is in body_mem or `to` */
	const struct http1_response *response;
	struct span body;
};

enum https_state { HTTPS_CLOSED, HTTPS_KEPT, HTTPS_FAILED, HTTPS_CONNECTING, HTTPS_EXCHANGE };

/* Inside: nothing for the owner to touch. Must not be moved. */
struct https {
	enum https_state state;
	struct loop *loop;                 /* borrowed */
	const struct tls_anchors *anchors; /* borrowed; NULL: plain requests only */
	void (*done)(void *arg, const struct https_result *r);
	void *arg; /* borrowed */

	/* the connection */
	struct loop_watch watch; /* of fd, active in KEPT, CONNECTING and EXCHANGE */
	int fd;                  /* owned; -1: none */
	char host[TLS_NAME_MAX + 1];
	struct ip peer;     /* connected, or being connected to */
	uint64_t opened_ns; /* monotonic */
	uint16_t port;
	bool use_tls, reused;
	struct tls tls;
	uint8_t batch_bytes[HTTPS_BATCH_BYTES];
	struct buf batch; /* over these: what TLS has for the server, ciphertext or of a handshake */
	size_t batch_sent;

	/* the request under way */
	struct https_request request; /* but for host and addr */
	struct ip addr[HTTPS_ADDRS];
	uint32_t addr_count, addr_next; /* addr_next: of the next connection */
	size_t written;   /* bytes of head and body in the batch, or taken by the kernel when plain */
	bool sent_all;    /* and taken by the kernel */
	bool send_failed; /* the peer takes no more, but may have answered */
	bool answered, maybe_delivered;
	bool spoiled;     /* more came than the answer: nothing further is sent on this connection */
	enum err failure; /* in FAILED: what to report on the next turn; after send_failed: why */
	struct http1_response response;
	struct buf answer; /* over the owner's body_mem */
	struct buf given;  /* over the request's `to`; p NULL: none */

	/* time */
	struct loop_timer timer;
	uint64_t deadline_ns, progress_ns; /* monotonic; deadline 0: none */
	size_t unacked;                    /* bytes, when last looked at */
};

/* Everything is borrowed. done may start the next request at once; it is never called from within
 * https_start. */
void https_init(struct https *h, struct loop *loop, const struct tls_anchors *anchors, void *body_mem,
		size_t body_cap, void (*done)(void *arg, const struct https_result *r), void *arg);
/* Traps when one is under way. */
void https_start(struct https *h, const struct https_request *r);
bool https_busy(const struct https *h);
/* A connection to host and port is kept and may be used again: the next https_start may give the addresses
 * given last and spare the DNS. */
bool https_kept(const struct https *h, const char *host, uint16_t port);
/* Drops the request under way, without calling done, and the connection. */
void https_abort(struct https *h);

#endif
