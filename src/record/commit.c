/* A slot:
 *
 *        0  record of even generations (4096)
 *     4096  record of odd generations (4096)
 *     8192  provisional final frame of even generations (69632)
 *    77824  provisional final frame of odd generations (69632)
 *   147456  the message
 *
 * A record, little-endian:
 *
 *        0  "sealtap\2"                    140  prev (32)
 *        8  generation u64                 172  sha256 (32)
 *       16  state u32                      204  sig_len u32
 *       20  side_bytes u32                 208  sig (72)
 *       24  data_bytes u64                 280  name (448)
 *       32  data_crc u32                   where to go on, u64 each:
 *       36  side_crc u32                   728  block_seq
 *     of the object:                       736  packets
 *       40  kind u32                       744  packet_id
 *       44  seq u32                        752  recorded (2)
 *       48  canary u32                     768  filtered (2)
 *       52  boot u64                       784  over_budget (2)
 *       60  signer u64                     800  drops
 *       68  first_ns u64                   808  refused
 *       76  last_ns u64                    816  records
 *       84  records u64                    824  lost
 *       92  raw_bytes u64                  832  cut
 *      100  lost u64                       840  raw_bytes
 *      108  cut u64                        848  size_bytes
 *      116  filtered u64                   856  objects
 *      124  size_bytes u64                 864  zeros
 *      132  stream (8)                    4092  CRC32C of all before, u32
 *
 * A record counts if and only if
 *   (1) its CRC32C holds and its first eight bytes are as above,
 *   (2) its generation is not 0 and its state is one of the four,
 *   (3) side_bytes fit their place, and data_bytes are the object's size_bytes unless it is OPEN,
 *   (4) strings and lengths of the object are sane (object_meta_sane()),
 * and of two such records the one of the higher generation does.
 *
 * A writer brings the message's bytes and the provisional final frame there first, then the record: in
 * memory with a fence between, on a volume with a sync (role/spool/store.h). So whatever a record speaks of
 * is there; what stands behind data_bytes counts for nothing.
 */
#include "record/commit.h"

#include <string.h>

#include "base/crc.h"
#include "lib/sha.h"

#define MAGIC SPAN("sealtap\2")
#define CRC_AT (COMMIT_RECORD_BYTES - 4)

size_t commit_record_offset(uint64_t generation)
{
	return (generation & 1) * COMMIT_RECORD_BYTES;
}

size_t commit_side_offset(uint64_t generation)
{
	return 2 * COMMIT_RECORD_BYTES + (generation & 1) * COMMIT_SIDE_BYTES;
}

/* ---- fields, in one order for both directions */

struct fields {
	struct buf *out; /* writing */
	struct span in;  /* reading */
};

static void field_u64(struct fields *f, uint64_t *v)
{
	if (f->out)
		buf_le64(f->out, *v);
	else
		*v = load_le64(f->in.p);
	f->in = span_from(f->in, 8);
}

static void field_u32(struct fields *f, uint32_t *v)
{
	if (f->out)
		buf_le32(f->out, *v);
	else
		*v = load_le32(f->in.p);
	f->in = span_from(f->in, 4);
}

static void field_bytes(struct fields *f, void *p, size_t len)
{
	if (f->out)
		buf_put(f->out, span_of(p, len));
	else
		memcpy(p, f->in.p, len);
	f->in = span_from(f->in, len);
}

static void field_meta(struct fields *f, struct object_meta *m)
{
	uint64_t *numbers[] = {&m->boot,      &m->signer, &m->first_ns, &m->last_ns,  &m->records,
			       &m->raw_bytes, &m->lost,   &m->cut,      &m->filtered, &m->size_bytes};
	field_u32(f, &m->kind);
	field_u32(f, &m->seq);
	field_u32(f, &m->canary);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		field_u64(f, numbers[i]);
	field_bytes(f, m->stream, sizeof(m->stream));
	field_bytes(f, m->prev, sizeof(m->prev));
	field_bytes(f, m->sha256, sizeof(m->sha256));
	field_u32(f, &m->sig_len);
	field_bytes(f, m->sig, sizeof(m->sig));
	field_bytes(f, m->name, sizeof(m->name));
}

