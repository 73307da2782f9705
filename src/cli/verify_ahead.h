/* verify_ahead: the objects of the catalog in a given order: what is told of each, then its bytes, read
 * ahead.
 *
 * Of an object in a bucket S3 tells its metadata and its checksum (HEAD); of a local file its metafile
 * (cli/metafile.h), where there is one.
 */
#ifndef SEALTAP_CLI_VERIFY_AHEAD_H
#define SEALTAP_CLI_VERIFY_AHEAD_H

#include "cli/catalog.h"
#include "record/inspect.h"

struct verify_told {
	enum inspect_meta has_meta;
	struct object_meta meta;
	char key[BUCKET_KEY_MAX]; /* in the bucket; empty: not known */
	uint64_t size_bytes;      /* UINT64_MAX: not known */
	uint64_t stored_ns;       /* 0: not known */
	bool has_sha256;
	uint8_t sha256[32]; /* as S3 keeps it */
};

/* order: entries of the catalog; borrowed until the last was read. */
void verify_ahead_begin(const uint32_t *order, uint32_t count);
/* The next object of the order. EXIT_DONE, else it was said why not; verify_ahead_next() must not be called
 * then. */
enum exit_status verify_ahead_object(struct verify_told *told);
/* Its next bytes, valid until the next call; empty: that was all. EXIT_DONE, else it was said why not. */
enum exit_status verify_ahead_bytes(struct span *bytes);

#endif
