/* The ring: netlink messages, each one event, padded to 8. One that might not fit into what is left before
 * the end begins at the start again. The word at the place that was offered for the next one is zero until it
 * is there: a process that died between receiving an event and counting it left it there whole, and its
 * successor sees it. Where no place was offered an earlier lap's may stand.
 */
#include "role/flows/journal.h"

#include <string.h>

#define ALIGN(n) (((n) + 7) & ~7ull)

struct journal_page {
	uint64_t head;    /* behind the last event */
	uint64_t settled; /* all before needs no record */
	uint64_t offered; /* the place that was offered last */
};

_Static_assert(sizeof(struct journal_page) <= POOL_PAGE_BYTES && JOURNAL_BYTES % 8 == 0, "layout");

/* Where the event stands that begins at `at` or, if it might not fit there, at the ring's start. */
static uint64_t place_of(uint64_t at)
{
	uint64_t offset = at % JOURNAL_BYTES;
	return offset + JOURNAL_EVENT_MAX > JOURNAL_BYTES ? at + JOURNAL_BYTES - offset : at;
}

static uint8_t *bytes_at(const struct journal *j, uint64_t at)
{
	return j->ring + at % JOURNAL_BYTES;
}

/* Its length as the kernel wrote it, or 0. */
static uint32_t length_at(const struct journal *j, uint64_t at)
{
	uint32_t len;
	memcpy(&len, bytes_at(j, at), sizeof(len));
	return len <= JOURNAL_EVENT_MAX ? len : 0;
}

static void count(struct journal *j, uint64_t at, size_t bytes)
{
	__atomic_store_n(&j->page->head, at + ALIGN(bytes), __ATOMIC_RELEASE);
}

void journal_init(struct journal *j, const struct pool *pool)
{
	*j = (struct journal){.page = pool_page(pool), .ring = pool_slot(pool, 0)};
	uint64_t at = place_of(j->page->head);
	if (j->page->offered == at && length_at(j, at))
		count(j, at, length_at(j, at));
}

void journal_resume(struct journal *j, uint64_t at)
{
	ASSERT(at <= j->page->head);
	j->keep = j->next = at;
}

void journal_settled(struct journal *j, uint64_t at)
{
	j->page->settled = at;
}

uint64_t journal_settled_up_to(const struct journal *j)
{
	return j->page->settled;
}

bool journal_room(struct journal *j, struct buf *place)
{
	uint64_t at = place_of(j->page->head);
	if (at + JOURNAL_EVENT_MAX + 8 > j->keep + JOURNAL_BYTES)
		return false;
	memset(bytes_at(j, at), 0, 4);
	__atomic_store_n(&j->page->offered, at, __ATOMIC_RELEASE);
	*place = buf_over(bytes_at(j, at), JOURNAL_EVENT_MAX);
	return true;
}

void journal_received(struct journal *j, size_t bytes)
{
	count(j, place_of(j->page->head), bytes);
}

bool journal_next(struct journal *j, struct nlmsg *m)
{
	while (j->next < j->page->head) {
		uint64_t at = place_of(j->next);
		struct span in = span_of(bytes_at(j, at), length_at(j, at));
		ASSERT(in.len); /* only whole events are counted */
		if (!nlmsg_next(&in, m))
			return true;
		journal_read(j);
	}
	return false;
}

void journal_read(struct journal *j)
{
	uint64_t at = place_of(j->next);
	j->next = at + ALIGN(length_at(j, at));
}

void journal_release(struct journal *j, uint64_t keep)
{
	ASSERT(keep >= j->keep && keep <= j->next);
	j->keep = keep;
}

bool journal_tight(const struct journal *j)
{
	return j->page->head - j->keep > JOURNAL_BYTES / 4 * 3;
}
