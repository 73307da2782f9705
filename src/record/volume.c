/* The volume:
 *
 *        0  header of even generations (4096)
 *     4096  header of odd generations (4096)
 *     8192  zeros
 *  1048576  slots of slot_bytes each, as record/commit.c says
 *
 * A header, little-endian:
 *
 *        0  "sealtap volume 1"
 *       16  generation u64
 *       24  boot u64
 *       32  slot_bytes u64
 *       40  slots u32
 *       44  ended u32
 *       48  written_ns u64
 *       56  gap_boot u64
 *       64  gap_from_ns u64
 *       72  zeros
 *     4092  CRC32C of all before, u32
 *
 * A header counts if and only if its CRC32C holds, its first 16 bytes are as above and its fields are within
 * the limits of volume.h (slot_bytes: room for more than a slot's head, no more than 1 TiB); of two such
 * headers the one of the higher generation does.
 */
#include "record/volume.h"

#include "base/crc.h"
#include "record/commit.h"

#define MAGIC SPAN("sealtap volume 1")
#define MAGIC_ANY SPAN("sealtap volume ")
#define CRC_AT (VOLUME_PAGE_BYTES - 4)
#define MIB (1024u * 1024)
#define PROBE_STEPS 64u
#define PROBE_BYTES 65536u

void volume_write_header(const struct volume_header *h, uint8_t page[VOLUME_PAGE_BYTES])
{
	struct buf b = buf_over(page, VOLUME_PAGE_BYTES);
	ASSERT(h->generation && h->slots && h->slots <= VOLUME_SLOTS_MAX);
	buf_put(&b, MAGIC);
	buf_le64(&b, h->generation);
	buf_le64(&b, h->boot);
	buf_le64(&b, h->slot_bytes);
	buf_le32(&b, h->slots);
	buf_le32(&b, h->ended);
	buf_le64(&b, h->written_ns);
	buf_le64(&b, h->gap_boot);
	buf_le64(&b, h->gap_from_ns);
	buf_fill(&b, 0, CRC_AT - b.len);
	buf_le32(&b, crc32c(buf_span(&b)));
	ASSERT(b.len == VOLUME_PAGE_BYTES && !b.overflow);
}

static bool sane(const struct volume_header *h)
{
	return h->generation && h->slots && h->slots <= VOLUME_SLOTS_MAX && h->ended <= 1 &&
	       h->slot_bytes % VOLUME_PAGE_BYTES == 0 && h->slot_bytes > COMMIT_DATA_OFFSET &&
	       h->slot_bytes <= 1ull << 40;
}

static enum err read_header(const uint8_t *page, struct volume_header *h)
{
	struct span all = span_of(page, VOLUME_PAGE_BYTES);
	if (!span_starts(all, MAGIC_ANY))
		return ERR_NOT_FOUND;
	if (crc32c(span_first(all, CRC_AT)) != load_le32(page + CRC_AT))
		return ERR_CHECKSUM;
	if (!span_starts(all, MAGIC))
		return ERR_UNSUPPORTED;
	const uint8_t *p = page + MAGIC.len;
	*h = (struct volume_header){
		.generation = load_le64(p),
		.boot = load_le64(p + 8),
		.slot_bytes = load_le64(p + 16),
		.slots = load_le32(p + 24),
		.ended = load_le32(p + 28),
		.written_ns = load_le64(p + 32),
		.gap_boot = load_le64(p + 40),
		.gap_from_ns = load_le64(p + 48),
	};
	return sane(h) ? ERR_OK : ERR_SYNTAX;
}

enum err volume_read_headers(const uint8_t pages[VOLUME_HEADERS_BYTES], struct volume_header *h)
{
	struct volume_header other;
	enum err e = read_header(pages, h), f = read_header(pages + VOLUME_PAGE_BYTES, &other);
	if (e && f)
		return e == ERR_NOT_FOUND ? f : e;
	if (e || (!f && other.generation > h->generation))
		*h = other;
	return ERR_OK;
}

uint64_t volume_header_offset(uint64_t generation)
{
	return (generation & 1) * VOLUME_PAGE_BYTES;
}

uint64_t volume_slot_offset(const struct volume_header *h, uint32_t slot)
{
	ASSERT(slot < h->slots);
	return VOLUME_SLOTS_OFFSET + slot * h->slot_bytes;
}

uint32_t volume_slots(uint64_t disk_bytes, uint64_t slot_bytes)
{
	if (disk_bytes < VOLUME_SLOTS_OFFSET)
		return 0;
	uint64_t slots = (disk_bytes - VOLUME_SLOTS_OFFSET) / slot_bytes;
	return slots < VOLUME_SLOTS_MAX ? (uint32_t)slots : VOLUME_SLOTS_MAX;
}

bool volume_probe(uint64_t disk_bytes, uint32_t i, uint64_t *at, size_t *len)
{
	uint64_t last = disk_bytes > MIB ? disk_bytes - MIB : 0;
	*at = i == 0   ? 0
	      : i == 1 ? last
		       : last / PROBE_STEPS / VOLUME_PAGE_BYTES * VOLUME_PAGE_BYTES * (i - 1);
	*len = i < 2 ? MIB : PROBE_BYTES;
	if (*len > disk_bytes - *at)
		*len = (size_t)(disk_bytes - *at);
	return i < 2 + PROBE_STEPS;
}
