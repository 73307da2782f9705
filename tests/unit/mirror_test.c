#include "spool_scene.h"

#include "role/progress.h"

static void turn(void)
{
	CHECK(!mirror_turn(&m, &s));
	CHECK(volume.pending_count == 0);
}

static uint64_t bytes_pending_before_sync;

static void count_pending(void)
{
	bytes_pending_before_sync = 0;
	for (unsigned i = 0; i < volume.pending_count; i++)
		bytes_pending_before_sync += volume.pending[i].len;
}

static void an_object_is_on_the_volume_as_often_as_it_has_grown(void)
{
	struct commit c;
	start();
	turn();
	CHECK(volume.writes == 2 + SLOTS - 1);
	for (uint32_t i = 1; i <= 9; i++) {
		c = commit_of(OBJECT_PACKETS, 0, i * 20000 + i, i == 9 ? 0 : 16 * i);
		commit_in(&worker, 1, &c);
		unsigned writes = volume.writes, syncs = volume.syncs;
		turn();
		CHECK(has(&c));
		CHECK(volume.syncs == syncs + 2 && volume.writes == writes + (i == 9 ? 2 : 3));
		turn(); /* nothing is new */
		CHECK(volume.syncs == syncs + 2 && volume.writes == writes + (i == 9 ? 2 : 3));
	}
	struct commit got;
	CHECK(mirror_sealed(&m, 0, 1, true, &got) && got.meta.seq == 0);
}

static void what_is_new_alone_is_written_and_all_slots_share_two_syncs(void)
{
	struct commit c[3];
	start();
	for (uint32_t round = 1; round < 5; round++) {
		for (uint32_t i = 0; i < 3; i++) {
			c[i] = commit_of(i == 2 ? OBJECT_LOG : OBJECT_PACKETS, i, round * 30000 + i, 100);
			commit_in(i == 2 ? &keys : &worker, i, &c[i]);
		}
		unsigned syncs = volume.syncs;
		volume.after_cut = count_pending; /* the last call is the sync of records */
		turn();
		volume.after_cut = NULL;
		CHECK(volume.syncs == syncs + 2 && bytes_pending_before_sync == 3 * COMMIT_RECORD_BYTES);
		for (uint32_t i = 0; i < 3; i++)
			CHECK(has(&c[i]));
	}
}

static void a_sealed_object_is_told_once_when_it_is_whole_there(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 9000, 100), got;
	start();
	commit_in(&worker, 0, &c);
	turn();
	CHECK(!mirror_sealed(&m, 0, 0, false, &got) && !mirror_sealed(&m, 0, 0, true, &got));
	CHECK(store_next(&s, false) == STORE_NONE);
	c = commit_of(OBJECT_PACKETS, 0, 9100, 0);
	commit_in(&worker, 0, &c);
	CHECK(mirror_sealed(&m, 0, 0, false, &got) && !mirror_sealed(&m, 0, 0, true, &got));
	turn();
	uint32_t producer = 9, slot = 9, at = store_find(&s, BOOT, "w0", 0);
	CHECK(mirror_sealed(&m, 0, 0, true, &got) && got.data_bytes == 9100);
	CHECK(store_next(&s, false) == at);
	CHECK(mirror_find(&m, at, &producer, &slot) && producer == 0 && slot == 0);
	CHECK(!mirror_find(&m, at + 1, &producer, &slot));
	mirror_told(&m, 0, 0, &got);
	CHECK(!mirror_sealed(&m, 0, 0, true, &got) && !mirror_sealed(&m, 0, 0, false, &got));
	CHECK(!mirror_find(&m, at, &producer, &slot));
	free_in(&worker, 0);
	turn();
	c = commit_of(OBJECT_PACKETS, 1, 500, 50); /* the next one in the same slot */
	commit_in(&worker, 0, &c);
	turn();
	CHECK(has(&c) && store_find(&s, BOOT, "w0", 1) != at);
	c = commit_of(OBJECT_PACKETS, 0, 9100, 0);
	CHECK(has(&c) && store_next(&s, false) == at);
}

/* A producer that starts anew tells again of what waits; it does not know what its predecessor was told. */
static void a_new_producer_is_told_again_of_its_object_and_of_no_other(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 9000, 0), got;
	start();
	commit_in(&worker, 0, &c);
	turn();
	struct msg_segment told = {0, 1, 1};
	CHECK(!mirror_knows(&m, 0, &told, &got)); /* not told of yet */
	CHECK(mirror_sealed(&m, 0, 0, true, &got));
	mirror_told(&m, 0, 0, &got);
	CHECK(mirror_knows(&m, 0, &told, &got) && got.meta.seq == 0 && got.generation == 1);
	told.generation = 2;
	CHECK(!mirror_knows(&m, 0, &told, &got));
	told = (struct msg_segment){1, 1, 1};
	CHECK(!mirror_knows(&m, 0, &told, &got) && !mirror_knows(&m, OUTBOX_LOG, &told, &got));
	free_in(&worker, 0);
	told = (struct msg_segment){0, 1, 2};
	CHECK(!mirror_knows(&m, 0, &told, &got));
	c = commit_of(OBJECT_PACKETS, 1, 9000, 0);
	commit_in(&worker, 0, &c);
	told.generation = 3;
	CHECK(!mirror_knows(&m, 0, &told, &got)); /* another object there now */
}

