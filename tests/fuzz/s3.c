/* s3: answers to PutObject. Input: a byte that says how (bits 0 to 3: the status; 4: ask where the bucket is;
 * 5: the instance is in GovCloud; 7: an earlier attempt may have stored the object), then, with bit 4, the
 * lines x-amz-bucket-region and Location, then the body. */
#include "aws/s3.h"

#include "fuzz.h"

#define BUCKET "evidence"

static void classify(bool maybe_stored, unsigned status, struct span body)
{
	struct s3_attempts a = {.maybe_stored = maybe_stored};
	struct fault f;
	memset(&f, 0xa5, sizeof(f));
	enum s3_verdict v = s3_classify(&a, status, body, &f);
	MUST(v <= S3_DENIED);
	MUST(v != S3_STORED || status == 200 || (status == 412 && maybe_stored));
	MUST_END(f.code);
	MUST_END(f.message);
	MUST(fuzz_printable(f.code) && fuzz_printable(f.message));
}

/* As the HTTP reader leaves a header: what does not fit is left out. out is zeroed. */
static void take_line(struct span *in, char *out, size_t cap)
{
	struct span line = span_cut(in, '\n');
	if (line.len && line.len < cap)
		memcpy(out, line.p, line.len);
}

/* Where it leads: never out of the partition, never to a host but S3's own for this bucket. */
static void follow(bool gov, unsigned status, struct span in)
{
	static struct http1_response r;
	struct settings s = {.s3_bucket = BUCKET};
	struct object_identity id = {.account = "111122223333"};
	struct endpoint e;
	char want[128], untouched[32];
	memset(&r, 0, sizeof(r));
	memset(s.s3_region, 0xa5, sizeof(s.s3_region));
	memset(untouched, 0xa5, sizeof(untouched));
	strcpy(id.region, gov ? "us-gov-west-1" : "eu-central-1");
	r.status = status;
	take_line(&in, r.bucket_region, sizeof(r.bucket_region));
	take_line(&in, r.location, sizeof(r.location));
	struct settings now = {.s3_bucket = BUCKET};
	enum err refused = s3_redirect(&now, &id, &r, in, s.s3_region);
	if (refused) {
		MUST(refused == ERR_DENIED && !memcmp(s.s3_region, untouched, sizeof(untouched)));
		return;
	}
	MUST_END(s.s3_region);
	MUST(s.s3_region[0] && fuzz_printable(s.s3_region));
	MUST(status == 307 || strcmp(s.s3_region, id.region) != 0);
	MUST((strncmp(s.s3_region, "us-gov-", 7) == 0) == gov);
	MUST(!endpoint_same_partition(span_str(s.s3_region), span_str(id.region)));
	MUST(!s3_endpoint(&s, &id, &e));
	snprintf(want, sizeof(want), BUCKET ".s3.%s.amazonaws.com", s.s3_region);
	MUST(e.port == 443 && strcmp(e.host, want) == 0);
	snprintf(now.s3_endpoint.host, sizeof(now.s3_endpoint.host), "s3.example");
	MUST(s3_redirect(&now, &id, &r, in, want) == ERR_DENIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = {200, 204, 301, 307, 400, 403, 404, 408,
					    409, 412, 429, 500, 501, 502, 503, 504};
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	if (how >> 4 & 1)
		follow(how >> 5 & 1, statuses[how % 16], in);
	else
		classify(how >> 7, statuses[how % 16], in);
	return 0;
}
