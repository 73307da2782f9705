/* metafile: what S3 tells of an object, in a file of JSON beside its ciphertext (FILE.json), so that what
 * was fetched can be verified without S3. All values are strings:
 *
 *   {"bucket", "key", "version", "size", "etag", "last_modified", "storage_class", "checksum_sha256",
 *    "retain_mode", "retain_until", "legal_hold", "metadata": {"sealtap-format": ...}}
 *
 * What S3 does not say is not there; "metadata" neither, where it was not well-formed.
 */
#ifndef SEALTAP_CLI_METAFILE_H
#define SEALTAP_CLI_METAFILE_H

#include "cli/bucket.h"

#define METAFILE_MAX_BYTES 16384

/* Appends it. */
enum err metafile_put(struct buf *b, struct span key, const struct bucket_head *h) MUST_USE;
/* The file's content back; *key: into key_text, terminated. ERR_SYNTAX, ERR_MISSING. */
enum err metafile_parse(struct span json, struct bucket_head *h, char key_text[BUCKET_KEY_MAX]) MUST_USE;
/* Of the object in the file at path, from PATH.json. ERR_NOT_FOUND: there is none; ERR_SYSTEM. */
enum err metafile_load(const char *path, struct bucket_head *h, char key_text[BUCKET_KEY_MAX]) MUST_USE;

#endif
