#include "check.h"
#include "noise.h"

#include "record/esdk_header.h"
#include "record/object.h"

static struct object_identity identity(void)
{
	struct object_identity id = {
		.prefix = "sealtap/prod",
		.account = "123456789012",
		.region = "eu-central-1",
		.appliance = "i-0abc",
		.vpc = "vpc-1",
		.instance = "i-0abc",
		.boot = 0x0123456789abcdef,
		.pub = {4, 1, 2},
	};
	memset(id.image_sha256, 0xaa, 32);
	memset(id.config_sha256, 0xbb, 32);
	return id;
}

static struct object_meta meta(void)
{
	struct object_meta m = {
		.kind = OBJECT_PACKETS,
		.stream = "w0",
		.seq = 12,
		.name = "the/name",
		.first_ns = 1767323045006007008, /* 2026-01-02T03:04:05.006007008Z */
		.last_ns = 1767323046000000000,
		.records = 1,
		.raw_bytes = 2,
		.lost = 3,
		.cut = 4,
		.filtered = 5,
		.size_bytes = 6,
		.sig = {0x30, 1, 2, 3},
		.sig_len = 4,
	};
	memset(m.prev, 0x11, 32);
	memset(m.sha256, 0x22, 32);
	return m;
}

#define PREV "1111111111111111111111111111111111111111111111111111111111111111"
#define SHA "2222222222222222222222222222222222222222222222222222222222222222"

static void names(void)
{
	struct object_identity id = identity();
	struct object_meta m = meta();
	CHECK(!object_name(&id, &m));
	CHECK_SPAN(span_str(m.name),
		   SPAN("sealtap/prod/123456789012/eu-central-1/i-0abc/2026/01/02/03/packets/"
			"20260102T030405.006007008Z-0123456789abcdef-w0-00000012.pcapng.zst.encrypted"));
	m.kind = OBJECT_LOG;
	memcpy(m.stream, "log", 4);
	m.seq = 0;
	m.first_ns = 0;
	id.prefix[0] = '\0';
	CHECK(!object_name(&id, &m));
	CHECK_SPAN(span_str(m.name),
		   SPAN("123456789012/eu-central-1/i-0abc/1970/01/01/00/log/"
			"19700101T000000.000000000Z-0123456789abcdef-log-00000000.jsonl.zst.encrypted"));
}

static void bad_names(void)
{
	struct object_identity id = identity();
	struct object_meta m = meta();
	strcpy(id.appliance, "a/b");
	CHECK(object_name(&id, &m) == ERR_SYNTAX);
	strcpy(id.appliance, "a b");
	CHECK(object_name(&id, &m) == ERR_SYNTAX);
	id.appliance[0] = '\0';
	CHECK(object_name(&id, &m) == ERR_MISSING);
	id = identity();
	strcpy(id.prefix, "a//b");
	CHECK(object_name(&id, &m) == ERR_SYNTAX);
	strcpy(id.prefix, "a/\xc3\xa4");
	CHECK(object_name(&id, &m) == ERR_SYNTAX);
}

static void longest_name(void)
{
	struct object_identity id = identity();
	struct object_meta m = meta();
	memset(id.prefix, 'p', sizeof(id.prefix) - 1);
	memset(id.account, '1', sizeof(id.account) - 1);
	memset(id.region, 'r', sizeof(id.region) - 1);
	memset(id.appliance, 'a', sizeof(id.appliance) - 1);
	m.seq = UINT32_MAX;
	m.first_ns = UINT64_MAX;
	CHECK(!object_name(&id, &m) && strlen(m.name) < OBJECT_NAME_MAX);
}

