#include "volume_scene.h"

static void start(void)
{
	volume_start(0);
	CHECK(!open_it(BOOT) && found.formatted && s.header.slots == SLOTS);
}

static void set_free(uint32_t slot)
{
	s.slot[slot].shipped = true;
	CHECK(!store_free_shipped(&s));
}

/* ---- opening */

static void an_empty_disk_is_made_ours_and_is_then_found_as_it_was(void)
{
	start();
	CHECK(found.objects == 0 && found.damaged == 0 && !found.gap);
	CHECK(s.header.slot_bytes == SLOT_BYTES && s.header.generation == 1 && volume.pending_count == 0);
	CHECK(!open_it(BOOT) && !found.formatted && s.header.slots == SLOTS);
	volume_start(0);
	memset(&s, 0, sizeof(s));
	CHECK(store_open(&s, &volume.disk, BOOT, DISK_BYTES / 3, 2, &found) == ERR_TOO_LONG);
	CHECK(volume.writes == 0);
}

static void refused_with(uint64_t at)
{
	static uint8_t before[DISK_BYTES];
	uint8_t was = volume.bytes[at];
	volume.bytes[at] = 0x20;
	memcpy(before, volume.bytes, DISK_BYTES);
	CHECK(open_it(BOOT) == ERR_CONFLICT);
	CHECK(volume.writes == 0 && memcmp(before, volume.bytes, DISK_BYTES) == 0);
	volume.bytes[at] = was;
}

static void foreign_bytes_at_any_place_that_is_looked_at_are_left_alone(void)
{
	uint64_t at;
	size_t len;
	volume_start(0);
	for (uint32_t i = 0; volume_probe(DISK_BYTES, i, &at, &len); i++) {
		refused_with(at);
		refused_with(at + len / 2);
		refused_with(at + len - 1);
	}
	volume_start(0xff);
	CHECK(open_it(BOOT) == ERR_CONFLICT && volume.writes == 0);
	volume_start(0);
	CHECK(!open_it(BOOT));
}

static void a_volume_of_another_version_or_cut_shorter_is_left_alone(void)
{
	start();
	uint8_t *page = volume.bytes + volume_header_offset(1);
	page[15] = '2';
	store_le32(page + VOLUME_PAGE_BYTES - 4, crc32c(span_of(page, VOLUME_PAGE_BYTES - 4)));
	unsigned writes = volume.writes;
	CHECK(open_it(BOOT) == ERR_UNSUPPORTED && volume.writes == writes);
	page[100] ^= 1;
	CHECK(open_it(BOOT) == ERR_CHECKSUM && volume.writes == writes);
	struct volume_header h = {1, BOOT, SLOT_BYTES, SLOTS + 1, 0, 0, 0, 0};
	volume_write_header(&h, page);
	CHECK(open_it(BOOT) == ERR_RANGE && volume.writes == writes);
}

static void what_was_stored_is_found_in_the_state_that_it_had(void)
{
	struct commit c;
	start();
	uint32_t open = store_one(OBJECT_PACKETS, 1, 30000, 700), sealed = store_one(OBJECT_LOG, 2, 40000, 0);
	uint32_t freed = store_one(OBJECT_PACKETS, 3, 50000, 0);
	set_free(freed);
	CHECK(!store_sync(&s));
	uint32_t closed = store_take(&s, OBJECT_PACKETS);
	c = commit_of(OBJECT_PACKETS, 4, 60000, 0);
	c.state = COMMIT_CLOSED;
	write_whole(closed, &c);
	CHECK(closed == freed);
	CHECK(!open_it(BOOT + 1) && found.objects == 3 && found.damaged == 0);
	CHECK(store_find(&s, BOOT, "w0", 1) == open && s.slot[open].state == COMMIT_OPEN);
	CHECK(store_find(&s, BOOT, "log", 2) == sealed && s.slot[sealed].state == COMMIT_SEALED);
	CHECK(store_find(&s, BOOT, "w0", 4) == closed && s.slot[closed].state == COMMIT_CLOSED);
	CHECK(store_find(&s, BOOT, "w0", 3) == STORE_NONE && store_find(&s, BOOT, "w1", 1) == STORE_NONE);
	CHECK(store_find(&s, BOOT + 1, "w0", 1) == STORE_NONE);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(speaks_truly(&s, i, &c) && !s.slot[i].taken);
	CHECK(s.slot[sealed].kind == OBJECT_LOG && s.slot[sealed].first_ns == 1002 &&
	      s.slot[sealed].data_bytes == 40000);
	struct store_usage u;
	store_usage(&s, &u);
	CHECK(u.objects == 3 && u.used_bytes == 3 * SLOT_BYTES && u.total_bytes == SLOTS * SLOT_BYTES &&
	      u.oldest_ns == 1001);
}

