/* http1: HTTP/1.1 as a client needs it: writes request heads, reads responses piece by piece.
 *
 * Sources: RFC 9110, RFC 9112. The reader is strict and bounded: duplicate or conflicting lengths, a
 * Transfer-Encoding other than a lone "chunked", a body announced where none may be (204), folded header
 * lines, bare CR or LF, malformed chunks, and heads, trailers or chunk extensions beyond the limits below are
 * ERR_PROTOCOL or ERR_TOO_LONG. Interim (1xx) responses are skipped, at most HTTP1_INTERIM_MAX of them; 101
 * is an error. One object reads one response; the first error stays.
 */
#ifndef SEALTAP_NET_HTTP1_H
#define SEALTAP_NET_HTTP1_H

#include "base/buf.h"

#define HTTP1_HEAD_MAX 16384      /* bytes of status line and headers together, per response */
#define HTTP1_LINE_MAX 4096       /* bytes of one line without its CRLF */
#define HTTP1_TRAILER_MAX 4096    /* bytes of all trailer lines after the last chunk */
#define HTTP1_FIELDS_MAX 128      /* header lines, per response */
#define HTTP1_EXTENSIONS_MAX 4096 /* bytes of all chunk extensions together */
#define HTTP1_INTERIM_MAX 8

/* Writes "METHOD target HTTP/1.1", then a header a call, then the empty line. The target must have no
 * blanks or controls, a value no controls: they are checked where they enter the program, so one here
 * traps. */
void http1_request_line(struct buf *b, const char *method, struct span target);
void http1_header(struct buf *b, const char *name, struct span value);
void http1_head_end(struct buf *b);

/* For readers of either side: RFC 9110's token; a field line without its CRLF, in its two parts, the value
 * without blanks around it. ERR_PROTOCOL. */
bool http1_is_token(struct span s);
enum err http1_split_field(struct span line, struct span *name, struct span *value) MUST_USE;

struct http1_response {
	/* What the caller reads, valid once feed or eof gave ERR_OK. Strings are terminated and empty
	 * where the header is missing; a value that does not fit is left out. */
	unsigned status;
	bool keep_alive; /* a further request may be sent on this connection */
	bool has_date;
	uint64_t date_ns; /* the server's clock, ns since 1970 */
	/* Seconds to wait; 0: none given, or a date without a Date before it to reckon from. */
	uint64_t retry_after_s;
	char content_type[64];
	char etag[96];
	char request_id[96];  /* x-amz-request-id or x-amzn-requestid */
	char error_type[128]; /* x-amzn-errortype */
	char location[512];
	char bucket_region[32]; /* x-amz-bucket-region */

	/* What the caller may set after http1_response_init. */
	struct buf *refusal; /* borrowed: takes the body where the status is not 2xx; NULL: *body does */
	/* Each header of a 2xx answer, as it comes; before the first one, and when all begins anew, an empty
	 * name. Spans for the call. NULL: none. */
	void (*field)(void *arg, struct span name, struct span value);
	void *arg; /* borrowed */

	/* Inside. */
	struct buf *body; /* borrowed */
	bool head_request;
	uint8_t state;
	bool any, chunked, has_length, http10, connection_close, connection_keep;
	unsigned interim, fields;
	uint64_t retry_at_ns; /* Retry-After as a date; 0: not given so */
	uint64_t left;        /* bytes of body or chunk still to come */
	size_t head_bytes, trailer_bytes, extension_bytes;
	size_t line_len;
	enum err error; /* ERR_MORE while reading */
	char line[HTTP1_LINE_MAX + 2];
};

/* The response's body is appended to *body, which outlives the reading; what does not fit is ERR_TOO_LONG.
 * head_request: it answers HEAD. */
void http1_response_init(struct http1_response *r, struct buf *body, bool head_request);
/* Takes bytes as they come; *used is how many belong to this response. ERR_OK: complete; ERR_MORE: go on;
 * else the reading has failed for good. */
enum err http1_response_feed(struct http1_response *r, struct span in, size_t *used) MUST_USE;
/* The peer closed in order (over TLS: with close_notify). ERR_OK when that completes a body without a
 * length; ERR_CLOSED when no byte of a response came; ERR_TRUNCATED when it breaks off; an earlier error
 * stays. */
enum err http1_response_eof(struct http1_response *r) MUST_USE;

#endif
