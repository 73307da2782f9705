#include "record/object_read.h"

#include "check.h"

static const struct object_meta sample = {
	.first_ns = 1767323045000000001u,
	.last_ns = UINT64_MAX,
	.records = 7,
	.lost = 1,
	.prev = {1, 2, 3},
	.sha256 = {0xab, 0xff},
	.sig = {0x30, 0x44, 9},
	.sig_len = 70,
};

/* All fields of a into b but the one of this number. */
static uint32_t copy(const struct object_meta *a, struct object_meta *b, unsigned without)
{
	const char *name;
	uint8_t text[128];
	struct buf value = BUF_OF(text);
	uint32_t seen = 0;
	for (unsigned i = 0; object_meta_field(a, i, true, &name, &value); i++) {
		if (i != without)
			CHECK(object_read_field(b, &seen, span_str(name), buf_span(&value)) == ERR_OK);
		buf_reset(&value);
	}
	return seen;
}

static void reads_what_was_written(void)
{
	static struct object_meta b;
	CHECK(copy(&sample, &b, 99) == OBJECT_READ_ALL);
	CHECK(b.first_ns == sample.first_ns && b.last_ns == sample.last_ns && b.records == 7 && b.lost == 1);
	CHECK(!memcmp(b.prev, sample.prev, 32) && !memcmp(b.sha256, sample.sha256, 32));
	CHECK(b.sig_len == 70 && !memcmp(b.sig, sample.sig, 70));
	static struct object_meta unsigned_one;
	CHECK(copy(&unsigned_one, &b, 99) == OBJECT_READ_ALL && b.sig_len == 0);
}

static void sees_what_is_missing(void)
{
	static struct object_meta b;
	for (unsigned i = 0; i < 11; i++)
		CHECK(copy(&sample, &b, i) == (OBJECT_READ_ALL & ~(1u << i)));
}

static void refuses(void)
{
	static const struct {
		const char *name, *value;
		enum err error;
	} rows[] = {
		{"sealtap-format", "2", ERR_UNSUPPORTED},
		{"sealtap-format", "01", ERR_SYNTAX},
		{"sealtap-first", "", ERR_SYNTAX},
		{"sealtap-first", "-1", ERR_SYNTAX},
		{"sealtap-first", "18446744073709551616", ERR_SYNTAX},
		{"sealtap-lost", "1 ", ERR_SYNTAX},
		{"sealtap-prev", "ab", ERR_SYNTAX},
		{"sealtap-sha256", "ABababababababababababababababababababababababababababababababab",
		 ERR_SYNTAX},
		{"sealtap-sha256", "ababababababababababababababababababababababababababababababababab",
		 ERR_SYNTAX},
		{"sealtap-sig", "", ERR_SYNTAX},
		{"sealtap-sig", "*", ERR_SYNTAX},
		{"sealtap-sig",
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		 "AAAAAAAAAAAAAAAAAAAA",
		 ERR_SYNTAX},
		{"sealtap-other", "1", ERR_NOT_FOUND},
		{"first", "1", ERR_NOT_FOUND},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct object_meta m;
		uint32_t seen = 0;
		CHECK(object_read_field(&m, &seen, span_str(rows[i].name), span_str(rows[i].value)) ==
		      rows[i].error);
		CHECK(seen == 0);
	}
	static struct object_meta m;
	uint32_t seen = 0;
	CHECK(object_read_field(&m, &seen, SPAN("Sealtap-Cut"), SPAN("5")) == ERR_OK && m.cut == 5);
	CHECK(object_read_field(&m, &seen, SPAN("sealtap-cut"), SPAN("6")) == ERR_DUPLICATE && m.cut == 5);
}

int main(void)
{
	RUN(reads_what_was_written, "metadata reads back as it was written");
	RUN(sees_what_is_missing, "a field that is missing is seen to be");
	RUN(refuses, "what could not be written again as it stands is refused");
	return check_done();
}
