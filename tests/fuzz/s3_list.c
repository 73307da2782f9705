/* s3_list: a page reads the same whole and in pieces; what is told of an entry lies within its bounds.
 * Input: how it is cut (its lowest two bits: the kind of list), the page. */
#include "aws/s3_list.h"

#include "fuzz.h"

static struct s3_list list;

struct outcome {
	enum err error;
	unsigned count;
	uint32_t sum; /* of what was told */
};

static void add(struct outcome *o, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		o->sum = o->sum * 31 + s.p[i];
	o->sum = o->sum * 31 + (uint32_t)s.len;
}

static bool take(void *arg, const struct s3_list_entry *e)
{
	struct outcome *o = arg;
	MUST(e->key.len && e->key.len <= S3_LIST_KEY_MAX && e->version.len <= S3_LIST_VERSION_MAX);
	MUST(e->size_bytes <= INT64_MAX);
	add(o, e->key);
	add(o, e->version);
	add(o, e->etag);
	add(o, e->storage_class);
	o->sum = o->sum * 31 + (uint32_t)(e->size_bytes + e->modified_ns) + e->is_latest + 2u * e->is_marker;
	o->count++;
	return true;
}

static struct outcome read_in(struct span in, uint32_t seed, enum s3_list_kind kind, bool whole)
{
	struct outcome o = {ERR_OK, 0, 0};
	s3_list_begin(&list, kind, take, &o);
	while (in.len && !o.error) {
		struct span piece = whole ? in : fuzz_piece(&in, &seed);
		in = whole ? SPAN("") : in;
		o.error = s3_list_feed(&list, piece);
	}
	if (!o.error)
		o.error = s3_list_end(&list);
	if (!o.error && list.more)
		MUST(list.token.len);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	enum s3_list_kind kind = (enum s3_list_kind)(how & 3);
	struct outcome whole = read_in(in, how, kind, true), parts = read_in(in, how, kind, false);
	MUST(whole.error == parts.error);
	MUST(whole.error || (whole.count == parts.count && whole.sum == parts.sum));
	return 0;
}
