/* merge: the packets of many objects in the order of time: each stream's objects one after the other,
 * all streams at once, as mergecap orders files: the stream whose next packet is the earliest gives
 * it. Only frames are read that reach into the window and whose filter may have what is looked for.
 *
 * Memory is bounded: MERGE_STREAMS at once, which share MERGE_ROOM. An object that can't be opened, or
 * a frame, is said and passed over; a service that does not answer ends it all. */
#ifndef SEALTAP_CLI_MERGE_H
#define SEALTAP_CLI_MERGE_H

#include "cli/catalog.h"
#include "cli/sealed.h"
#include "lib/pcapfilter.h"
#include "record/pcapng_read.h"

#define MERGE_STREAMS 64u /* whose objects overlap in time */
#define MERGE_ROOM (160u * 1024 * 1024)

struct merge_options {
	uint64_t from_ns, to_ns;                        /* packets of from_ns <= time < to_ns */
	const struct pcapfilter *filter;                /* NULL: all. Borrowed */
	bool (*wanted)(const struct catalog_object *o); /* which objects of the catalog; NULL: all */
	/* Gives an interface of a section its number in the output, UINT32_MAX: it has none (description
	 * NULL: it was lost); takes statistics; is told before something is waited for. */
	uint32_t (*interface)(const struct pcapng_block *description, struct span origin);
	void (*statistics)(const struct pcapng_block *b, uint32_t interface);
	enum exit_status (*waits)(void);
	/* Of each object of which something was read, when it is done. NULL. */
	void (*done)(const struct sealed *s);
};

struct merge_counts {
	uint32_t objects, opened; /* tried; without a mistake */
	uint32_t damaged, denied, colder, failed;
	uint32_t waited;              /* that failed when the service had been asked again and again */
	bool stopped;                 /* before all was read */
	uint64_t frames, passed_over; /* read; not read for their time or filter */
	uint64_t last_ns;             /* of the packet given last */
};

enum exit_status merge_begin(const struct merge_options *o);
/* The next packet, valid until the next call; false: there is none, or it had to end: merge_end() says. */
bool merge_next(struct pcapng_block *packet, uint32_t *interface, const struct catalog_object **object);
/* EXIT_DONE, EXIT_INCOMPLETE, EXIT_DAMAGED, or what kept it from going on. Closes what is open. */
enum exit_status merge_end(void);
const struct merge_counts *merge_counts(void);

#endif