static void a_slot_with_both_records_damaged_is_left_and_never_taken(void)
{
	start();
	uint32_t slot = store_one(OBJECT_PACKETS, 1, 1000, 100);
	struct commit c = commit_of(OBJECT_PACKETS, 1, 2000, 0);
	write_whole(slot, &c);
	uint8_t *records = volume.bytes + volume_slot_offset(&s.header, slot);
	records[100] ^= 1;
	CHECK(!open_it(BOOT) && found.damaged == 0 && found.objects == 1);
	records[100] ^= 1;
	records[4096 + 100] ^= 1;
	CHECK(!open_it(BOOT) && found.damaged == 0 && s.slot[slot].state == COMMIT_SEALED);
	records[100] ^= 1;
	for (uint64_t boot = BOOT; boot < BOOT + 2; boot++) {
		CHECK(!open_it(boot) && found.damaged == 1 && found.objects == 0 && s.slot[slot].left);
		CHECK(store_next(&s, false) == STORE_NONE && store_next(&s, true) == STORE_NONE);
		for (uint32_t i = 0; i < SLOTS - 1; i++)
			CHECK(store_take(&s, OBJECT_LOG) != slot);
		CHECK(store_take(&s, OBJECT_LOG) == STORE_NONE);
	}
	CHECK(store_read(&s, slot, &c) == ERR_CHECKSUM);
}

static void a_shipped_object_whose_records_are_damaged_keeps_no_other_from_being_freed(void)
{
	start();
	uint32_t slot = store_one(OBJECT_PACKETS, 1, 1000, 0), other = store_one(OBJECT_PACKETS, 2, 1000, 0);
	uint8_t *records = volume.bytes + volume_slot_offset(&s.header, slot);
	records[COMMIT_RECORD_BYTES + 50] ^= 1;
	s.slot[slot].shipped = s.slot[other].shipped = true;
	CHECK(!store_free_shipped(&s) && !store_sync(&s));
	CHECK(s.slot[slot].left && store_next(&s, false) == STORE_NONE);
	CHECK(store_take(&s, OBJECT_PACKETS) == other);
	CHECK(!open_it(BOOT) && found.damaged == 1 && found.objects == 0);
}

/* Checksums keep nobody from writing what he likes. */
static void lengths_that_can_not_be_are_not_followed(void)
{
	static const uint64_t cases[][2] = {
		{DATA_MAX + 1, 0},    {DATA_MAX, 1},          {DATA_MAX - 50, 100}, {UINT64_MAX, 100},
		{UINT64_MAX - 9, 50}, {UINT64_MAX - 99, 100}, {UINT64_MAX, 0},
	};
	struct commit c = commit_of(OBJECT_PACKETS, 1, 1000, 100), got;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start();
		c.data_bytes = c.meta.size_bytes = cases[i][0];
		c.side_bytes = (uint32_t)cases[i][1];
		c.state = c.side_bytes ? COMMIT_OPEN : COMMIT_SEALED;
		CHECK(!store_commit(&s, 0, &c) && store_read(&s, 0, &got) == ERR_SYNTAX);
		CHECK(!open_it(BOOT + 1) && found.damaged == 1 && store_next(&s, true) == STORE_NONE);
	}
	c.data_bytes = c.meta.size_bytes = DATA_MAX;
	c.side_bytes = 0;
	CHECK(!store_commit(&s, 1, &c) && !store_read(&s, 1, &got));
	CHECK(store_data(&s, 1, DATA_MAX - 3, SPAN("four")) == ERR_TOO_LONG);
}