static void contexts(void)
{
	static const char *const want[][2] = {
		{"sealtap-account", "123456789012"},
		{"sealtap-appliance", "i-0abc"},
		{"sealtap-boot", "0123456789abcdef"},
		{"sealtap-config", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
		{"sealtap-format", "1"},
		{"sealtap-image", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"sealtap-instance", "i-0abc"},
		{"sealtap-keyseq", "3"},
		{"sealtap-pub",
		 "BAECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"sealtap-region", "eu-central-1"},
		{"sealtap-stream", "w0"},
		{"sealtap-vpc", "none"},
	};
	struct object_identity id = identity();
	uint8_t text[OBJECT_CONTEXT_MAX];
	struct buf aad = BUF_OF(text);
	struct span key, value, last = {NULL, 0};
	size_t at = 0;
	id.vpc[0] = '\0';
	CHECK(!object_context(&id, "w0", 3, &aad));
	CHECK(load_be16(text) == 12);
	for (int i = 0; i < 12; i++) {
		CHECK(!esdk_header_context(buf_span(&aad), &at, &key, &value));
		CHECK_SPAN(key, span_str(want[i][0]));
		CHECK_SPAN(value, span_str(want[i][1]));
		CHECK(i == 0 || span_cmp(last, key) < 0);
		last = key;
	}
	CHECK(esdk_header_context(buf_span(&aad), &at, &key, &value) == ERR_NOT_FOUND);
	for (size_t cap = 0; cap < aad.len; cap++) {
		struct buf small = buf_over(text, cap);
		CHECK(object_context(&id, "w0", 3, &small) == ERR_FULL);
	}
}

static void context_limits(void)
{
	struct object_identity id = identity();
	uint8_t text[OBJECT_CONTEXT_MAX];
	struct buf aad = BUF_OF(text);
	memset(id.account, '1', sizeof(id.account) - 1);
	memset(id.region, 'r', sizeof(id.region) - 1);
	memset(id.appliance, 'a', sizeof(id.appliance) - 1);
	memset(id.vpc, 'v', sizeof(id.vpc) - 1);
	memset(id.instance, 'i', sizeof(id.instance) - 1);
	CHECK(!object_context(&id, "w000000", UINT32_MAX, &aad));
}

static void metadata(void)
{
	static const char *const want[][2] = {
		{"sealtap-format", "1"},
		{"sealtap-first", "1767323045006007008"},
		{"sealtap-last", "1767323046000000000"},
		{"sealtap-records", "1"},
		{"sealtap-bytes", "2"},
		{"sealtap-lost", "3"},
		{"sealtap-cut", "4"},
		{"sealtap-filtered", "5"},
		{"sealtap-prev", PREV},
		{"sealtap-sha256", SHA},
		{"sealtap-sig", "MAECAw=="},
	};
	struct object_meta m = meta();
	const char *name;
	uint8_t text[128];
	for (unsigned i = 0; i < 11; i++) {
		struct buf value = BUF_OF(text);
		CHECK(object_meta_field(&m, i, true, &name, &value));
		CHECK_SPAN(span_str(name), span_str(want[i][0]));
		CHECK_SPAN(buf_span(&value), span_str(want[i][1]));
	}
	struct buf value = BUF_OF(text);
	CHECK(!object_meta_field(&m, 11, true, &name, &value));
	CHECK(!object_meta_field(&m, 10, false, &name, &value));
	CHECK(object_meta_field(&m, 9, false, &name, &value));
}

static void signed_text(void)
{
	struct object_meta m = meta();
	uint8_t text[1024];
	struct buf b = BUF_OF(text);
	CHECK(!object_signed_text(&m, &b));
	CHECK_SPAN(buf_span(&b),
		   SPAN("name:the/name\nformat:1\nfirst:1767323045006007008\nlast:1767323046000000000\n"
			"records:1\nbytes:2\nlost:3\ncut:4\nfiltered:5\nprev:" PREV "\nsha256:" SHA "\n"));
	struct buf small = buf_over(text, b.len - 1);
	CHECK(object_signed_text(&m, &small) == ERR_FULL);
}

static void stands_beside_another(void)
{
	static const char stem[] =
		"p/1/r/a/2026/01/02/03/packets/20260102T030405.000000006Z-00000000000000aa-w0-00000007";
	struct object_meta meta = {.kind = OBJECT_PACKETS};
	snprintf(meta.name, sizeof(meta.name), "%s.pcapng.zst.encrypted", stem);
	CHECK(object_rename(&meta, 1) == ERR_OK);
	char want[OBJECT_NAME_MAX];
	snprintf(want, sizeof(want), "%s-r1.pcapng.zst.encrypted", stem);
	CHECK(!strcmp(meta.name, want));
	memset(meta.name, 'x', sizeof(meta.name) - 1);
	memcpy(meta.name + 400, "Z.", 2);
	CHECK(object_rename(&meta, 12) == ERR_FULL && meta.name[0] == 'x' &&
	      strlen(meta.name) == OBJECT_NAME_MAX - 1);
}

int main(void)
{
	RUN(names, "an object's name has all its parts in order");
	RUN(bad_names, "a name of odd characters or with a part missing is refused");
	RUN(longest_name, "the longest name fits");
	RUN(contexts, "the encryption context has twelve pairs, sorted; what is unknown is none");
	RUN(context_limits, "the largest context fits into what messages keep for it");
	RUN(metadata, "the metadata has eleven fields in the order of the format");
	RUN(signed_text, "the signature covers name and fields, a line each");
	RUN(stands_beside_another,
	    "an object whose name is taken stands beside it: -r1 before the extension");
	return check_done();
}
