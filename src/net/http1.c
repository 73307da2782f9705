/* A response, as this reader takes it (RFC 9112):
 *
 *   (interim head)*  status-line CRLF  (field-line CRLF)*  CRLF  body
 *
 *   body     none (1xx, 204, 304, to HEAD) | chunks (Transfer-Encoding: chunked) | Content-Length bytes |
 *            all until close
 *   chunks   (size-in-hex [;extension] CRLF data CRLF)*  0 [;extension] CRLF  (trailer CRLF)*  CRLF
 */
#include "net/http1.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

enum state {
	STATUS_LINE,
	FIELD_LINE,
	CHUNK_SIZE,
	CHUNK_END,
	TRAILER_LINE,
	/* the states above read lines, those below bytes */
	BODY_COUNTED,
	BODY_CHUNK,
	BODY_UNTIL_CLOSE,
	DONE,
};

void http1_request_line(struct buf *b, const char *method, struct span target)
{
	ASSERT(target.len && !text_has_control(target) && span_find(target, ' ') == target.len &&
	       span_find(target, '\t') == target.len);
	buf_str(b, method);
	buf_u8(b, ' ');
	buf_put(b, target);
	buf_str(b, " HTTP/1.1\r\n");
}

void http1_header(struct buf *b, const char *name, struct span value)
{
	ASSERT(!text_has_control(value));
	buf_str(b, name);
	buf_str(b, ": ");
	buf_put(b, value);
	buf_str(b, "\r\n");
}

void http1_head_end(struct buf *b)
{
	buf_str(b, "\r\n");
}

void http1_response_init(struct http1_response *r, struct buf *body, bool head_request)
{
	memset(r, 0, sizeof(*r));
	r->body = body;
	r->head_request = head_request;
	r->error = ERR_MORE;
}

static enum err read_status_line(struct http1_response *r, struct span line)
{
	uint64_t status;
	r->http10 = span_starts(line, SPAN("HTTP/1.0 "));
	if (!r->http10 && !span_starts(line, SPAN("HTTP/1.1 ")))
		return ERR_PROTOCOL;
	line = span_from(line, 9);
	struct span code = span_first(line, 3), reason = span_from(line, 3);
	if (code.len != 3 || text_read_u64(code, 599, &status) || status < 100)
		return ERR_PROTOCOL;
	if (text_has_control(reason) || (reason.len && reason.p[0] != ' '))
		return ERR_PROTOCOL;
	r->status = (unsigned)status;
	r->state = FIELD_LINE;
	if (r->field && status / 100 == 2)
		r->field(r->arg, SPAN(""), SPAN(""));
	return ERR_OK;
}

/* RFC 9110, section 5.6.2. */
bool http1_is_token(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		if (!alphanumeric && (c == 0 || !strchr(others, c)))
			return false;
	}
	return s.len > 0;
}

enum err http1_split_field(struct span line, struct span *name, struct span *value)
{
	size_t colon = span_find(line, ':');
	if (colon == line.len)
		return ERR_PROTOCOL;
	*name = span_first(line, colon);
	*value = span_trim(span_from(line, colon + 1));
	return http1_is_token(*name) && !text_has_control(*value) ? ERR_OK : ERR_PROTOCOL;
}

static void read_connection(struct http1_response *r, struct span value)
{
	while (value.len) {
		struct span option = span_trim(span_cut(&value, ','));
		r->connection_close = r->connection_close || span_ieq(option, SPAN("close"));
		r->connection_keep = r->connection_keep || span_ieq(option, SPAN("keep-alive"));
	}
}

/* The first value of a repeated header stays. */
static void keep_text(char *field, size_t cap, struct span value)
{
	if (field[0] || value.len == 0 || value.len >= cap)
		return;
	memcpy(field, value.p, value.len);
	field[value.len] = 0;
}

/* Seconds or a date; the first that is well-formed stays. */
static void read_retry_after(struct http1_response *r, struct span value)
{
	uint64_t v;
	if (r->retry_after_s || r->retry_at_ns)
		return;
	if (!text_read_u64(value, UINT32_MAX, &v))
		r->retry_after_s = v;
	else if (!time_read_http(value, &v))
		r->retry_at_ns = v;
}

