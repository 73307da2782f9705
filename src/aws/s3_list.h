/* s3_list: what a bucket holds: ListObjectsV2 and ListObjectVersions, page by page. Sans I/O.
 *
 * Keys are asked for percent-encoded (encoding-type=url), so that any key is well-formed XML, and given out
 * decoded. A page is read as its bytes come, entry by entry, in S3's order; its memory does not grow with it.
 * ERR_SYNTAX where an entry lacks what it must have. Source: Amazon S3 API reference.
 */
#ifndef SEALTAP_AWS_S3_LIST_H
#define SEALTAP_AWS_S3_LIST_H

#include "aws/xml.h"

#define S3_LIST_KEY_MAX 1024
#define S3_LIST_VERSION_MAX 1024
#define S3_LIST_TOKEN_MAX 2048
#define S3_LIST_QUERY_MAX 8192
#define S3_LIST_BYTES_MAX 8388608 /* of a page: a thousand of the longest keys, encoded */
#define S3_LIST_ROWS 12

enum s3_list_kind {
	S3_LIST_OBJECTS,
	S3_LIST_VERSIONS,        /* and delete markers; the newest of a key first */
	S3_LIST_FOLDERS,         /* what stands between the prefix and the next '/' */
	S3_LIST_VERSION_FOLDERS, /* also where all keys have a delete marker */
};

/* Which page; all borrowed. */
struct s3_list_query {
	enum s3_list_kind kind;
	struct span prefix;
	struct span after; /* objects: keys behind this one; empty: all */
	struct span token; /* of the page before: continuation token, or key marker; empty: the first page */
	struct span version; /* of the page before: version marker */
};

/* An entry: valid for the callback. */
struct s3_list_entry {
	struct span key; /* of folders: with its '/' */
	struct span version, storage_class, etag;
	uint64_t size_bytes, modified_ns;
	bool is_latest, is_marker; /* a delete marker */
};

/* Inside, but for `more`, `token` and `version`. */
struct s3_list {
	enum s3_list_kind kind;
	bool (*entry)(void *arg, const struct s3_list_entry *e);
	void *arg; /* borrowed */
	bool stopped;
	enum err error; /* the first of an entry's */
	bool more;      /* after s3_list_end: another page follows, by: */
	struct buf token, version;
	struct xml_reader xml;
	struct xml_wanted wanted[2 * S3_LIST_ROWS];
	struct buf out[S3_LIST_ROWS];
	uint8_t key_text[3 * S3_LIST_KEY_MAX], version_text[S3_LIST_VERSION_MAX];
	uint8_t texts[S3_LIST_ROWS][128]; /* of the short ones */
	uint8_t token_text[3 * S3_LIST_TOKEN_MAX], marker_text[S3_LIST_VERSION_MAX];
};

/* Appends what stands behind '?', in the order that a signature wants. */
enum err s3_list_query(const struct s3_list_query *q, struct buf *out) MUST_USE;
/* entry: says whether to go on; false: the rest of the page is checked, but not told. Must not be moved. */
void s3_list_begin(struct s3_list *l, enum s3_list_kind kind,
		   bool (*entry)(void *arg, const struct s3_list_entry *e), void *arg);
enum err s3_list_feed(struct s3_list *l, struct span piece) MUST_USE;
/* The page is over. */
enum err s3_list_end(struct s3_list *l) MUST_USE;

#endif