static void all_workers_record_since_the_last_one_does(void)
{
	start();
	struct pool second[2];
	make_pool(SLOT_BYTES, 1, &second[0], &second[1]);
	m.pool[1] = second[1];
	struct progress *p[2] = {pool_page(&worker), pool_page(&second[0])};
	CHECK(mirror_armed_ns(&m) == 0);
	p[0]->armed_real_ns = 700;
	CHECK(mirror_armed_ns(&m) == 0);
	p[1]->armed_real_ns = 600;
	CHECK(mirror_armed_ns(&m) == 700);
	p[0]->armed_real_ns = 500;
	CHECK(mirror_armed_ns(&m) == 600);
	m.pool[1] = (struct pool){.slots = 0};
	CHECK(mirror_armed_ns(&m) == 500);
	unmap_pool(&second[0]);
	unmap_pool(&second[1]);
}

static void what_was_shipped_directly_is_not_written(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 9000, 0), got;
	start();
	commit_in(&worker, 0, &c);
	CHECK(mirror_sealed(&m, 0, 0, false, &got));
	mirror_told(&m, 0, 0, &got);
	unsigned writes = volume.writes;
	turn();
	CHECK(volume.writes == writes && store_find(&s, BOOT, "w0", 0) == STORE_NONE);
	free_in(&worker, 0);
	turn();
	c = commit_of(OBJECT_PACKETS, 1, 9000, 0);
	commit_in(&worker, 0, &c);
	turn();
	CHECK(has(&c) && mirror_sealed(&m, 0, 0, true, &got));
}

static void a_new_process_goes_on_with_the_same_slots(void)
{
	struct commit open = commit_of(OBJECT_PACKETS, 1, 40000, 300),
		      sealed = commit_of(OBJECT_LOG, 0, 100, 0), got;
	start();
	commit_in(&keys, 0, &sealed);
	commit_in(&worker, 0, &open);
	turn();
	uint32_t at = store_find(&s, BOOT, "w0", 1);
	spool_starts(BOOT);
	CHECK(found.objects == 2 && !mirror_sealed(&m, OUTBOX_LOG, 0, true, &got));
	unsigned writes = volume.writes;
	turn(); /* the open one is written anew, the sealed one is found to be there */
	CHECK(volume.writes == writes + 3 && has(&open) && has(&sealed));
	CHECK(mirror_sealed(&m, OUTBOX_LOG, 0, true, &got) && found.objects == 2);
	open = commit_of(OBJECT_PACKETS, 1, 50000, 0);
	commit_in(&worker, 0, &open);
	turn();
	CHECK(has(&open) && store_find(&s, BOOT, "w0", 1) == at);
	spool_starts(BOOT);
	CHECK(found.objects == 2 && found.damaged == 0);
}

static void beside_a_full_volume_objects_stay_where_they_are(void)
{
	struct commit c[4], got;
	start();
	for (uint32_t i = 0; i < 3; i++) {
		c[i] = commit_of(OBJECT_PACKETS, i, 1000, 0);
		commit_in(&worker, i, &c[i]);
	}
	turn();
	CHECK(!m.full);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(mirror_sealed(&m, 0, i, true, &got));
		mirror_told(&m, 0, i, &got);
		free_in(&worker, i);
	}
	for (uint32_t i = 0; i < 2; i++) {
		c[3] = commit_of(OBJECT_PACKETS, 3 + i, 1000, 0);
		commit_in(&worker, i, &c[3]);
	}
	turn();
	CHECK(m.full && !mirror_sealed(&m, 0, 1, true, &got) && mirror_sealed(&m, 0, 1, false, &got));
	struct commit log = commit_of(OBJECT_LOG, 0, 1000, 10);
	commit_in(&keys, 0, &log);
	turn();
	CHECK(m.full && has(&log));
	for (uint32_t i = 0; i < 3; i++)
		CHECK(has(&c[i]));
	s.slot[store_find(&s, BOOT, "w0", 0)].shipped = s.slot[store_find(&s, BOOT, "w0", 1)].shipped = true;
	CHECK(!store_free_shipped(&s));
	turn();
	turn();
	CHECK(!m.full && has(&c[3]) && has(&c[2]));
}