static void read_known_field(struct http1_response *r, struct span name, struct span value)
{
	const struct {
		const char *name;
		char *field;
		size_t cap;
	} texts[] = {
		{"content-type", r->content_type, sizeof(r->content_type)},
		{"etag", r->etag, sizeof(r->etag)},
		{"x-amz-request-id", r->request_id, sizeof(r->request_id)},
		{"x-amzn-requestid", r->request_id, sizeof(r->request_id)},
		{"x-amzn-errortype", r->error_type, sizeof(r->error_type)},
		{"location", r->location, sizeof(r->location)},
		{"x-amz-bucket-region", r->bucket_region, sizeof(r->bucket_region)},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (span_ieq(name, span_str(texts[i].name)))
			keep_text(texts[i].field, texts[i].cap, value);
	if (span_ieq(name, SPAN("connection")))
		read_connection(r, value);
	else if (span_ieq(name, SPAN("date")) && !r->has_date)
		r->has_date = time_read_http(value, &r->date_ns) == ERR_OK;
	else if (span_ieq(name, SPAN("retry-after")))
		read_retry_after(r, value);
}

static enum err read_field(struct http1_response *r, struct span line)
{
	struct span name, value;
	if (++r->fields > HTTP1_FIELDS_MAX)
		return ERR_TOO_LONG;
	TRY(http1_split_field(line, &name, &value));
	if (r->field && r->status / 100 == 2)
		r->field(r->arg, name, value);
	if (span_ieq(name, SPAN("content-length"))) {
		if (r->has_length || text_read_u64(value, INT64_MAX, &r->left))
			return ERR_PROTOCOL;
		r->has_length = true;
	} else if (span_ieq(name, SPAN("transfer-encoding"))) {
		if (r->chunked || r->http10 || !span_ieq(value, SPAN("chunked")))
			return ERR_PROTOCOL;
		r->chunked = true;
	} else {
		read_known_field(r, name, value);
	}
	return ERR_OK;
}

/* Forgets an interim response; what is counted over the whole answer stays. */
static enum err skip_interim(struct http1_response *r)
{
	if (r->status == 101 || r->has_length || r->chunked || ++r->interim > HTTP1_INTERIM_MAX)
		return ERR_PROTOCOL;
	*r = (struct http1_response){
		.refusal = r->refusal,
		.field = r->field,
		.arg = r->arg,
		.body = r->body,
		.head_request = r->head_request,
		.any = true,
		.interim = r->interim,
		.fields = r->fields,
		.head_bytes = r->head_bytes,
		.error = ERR_MORE,
	};
	return ERR_OK;
}

static enum err end_of_head(struct http1_response *r)
{
	if (r->has_length && r->chunked)
		return ERR_PROTOCOL;
	if (r->status < 200)
		return skip_interim(r);
	/* A 204 ends with its head: bytes announced behind it would be read as the next response. */
	if (r->status == 204 && (r->chunked || r->left))
		return ERR_PROTOCOL;
	if (r->has_date && r->retry_at_ns > r->date_ns)
		r->retry_after_s = (r->retry_at_ns - r->date_ns + NS_PER_S - 1) / NS_PER_S;
	r->keep_alive = r->http10 ? r->connection_keep && !r->connection_close : !r->connection_close;
	if (r->refusal && r->status / 100 != 2)
		r->body = r->refusal;
	if (r->head_request || r->status == 204 || r->status == 304) {
		r->state = DONE;
	} else if (r->chunked) {
		r->state = CHUNK_SIZE;
	} else if (r->has_length) {
		if (r->left > buf_room(r->body))
			return ERR_TOO_LONG;
		r->state = r->left ? BODY_COUNTED : DONE;
	} else {
		r->state = BODY_UNTIL_CLOSE;
		r->keep_alive = false;
	}
	return ERR_OK;
}

static enum err read_chunk_size(struct http1_response *r, struct span line)
{
	uint64_t size = 0;
	size_t n = 0;
	for (; n < line.len && text_hex_digit(line.p[n]) >= 0; n++) {
		if (n == 15)
			return ERR_TOO_LONG;
		size = size << 4 | (uint64_t)text_hex_digit(line.p[n]);
	}
	struct span extension = span_trim(span_from(line, n));
	if (n == 0 || text_has_control(extension) || (extension.len && extension.p[0] != ';'))
		return ERR_PROTOCOL;
	if (extension.len == 0 && n != line.len)
		return ERR_PROTOCOL;
	r->extension_bytes += extension.len;
	if (r->extension_bytes > HTTP1_EXTENSIONS_MAX)
		return ERR_TOO_LONG;
	if (size > buf_room(r->body))
		return ERR_TOO_LONG;
	r->left = size;
	r->state = size ? BODY_CHUNK : TRAILER_LINE;
	return ERR_OK;
}

static enum err read_trailer(struct http1_response *r, struct span line)
{
	struct span name, value;
	if (line.len == 0) {
		r->state = DONE;
		return ERR_OK;
	}
	TRY(http1_split_field(line, &name, &value));
	/* A length here would come too late to be believed. */
	if (span_ieq(name, SPAN("content-length")) || span_ieq(name, SPAN("transfer-encoding")))
		return ERR_PROTOCOL;
	return ERR_OK;
}

/* A whole line, without its CRLF. */
static enum err read_line(struct http1_response *r, struct span line)
{
	switch (r->state) {
	case STATUS_LINE:
		return read_status_line(r, line);
	case FIELD_LINE:
		return line.len ? read_field(r, line) : end_of_head(r);
	case CHUNK_SIZE:
		return read_chunk_size(r, line);
	case CHUNK_END:
		r->state = CHUNK_SIZE;
		return ERR_OK;
	default:
		return read_trailer(r, line);
	}
}

static enum err check_line_byte(struct http1_response *r, uint8_t c)
{
	if (r->state == STATUS_LINE || r->state == FIELD_LINE) {
		if (++r->head_bytes > HTTP1_HEAD_MAX)
			return ERR_TOO_LONG;
	} else if (r->state == TRAILER_LINE) {
		if (++r->trailer_bytes > HTTP1_TRAILER_MAX)
			return ERR_TOO_LONG;
	} else if (r->state == CHUNK_END && c != (r->line_len ? '\n' : '\r')) {
		return ERR_PROTOCOL;
	}
	return r->line_len == sizeof(r->line) ? ERR_TOO_LONG : ERR_OK;
}

static enum err feed_line_byte(struct http1_response *r, uint8_t c)
{
	TRY(check_line_byte(r, c));
	bool after_cr = r->line_len && r->line[r->line_len - 1] == '\r';
	if (after_cr != (c == '\n'))
		return ERR_PROTOCOL;
	r->line[r->line_len++] = (char)c;
	if (c != '\n')
		return ERR_OK;
	struct span line = span_of(r->line, r->line_len - 2);
	r->line_len = 0;
	return read_line(r, line);
}

static enum err feed_body(struct http1_response *r, struct span in, size_t *taken)
{
	bool counted = r->state != BODY_UNTIL_CLOSE;
	size_t n = counted && r->left < in.len ? (size_t)r->left : in.len;
	*taken = n;
	if (n > buf_room(r->body))
		return ERR_TOO_LONG;
	buf_put(r->body, span_first(in, n));
	if (counted) {
		r->left -= n;
		if (r->left == 0)
			r->state = r->state == BODY_CHUNK ? CHUNK_END : DONE;
	}
	return ERR_OK;
}

enum err http1_response_feed(struct http1_response *r, struct span in, size_t *used)
{
	*used = 0;
	r->any = r->any || in.len;
	while (r->error == ERR_MORE && *used < in.len) {
		size_t taken = 1;
		enum err e;
		if (r->state < BODY_COUNTED)
			e = feed_line_byte(r, in.p[*used]);
		else
			e = feed_body(r, span_from(in, *used), &taken);
		*used += taken;
		if (e)
			r->error = e;
		else if (r->state == DONE)
			r->error = ERR_OK;
	}
	return r->error;
}

enum err http1_response_eof(struct http1_response *r)
{
	if (r->error != ERR_MORE)
		return r->error;
	if (r->state == BODY_UNTIL_CLOSE) {
		r->state = DONE;
		r->error = ERR_OK;
	} else {
		r->error = r->any ? ERR_TRUNCATED : ERR_CLOSED;
	}
	return r->error;
}