static void another_size_of_slots_waits_until_no_object_is_left(void)
{
	start();
	uint32_t slot = store_one(OBJECT_PACKETS, 1, 1000, 0);
	memset(&s, 0, sizeof(s));
	CHECK(!store_open(&s, &volume.disk, BOOT + 1, SLOT_BYTES + 4096, 2, &found));
	CHECK(!found.formatted && found.objects == 1 && s.header.slot_bytes == SLOT_BYTES);
	set_free(slot);
	CHECK(!store_sync(&s));
	memset(&s, 0, sizeof(s));
	CHECK(!store_open(&s, &volume.disk, BOOT + 2, SLOT_BYTES + 4096, 2, &found) && found.formatted);
	CHECK(s.header.slot_bytes == SLOT_BYTES + 4096 && s.header.slots == SLOTS - 1);
	CHECK(volume.pending_count == 0 && found.objects == 0);
	memset(&s, 0, sizeof(s));
	CHECK(!store_open(&s, &volume.disk, BOOT + 3, SLOT_BYTES + 4096, 2, &found) && !found.formatted);
	CHECK(found.objects == 0 && found.damaged == 0 && s.header.slot_bytes == SLOT_BYTES + 4096);
}

/* A process that died may have left more in the kernel's memory than on the disk. */
static void what_a_process_before_wrote_lasts_before_it_is_believed(void)
{
	start();
	struct commit c = commit_of(OBJECT_PACKETS, 1, 1000, 0);
	write_data(store_take(&s, OBJECT_PACKETS), &c, 0);
	CHECK(!store_sync(&s) && !store_commit(&s, 0, &c));
	CHECK(volume.pending_count == 1);
	CHECK(!open_it(BOOT) && found.objects == 1 && volume.pending_count == 0);
}

/* ---- order, room, gaps (more of them: gap_test.c) */

static void the_log_is_shipped_first_then_the_oldest_and_boots_before_apart(void)
{
	start();
	uint32_t late = store_one(OBJECT_PACKETS, 9, 1000, 0), early = store_one(OBJECT_PACKETS, 5, 1000, 0);
	uint32_t log = store_one(OBJECT_LOG, 7, 1000, 0), open = store_one(OBJECT_PACKETS, 1, 1000, 10);
	CHECK(store_next(&s, false) == STORE_NONE); /* they are being written */
	CHECK(!open_it(BOOT) && store_next(&s, true) == STORE_NONE);
	const uint32_t order[] = {log, early, late, STORE_NONE};
	for (uint32_t i = 0; i < 4; i++) {
		CHECK(store_next(&s, false) == order[i]);
		if (order[i] != STORE_NONE)
			s.slot[order[i]].taken = true;
	}
	CHECK(!open_it(BOOT + 1) && store_next(&s, false) == STORE_NONE);
	const uint32_t earlier[] = {log, open, early, late, STORE_NONE};
	for (uint32_t i = 0; i < 5; i++) {
		CHECK(store_next(&s, true) == earlier[i]);
		if (i % 2 == 0 && earlier[i] != STORE_NONE)
			s.slot[earlier[i]].shipped = true;
		else if (earlier[i] != STORE_NONE)
			s.slot[earlier[i]].left = true;
	}
}

