/* fetched: a file that an object is written to: NAME.part while it grows, in order, so that what is there
 * is always its beginning and can be gone on from; NAME once it is whole and its SHA-256 is the right one.
 */
#ifndef SEALTAP_CLI_FETCHED_H
#define SEALTAP_CLI_FETCHED_H

#include "cli/bucket.h"
#include "lib/sha.h"

#define FETCHED_PATH_MAX 4096

enum fetched_kind {
	FETCHED_NEW,   /* nothing is there, or a part that can be gone on from */
	FETCHED_WHOLE, /* a file of that length is there */
	FETCHED_OTHER, /* a file of another length is, or NAME.json of another object */
};

struct fetched {
	char path[FETCHED_PATH_MAX], part[FETCHED_PATH_MAX]; /* part: path and ".part" */
	enum fetched_kind kind;
	uint64_t from; /* FETCHED_NEW: bytes that are there already */
	int fd;
	struct sha256 sha;
};

/* Looks what is there. EXIT_WRONG_USAGE, said: the path is too long. */
enum exit_status fetched_plan(struct fetched *f, const char *folder, const char *key, uint64_t size_bytes);
/* What is there by now: of one file name, another object may have been fetched since. Sets kind alone. */
void fetched_look(struct fetched *f, const char *key, uint64_t size_bytes);
/* The part is as long as it was. */
bool fetched_goes_on(const struct fetched *f);
/* Opens the part and reads what is there. EXIT_OUTPUT, said. */
enum exit_status fetched_open(struct fetched *f);
/* Appends. EXIT_OUTPUT, said: the part stays. */
enum exit_status fetched_write(struct fetched *f, struct span bytes);
/* Of what was written; the file is on the disk then. */
enum exit_status fetched_close(struct fetched *f, uint8_t sha[SHA256_BYTES]);
/* Gives up, the part stays; drop: it goes. */
void fetched_abandon(struct fetched *f, bool drop);
/* The part becomes the file, or NAME.damaged. */
enum exit_status fetched_rename(struct fetched *f, bool damaged);
/* SHA-256 of the file that is there. */
enum exit_status fetched_hash(const struct fetched *f, uint8_t sha[SHA256_BYTES]);
/* NAME.json (cli/metafile.h). */
enum exit_status fetched_meta(const struct fetched *f, struct span key, const struct bucket_head *h);

#endif
