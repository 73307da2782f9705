/* post: answers of CloudWatch and SNS. Input: a byte that says how (bits 0 to 3: the status; 7: it is
 * CloudWatch's), then the body. */
#include "aws/cloudwatch.h"
#include "aws/sns.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = {200, 204, 301, 307, 400, 403, 404, 408,
					    409, 413, 429, 500, 501, 502, 503, 504};
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	unsigned status = statuses[how % 16];
	struct fault f;
	memset(&f, 0xa5, sizeof(f));
	enum post_verdict v = how & 0x80 ? cloudwatch_classify(status, in, &f) : sns_classify(status, in, &f);
	MUST(v <= POST_UNFIT && (v == POST_OK) == (status == 200));
	MUST_END(f.code);
	MUST_END(f.message);
	MUST(fuzz_printable(f.code) && fuzz_printable(f.message) && f.remedy);
	return 0;
}
