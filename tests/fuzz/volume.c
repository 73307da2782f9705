/* volume: what stands on a disk that anybody may have written: both headers and a slot's two records, and
 * what a torn object becomes.
 *
 * Input: a byte of flags (bits 0..3: the checksum of a page is made to hold), the slot's bytes beyond
 * COMMIT_DATA_OFFSET in pages (u8), the disk's size (u64); then the pages by what is not zero in them: each
 * its first 64 bytes for a header, its first 900 for a record.
 */
#include "record/volume.h"
#include "base/crc.h"
#include "record/commit.h"

#include "fuzz.h"

#define HEAD_BYTES 64
#define RECORD_BYTES 900

static void page_of(uint8_t page[4096], struct span *in, size_t len, bool checksum)
{
	struct span bytes = span_first(*in, len);
	*in = span_from(*in, bytes.len);
	memset(page, 0, 4096);
	if (bytes.len)
		memcpy(page, bytes.p, bytes.len);
	if (checksum)
		store_le32(page + 4092, crc32c(span_of(page, 4092)));
}

static void header(const uint8_t pages[VOLUME_HEADERS_BYTES], uint64_t disk_bytes)
{
	struct volume_header h, again;
	uint8_t copy[VOLUME_HEADERS_BYTES] = {0};
	uint64_t at;
	size_t len;
	for (uint32_t i = 0; volume_probe(disk_bytes, i, &at, &len); i++)
		MUST(i < 66 && len <= 1u << 20 && at <= disk_bytes && len <= disk_bytes - at);
	if (volume_read_headers(pages, &h))
		return;
	MUST(h.generation && h.slots && h.slots <= VOLUME_SLOTS_MAX && h.ended <= 1);
	MUST(h.slot_bytes > COMMIT_DATA_OFFSET && h.slot_bytes % VOLUME_PAGE_BYTES == 0);
	MUST(volume_header_offset(h.generation) <= VOLUME_PAGE_BYTES);
	uint64_t end = volume_slot_offset(&h, h.slots - 1) + h.slot_bytes;
	MUST(end > h.slot_bytes && volume_slot_offset(&h, 0) == VOLUME_SLOTS_OFFSET);
	/* a disk large enough by volume_slots() holds the last one */
	MUST(h.slots > volume_slots(disk_bytes, h.slot_bytes) || end <= disk_bytes);
	volume_write_header(&h, copy + volume_header_offset(h.generation));
	MUST(!volume_read_headers(copy, &again) && memcmp(&again, &h, sizeof(h)) == 0);
}

static void torn(const uint8_t records[2 * COMMIT_RECORD_BYTES], uint64_t slot_bytes, struct commit *c)
{
	/* Alone in its allocation, so that a step outside is seen. */
	uint8_t *slot = calloc(1, slot_bytes);
	MUST(slot);
	memcpy(slot, records, 2 * COMMIT_RECORD_BYTES);
	uint64_t data_bytes = c->data_bytes, side_bytes = c->side_bytes;
	if (!commit_tear(slot, slot_bytes, c)) {
		MUST(c->state == COMMIT_CLOSED && c->side_bytes == 0 && side_bytes);
		MUST(c->data_bytes == data_bytes + side_bytes && c->data_bytes == c->meta.size_bytes);
		MUST(c->data_bytes <= slot_bytes - COMMIT_DATA_OFFSET);
		MUST_END(c->meta.name);
		MUST(span_ends(span_str(c->meta.name), SPAN(".torn.encrypted")));
		commit_write(slot, c);
	}
	free(slot);
}

static void newest(const uint8_t records[2 * COMMIT_RECORD_BYTES], uint64_t slot_bytes)
{
	struct commit c, again;
	uint8_t copy[2 * COMMIT_RECORD_BYTES] = {0};
	if (commit_read_newest(records, &c))
		return;
	MUST(c.generation && c.state > COMMIT_NONE && c.state <= COMMIT_FREE);
	MUST(c.side_bytes <= COMMIT_SIDE_BYTES && object_meta_sane(&c.meta));
	commit_write_record(copy + commit_record_offset(c.generation), &c);
	MUST(!commit_read_newest(copy, &again) && again.generation == c.generation && again.state == c.state);
	if (c.state == COMMIT_OPEN)
		torn(records, slot_bytes, &c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t pages[VOLUME_HEADERS_BYTES], records[2 * COMMIT_RECORD_BYTES], number[8];
	uint8_t flags = fuzz_byte(&in);
	uint64_t slot_bytes = COMMIT_DATA_OFFSET + fuzz_byte(&in) % 20 * 4096;
	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = fuzz_byte(&in);
	page_of(pages, &in, HEAD_BYTES, flags & 1);
	page_of(pages + VOLUME_PAGE_BYTES, &in, HEAD_BYTES, flags & 2);
	header(pages, load_le64(number));
	page_of(records, &in, RECORD_BYTES, flags & 4);
	page_of(records + COMMIT_RECORD_BYTES, &in, RECORD_BYTES, flags & 8);
	newest(records, slot_bytes);
	return 0;
}
