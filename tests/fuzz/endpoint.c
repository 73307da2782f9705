/* endpoint: names of regions and ARNs, as settings and IMDS give them: what is accepted is of a partition
 * that is known, and its parts are printable and within it. Input: a kind, then the text. */
#include "aws/endpoint.h"

#include "base/text.h"
#include "fuzz.h"

static void region(struct span in)
{
	struct endpoint_partition p;
	if (endpoint_partition_of(in, &p))
		return;
	MUST(text_is_printable(in) && p.name[0] && fuzz_printable(p.name));
	MUST(!endpoint_same_partition(in, in));
}

static void kms(struct span in)
{
	struct kms_arn a;
	if (endpoint_kms_arn(in, &a))
		return;
	MUST(fuzz_within(a.partition, in) && fuzz_within(a.region, in) && fuzz_within(a.account, in));
	MUST(fuzz_within(a.resource, in) && a.resource.len && text_is_printable(in));
	MUST(span_starts(a.resource, a.alias ? SPAN("alias/") : SPAN("key/")));
}

static void sns(struct span in)
{
	struct sns_arn a;
	if (endpoint_sns_arn(in, &a))
		return;
	MUST(fuzz_within(a.partition, in) && fuzz_within(a.region, in) && fuzz_within(a.account, in));
	MUST(fuzz_within(a.name, in) && a.name.len && text_is_printable(in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct span) = {region, kms, sns};
	struct span in = span_of(data, size);
	uint8_t kind = fuzz_byte(&in);
	kinds[kind % 3](in);
	return 0;
}