static void field_resume(struct fields *f, struct commit_resume *r)
{
	uint64_t *numbers[] = {
		&r->block_seq,      &r->packets,     &r->packet_id,   &r->recorded[0],
		&r->recorded[1],    &r->filtered[0], &r->filtered[1], &r->over_budget[0],
		&r->over_budget[1], &r->drops,       &r->refused,     &r->records,
		&r->lost,           &r->cut,         &r->raw_bytes,   &r->size_bytes,
		&r->objects,
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		field_u64(f, numbers[i]);
}

static void fields_of(struct fields *f, struct commit *c)
{
	field_u64(f, &c->generation);
	field_u32(f, &c->state);
	field_u32(f, &c->side_bytes);
	field_u64(f, &c->data_bytes);
	field_u32(f, &c->data_crc);
	field_u32(f, &c->side_crc);
	field_meta(f, &c->meta);
	field_resume(f, &c->resume);
}

/* ---- records */

void commit_write_record(uint8_t record[COMMIT_RECORD_BYTES], const struct commit *c)
{
	struct buf b = buf_over(record, COMMIT_RECORD_BYTES);
	struct fields f = {.out = &b};
	struct commit copy = *c;
	ASSERT(c->generation && c->state > COMMIT_NONE && c->state <= COMMIT_FREE);
	buf_put(&b, MAGIC);
	fields_of(&f, &copy);
	buf_fill(&b, 0, CRC_AT - b.len);
	buf_le32(&b, crc32c(buf_span(&b)));
	ASSERT(b.len == COMMIT_RECORD_BYTES && !b.overflow);
}

void commit_write(uint8_t *slot, const struct commit *c)
{
	uint8_t record[COMMIT_RECORD_BYTES];
	commit_write_record(record, c);
	/* what it speaks of is in memory before it is */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(slot + commit_record_offset(c->generation), record, sizeof(record));
}

static bool sane(const struct commit *c)
{
	return c->generation && c->state > COMMIT_NONE && c->state <= COMMIT_FREE &&
	       c->side_bytes <= COMMIT_SIDE_BYTES && object_meta_sane(&c->meta) &&
	       (c->state == COMMIT_OPEN || c->data_bytes == c->meta.size_bytes);
}

/* ERR_NOT_FOUND: never written; ERR_UNSUPPORTED: of another version; ERR_SYNTAX: its checksum holds, yet it
 * makes no sense. */
static enum err read_record(const uint8_t *record, struct commit *c)
{
	struct span all = span_of(record, COMMIT_RECORD_BYTES);
	static const uint8_t never[sizeof("sealtap\2") - 1];
	memset(c, 0, sizeof(*c));
	if (memcmp(record, never, sizeof(never)) == 0)
		return ERR_NOT_FOUND;
	if (crc32c(span_first(all, CRC_AT)) != load_le32(record + CRC_AT))
		return ERR_CHECKSUM;
	if (!span_starts(all, MAGIC))
		return ERR_UNSUPPORTED;
	struct fields f = {.in = span_from(all, MAGIC.len)};
	fields_of(&f, c);
	return sane(c) ? ERR_OK : ERR_SYNTAX;
}

enum err commit_read(const uint8_t *slot, struct commit *c)
{
	uint8_t record[2 * COMMIT_RECORD_BYTES];
	memcpy(record, slot, sizeof(record)); /* its writer may be at work */
	return commit_read_newest(record, c);
}

enum err commit_read_newest(const uint8_t records[2 * COMMIT_RECORD_BYTES], struct commit *c)
{
	struct commit other;
	enum err e = read_record(records, c);
	enum err f = read_record(records + COMMIT_RECORD_BYTES, &other);
	if (e && f)
		return ERR_NOT_FOUND;
	if (e || (!f && other.generation > c->generation))
		*c = other;
	return ERR_OK;
}

enum err commit_tear(uint8_t *slot, uint64_t slot_bytes, struct commit *c)
{
	ASSERT(c->state == COMMIT_OPEN);
	if (c->side_bytes == 0)
		return ERR_NOT_FOUND;
	if (c->data_bytes > slot_bytes || slot_bytes < COMMIT_DATA_OFFSET ||
	    slot_bytes - COMMIT_DATA_OFFSET < c->data_bytes + c->side_bytes)
		return ERR_RANGE;
	uint8_t *data = slot + COMMIT_DATA_OFFSET;
	memcpy(data + c->data_bytes, slot + commit_side_offset(c->generation), c->side_bytes);
	c->data_bytes += c->side_bytes;
	c->side_bytes = 0;
	c->state = COMMIT_CLOSED;
	c->meta.size_bytes = c->data_bytes;
	sha256_of(span_of(data, c->data_bytes), c->meta.sha256);
	return object_torn(&c->meta);
}
