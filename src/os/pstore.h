/* pstore: what the kernel kept of its log over a reset, in variables of the UEFI firmware (kernel:
 * Documentation/ABI/testing/pstore).
 *
 * The records are taken: read once, then removed, so that the firmware's memory does not fill.
 */
#ifndef SEALTAP_OS_PSTORE_H
#define SEALTAP_OS_PSTORE_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define PSTORE_RECORD_BYTES 4096 /* of a longer one the beginning is read */
#define PSTORE_RECORDS_MAX 64    /* more stay for the next boot */

/* each gets every record; what can't be read is removed without it. at: an empty folder, a mount point while
 * this runs. *count: records there were, 0 where the machine has no such memory. ERR_NOT_FOUND: this kernel
 * knows no pstore. ERR_DEVICE: a record could not be removed. */
enum err pstore_take(const char *at, void (*each)(void *arg, struct span record), void *arg, uint32_t *count)
	MUST_USE;
/* The same in a folder that is there already, for tests. */
enum err pstore_take_in(const char *folder, void (*each)(void *arg, struct span record), void *arg,
			uint32_t *count) MUST_USE;

#endif
