/* s3: answers to PutObject. Input: a byte that the status is made of (bit 7: an earlier attempt may have
 * stored the object), then the body. */
#include "aws/s3.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = {200, 204, 301, 307, 400, 403, 404, 408,
					    409, 412, 429, 500, 501, 502, 503, 504};
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	unsigned status = statuses[how % 16];
	struct s3_attempts a = {.maybe_stored = how >> 7};
	struct fault f;
	memset(&f, 0xa5, sizeof(f));
	enum s3_verdict v = s3_classify(&a, status, in, &f);
	MUST(v <= S3_DENIED);
	MUST(v != S3_STORED || status == 200 || (status == 412 && how >> 7));
	MUST_END(f.code);
	MUST_END(f.message);
	MUST(fuzz_printable(f.code) && fuzz_printable(f.message));
	return 0;
}