static void a_full_volume_gives_no_slot_and_the_last_one_to_the_log_alone(void)
{
	struct commit c;
	start();
	for (uint32_t i = 0; i < SLOTS - 1; i++)
		store_one(OBJECT_PACKETS, i, 1000 + i, i & 1 ? 10 : 0);
	CHECK(store_take(&s, OBJECT_PACKETS) == STORE_NONE);
	store_one(OBJECT_LOG, 0, 1000, 0);
	for (uint64_t boot = BOOT; boot < BOOT + 2; boot++) {
		CHECK(store_take(&s, OBJECT_PACKETS) == STORE_NONE &&
		      store_take(&s, OBJECT_LOG) == STORE_NONE);
		for (uint32_t i = 0; i < SLOTS; i++)
			CHECK(speaks_truly(&s, i, &c));
		CHECK(!open_it(boot) && found.objects == SLOTS);
	}
	set_free(2);
	CHECK(store_take(&s, OBJECT_LOG) == STORE_NONE); /* not before a sync */
	CHECK(!store_sync(&s) && store_take(&s, OBJECT_PACKETS) == STORE_NONE);
	CHECK(store_take(&s, OBJECT_LOG) == 2);
}

static void a_boot_that_did_not_end_in_order_left_a_gap(void)
{
	start();
	CHECK(!open_it(BOOT) && !found.gap);
	CHECK(!store_armed(&s, 500, &found));
	store_one(OBJECT_PACKETS, 1, 30000, 10); /* last_ns: 2000 more than its bytes */
	struct commit c = commit_of(OBJECT_PACKETS, 2, 500, 10);
	memcpy(c.meta.stream, "w1", 3);
	write_whole(store_take(&s, OBJECT_PACKETS), &c);
	c = commit_of(OBJECT_LOG, 0, 100, 10); /* says nothing of packets */
	write_whole(store_take(&s, OBJECT_LOG), &c);
	CHECK(!open_it(BOOT) && !found.gap); /* the same boot: its spool died, nothing else */
	CHECK(!open_it(BOOT + 1) && found.gap && found.boot == BOOT && found.until_ns == 2500);
	CHECK(!store_ended(&s, 6000)); /* this one never armed */
	CHECK(!open_it(BOOT + 2) && found.gap && found.boot == BOOT);
	CHECK(!store_armed(&s, 7000, &found) && !store_told(&s));
	CHECK(!open_it(BOOT + 3) && found.gap && found.boot == BOOT + 2 && found.until_ns == 7000);
	CHECK(!store_armed(&s, 8000, &found) && !store_ended(&s, 9000) && s.header.written_ns == 9000);
	CHECK(!open_it(BOOT + 4) && !found.gap);
}

static void the_log_of_another_boot_tells_nobody_of_this_ones_gap(void)
{
	start();
	struct commit c = commit_of(OBJECT_LOG, 0, 4000, 10); /* last_ns: 2000 more */
	write_whole(store_take(&s, OBJECT_LOG), &c);
	CHECK(store_logged(&s, 6000) && !store_logged(&s, 6001));
	CHECK(!open_it(BOOT + 1) && !store_logged(&s, 6000)); /* its clock may have been ahead */
	c = commit_of(OBJECT_LOG, 1, 4001, 10);
	c.meta.boot = BOOT + 1;
	write_whole(store_take(&s, OBJECT_LOG), &c);
	CHECK(store_logged(&s, 6001));
}

static void a_log_tells_of_a_gap_when_it_lasts(void)
{
	start();
	struct commit c = commit_of(OBJECT_LOG, 0, 4000, 10);
	uint32_t slot = store_take(&s, OBJECT_LOG);
	write_data(slot, &c, 0);
	CHECK(!store_sync(&s) && !store_commit(&s, slot, &c) && !store_logged(&s, 6000));
	volume.fail_at = volume.syncs + 1;
	CHECK(store_sync(&s) == ERR_DEVICE);
	store_forget(&s);
	CHECK(!store_logged(&s, 6000));
	write_whole(slot, &c);
	CHECK(store_logged(&s, 6000));
}

