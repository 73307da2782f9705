#include "object_scene.h"

#include "noise.h"
#include "record/esdk_read.h"
#include "record/inspect.h"
#include "record/inspect_content.h"

static struct inspect in;
static struct made whole, other;
static struct object_meta meta;
static struct inspect_name name;
static unsigned lines_seen;

static const char *const log_lines[] = {
	"\"level\":\"info\",\"role\":\"keys\",\"event\":\"boot\"",
	"\"level\":\"info\",\"role\":\"net\",\"event\":\"armed\",\"n\":1",
	"\"level\":\"info\",\"role\":\"keys\",\"event\":\"heartbeat\"",
	NULL,
};

static void on_line(void *arg, struct span text)
{
	(void)arg;
	lines_seen += text.len > 30;
}

static void name_it(const struct made *o)
{
	meta = o->meta;
	name = (struct inspect_name){.full = span_str(meta.name),
				     .appliance = SPAN("123456789012/eu-central-1/tap-1"),
				     .boot = OBJECT_BOOT,
				     .start_ns = o->meta.first_ns,
				     .seq = o->meta.seq,
				     .kind = (uint8_t)o->meta.kind};
	memcpy(name.stream, meta.stream, sizeof(name.stream));
}

/* piece 0: all at once. */
static uint32_t look(struct span bytes, size_t piece, bool public_only)
{
	struct span rest = bytes;
	lines_seen = 0;
	in.line = on_line;
	inspect_begin(&in, &name, INSPECT_META_WHOLE, &meta, public_only);
	while (rest.len) {
		struct span part = span_first(rest, piece ? piece : rest.len);
		rest = span_from(rest, part.len);
		while (inspect_feed(&in, &part) == INSPECT_WANTS_KEY)
			inspect_key(&in, object_data_key);
	}
	inspect_end(&in, bytes.len, NULL);
	return in.flaws;
}

static void start(void)
{
	object_packets(&whole, 0, NULL, 5, true);
	name_it(&whole);
}

static void a_whole_object_has_no_flaw(void)
{
	start();
	CHECK(look(object_span(&whole), 0, false) == 0 && in.sig == INSPECT_SIG_GOOD && in.opened);
	CHECK(in.records == 5 && in.cut == 1 && in.counts.known && in.counts.recorded == 5);
	CHECK(in.inside.known && in.inside.seq == 0 && memcmp(in.sha256, meta.sha256, 32) == 0);
	object_packets(&other, 1, &whole.meta, 3, false);
	name_it(&other);
	CHECK(look(object_span(&other), 0, false) == 0 && memcmp(in.inside.prev, whole.meta.sha256, 32) == 0);
	object_log(&other, 0, NULL, log_lines);
	name_it(&other);
	CHECK(look(object_span(&other), 0, false) == 0 && in.records == 3 && lines_seen == 3);
}

static void it_sees_the_same_however_the_bytes_come(void)
{
	start();
	for (size_t piece = 1; piece < 40; piece++)
		CHECK(look(object_span(&whole), piece, false) == 0 && in.records == 5);
	object_log(&other, 0, NULL, log_lines);
	name_it(&other);
	for (size_t piece = 1; piece < 300; piece += 7)
		CHECK(look(object_span(&other), piece, false) == 0 && in.records == 3 && lines_seen == 3);
}

static void a_flipped_bit_at_every_byte_is_seen(void)
{
	start();
	for (size_t i = 0; i < whole.len; i++) {
		whole.bytes[i] ^= (uint8_t)(1u << i % 8);
		uint32_t flaws = look(object_span(&whole), 0, false);
		CHECK(flaws & INSPECT_BIT(SHA256));
		if (!(flaws & ~INSPECT_BIT(SHA256))) {
			printf("  byte %zu of %zu: the envelope does not mind\n", i, whole.len);
			CHECK(false);
		}
		whole.bytes[i] ^= (uint8_t)(1u << i % 8);
	}
}

static void an_object_cut_at_every_byte_is_truncated(void)
{
	start();
	for (size_t len = 0; len < whole.len; len++)
		CHECK(look(span_first(object_span(&whole), len), 0, false) & INSPECT_BIT(TRUNCATED));
	whole.bytes[whole.len] = 0;
	CHECK(look(span_of(whole.bytes, whole.len + 1), 0, false) & INSPECT_BIT(FOLLOWED));
}

/* ---- content, sealed once more under the right key */

static uint8_t inner[OBJECT_MAX];
static size_t inner_len;

static void open_inner(const struct made *o)
{
	static struct esdk_reader r;
	static uint8_t frame[ESDK_FRAME_BYTES + 16];
	struct span rest = object_span(o);
	enum esdk_read_event event;
	inner_len = 0;
	esdk_read_begin(&r, frame, sizeof(frame));
	while (!esdk_read(&r, &rest, &event) && event != ESDK_READ_DONE) {
		if (event == ESDK_READ_HEADER)
			CHECK(!esdk_read_key(&r, object_data_key));
		if (event == ESDK_READ_CONTENT) {
			memcpy(inner + inner_len, r.content.p, r.content.len);
			inner_len += r.content.len;
		}
	}
}

