/* streams: the wanted objects of the catalog as streams, each in its own order: for merge. One for the
 * process; valid until the catalog is read anew. */
#ifndef SEALTAP_CLI_STREAMS_H
#define SEALTAP_CLI_STREAMS_H

#include "cli/catalog.h"
#include "record/esdk_header.h"

#define STREAMS_MAX 16384u

struct streams_one {
	uint32_t first, end; /* its objects: streams_object() */
	uint64_t start_ns;   /* of the first */
	uint64_t end_ns;     /* of all of them, at the latest */
};

/* wanted: NULL: all. EXIT_WRONG_USAGE: there are more than STREAMS_MAX, which was said. */
enum exit_status streams_plan(bool (*wanted)(const struct catalog_object *o));
uint32_t streams_count(void);
/* In the order of their starts. */
const struct streams_one *streams_at(uint32_t i);
const struct catalog_object *streams_object(uint32_t i);
/* Where packets come from, in lines of key=value, by the object's name. That what is sealed is of another
 * name is said. h: authenticated. */
void streams_origin(const struct catalog_object *o, const struct esdk_header *h, char *text, size_t size);
/* How many there are at once, at most; not counted beyond `enough`. */
unsigned streams_at_once(unsigned enough);

#endif
