/* http1_request: HTTP/1.1 as a small server needs it: reads one request without a body, piece by piece, and
 * writes the head of the answer.
 *
 * Sources: RFC 9110, RFC 9112. Strict and bounded: what is not a request of HTTP/1.0 or 1.1, has no Host or
 * two (1.1), announces a body, has folded lines, a bare CR or LF, or is longer than the limits below ends
 * with the status to answer with. The target must be a path; its query is ignored. One object reads one
 * request: the connection is closed after the answer.
 */
#ifndef SEALTAP_NET_HTTP1_REQUEST_H
#define SEALTAP_NET_HTTP1_REQUEST_H

#include "net/http1.h"

#define HTTP1_REQUEST_MAX 4096 /* bytes of the whole */
#define HTTP1_PATH_MAX 64      /* with terminator; a longer one is cut, and so names nothing */

struct http1_request {
	/* What the caller reads once feed gave another thing than ERR_MORE. */
	bool is_get, is_head;      /* neither: another method */
	char path[HTTP1_PATH_MAX]; /* terminated */
	unsigned status;           /* after an error: 400, 413, 414, 431 or 505 */

	/* Inside. */
	bool has_line, http10;
	unsigned hosts;
	size_t bytes, line_len;
	enum err error; /* ERR_MORE while reading */
	char line[HTTP1_REQUEST_MAX];
};

void http1_request_init(struct http1_request *r);
/* Takes bytes as they come; *used is how many belong to this request. ERR_OK: complete; ERR_MORE: go on; else
 * it is to be answered with r->status. */
enum err http1_request_feed(struct http1_request *r, struct span in, size_t *used) MUST_USE;

/* "HTTP/1.1 STATUS REASON"; fields follow by http1_header, then http1_head_end. A status that it does not
 * know traps. */
void http1_status_line(struct buf *b, unsigned status);

#endif
