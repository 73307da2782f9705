/* object_read: an object's metadata, read back field by field from what anybody may have written: S3's
 * headers, a file beside the object.
 *
 * What is read can be told again by object_meta_field to the same text, or is refused: a signature covers
 * the text.
 */
#ifndef SEALTAP_RECORD_OBJECT_READ_H
#define SEALTAP_RECORD_OBJECT_READ_H

#include "record/object.h"

/* name: "sealtap-first", of any case. *seen: zero before the first field, OBJECT_READ_ALL once all are there.
 * ERR_NOT_FOUND: it is no field of object format 1; ERR_UNSUPPORTED: another format; ERR_DUPLICATE;
 * ERR_SYNTAX. */
enum err object_read_field(struct object_meta *m, uint32_t *seen, struct span name, struct span value)
	MUST_USE;
#define OBJECT_READ_ALL 0x7ffu

#endif
