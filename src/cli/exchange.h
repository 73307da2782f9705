/* exchange: one HTTP request, waited for: of instance and container metadata, and of STS while there are no
 * credentials to call with (cli/call.h). No retries. Not to be used by two at once.
 */
#ifndef SEALTAP_CLI_EXCHANGE_H
#define SEALTAP_CLI_EXCHANGE_H

#include "net/http1.h"

struct exchange {
	/* the request; borrowed for the call */
	const char *host; /* a name, or an address's text */
	uint16_t port;
	bool tls;
	struct span head; /* complete, with its empty line */
	struct span body;
	uint64_t timeout_ms; /* 0: only those of role/https.h */
	uint8_t *to;         /* memory of the answer's body */
	uint64_t to_bytes;

	/* the outcome */
	const struct http1_response
		*response;       /* where it is ERR_OK: status, headers; until the next exchange */
	struct span answer;      /* in `to` */
	const char *where, *why; /* static: where it failed, and why, in words */
};

/* ERR_OK: an answer of whatever status. ERR_MISSING: the trust anchors can't be read, which was said. */
enum err exchange_run(struct exchange *x) MUST_USE;

#endif
