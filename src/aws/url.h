/* url: addresses of services as people give them: http or https, a host, perhaps a port and a path.
 * Source: RFC 3986, without user, query and fragment, which none of these may have.
 */
#ifndef SEALTAP_AWS_URL_H
#define SEALTAP_AWS_URL_H

#include "base/conf.h"

struct url {
	bool tls;
	struct endpoint at; /* an IPv6 address stands in brackets, as in a Host header */
	struct span
		path; /* into the text; "/" where there is none; with a query where url_read was told so */
};

/* ERR_SYNTAX: it is none, or has a part that it may not have. ERR_RANGE: the port. */
enum err url_read(struct span text, bool query, struct url *out) MUST_USE;

#endif
