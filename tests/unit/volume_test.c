#include "check.h"

#include "base/crc.h"
#include "record/commit.h"
#include "record/volume.h"

#define MIB (1024ull * 1024)
#define CRC_AT (VOLUME_PAGE_BYTES - 4)

static uint8_t pages[VOLUME_HEADERS_BYTES];

static struct volume_header header(uint64_t generation)
{
	return (struct volume_header){.generation = generation,
				      .boot = 0x1122334455667788 + generation,
				      .slot_bytes = 64 * MIB,
				      .slots = 1000,
				      .ended = generation & 1,
				      .written_ns = 1700000000123456789,
				      .gap_boot = 0x99aabbccddeeff00 + generation,
				      .gap_from_ns = 1600000000123456789};
}

static void put(uint64_t generation)
{
	struct volume_header h = header(generation);
	volume_write_header(&h, pages + volume_header_offset(generation));
}

/* The generation that counts; 0: none. */
static uint64_t newest(void)
{
	struct volume_header h;
	return volume_read_headers(pages, &h) ? 0 : h.generation;
}

static void the_newest_header_is_read_back_as_it_was_written(void)
{
	struct volume_header h, want;
	memset(pages, 0, sizeof(pages));
	CHECK(volume_read_headers(pages, &h) == ERR_NOT_FOUND);
	for (uint64_t g = 1; g < 6; g++) {
		put(g);
		want = header(g);
		CHECK(!volume_read_headers(pages, &h) && h.generation == g);
		CHECK(h.boot == want.boot && h.slot_bytes == want.slot_bytes && h.slots == want.slots);
		CHECK(h.ended == want.ended && h.written_ns == want.written_ns);
		CHECK(h.gap_boot == want.gap_boot && h.gap_from_ns == want.gap_from_ns);
		CHECK(volume_header_offset(g) == (g & 1) * VOLUME_PAGE_BYTES);
	}
}

/* The table at the top of record/volume.c: each number written is the place where it must stand. */
static void a_header_stands_as_its_format_says(void)
{
	const struct volume_header h = {.generation = 16,
					.boot = 24,
					.slot_bytes = 32,
					.slots = 40,
					.ended = 44,
					.written_ns = 48,
					.gap_boot = 56,
					.gap_from_ns = 64};
	uint8_t p[VOLUME_PAGE_BYTES], zeros[VOLUME_PAGE_BYTES] = {0};
	volume_write_header(&h, p);
	CHECK(memcmp(p, "sealtap volume 1", 16) == 0);
	CHECK(load_le64(p + 16) == 16 && load_le64(p + 24) == 24 && load_le64(p + 32) == 32);
	CHECK(load_le32(p + 40) == 40 && load_le32(p + 44) == 44);
	CHECK(load_le64(p + 48) == 48 && load_le64(p + 56) == 56 && load_le64(p + 64) == 64);
	CHECK(memcmp(p + 72, zeros, 4092 - 72) == 0 && load_le32(p + 4092) == crc32c(span_of(p, 4092)));
	CHECK(volume_header_offset(2) == 0 && volume_header_offset(3) == 4096);
	CHECK(volume_slot_offset(&h, 1) == 1048576 + 32);
}

