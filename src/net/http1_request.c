/* A request, as this reader takes it (RFC 9112):
 *
 *   method SP path [?query] SP HTTP/1.x CRLF  (field-line CRLF)*  CRLF
 */
#include "net/http1_request.h"

#include <string.h>

#include "base/text.h"

void http1_request_init(struct http1_request *r)
{
	memset(r, 0, sizeof(*r));
	r->error = ERR_MORE;
}

static enum err answer(struct http1_request *r, unsigned status)
{
	r->status = status;
	return status == 413 || status == 414 || status == 431 ? ERR_TOO_LONG : ERR_PROTOCOL;
}

/* Visible characters only: RFC 3986 has no others in a URI. */
static bool visible(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.len > 0;
}

static enum err read_request_line(struct http1_request *r, struct span line)
{
	struct span method = span_cut(&line, ' '), target = span_cut(&line, ' ');
	if (!http1_is_token(method) || !visible(target))
		return answer(r, 400);
	r->http10 = span_eq(line, SPAN("HTTP/1.0"));
	if (!r->http10 && !span_eq(line, SPAN("HTTP/1.1"))) {
		bool other = span_starts(line, SPAN("HTTP/")) && line.len == 8 && line.p[6] == '.';
		return answer(r, other ? 505 : 400);
	}
	if (target.p[0] != '/')
		return answer(r, 400);
	r->is_get = span_eq(method, SPAN("GET"));
	r->is_head = span_eq(method, SPAN("HEAD"));
	struct span path = span_first(span_cut(&target, '?'), sizeof(r->path) - 1);
	memcpy(r->path, path.p, path.len);
	return ERR_OK;
}

static enum err read_field(struct http1_request *r, struct span line)
{
	struct span name, value;
	uint64_t length;
	if (http1_split_field(line, &name, &value))
		return answer(r, 400);
	if (span_ieq(name, SPAN("host")))
		r->hosts++;
	if (span_ieq(name, SPAN("transfer-encoding")))
		return answer(r, 400);
	if (!span_ieq(name, SPAN("content-length")))
		return ERR_OK;
	if (text_read_u64(value, UINT64_MAX, &length))
		return answer(r, 400);
	return length ? answer(r, 413) : ERR_OK;
}

static enum err end_of_head(struct http1_request *r)
{
	bool named = r->hosts == 1 || (r->http10 && r->hosts == 0);
	r->error = named ? ERR_OK : answer(r, 400);
	return r->error;
}

/* A whole line, without its CRLF. */
static enum err read_line(struct http1_request *r, struct span line)
{
	if (r->has_line)
		return line.len ? read_field(r, line) : end_of_head(r);
	r->has_line = true;
	return read_request_line(r, line);
}

static enum err feed_byte(struct http1_request *r, uint8_t c)
{
	bool after_cr = r->line_len && r->line[r->line_len - 1] == '\r';
	if (after_cr != (c == '\n'))
		return answer(r, 400);
	if (++r->bytes > sizeof(r->line))
		return answer(r, r->has_line ? 431 : 414);
	r->line[r->line_len++] = (char)c;
	if (c != '\n')
		return ERR_OK;
	struct span line = span_of(r->line, r->line_len - 2);
	r->line_len = 0;
	return read_line(r, line);
}

enum err http1_request_feed(struct http1_request *r, struct span in, size_t *used)
{
	*used = 0;
	while (r->error == ERR_MORE && *used < in.len) {
		enum err e = feed_byte(r, in.p[(*used)++]);
		if (e)
			r->error = e;
	}
	return r->error;
}

void http1_status_line(struct buf *b, unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} known[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{431, "Request Header Fields Too Large"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	size_t i = 0;
	while (i < sizeof(known) / sizeof(known[0]) && known[i].status != status)
		i++;
	ASSERT(i < sizeof(known) / sizeof(known[0]));
	buf_str(b, "HTTP/1.1 ");
	text_u64(b, status);
	buf_u8(b, ' ');
	buf_str(b, known[i].reason);
	buf_str(b, "\r\n");
}
