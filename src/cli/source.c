#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/say.h"

static enum err read_file(struct source_read *r, const char *path, uint64_t from, uint64_t len, uint8_t *to)
{
	uint64_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_SYSTEM;
	while (got < len) {
		ssize_t n = pread(fd, to + got, (size_t)(len - got), (off_t)(from + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (uint64_t)n;
	}
	close(fd);
	r->bytes = span_of(to, (size_t)got);
	return got == len ? ERR_OK : ERR_TRUNCATED;
}

static void ask(struct source_read *r, const struct catalog_object *o, uint64_t from, uint64_t len,
		uint8_t *to)
{
	struct buf path = BUF_OF(r->path), query = BUF_OF(r->query), range = BUF_OF(r->range);
	bucket_put_path(&path, span_str(o->key));
	bucket_put_version(&query, span_str(o->version));
	buf_str(&range, "bytes=");
	text_u64(&range, from);
	buf_u8(&range, '-');
	text_u64(&range, from + len - 1);
	ASSERT(!path.overflow && !query.overflow && !range.overflow);
	memset(&r->call, 0, sizeof(r->call));
	r->header[0] = (struct sigv4_header){SPAN("Range"), buf_span(&range)};
	r->header[1] = (struct sigv4_header){SPAN("If-Match"), span_str(r->etag)};
	r->call.service = "s3";
	r->call.method = "GET";
	r->call.bucket = bucket_name();
	r->call.path = buf_span(&path);
	r->call.query = buf_span(&query);
	r->call.headers = r->header;
	r->call.header_count = r->etag[0] ? 2 : 1;
	r->call.to = to;
	r->call.to_bytes = len;
	call_start(&r->call);
}

void source_start(struct source_read *r, const struct catalog_object *o, uint64_t from, uint64_t len,
		  uint8_t *to)
{
	if (r->object != o)
		r->etag[0] = 0;
	r->object = o;
	r->local = o->local;
	r->len = len;
	r->bytes = SPAN("");
	r->error = ERR_OK;
	ASSERT(len);
	if (o->local)
		r->error = read_file(r, o->key, from, len, to);
	else
		ask(r, o, from, len, to);
}

enum err source_wait(struct source_read *r)
{
	if (r->local)
		return r->error;
	r->error = call_wait(&r->call);
	if (r->error == ERR_RANGE || (!r->error && r->call.answer.len < r->len))
		r->error = ERR_TRUNCATED;
	else if (r->error == ERR_TOO_LONG || (!r->error && r->call.status != 206))
		r->error = ERR_PROTOCOL; /* not the part that was asked for */
	if (!r->error && r->etag[0] && r->call.etag[0] && strcmp(r->etag, r->call.etag) != 0)
		r->error = ERR_CONFLICT; /* not all that play S3 look at If-Match */
	if (!r->error || r->error == ERR_TRUNCATED)
		r->bytes = r->call.answer;
	if (!r->error)
		memcpy(r->etag, r->call.etag, sizeof(r->etag));
	return r->error;
}

enum exit_status source_say(const struct source_read *r, const char *what)
{
	const char *key = r->object->key;
	if (!r->local && r->call.error)
		return call_say(&r->call, what, span_str(bucket_url(span_str(key))),
				r->object->version[0] ? "s3:GetObjectVersion" : "s3:GetObject");
	enum exit_status s = r->error == ERR_TRUNCATED  ? EXIT_DAMAGED
			     : r->error == ERR_PROTOCOL ? EXIT_UNAVAILABLE
			     : r->error == ERR_DENIED   ? EXIT_DENIED
							: EXIT_NO_INPUT;
	return say(s, "can't %s %s: %s", what, r->local ? key : bucket_url(span_str(key)),
		   r->error == ERR_SYSTEM ? strerror(errno) : err_text(r->error));
}