/* Power that failed after any byte of the newer one; both ways round. */
static void a_header_cut_at_any_byte_leaves_the_one_before_it(void)
{
	for (uint64_t g = 2; g < 4; g++) {
		memset(pages, 0, sizeof(pages));
		put(g - 1);
		put(g);
		uint8_t whole[VOLUME_PAGE_BYTES], *at = pages + volume_header_offset(g);
		memcpy(whole, at, sizeof(whole));
		for (size_t cut = 0; cut < VOLUME_PAGE_BYTES; cut++) {
			memset(at, 0x5a, VOLUME_PAGE_BYTES); /* an older use of the place */
			memcpy(at, whole, cut);
			CHECK(newest() == g - 1);
		}
		memcpy(at, whole, sizeof(whole));
		CHECK(newest() == g);
		for (size_t bit = 0; bit < VOLUME_PAGE_BYTES * 8; bit++) {
			at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK(newest() == g - 1);
			at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void damaged(void)
{
	struct volume_header h;
	memset(pages, 0, sizeof(pages));
	put(6);
	put(7);
	for (size_t bit = 15 * 8; bit < VOLUME_PAGE_BYTES * 8; bit += 7) {
		pages[bit / 8] ^= (uint8_t)(1u << bit % 8);
		pages[VOLUME_PAGE_BYTES + 500] ^= 1;
		CHECK(volume_read_headers(pages, &h) == ERR_CHECKSUM);
		pages[VOLUME_PAGE_BYTES + 500] ^= 1;
		CHECK(newest() == 7);
		pages[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* one is ours and damaged, the other's place holds nothing of ours */
	memset(pages, 0, VOLUME_PAGE_BYTES);
	pages[VOLUME_PAGE_BYTES + 500] ^= 1;
	CHECK(volume_read_headers(pages, &h) == ERR_CHECKSUM);
	pages[VOLUME_PAGE_BYTES] ^= 1;
	CHECK(volume_read_headers(pages, &h) == ERR_NOT_FOUND);
	memset(pages, 0xff, sizeof(pages));
	CHECK(volume_read_headers(pages, &h) == ERR_NOT_FOUND);
}

static void checksum(uint8_t *page)
{
	store_le32(page + CRC_AT, crc32c(span_of(page, CRC_AT)));
}

static void another_version_is_told_from_damage(void)
{
	struct volume_header h;
	memset(pages, 0, sizeof(pages));
	put(1);
	uint8_t *page = pages + VOLUME_PAGE_BYTES;
	page[15] = '2';
	CHECK(volume_read_headers(pages, &h) == ERR_CHECKSUM);
	checksum(page);
	CHECK(volume_read_headers(pages, &h) == ERR_UNSUPPORTED);
}

/* Each byte of the fields may be anything: what is read can be reckoned with. */
static void a_header_that_makes_no_sense_is_not_believed(void)
{
	static const struct {
		size_t at, len;
		uint64_t value;
		bool fine;
	} cases[] = {
		{16, 8, 0, false},         {16, 8, UINT64_MAX, true},
		{24, 8, 0, true},          {32, 8, 0, false},
		{32, 8, 64 * MIB + 1, 0},  {32, 8, COMMIT_DATA_OFFSET, false},
		{32, 8, 1ull << 40, true}, {32, 8, COMMIT_DATA_OFFSET + 4096, true},
		{32, 8, 1ull << 41, 0},    {32, 8, UINT64_MAX - 4095, false},
		{40, 4, 0, false},         {40, 4, VOLUME_SLOTS_MAX, true},
		{40, 4, 1, true},          {40, 4, VOLUME_SLOTS_MAX + 1, false},
		{44, 4, 2, false},         {40, 4, UINT32_MAX, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct volume_header h;
		memset(pages, 0, sizeof(pages));
		put(2);
		for (size_t k = 0; k < cases[i].len; k++)
			pages[cases[i].at + k] = (uint8_t)(cases[i].value >> 8 * k);
		checksum(pages);
		CHECK(volume_read_headers(pages, &h) == (cases[i].fine ? ERR_OK : ERR_SYNTAX));
		put(1); /* the one before it counts */
		CHECK(newest() == (cases[i].fine ? cases[i].at == 16 ? cases[i].value : 2 : 1));
	}
}

static void slots_lie_behind_each_other_and_within_the_disk(void)
{
	struct volume_header h = header(1);
	for (h.slot_bytes = MIB; h.slot_bytes <= 64 * MIB; h.slot_bytes *= 4) {
		for (uint64_t disk = 0; disk < 300 * MIB; disk += 1000003) {
			h.slots = volume_slots(disk, h.slot_bytes);
			if (disk < VOLUME_SLOTS_OFFSET + h.slot_bytes) {
				CHECK(h.slots == 0);
				continue;
			}
			uint64_t end = volume_slot_offset(&h, h.slots - 1) + h.slot_bytes;
			CHECK(end <= disk && disk - end < h.slot_bytes);
			CHECK(volume_slot_offset(&h, 0) == VOLUME_SLOTS_OFFSET);
		}
	}
	for (uint32_t i = 1; i < h.slots; i++)
		CHECK(volume_slot_offset(&h, i) - volume_slot_offset(&h, i - 1) == h.slot_bytes);
}

static void a_disk_has_no_more_slots_than_the_format_knows(void)
{
	struct volume_header h = header(1);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET + 3 * MIB - 1, MIB) == 2);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET + 3 * MIB, MIB) == 3);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET - 1, MIB) == 0);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET + 16384 * 64 * MIB - 1, 64 * MIB) == 16383);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET + 16384 * 64 * MIB, 64 * MIB) == VOLUME_SLOTS_MAX);
	CHECK(volume_slots(VOLUME_SLOTS_OFFSET + 20000 * 64 * MIB, 64 * MIB) == VOLUME_SLOTS_MAX);
	CHECK(volume_slots(UINT64_MAX, MIB) == VOLUME_SLOTS_MAX);
	h.slot_bytes = 1ull << 40; /* no product is cut off */
	h.slots = VOLUME_SLOTS_MAX;
	CHECK(volume_slot_offset(&h, 16383) == VOLUME_SLOTS_OFFSET + (16383ull << 40));
}

