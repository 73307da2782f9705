#include "check.h"

#include <stdlib.h>

#include "base/crc.h"
#include "record/commit.h"

#define SLOT_BYTES (COMMIT_DATA_OFFSET + 65536)

static uint8_t *slot;

static struct commit record(uint64_t generation, enum commit_state state)
{
	struct commit c = {.generation = generation,
			   .state = state,
			   .data_bytes = 1000 + generation,
			   .meta = {.stream = "w0", .seq = 5, .name = "p/x.pcapng.zst.encrypted", .lost = 3},
			   .resume = {.block_seq = 11,
				      .packets = 12,
				      .packet_id = 13,
				      .recorded = {14, 15},
				      .objects = 16}};
	c.meta.size_bytes = state == COMMIT_OPEN ? 0 : c.data_bytes;
	c.side_bytes = state == COMMIT_OPEN ? 100 : 0;
	return c;
}

static void start(void)
{
	free(slot);
	slot = calloc(1, SLOT_BYTES);
}

static void the_newest_record_is_read_back_as_it_was_written(void)
{
	struct commit c, got;
	start();
	CHECK(commit_read(slot, &got) == ERR_NOT_FOUND);
	for (uint64_t g = 1; g < 6; g++) {
		c = record(g, g < 4 ? COMMIT_OPEN : g == 4 ? COMMIT_CLOSED : COMMIT_SEALED);
		commit_write(slot, &c);
		CHECK(!commit_read(slot, &got) && got.generation == g && got.state == c.state);
	}
	CHECK(got.data_bytes == c.data_bytes && got.meta.seq == 5 && got.meta.lost == 3);
	CHECK(strcmp(got.meta.name, c.meta.name) == 0 && strcmp(got.meta.stream, "w0") == 0);
	CHECK(memcmp(&got.resume, &c.resume, sizeof(c.resume)) == 0);
}

/* The table at the top of record/commit.c: each number is the place where it must stand. */
static const struct commit places = {
	.generation = 8,
	.state = COMMIT_FREE,
	.side_bytes = 20,
	.data_bytes = 24,
	.data_crc = 32,
	.side_crc = 36,
	.meta = {.kind = 40,
		 .seq = 44,
		 .canary = 48,
		 .boot = 52,
		 .signer = 60,
		 .first_ns = 68,
		 .last_ns = 76,
		 .records = 84,
		 .raw_bytes = 92,
		 .lost = 100,
		 .cut = 108,
		 .filtered = 116,
		 .size_bytes = 124,
		 .stream = "w0",
		 .name = "p/x",
		 .sig_len = 204},
	.resume = {.block_seq = 728,
		   .packets = 736,
		   .packet_id = 744,
		   .recorded = {752, 760},
		   .filtered = {768, 776},
		   .over_budget = {784, 792},
		   .drops = 800,
		   .refused = 808,
		   .records = 816,
		   .lost = 824,
		   .cut = 832,
		   .raw_bytes = 840,
		   .size_bytes = 848,
		   .objects = 856},
};

static void a_record_stands_as_its_format_says(void)
{
	struct commit c = places;
	uint8_t r[COMMIT_RECORD_BYTES], zeros[COMMIT_RECORD_BYTES] = {0};
	memset(c.meta.prev, 'p', sizeof(c.meta.prev));
	memset(c.meta.sha256, 'h', sizeof(c.meta.sha256));
	memset(c.meta.sig, 's', sizeof(c.meta.sig));
	commit_write_record(r, &c);
	CHECK(memcmp(r, "sealtap\2", 8) == 0 && load_le64(r + 8) == 8 && load_le32(r + 16) == COMMIT_FREE);
	CHECK(load_le32(r + 20) == 20 && load_le64(r + 24) == 24 && load_le32(r + 204) == 204);
	for (size_t at = 32; at < 52; at += 4)
		CHECK(load_le32(r + at) == at);
	for (size_t at = 52; at < 132; at += 8)
		CHECK(load_le64(r + at) == at);
	CHECK(memcmp(r + 132, "w0\0\0\0\0\0\0", 8) == 0 && memcmp(r + 280, "p/x", 4) == 0);
	CHECK(memcmp(r + 140, c.meta.prev, 32) == 0 && memcmp(r + 172, c.meta.sha256, 32) == 0);
	CHECK(memcmp(r + 208, c.meta.sig, 72) == 0 && memcmp(r + 284, zeros, 728 - 284) == 0);
	for (size_t at = 728; at < 864; at += 8)
		CHECK(load_le64(r + at) == at);
	CHECK(memcmp(r + 864, zeros, 4092 - 864) == 0 && load_le32(r + 4092) == crc32c(span_of(r, 4092)));
	CHECK(commit_record_offset(8) == 0 && commit_record_offset(9) == 4096);
	CHECK(commit_side_offset(8) == 8192 && commit_side_offset(9) == 77824 &&
	      COMMIT_DATA_OFFSET == 147456);
}

