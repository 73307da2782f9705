#include "cli/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/say.h"

#define RANGE_BYTES (8u << 20) /* of long reads: cli/sealed_frames.c */
#define ENDS 2                 /* requests: an object's head and its tail */
#define KEY_S 3600             /* key.max_seconds, unless it is set otherwise */

/* US dollars, us-east-1, 2026: S3 GET a thousand, KMS requests ten thousand, data to the internet a
 * GB; none within the region. Source: aws.amazon.com/s3/pricing, aws.amazon.com/kms/pricing. */
#define GET_DOLLARS (0.0004 / 1000)
#define KMS_DOLLARS (0.03 / 10000)
#define GB_DOLLARS 0.09

struct estimate {
	uint64_t objects, all_bytes, bytes, requests, keys, colder;
};

static uint64_t end_of(const struct catalog_object *o)
{
	uint64_t end = o->start_ns + CATALOG_OBJECT_MAX_S * NS_PER_S;
	end = o->end_ns < end ? o->end_ns : end;
	return o->modified_ns > o->start_ns && o->modified_ns < end ? o->modified_ns : end;
}

/* The part of the object that lies in the window, as if its bytes came evenly. */
static uint64_t share(const struct catalog_object *o, const struct window *w)
{
	uint64_t end = end_of(o), from = w->from_ns > o->start_ns ? w->from_ns : o->start_ns;
	uint64_t to = w->to_ns < end ? w->to_ns : end;
	if (o->start_ns >= end || (from == o->start_ns && to == end))
		return o->size_bytes;
	if (from >= to)
		return 0;
	return (uint64_t)((double)o->size_bytes * ((double)(to - from) / (double)(end - o->start_ns)));
}

static bool is_same_key(const struct catalog_object *a, const struct catalog_object *b, uint64_t since_ns)
{
	return a->boot == b->boot && !strcmp(a->stream, b->stream) && span_eq(a->appliance, b->appliance) &&
	       b->start_ns < since_ns + KEY_S * NS_PER_S;
}

static struct estimate add_up(const struct window *w)
{
	struct estimate e = {.objects = catalog_count()};
	uint64_t since_ns = 0;
	for (uint32_t i = 0; i < catalog_count(); i++) {
		const struct catalog_object *o = catalog_at(i);
		uint64_t bytes = share(o, w) + SEALED_HEAD_BYTES + SEALED_TAIL_BYTES;
		bytes = bytes < o->size_bytes ? bytes : o->size_bytes;
		e.all_bytes += o->size_bytes;
		e.bytes += bytes;
		e.requests += o->local ? 0 : ENDS + (bytes + RANGE_BYTES - 1) / RANGE_BYTES;
		e.colder += catalog_is_cold(o);
		if (i && is_same_key(catalog_at(i - 1), o, since_ns))
			continue;
		e.keys++;
		since_ns = o->start_ns;
	}
	return e;
}

enum exit_status explain(const struct window *w)
{
	struct estimate e = add_up(w);
	double calls = (double)e.requests * GET_DOLLARS + (double)e.keys * KMS_DOLLARS;
	printf("window    %s\n", window_text(w));
	printf("objects   %llu, of %.1f MB\n", (unsigned long long)e.objects, (double)e.all_bytes / 1e6);
	printf("bytes     about %.1f MB%s\n", (double)e.bytes / 1e6,
	       w->filter ? "; less, when the filter asks for hosts or ports that are rare" : "");
	printf("requests  about %llu to S3, about %llu to KMS\n", (unsigned long long)e.requests,
	       (unsigned long long)e.keys);
	printf("dollars   about %.4f for the requests; for the bytes %.2f to the internet, nothing in "
	       "the region\n",
	       calls, (double)e.bytes / 1e9 * GB_DOLLARS);
	if (e.colder)
		printf("colder    %llu objects are archived: ask for them first (sealtap restore), which "
		       "costs and takes hours\n",
		       (unsigned long long)e.colder);
	return say_out_done();
}
