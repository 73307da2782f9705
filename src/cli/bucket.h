/* bucket: S3 as an operator uses it: list, head, hold, restore. Ranged reads are cli/source.h's. The
 * bucket is the session's, or the one that an operand named (bucket_use). Source: Amazon S3 API
 * reference.
 */
#ifndef SEALTAP_CLI_BUCKET_H
#define SEALTAP_CLI_BUCKET_H

#include "base/span.h"
#include "cli/call.h"
#include "record/object.h"

#define BUCKET_KEY_MAX 1025
#define BUCKET_VERSION_MAX 129

/* Which one; empty: none is known (EXIT_NOT_SET_UP was not said). */
struct span bucket_name(void);
/* The one bucket of this command. EXIT_WRONG_USAGE, said: there is another one already. */
enum exit_status bucket_use(struct span name);
/* s3://bucket/key is told of a key by this; static, until the eighth call after. */
const char *bucket_url(struct span key);

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
 * newest first for each key. What fails is said. Not from within a callback. */
enum exit_status bucket_list(struct span prefix, struct span after, bucket_entry_fn fn, void *arg);
enum exit_status bucket_list_versions(struct span prefix, bucket_entry_fn fn, void *arg);
/* Either, from behind `after` on. */
enum exit_status bucket_list_from(bool versions, struct span prefix, struct span after, bucket_entry_fn fn,
				  void *arg);
/* The next level: common prefixes by '/', entries with key alone; versions: also where all keys have a
 * delete marker, which S3 does not tell otherwise. */
enum exit_status bucket_list_folders(bool versions, struct span prefix, bucket_entry_fn fn, void *arg);

/* What S3 tells of an object. */
struct bucket_head {
	uint64_t size_bytes, modified_ns;
	char etag[96], version[BUCKET_VERSION_MAX], storage_class[32]; /* class empty: STANDARD */
	char restore[96];                                              /* x-amz-restore; empty: none */
	char checksum_sha256[64]; /* base64, x-amz-checksum-sha256; empty: none */
	char retain_mode[16];     /* Object Lock; empty: none, or not to be seen */
	uint64_t retain_until_ns;
	bool legal_hold;
	bool has_meta;           /* all of x-amz-meta-sealtap-* were there and well-formed: */
	struct object_meta meta; /* name, kind, stream, seq, boot, from the key */
};

/* One question of those below, of which many may be under way at once: start some, wait for each. Storage
 * of the caller; must not be moved meanwhile. */
struct bucket_ask {
	struct call call;
	struct bucket_head head; /* the answer of bucket_head_start */
	/* inside */
	uint32_t seen;
	struct sigv4_header header[2];
	char path[3 * BUCKET_KEY_MAX], query[3 * BUCKET_VERSION_MAX + 32], digest[48], body[256];
};

/* version empty: the latest. call_wait(&a->call) and then the end: bucket_head_end. */
void bucket_head_start(struct bucket_ask *a, struct span key, struct span version);
enum err bucket_head_end(struct bucket_ask *a) MUST_USE;
/* PutObjectLegalHold (s3:PutObjectLegalHold). */
void bucket_hold_start(struct bucket_ask *a, struct span key, struct span version, bool on);
/* RestoreObject (s3:RestoreObject); tier: "Standard", "Bulk", "Expedited". */
void bucket_restore_start(struct bucket_ask *a, struct span key, struct span version, uint64_t days,
			  const char *tier);

/* The same, waited for. *failed: what call_say wants; NULL. */
enum err bucket_head(struct span key, struct span version, struct bucket_head *out, struct call *failed)
	MUST_USE;
enum err bucket_set_hold(struct span key, struct span version, bool on, struct call *failed) MUST_USE;
enum err bucket_restore(struct span key, struct span version, uint64_t days, const char *tier,
			struct call *failed) MUST_USE;

/* For requests: "/" and the key, encoded but for '/'; "versionId=...", or nothing. */
void bucket_put_path(struct buf *b, struct span key);
void bucket_put_version(struct buf *b, struct span version);

#endif