/* A writer that died, or power that failed, after any byte of the newer record. */
static void a_record_cut_at_any_byte_leaves_the_one_before_it(void)
{
	struct commit c = record(2, COMMIT_OPEN), got;
	start();
	commit_write(slot, &c);
	c = record(3, COMMIT_OPEN);
	uint8_t *whole = calloc(1, SLOT_BYTES);
	commit_write(whole, &c);
	size_t at = commit_record_offset(3);
	for (size_t cut = 0; cut < COMMIT_RECORD_BYTES; cut++) {
		memset(slot + at, 0x5a, COMMIT_RECORD_BYTES); /* an older use of the place */
		memcpy(slot + at, whole + at, cut);
		CHECK(!commit_read(slot, &got) && got.generation == 2);
	}
	memcpy(slot + at, whole + at, COMMIT_RECORD_BYTES);
	CHECK(!commit_read(slot, &got) && got.generation == 3);
	for (size_t bit = 0; bit < COMMIT_RECORD_BYTES * 8; bit++) {
		slot[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(!commit_read(slot, &got) && got.generation == 2);
		slot[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(whole);
}

static void a_torn_object_is_what_was_committed_and_its_provisional_frame(void)
{
	struct commit c = record(7, COMMIT_OPEN), got;
	start();
	memset(slot + COMMIT_DATA_OFFSET, 'd', 2000);
	memset(slot + commit_side_offset(7), 's', 100);
	commit_write(slot, &c);
	CHECK(!commit_read(slot, &got) && !commit_tear(slot, SLOT_BYTES, &got));
	CHECK(got.state == COMMIT_CLOSED && got.data_bytes == 1107 && got.meta.size_bytes == 1107);
	CHECK(slot[COMMIT_DATA_OFFSET + 1006] == 'd' && slot[COMMIT_DATA_OFFSET + 1007] == 's' &&
	      slot[COMMIT_DATA_OFFSET + 1106] == 's' && slot[COMMIT_DATA_OFFSET + 1107] == 'd');
	CHECK(strcmp(got.meta.name, "p/x.pcapng.zst.torn.encrypted") == 0);
}

static void lengths_that_can_not_be_are_not_followed(void)
{
	struct commit c = record(2, COMMIT_OPEN), got;
	start();
	c.data_bytes = SLOT_BYTES;
	commit_write(slot, &c);
	CHECK(!commit_read(slot, &got) && commit_tear(slot, SLOT_BYTES, &got) == ERR_RANGE);
	c.data_bytes = UINT64_MAX - 10;
	CHECK(commit_tear(slot, SLOT_BYTES, &c) == ERR_RANGE);
	c = record(4, COMMIT_OPEN);
	c.side_bytes = COMMIT_SIDE_BYTES + 1;
	commit_write(slot, &c);
	CHECK(commit_read(slot, &got) == ERR_NOT_FOUND); /* its checksum holds, yet it is not believed */
	c = record(6, COMMIT_SEALED);
	c.meta.size_bytes++;
	start();
	commit_write(slot, &c);
	CHECK(commit_read(slot, &got) == ERR_NOT_FOUND);
	c = record(6, COMMIT_OPEN);
	c.side_bytes = 0;
	CHECK(commit_tear(slot, SLOT_BYTES, &c) == ERR_NOT_FOUND);
}

/* On a volume there may stand anything. */
static void a_name_that_is_no_objects_is_not_believed(void)
{
	struct commit c = record(2, COMMIT_OPEN);
	start();
	memcpy(c.meta.name, "p/x.pcapng", 11);
	CHECK(commit_tear(slot, SLOT_BYTES, &c) == ERR_SYNTAX);
	c = record(2, COMMIT_OPEN);
	memset(c.meta.name, 'n', sizeof(c.meta.name) - 1);
	memcpy(c.meta.name + sizeof(c.meta.name) - sizeof(".encrypted"), ".encrypted", sizeof(".encrypted"));
	CHECK(commit_tear(slot, SLOT_BYTES, &c) == ERR_FULL);
}

int main(void)
{
	RUN(the_newest_record_is_read_back_as_it_was_written,
	    "the newest record is read back as it was written");
	RUN(a_record_stands_as_its_format_says, "a record stands as its format says");
	RUN(a_record_cut_at_any_byte_leaves_the_one_before_it,
	    "a record cut at any byte, or with any bit changed, leaves the one before it");
	RUN(a_torn_object_is_what_was_committed_and_its_provisional_frame,
	    "a torn object is what was committed and its provisional frame");
	RUN(a_name_that_is_no_objects_is_not_believed, "a name that is no object's is not believed");
	RUN(lengths_that_can_not_be_are_not_followed, "lengths that can't be are not followed");
	free(slot);
	return check_done();
}