/* A volume keeps its slots' size while it has objects; the configuration may want another. */
static void an_object_too_large_for_the_volume_has_no_place_there(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, DATA_MAX, 0), got;
	start();
	boot_of(BOOT, SLOT_BYTES + 4096);
	commit_in(&worker, 0, &c);
	turn();
	CHECK(has(&c) && !m.full);
	c = commit_of(OBJECT_PACKETS, 1, DATA_MAX - 5, 6);
	commit_in(&worker, 1, &c);
	unsigned writes = volume.writes;
	turn();
	CHECK(m.full && volume.writes == writes);
	c = commit_of(OBJECT_PACKETS, 1, DATA_MAX - 5, 5);
	commit_in(&worker, 1, &c);
	turn();
	CHECK(!m.full && has(&c));
	c = commit_of(OBJECT_PACKETS, 1, DATA_MAX, 0);
	c.data_bytes = c.meta.size_bytes = DATA_MAX + 1;
	commit_in(&worker, 1, &c);
	turn();
	CHECK(m.full && mirror_sealed(&m, 0, 1, false, &got) && !mirror_sealed(&m, 0, 1, true, &got));
}

/* ---- what fails */

static void an_object_that_waits_is_shipped_also_after_a_turn_that_failed(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 9000, 0), got;
	start();
	commit_in(&worker, 2, &c);
	turn();
	CHECK(mirror_sealed(&m, 0, 2, true, &got) && store_find(&s, BOOT, "w0", 0) == 0);
	mirror_told(&m, 0, 2, &got);
	free_in(&worker, 2);
	c = commit_of(OBJECT_PACKETS, 1, 9000, 100);
	commit_in(&worker, 2, &c);
	volume.fail_at = volume.syncs + 1;
	CHECK(mirror_turn(&m, &s) == ERR_DEVICE);
	turn();
	CHECK(has(&c) && store_next(&s, false) == 0);
}

/* An object's states, one a turn; those of a kind go to one slot of a pool. */
static const struct step {
	uint32_t thing;
	enum object_kind kind;
	uint32_t seq, data_bytes, side_bytes;
} steps[] = {
	{0, OBJECT_PACKETS, 0, 5000, 100},    {1, OBJECT_LOG, 0, 300, 17},
	{0, OBJECT_PACKETS, 0, 80000, 65000}, {1, OBJECT_LOG, 0, 9000, 18},
	{0, OBJECT_PACKETS, 0, 81000, 0},     {2, OBJECT_PACKETS, 1, 100, 100},
	{2, OBJECT_PACKETS, 1, 150000, 0},    {1, OBJECT_LOG, 0, 20000, 0},
	{3, OBJECT_PACKETS, 2, 70000, 10},    {4, OBJECT_LOG, 1, 7000, 10},
	{3, OBJECT_PACKETS, 2, 140000, 10},
};

static void producer_commits(const struct step *step)
{
	struct thing *t = &things[step->thing];
	struct pool *p = step->kind == OBJECT_LOG ? &keys : &worker;
	if (t->states == 0)
		*t = (struct thing){.lasting = -1, .slot = STORE_NONE};
	if (step->thing >= thing_count)
		thing_count = step->thing + 1;
	t->state[t->states] = commit_of(step->kind, step->seq, step->data_bytes, step->side_bytes);
	commit_in(p, step->seq % POOL_SLOTS, &t->state[t->states++]);
}

static void it_lasts(void)
{
	for (unsigned i = 0; i < thing_count; i++) {
		struct thing *t = &things[i];
		t->lasting = t->states - 1;
		t->freed = t->freeing;
		CHECK(t->freed || has(&t->state[t->lasting]));
	}
}

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* The first object to be shipped goes when it is whole. */
static void ship_first(void)
{
	struct commit c;
	if (things[0].freeing || !mirror_sealed(&m, 0, 0, true, &c))
		return;
	mirror_told(&m, 0, 0, &c);
	free_in(&worker, 0);
	s.slot[store_find(&s, BOOT, "w0", 0)].shipped = true;
	things[0].freeing = true;
}

static enum err spool_turn(void)
{
	TRY(store_free_shipped(&s));
	return mirror_turn(&m, &s);
}

/* fails: how a turn fails, once, behind step `failing`. */
static void all_steps(unsigned ways, size_t failing, void (*fail)(void), void (*mend)(void))
{
	start();
	volume.after_cut = power_failed;
	volume.ways = ways;
	for (size_t i = 0; i < STEPS; i++) {
		producer_commits(&steps[i]);
		if (i == failing) {
			fail();
			CHECK(spool_turn());
			mend();
		}
		CHECK(!spool_turn());
		it_lasts();
		ship_first();
	}
	CHECK(things[0].freed && cuts_seen > ways * 40);
}

