#include "aws/url.h"

#include <string.h>

#include "base/text.h"

static bool host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* "host", "host:port", "[address]", "[address]:port". */
static enum err read_authority(struct span text, struct endpoint *out)
{
	struct span port = text, host;
	uint64_t number = out->port;
	if (text.len && text.p[0] == '[') {
		struct ip address;
		host = span_first(text, span_find(text, ']') + 1);
		port = span_from(text, host.len);
		if (host.len < 4 || host.p[host.len - 1] != ']' ||
		    ip_read(span_first(span_from(host, 1), host.len - 2), &address) || ip_is_v4(&address))
			return ERR_SYNTAX;
		if (port.len && port.p[0] != ':')
			return ERR_SYNTAX;
		port = span_from(port, 1);
	} else {
		host = span_cut(&port, ':');
	}
	if (host.len + port.len < text.len)
		TRY(text_read_u64(port, UINT16_MAX, &number));
	if (!host.len || host.len >= sizeof(out->host) || !number)
		return ERR_SYNTAX;
	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (uint8_t)(host.p[i] | 0x20) : host.p[i];
		if (host.p[0] != '[' && !host_byte(c))
			return ERR_SYNTAX;
		out->host[i] = (char)c;
	}
	out->port = (uint16_t)number;
	return ERR_OK;
}

enum err url_read(struct span text, bool query, struct url *out)
{
	memset(out, 0, sizeof(*out));
	struct span scheme = span_first(text, span_find(text, ':'));
	out->tls = span_ieq(scheme, SPAN("https"));
	if (!out->tls && !span_ieq(scheme, SPAN("http")))
		return ERR_SYNTAX;
	struct span rest = span_from(text, scheme.len);
	if (!span_starts(rest, SPAN("://")) || !text_is_printable(rest) || span_find(rest, ' ') < rest.len ||
	    span_find(rest, '#') < rest.len || (!query && span_find(rest, '?') < rest.len))
		return ERR_SYNTAX;
	rest = span_from(rest, 3);
	struct span authority = span_first(rest, span_find(rest, '/'));
	out->path = span_from(rest, authority.len);
	if (!out->path.len)
		out->path = SPAN("/");
	out->at.port = out->tls ? 443 : 80;
	return read_authority(authority, &out->at);
}