/* Signed, too, as if the appliance itself were wrong: only what is inside can tell. */
static uint32_t look_at_inner(const struct made *o)
{
	static struct esdk message;
	static struct made made;
	uint8_t context[OBJECT_CONTEXT_MAX], id[32] = {77};
	struct buf aad = BUF_OF(context), out = BUF_OF(made.bytes);
	struct esdk_edk edk = {SPAN("aws-kms"), SPAN("arn"), SPAN("blob")};
	CHECK(!object_context(&object_identity, o->meta.stream, 0, &aad));
	CHECK(!esdk_begin(&message, object_data_key, id, buf_span(&aad), &edk, &out));
	CHECK(!esdk_write(&message, span_of(inner, inner_len), &out) && !esdk_end(&message, &out));
	sha256_of(buf_span(&out), meta.sha256);
	object_sign(&meta);
	return look(buf_span(&out), 0, false);
}

/* Of an entry of the index: what the content does not tell, the ring's blocks. */
static bool is_told_by_nothing(size_t at, size_t index_at, size_t entries)
{
	size_t in_entries = at - index_at - INDEX_HEAD_BYTES;
	return at >= index_at + INDEX_HEAD_BYTES && in_entries < entries * INDEX_ENTRY_BYTES &&
	       in_entries % INDEX_ENTRY_BYTES >= 16 && in_entries % INDEX_ENTRY_BYTES < 32;
}

static void an_index_or_seek_table_that_lies_is_seen_at_every_byte(void)
{
	start();
	open_inner(&whole);
	CHECK(look_at_inner(&whole) == 0);
	size_t index_at = 0, frames = 3;
	while (load_le32(inner + index_at) != INDEX_MAGIC)
		index_at++;
	size_t entries_end = index_at + INDEX_HEAD_BYTES + frames * INDEX_ENTRY_BYTES;
	size_t seek_at = inner_len - SEEK_BYTES(frames + 1);
	for (size_t i = index_at; i < inner_len; i++) {
		uint8_t was = inner[i];
		if (is_told_by_nothing(i, index_at, frames))
			continue;
		/* a filter that has more than it must is no lie */
		inner[i] = i >= entries_end && i < seek_at
				   ? 0
				   : was ^ 4; /* bits 0 and 1 of a seek table's descriptor mean nothing */
		uint32_t flaws = inner[i] == was ? INSPECT_BIT(INDEX) : look_at_inner(&whole);
		if (!(flaws & (INSPECT_BIT(INDEX) | INSPECT_BIT(ZSTD)))) {
			printf("  byte %zu of the index\n", i - index_at);
			CHECK(false);
		}
		inner[i] = was;
	}
}

static void content_that_is_damaged_under_a_right_key_is_seen(void)
{
	start();
	open_inner(&whole);
	unsigned seen = 0;
	for (size_t i = 0; i < 200; i++) {
		inner[i] ^= 1;
		seen += look_at_inner(&whole) != 0;
		inner[i] ^= 1;
	}
	CHECK(seen > 190); /* the others leave the content as it is: its checksum holds */
	size_t keep = inner_len;
	while (load_le32(inner + inner_len) != INDEX_MAGIC)
		inner_len--;
	CHECK(look_at_inner(&whole) == INSPECT_BIT(NO_INDEX));
	name.torn = true;
	CHECK(look_at_inner(&whole) == 0);
	inner_len = keep;
}

/* ---- metadata */

static void metadata_that_its_content_contradicts_is_named_even_if_it_is_signed(void)
{
	static const struct {
		size_t at;
		uint32_t flaw;
	} fields[] = {
		{offsetof(struct object_meta, last_ns), INSPECT_BIT(LAST)},
		{offsetof(struct object_meta, records), INSPECT_BIT(RECORDS)},
		{offsetof(struct object_meta, raw_bytes), INSPECT_BIT(BYTES)},
		{offsetof(struct object_meta, cut), INSPECT_BIT(CUT)},
		{offsetof(struct object_meta, first_ns), INSPECT_BIT(FIRST) | INSPECT_BIT(START)},
		{offsetof(struct object_meta, sha256), INSPECT_BIT(SHA256)},
		{offsetof(struct object_meta, prev), INSPECT_BIT(PREV)},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		start();
		((uint8_t *)&meta)[fields[i].at] ^= 1;
		CHECK(look(object_span(&whole), 0, false) == (fields[i].flaw | INSPECT_BIT(SIGNATURE)));
		object_sign(&meta);
		CHECK(look(object_span(&whole), 0, false) == fields[i].flaw);
	}
}

