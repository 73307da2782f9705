/* many: one question of S3 about each object of the catalog, many under way at once, the answers in order. */
#ifndef SEALTAP_CLI_MANY_H
#define SEALTAP_CLI_MANY_H

#include "cli/bucket.h"
#include "cli/catalog.h"

#define MANY_AT_ONCE 32

/* at(i): the objects, count of them; NULL: those of the catalog in its order. ask: starts the question about
 * one object; false: there is none to be asked of it. answered: its end, or for those without a question a
 * NULL; false: no more are asked. changes: what was asked may be done though nobody waits for the answer, so
 * answered is told of each that was begun. */
struct many {
	uint32_t count;
	bool changes;
	const struct catalog_object *(*at)(uint32_t i);
	bool (*ask)(void *arg, struct bucket_ask *a, const struct catalog_object *o);
	bool (*answered)(void *arg, struct bucket_ask *a, const struct catalog_object *o);
	void *arg;
};

/* How many were answered, the first ones of them all. */
uint32_t many_run(const struct many *m);

#endif