static void nothing(void)
{
}

static void sync_fails(void)
{
	volume.fail_at = volume.syncs + 1;
}

static void second_sync_fails(void)
{
	volume.fail_at = volume.syncs + 2;
}

static void act_out(const char *fault)
{
	CHECK(ftruncate(s.disk.faults, 0) == 0);
	CHECK(syscall(SYS_pwrite64, s.disk.faults, fault, strlen(fault), 0) == (long)strlen(fault));
}

static void write_fails(void)
{
	act_out("write eio\n");
}

static void write_is_short(void)
{
	act_out("write short\n");
}

static void disk_is_full(void)
{
	act_out("write nospace\n");
}

static void works_again(void)
{
	act_out("");
}

static void after_a_power_cut_at_any_call_all_that_a_turn_ended_with_is_there(void)
{
	all_steps(CUTS, SIZE_MAX, nothing, nothing);
	printf("# %u cuts\n", cuts_seen);
}

static void a_turn_that_failed_is_made_good_by_the_next_one(void)
{
	void (*const writes[])(void) = {write_fails, write_is_short, disk_is_full};
	unsigned cuts = 0;
	start(); /* there is a disk from now on */
	volume.disk.faults = memfd_create("faults", MFD_CLOEXEC);
	for (size_t i = 0; i < STEPS; i++) {
		all_steps(3, i, sync_fails, nothing);
		cuts += cuts_seen;
		all_steps(3, i, second_sync_fails, nothing);
		cuts += cuts_seen;
		all_steps(3, i, writes[i % 3], works_again);
		cuts += cuts_seen;
	}
	close(volume.disk.faults);
	volume.disk.faults = -1;
	printf("# %u cuts\n", cuts);
}

/* It knows of no shipped object; upload is told of that one again and says again that it is. */
static void new_process(void)
{
	volume.die_at = 0;
	spool_starts(BOOT);
	uint32_t at = store_find(&s, BOOT, "w0", 0);
	if (things[0].freeing && at != STORE_NONE)
		s.slot[at].shipped = true;
}

/* False: it did not live to the call. */
static bool dies_at(unsigned nth)
{
	static volatile size_t i;
	start();
	volume.after_cut = power_failed;
	volume.ways = 2;
	volume.die_at = volume.writes + volume.syncs + nth;
	for (i = 0; i < STEPS; i++) {
		producer_commits(&steps[i]);
		if (setjmp(volume.death))
			new_process();
		CHECK(!spool_turn());
		it_lasts();
		ship_first();
	}
	CHECK(things[0].freed && store_find(&s, BOOT, "w0", 0) == STORE_NONE);
	return volume.die_at == 0;
}

static void a_process_that_dies_at_any_call_is_followed_by_one_that_goes_on(void)
{
	unsigned nth = 1, cuts = 0;
	for (; dies_at(nth); nth++)
		cuts += cuts_seen;
	CHECK(nth > 40);
	printf("# %u deaths, %u cuts\n", nth - 1, cuts);
}

int main(void)
{
	RUN(an_object_is_on_the_volume_as_often_as_it_has_grown,
	    "an object is on the volume as often as it has grown");
	RUN(what_is_new_alone_is_written_and_all_slots_share_two_syncs,
	    "only what is new is written to the volume, and all slots share two syncs");
	RUN(a_sealed_object_is_told_once_when_it_is_whole_there,
	    "a sealed object is told of once, when it is whole on the volume");
	RUN(a_new_producer_is_told_again_of_its_object_and_of_no_other,
	    "a new producer is told again of its object, and of no other");
	RUN(all_workers_record_since_the_last_one_does, "all workers record since the last one does");
	RUN(what_was_shipped_directly_is_not_written,
	    "what was shipped directly is not written, the next one is");
	RUN(a_new_process_goes_on_with_the_same_slots, "a new process goes on with the same slots");
	RUN(beside_a_full_volume_objects_stay_where_they_are,
	    "beside a full volume objects stay where they are until there is room");
	RUN(an_object_too_large_for_the_volume_has_no_place_there,
	    "an object too large for the volume's slots has no place there, and that is said");
	RUN(an_object_that_waits_is_shipped_also_after_a_turn_that_failed,
	    "an object that waits is shipped also after a turn that failed");
	RUN(after_a_power_cut_at_any_call_all_that_a_turn_ended_with_is_there,
	    "after a power cut at any call all that a turn ended with is there");
	RUN(a_turn_that_failed_is_made_good_by_the_next_one,
	    "a turn that failed is made good by the next one, whenever the power fails then");
	RUN(a_process_that_dies_at_any_call_is_followed_by_one_that_goes_on,
	    "a process that dies at any call is followed by one that goes on, whenever the power fails then");
	return check_done();
}
