/* source: the bytes of one object, in a bucket or a local file, read by ranges ahead of their use.
 */
#ifndef SEALTAP_CLI_SOURCE_H
#define SEALTAP_CLI_SOURCE_H

#include "cli/call.h"
#include "cli/catalog.h"

/* One range. Storage of the caller; zeroed before the first use. */
struct source_read {
	struct call call;
	enum err error; /* also ERR_TRUNCATED: it is shorter; ERR_CONFLICT: it is another one than at first */
	struct span bytes;
	bool local;

	/* inside: of which object, its ETag once one came; the request's texts */
	const struct catalog_object *object;
	uint64_t len;
	char etag[96];
	struct sigv4_header header[2];
	char path[3 * BUCKET_KEY_MAX], query[3 * BUCKET_VERSION_MAX + 16], range[64];
};

/* Starts GET (Range, versionId, If-Match where known) or reads the file. to: len bytes, the caller's. */
void source_start(struct source_read *r, const struct catalog_object *o, uint64_t from, uint64_t len,
		  uint8_t *to);
enum err source_wait(struct source_read *r) MUST_USE;
/* After an error: says it, "can't <what> <object>: ...". */
enum exit_status source_say(const struct source_read *r, const char *what);

#endif