static void probe(uint64_t disk)
{
	uint64_t at, reached = 0, first_end = 0, last_from = UINT64_MAX;
	size_t len;
	uint32_t i = 0;
	for (; volume_probe(disk, i, &at, &len); i++) {
		CHECK(len > 0 && len <= MIB && at <= disk && len <= disk - at);
		if (at == 0 && len > first_end)
			first_end = len;
		if (at + len == disk && at < last_from)
			last_from = at;
		if (i < 2)
			continue;
		CHECK(at >= reached && at % VOLUME_PAGE_BYTES == 0);
		CHECK(at - reached <= disk / 64 + VOLUME_PAGE_BYTES);
		reached = at;
	}
	CHECK(i == 66);
	CHECK(first_end == (disk < MIB ? disk : MIB));
	CHECK(last_from == (disk < MIB ? 0 : disk - MIB));
	/* and up to the last MiB there is no wider gap than a step, rounded to pages */
	CHECK(disk <= MIB || disk - MIB - reached <= 64 * VOLUME_PAGE_BYTES);
}

static void the_first_and_last_mib_and_64_steps_between_are_looked_at(void)
{
	for (uint64_t disk = 1; disk < 8 * MIB; disk += disk < 10000 ? 1 : 1021)
		probe(disk);
	for (uint64_t disk = 8 * MIB; disk < 1ull << 44; disk = disk * 5 / 4 + 511)
		probe(disk);
	probe(UINT64_MAX);
}

int main(void)
{
	RUN(the_newest_header_is_read_back_as_it_was_written,
	    "the newest header is read back as it was written");
	RUN(a_header_stands_as_its_format_says, "a header stands as its format says");
	RUN(a_header_cut_at_any_byte_leaves_the_one_before_it,
	    "a header cut at any byte, or with any bit changed, leaves the one before it");
	RUN(damaged, "both headers damaged is told from a disk that is not ours");
	RUN(another_version_is_told_from_damage, "a header of another version is told from damage");
	RUN(a_header_that_makes_no_sense_is_not_believed,
	    "a header whose checksum holds and that makes no sense is not believed");
	RUN(slots_lie_behind_each_other_and_within_the_disk,
	    "slots lie behind each other and within the disk");
	RUN(a_disk_has_no_more_slots_than_the_format_knows, "a disk has no more slots than the format knows");
	RUN(the_first_and_last_mib_and_64_steps_between_are_looked_at,
	    "the first and last MiB and 64 steps between are looked at before a disk is formatted");
	return check_done();
}