/* What upload may have been shown by somebody else is told apart. */
static void what_a_process_before_brought_there_is_known(void)
{
	start();
	uint32_t own = store_one(OBJECT_PACKETS, 1, 1000, 0);
	CHECK(!s.slot[own].found);
	CHECK(!open_it(BOOT) && s.slot[own].found);
	s.slot[own].shipped = true;
	CHECK(!store_free_shipped(&s) && !store_sync(&s));
	CHECK(store_one(OBJECT_PACKETS, 2, 1000, 0) == own && !s.slot[own].found);
}

/* ---- the power fails */

/* Its next state; the caller syncs, commits and syncs again. */
static void grow(struct thing *t, enum object_kind kind, uint32_t seq, uint64_t data_bytes,
		 uint32_t side_bytes)
{
	struct commit c = commit_of(kind, seq, data_bytes, side_bytes);
	if (t->states == 0) {
		t->slot = store_take(&s, kind);
		t->lasting = -1;
		thing_count++;
	}
	write_data(t->slot, &c, t->states ? t->state[t->states - 1].data_bytes : 0);
	t->state[t->states] = c;
}

static void commit_all(unsigned from, unsigned to)
{
	CHECK(!store_sync(&s));
	for (unsigned i = from; i <= to; i++) {
		struct thing *t = &things[i];
		t->states++; /* it may be found from now on */
		CHECK(!store_commit(&s, t->slot, &t->state[t->states - 1]));
	}
	CHECK(!store_sync(&s));
	for (unsigned i = from; i <= to; i++)
		things[i].lasting = things[i].states - 1;
}

static void after_a_power_cut_at_any_call_nothing_synced_is_missing_and_nothing_else_is_believed(void)
{
	memset(things, 0, sizeof(things));
	volume_start(0);
	thing_count = cuts_seen = 0;
	made = false;
	volume.after_cut = power_failed;
	CHECK(!open_it(BOOT));
	made = true;
	CHECK(!store_armed(&s, 1, &found));
	grow(&things[0], OBJECT_PACKETS, 0, 5000, 300);
	grow(&things[1], OBJECT_LOG, 0, 100, 0x11000);
	commit_all(0, 1);
	grow(&things[0], OBJECT_PACKETS, 0, 90000, 400);
	commit_all(0, 0);
	grow(&things[0], OBJECT_PACKETS, 0, 90000 + 4096, 0);
	grow(&things[1], OBJECT_LOG, 0, 70000, 200);
	commit_all(0, 1);
	things[0].freeing = true;
	set_free(things[0].slot);
	grow(&things[2], OBJECT_PACKETS, 1, 200000, 1000);
	CHECK(things[2].slot != things[0].slot);
	commit_all(2, 2);
	things[0].freed = true;
	grow(&things[3], OBJECT_PACKETS, 2, DATA_MAX - 10, 10);
	CHECK(things[3].slot == things[0].slot);
	grow(&things[1], OBJECT_LOG, 0, 80000, 0);
	commit_all(1, 1);
	commit_all(3, 3);
	CHECK(!store_armed(&s, 2, &found) && !store_ended(&s, 3));
	CHECK(cuts_seen == CUTS * (volume.writes + volume.syncs) && volume.writes > 25);
	printf("# %u cuts\n", cuts_seen);
}

/* After an error all of it is written anew, from where it was last synced. */
static void until_it_lasts(struct thing *t)
{
	const struct commit *c = &t->state[t->states++];
	for (unsigned tries = 0; tries < 2; tries++) {
		write_data(t->slot, c, 0);
		bool data_lasts = !store_free_shipped(&s) && !store_sync(&s);
		things[0].freed = things[0].freeing && data_lasts;
		if (data_lasts && !store_commit(&s, t->slot, c) && !store_sync(&s))
			break;
		store_forget(&s);
		uint32_t other = store_take(&s, OBJECT_LOG);
		CHECK(!things[0].freeing || things[0].freed || other != things[0].slot);
		s.slot[other].taken = false;
	}
	t->lasting = t->states - 1;
}

