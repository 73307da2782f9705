/* tls_resume: when a session may be resumed: what both back ends of lib/tls.h know of the last one, beside
 * its parameters.
 *
 * A resumed session does not check the certificate again: so it is resumed for the same name and anchors
 * alone, and not for longer than TLS_RESUME_MAX_S after the check.
 */
#ifndef SEALTAP_LIB_TLS_RESUME_H
#define SEALTAP_LIB_TLS_RESUME_H

#include "lib/tls.h"

#define TLS_RESUME_MAX_S 3600

/* Zeroed before the first use. */
struct tls_resume {
	const struct tls_anchors *anchors; /* borrowed; of the connection begun last, as the next two */
	char name[TLS_NAME_MAX + 1];
	uint64_t begun_s;
	bool has_session;    /* the back end has a session of it */
	uint64_t verified_s; /* when that session's certificate was checked */
};

/* A connection begins, as tls_begin() says; *may: the session that there is may be resumed. ERR_RANGE: the
 * name is empty, which would switch its check off, or too long; nothing is changed. */
enum err tls_resume_begin(struct tls_resume *r, const struct tls_anchors *anchors, const char *server_name,
			  uint64_t unix_time_s, bool *may) MUST_USE;

#endif
