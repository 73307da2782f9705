/* metadata: an object's metadata, as S3 or a file beside the object keeps it, read back.
 *
 * A value must be as object_meta_field() writes it: the signature covers the bytes, not what they mean.
 */
#ifndef SEALTAP_RECORD_METADATA_H
#define SEALTAP_RECORD_METADATA_H

#include "record/object.h"

/* Zeroed before the first field. */
struct metadata {
	struct object_meta meta; /* name, kind, stream, seq and boot are the caller's to fill */
	uint32_t seen;           /* bit i: field i of object_meta_field() */
	bool malformed;          /* a value was not as it is written, or a field came twice */
};

/* A field: "sealtap-first" and so on; names are compared without case. Other names are passed over. */
void metadata_read(struct metadata *m, struct span name, struct span value);
/* All fields were there and well-formed. */
bool metadata_complete(const struct metadata *m);

#endif