static void begin_things(void)
{
	memset(things, 0, sizeof(things));
	volume_start(0);
	thing_count = 0;
	made = true;
	CHECK(!open_it(BOOT));
	volume.after_cut = power_failed;
}

static void a_sync_that_fails_costs_nothing_that_was_synced_before(void)
{
	cuts_seen = 0;
	for (unsigned nth = 1; nth <= 10; nth++) {
		begin_things();
		volume.fail_at = volume.syncs + nth;
		grow(&things[0], OBJECT_PACKETS, 0, 5000, 300);
		until_it_lasts(&things[0]);
		grow(&things[0], OBJECT_PACKETS, 0, 90000, 400);
		until_it_lasts(&things[0]);
		grow(&things[0], OBJECT_PACKETS, 0, 90100, 0);
		until_it_lasts(&things[0]);
		things[0].freeing = s.slot[things[0].slot].shipped = true;
		grow(&things[1], OBJECT_PACKETS, 1, 7000, 300);
		until_it_lasts(&things[1]);
		grow(&things[2], OBJECT_LOG, 1, 100000, 300);
		CHECK(things[2].slot == things[0].slot);
		until_it_lasts(&things[2]);
		CHECK(volume.syncs >= volume.fail_at);
	}
	printf("# %u cuts\n", cuts_seen);
}

int main(void)
{
	RUN(an_empty_disk_is_made_ours_and_is_then_found_as_it_was,
	    "an empty disk is made ours, and is then found as it was");
	RUN(foreign_bytes_at_any_place_that_is_looked_at_are_left_alone,
	    "a disk with foreign bytes at any place that is looked at is left alone");
	RUN(a_volume_of_another_version_or_cut_shorter_is_left_alone,
	    "a volume of another version, damaged, or cut shorter is left alone");
	RUN(what_was_stored_is_found_in_the_state_that_it_had,
	    "what was stored is found in the state that it had");
	RUN(a_slot_with_both_records_damaged_is_left_and_never_taken,
	    "a slot with both records damaged is left, counted and never taken");
	RUN(a_shipped_object_whose_records_are_damaged_keeps_no_other_from_being_freed,
	    "a shipped object whose records are damaged keeps no other from being freed");
	RUN(lengths_that_can_not_be_are_not_followed, "lengths that can't be are not followed");
	RUN(another_size_of_slots_waits_until_no_object_is_left,
	    "another size of slots waits until no object is left");
	RUN(what_a_process_before_wrote_lasts_before_it_is_believed,
	    "what a process before wrote lasts before it is believed");
	RUN(the_log_is_shipped_first_then_the_oldest_and_boots_before_apart,
	    "the log is shipped first, then the oldest, those of boots before apart");
	RUN(a_full_volume_gives_no_slot_and_the_last_one_to_the_log_alone,
	    "a full volume gives no slot and overwrites nothing; the last one is the log's");
	RUN(a_boot_that_did_not_end_in_order_left_a_gap, "a boot that did not end in order left a gap");
	RUN(the_log_of_another_boot_tells_nobody_of_this_ones_gap,
	    "the log of another boot tells nobody of this one's gap");
	RUN(a_log_tells_of_a_gap_when_it_lasts, "a log tells of a gap when it lasts on the volume");
	RUN(what_a_process_before_brought_there_is_known, "what a process before brought there is known");
	RUN(after_a_power_cut_at_any_call_nothing_synced_is_missing_and_nothing_else_is_believed,
	    "after a power cut at any call nothing synced is missing and nothing else is believed");
	RUN(a_sync_that_fails_costs_nothing_that_was_synced_before,
	    "a sync that fails costs nothing that was synced before, whenever the power fails then");
	return check_done();
}