static void a_signature_is_of_this_name_and_this_metadata_by_this_key(void)
{
	static const uint8_t seed[32] = {6};
	struct ecdsa_key own = object_signer;
	uint8_t pub[65];
	start();
	meta.lost = 1;
	CHECK(look(object_span(&whole), 0, false) == INSPECT_BIT(SIGNATURE) && in.sig == INSPECT_SIG_BAD);
	start();
	ecdsa_keypair(seed, &object_signer, pub);
	object_sign(&meta);
	object_signer = own;
	CHECK(look(object_span(&whole), 0, false) == INSPECT_BIT(SIGNATURE));
	start();
	name.full = SPAN("p/another");
	CHECK(look(object_span(&whole), 0, false) == INSPECT_BIT(SIGNATURE));
	start();
	meta.sig_len = 0;
	CHECK(look(object_span(&whole), 0, false) == 0 && in.sig == INSPECT_SIG_NONE);
}

static void what_stands_under_another_name_is_swapped(void)
{
	start();
	name.seq = 1;
	CHECK(look(object_span(&whole), 0, false) == INSPECT_BIT(INSIDE));
	start();
	name.boot++;
	CHECK(look(object_span(&whole), 0, false) == (INSPECT_BIT(INSIDE) | INSPECT_BIT(CONTEXT)));
	start();
	memcpy(name.stream, "w1", 3);
	CHECK(look(object_span(&whole), 0, false) == (INSPECT_BIT(INSIDE) | INSPECT_BIT(CONTEXT)));
	start();
	name.appliance = SPAN("123456789012/eu-central-1/tap-2");
	CHECK(look(object_span(&whole), 0, false) == INSPECT_BIT(CONTEXT));
	CHECK(strcmp(inspect_kind(INSPECT_CONTEXT), "swapped") == 0);
}

/* ---- without a key */

static void without_a_key_hash_and_signature_are_checked(void)
{
	start();
	CHECK(look(object_span(&whole), 0, true) == 0 && in.sig == INSPECT_SIG_GOOD && !in.opened);
	CHECK(in.records == 0 && !in.inside.known);
	whole.bytes[whole.len - 3] ^= 1;
	CHECK(look(object_span(&whole), 3, true) == INSPECT_BIT(SHA256));
	start();
	uint8_t stored[32] = {1};
	inspect_begin(&in, &name, INSPECT_META_WHOLE, &meta, true);
	struct span bytes = object_span(&whole);
	CHECK(inspect_feed(&in, &bytes) == INSPECT_MORE && bytes.len == 0);
	inspect_end(&in, whole.len + 1, stored);
	CHECK(in.flaws == INSPECT_BIT(STORED));
}

static void a_wrong_key_or_none_is_not_taken_for_damage_inside(void)
{
	static const uint8_t wrong[32] = {1};
	start();
	struct span bytes = object_span(&whole);
	inspect_begin(&in, &name, INSPECT_META_BROKEN, NULL, false);
	CHECK(inspect_feed(&in, &bytes) == INSPECT_WANTS_KEY);
	inspect_key(&in, wrong);
	CHECK(inspect_feed(&in, &bytes) == INSPECT_MORE && bytes.len == 0);
	inspect_end(&in, UINT64_MAX, NULL);
	CHECK(in.flaws == (INSPECT_BIT(COMMITMENT) | INSPECT_BIT(META)) && in.size_bytes == whole.len);
}

static void a_filter_covers_another_when_it_has_all_of_its_bits(void)
{
	static const uint8_t all[16] = {3, 0, 0, 0, 0, 0, 0, 0, 4}, some[8] = {1}, more[8] = {5},
			     none[8] = {8};
	CHECK(inspect_filter_covers(span_of(all, 16), span_of(some, 8)));
	CHECK(inspect_filter_covers(span_of(all, 16), span_of(more, 8)));
	CHECK(!inspect_filter_covers(span_of(all, 16), span_of(none, 8)));
	CHECK(!inspect_filter_covers(span_of(some, 8), span_of(all, 16)));
}

int main(void)
{
	object_scene_begin();
	RUN(a_whole_object_has_no_flaw, "a whole object has no flaw");
	RUN(it_sees_the_same_however_the_bytes_come, "it sees the same however the bytes come");
	RUN(a_flipped_bit_at_every_byte_is_seen, "a flipped bit at every byte of an object is seen");
	RUN(an_object_cut_at_every_byte_is_truncated, "an object that is cut at any byte is truncated");
	RUN(an_index_or_seek_table_that_lies_is_seen_at_every_byte,
	    "an index or seek table that lies is seen at every byte, under a right key and signature");
	RUN(content_that_is_damaged_under_a_right_key_is_seen,
	    "content that is damaged under a right key is seen");
	RUN(metadata_that_its_content_contradicts_is_named_even_if_it_is_signed,
	    "metadata that its content contradicts is named, even if it is signed");
	RUN(a_signature_is_of_this_name_and_this_metadata_by_this_key,
	    "a signature is of this name and this metadata by this key");
	RUN(what_stands_under_another_name_is_swapped, "what stands under another name is swapped");
	RUN(without_a_key_hash_and_signature_are_checked, "without a key hash and signature are checked");
	RUN(a_wrong_key_or_none_is_not_taken_for_damage_inside, "a wrong key is not taken for damage inside");
	RUN(a_filter_covers_another_when_it_has_all_of_its_bits,
	    "a filter covers another when it has all of its bits");
	return check_done();
}
