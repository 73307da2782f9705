#include "cli/metafile.h"

#include "base/text.h"
#include "check.h"

#define KEY                                                        \
	"p/111122223333/eu-central-1/tap-1/2026/01/02/03/packets/" \
	"20260102T030405.123456789Z-0123456789abcdef-w3-00000042.pcapng.zst.encrypted"

static const struct bucket_head sample = {
	.size_bytes = 12345,
	.modified_ns = 1767323045000000000u,
	.etag = "\"e\"",
	.version = "v/1+",
	.storage_class = "GLACIER",
	.checksum_sha256 = "q/8=",
	.retain_mode = "COMPLIANCE",
	.retain_until_ns = 1767323046000000000u,
	.legal_hold = true,
	.has_meta = true,
	.meta = {.first_ns = 5,
		 .last_ns = 6,
		 .records = 7,
		 .lost = 8,
		 .sha256 = {0xab},
		 .sig = {0x30},
		 .sig_len = 70},
};

static uint8_t text[METAFILE_MAX_BYTES];
static char key[BUCKET_KEY_MAX];
static struct bucket_head back;

static struct span written(const struct bucket_head *h)
{
	struct buf b = BUF_OF(text);
	CHECK(metafile_put(&b, SPAN(KEY), h) == ERR_OK);
	return buf_span(&b);
}

static void reads_back(void)
{
	CHECK(metafile_parse(written(&sample), &back, key) == ERR_OK && !strcmp(key, KEY));
	CHECK(back.size_bytes == 12345 && back.modified_ns == sample.modified_ns && back.legal_hold);
	CHECK(!strcmp(back.etag, "\"e\"") && !strcmp(back.version, "v/1+"));
	CHECK(!strcmp(back.storage_class, "GLACIER") && !strcmp(back.checksum_sha256, "q/8="));
	CHECK(!strcmp(back.retain_mode, "COMPLIANCE") && back.retain_until_ns == sample.retain_until_ns);
	CHECK(back.has_meta && back.meta.records == 7 && back.meta.lost == 8 && back.meta.sig_len == 70);
	CHECK(back.meta.sha256[0] == 0xab && back.meta.size_bytes == 12345);
	CHECK(!strcmp(back.meta.name, KEY) && !strcmp(back.meta.stream, "w3") && back.meta.seq == 42);
	CHECK(back.meta.boot == 0x0123456789abcdef && back.meta.kind == OBJECT_PACKETS);
}

static void little_is_enough(void)
{
	struct bucket_head bare = {.size_bytes = 1};
	CHECK(metafile_parse(written(&bare), &back, key) == ERR_OK);
	CHECK(back.size_bytes == 1 && !back.has_meta && !back.legal_hold && !back.version[0]);
}

static void damaged(void)
{
	struct span whole = written(&sample);
	static uint8_t copy[METAFILE_MAX_BYTES];
	memcpy(copy, whole.p, whole.len);
	for (size_t n = 0; n < whole.len - 2; n++)
		CHECK(metafile_parse(span_of(copy, n), &back, key) != ERR_OK);
	for (size_t i = 0; i < whole.len; i++) {
		copy[i] ^= 1;
		if (!metafile_parse(span_of(copy, whole.len), &back, key) && back.has_meta)
			CHECK(object_meta_sane(&back.meta));
		copy[i] ^= 1;
	}
	CHECK(metafile_parse(SPAN("{\"key\":\"k\"}"), &back, key) == ERR_MISSING);
	CHECK(metafile_load("/no/such/file", &back, key) == ERR_NOT_FOUND);
}

int main(void)
{
	RUN(reads_back, "what S3 told of an object reads back from its file");
	RUN(little_is_enough, "an object without metadata has a file of what is known");
	RUN(damaged, "a damaged file of metadata is refused, or sane");
	return check_done();
}
