/* bucket: S3 as an operator uses it: list, head, read, hold, restore. Each function waits; ranged reads
 * that do not wait are cli/source.h's. The bucket is the session's unless one is given. Source: Amazon
 * S3 API reference.
 */
#ifndef SEALTAP_CLI_BUCKET_H
#define SEALTAP_CLI_BUCKET_H

#include "base/span.h"
#include "cli/call.h"
#include "record/object.h"

#define BUCKET_KEY_MAX 1025
#define BUCKET_VERSION_MAX 129

/* An entry of a list: borrowed for the callback. */
struct bucket_entry {
	struct span key, version, storage_class, etag;
	uint64_t size_bytes, modified_ns;
	bool is_latest, is_marker; /* of a list of versions: a delete marker */
};

/* The callback says whether to go on. */
typedef bool (*bucket_entry_fn)(void *arg, const struct bucket_entry *e);

/* All keys that begin with prefix and come after `after` (exclusive; may be empty), in S3's order, page
 * by page. ListObjectsV2 (needs s3:ListBucket); versions: ListObjectVersions (s3:ListBucketVersions),
 * newest first for each key. */
enum exit_status bucket_list(struct span prefix, struct span after, bucket_entry_fn fn, void *arg);
enum exit_status bucket_list_versions(struct span prefix, bucket_entry_fn fn, void *arg);
/* The next level: common prefixes by '/', entries with key alone. */
enum exit_status bucket_list_folders(struct span prefix, bucket_entry_fn fn, void *arg);

/* What S3 tells of an object. */
struct bucket_head {
	uint64_t size_bytes, modified_ns;
	char etag[96], version[BUCKET_VERSION_MAX], storage_class[32];
	char restore[96]; /* x-amz-restore; empty: none */
	char checksum_sha256
		[64]; /* base64; x-amz-checksum-sha256, with x-amz-checksum-mode: ENABLED; empty: none */
	char retain_mode[16]; /* Object Lock; empty: none */
	uint64_t retain_until_ns;
	bool legal_hold;
	bool has_meta;           /* all of x-amz-meta-sealtap-* were there and well-formed: */
	struct object_meta meta; /* name is that of the key without the bucket; seq, stream, boot from it */
};

/* version empty: the latest. */
enum err bucket_head(struct span key, struct span version, struct bucket_head *out, struct call *failed)
	MUST_USE;

enum err bucket_set_hold(struct span key, struct span version, bool on, struct call *failed) MUST_USE;
enum err bucket_restore(struct span key, struct span version, unsigned days, const char *tier,
			struct call *failed) MUST_USE;

#endif
