/* disk: the spool's volume as bytes: a block device, or with `init host` a file.
 *
 * Each call moves all it was asked to or fails; none is cut short. What was written lasts when disk_sync()
 * has returned ERR_OK; when it fails, nothing since the sync before may be taken to be there (the kernel
 * forgets pages that it could not write). Errors: ERR_NO_SPACE; ERR_DEVICE: it failed; ERR_RANGE: past its
 * end.
 *
 * With `init host --disk-faults FILE` each call looks there first for a fault to act out: one line, read anew
 * each time: `OP FAULT` with OP read, write, sync or any, and FAULT eio, nospace, short (the call moves half
 * and fails) or stall (10 s, then it works). An empty file: none. The image has no such file.
 * Sources: fdatasync(2), pread(2).
 */
#ifndef SEALTAP_OS_DISK_H
#define SEALTAP_OS_DISK_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct disk {
	int fd;     /* owned */
	int faults; /* owned; -1: none */
};

/* For init: opens an existing block device or file, to be handed on. ERR_NOT_FOUND; ERR_CONFLICT: it is in
 * use; ERR_UNSUPPORTED: it is something else; ERR_SYSTEM: errno tells. */
enum err disk_open(const char *path, int *fd) MUST_USE;
/* A file's space is taken now, not when it is needed. */
enum err disk_reserve(const struct disk *d) MUST_USE;
enum err disk_size(const struct disk *d, uint64_t *bytes) MUST_USE;
enum err disk_read(const struct disk *d, uint64_t at, void *p, size_t len) MUST_USE;
enum err disk_write(const struct disk *d, uint64_t at, struct span bytes) MUST_USE;
enum err disk_sync(const struct disk *d) MUST_USE;

#endif
