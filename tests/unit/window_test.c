#define DATA_MAX (2u * 1024 * 1024 + 300 * 4096) /* more than two pieces of a load */
#include "spool_scene.h"

#include "role/spool/window.h"

#define WINDOW_SLOTS 4u

static struct window w;
static struct pool own, upload; /* upload's: read-only */

/* The spool, new or anew, and its window as it stands. */
static void starts(uint64_t boot)
{
	spool_starts(boot);
	memset(&w, 0, sizeof(w));
	window_recover(&w, own, &s);
}

static void start_window(uint64_t window_slot_bytes)
{
	unmap_pool(&own);
	unmap_pool(&upload);
	start();
	make_pool(window_slot_bytes, WINDOW_SLOTS, &own, &upload);
	starts(BOOT);
}

/* It is on the volume as the producer last committed it. */
static uint32_t store(struct pool *p, const struct commit *c)
{
	commit_in(p, 0, c);
	CHECK(!mirror_turn(&m, &s) && has(c));
	return store_find(&s, c->meta.boot, c->meta.stream, c->meta.seq);
}

static enum err load(uint32_t to, uint32_t at, unsigned *pieces)
{
	enum err e = window_load(&w, to, at, &s);
	*pieces = 0;
	if (e)
		return e;
	do {
		CHECK(w.load.active && w.one[to].busy && s.slot[at].taken);
		e = window_load_more(&w, &s);
		++*pieces;
	} while (e == ERR_MORE);
	return e;
}

/* What upload sees in a slot. */
static bool shown(uint32_t slot, struct commit *c)
{
	return !commit_read(pool_slot(&upload, slot), c) && c->state == COMMIT_SEALED;
}

static bool agrees(uint32_t slot, const struct commit *c)
{
	uint8_t hash[32];
	sha256_of(span_of(pool_slot(&upload, slot) + COMMIT_DATA_OFFSET, c->data_bytes), hash);
	return memcmp(hash, c->meta.sha256, 32) == 0 && c->meta.size_bytes == c->data_bytes;
}

static void a_sealed_object_is_shown_as_its_producer_made_it(void)
{
	static const uint32_t sizes[] = {1, 1000, 1u << 20, (1u << 20) + 1, DATA_MAX};
	struct commit c, got;
	unsigned pieces;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start_window(SLOT_BYTES);
		c = commit_of(OBJECT_PACKETS, (uint32_t)i, sizes[i], 0);
		uint32_t at = store(&worker, &c);
		CHECK(!load(1, at, &pieces) && pieces == (sizes[i] + (1u << 20) - 1) >> 20);
		CHECK(shown(1, &got) && got.data_crc == 0 && agrees(1, &got));
		CHECK(memcmp(&got.meta, &c.meta, sizeof(c.meta)) == 0);
		CHECK(memcmp(pool_slot(&upload, 1) + COMMIT_DATA_OFFSET,
			     pool_slot(&m.pool[0], 0) + COMMIT_DATA_OFFSET, sizes[i]) == 0);
		struct msg_segment told = window_segment(&w, 1, true);
		CHECK(told.index == 1 && told.again && told.generation == got.generation);
		window_copy(&w, 2, at, pool_slot(&m.pool[0], 0), &c); /* the short way gives the same */
		CHECK(shown(2, &got) && memcmp(&got.meta, &c.meta, sizeof(c.meta)) == 0 && agrees(2, &got));
	}
}

static void an_object_that_the_power_cut_off_becomes_a_torn_whole(void)
{
	static const uint32_t sizes[][2] = {
		{1000, 100}, {1, 1}, {DATA_MAX - 0x11000, 0x11000}, {1u << 20, 7}};
	struct commit c, got;
	unsigned pieces;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start_window(SLOT_BYTES);
		for (uint32_t part = 3; part > 0; part--) { /* it grew */
			c = commit_of(OBJECT_PACKETS, 5, (sizes[i][0] + part - 1) / part, sizes[i][1]);
			store(&worker, &c);
		}
		volume.after_cut = NULL;
		memcpy(volume.bytes, volume.lasting, DISK_BYTES);
		boot_of(BOOT + 1, SLOT_BYTES);
		starts(BOOT + 1);
		uint32_t at = store_next(&s, true), data = sizes[i][0], side = sizes[i][1];
		CHECK(at != STORE_NONE && !load(0, at, &pieces));
		CHECK(shown(0, &got) && got.data_bytes == data + side && agrees(0, &got));
		CHECK(strcmp(got.meta.name, "p/w0-00000005.pcapng.zst.torn.encrypted") == 0);
		CHECK(got.meta.sig_len == 0 && got.meta.boot == BOOT && got.side_bytes == 0);
		const uint8_t *bytes = pool_slot(&upload, 0) + COMMIT_DATA_OFFSET;
		uint32_t wrong = 0;
		for (uint32_t k = 0; k < data; k++)
			wrong += bytes[k] != byte_of(&c.meta, k);
		for (uint32_t k = 0; k < side; k++)
			wrong += bytes[data + k] != side_byte_of(&c.meta, data, k);
		CHECK(wrong == 0);
	}
}

static void one_that_was_not_signed_yet_has_no_signature_of_another_key(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 3000, 0), got;
	unsigned pieces;
	start_window(SLOT_BYTES);
	c.state = COMMIT_CLOSED;
	c.meta.sig_len = 9; /* whatever stood there */
	store(&worker, &c);
	starts(BOOT + 1);
	CHECK(!load(0, store_next(&s, true), &pieces));
	CHECK(shown(0, &got) && got.meta.sig_len == 0 && strcmp(got.meta.name, c.meta.name) == 0);
}

/* ---- damage */

static void nothing_is_shown(uint32_t at, const char *what, size_t bit)
{
	struct commit got;
	unsigned pieces;
	enum err e = load(0, at, &pieces);
	if (e != ERR_CHECKSUM)
		printf("  %s, bit %zu: %s\n", what, bit, err_text(e));
	CHECK(e == ERR_CHECKSUM && commit_read(pool_slot(&upload, 0), &got) == ERR_NOT_FOUND);
	CHECK(!w.load.active && !w.one[0].busy && !s.slot[at].taken);
}

static void flip_bits(uint32_t at, const char *what, size_t offset, size_t len, size_t step)
{
	uint8_t *p = volume.bytes + volume_slot_offset(&s.header, at) + offset;
	for (size_t bit = 0; bit < len * 8; bit += step) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		nothing_is_shown(at, what, bit);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	p[len - 1] ^= 0x80;
	nothing_is_shown(at, what, len * 8 - 1);
	p[len - 1] ^= 0x80;
}

static void a_bit_that_changed_on_the_disk_is_found_and_nothing_is_shown(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 500, 60);
	unsigned pieces;
	start_window(SLOT_BYTES);
	uint32_t at = store(&worker, &c);
	starts(BOOT + 1);
	flip_bits(at, "data", COMMIT_DATA_OFFSET, 500, 1);
	flip_bits(at, "side", commit_side_offset(1), 60, 1);
	flip_bits(at, "record", commit_record_offset(1), COMMIT_RECORD_BYTES, 5);
	CHECK(!load(0, at, &pieces)); /* whole again */
	start_window(SLOT_BYTES);
	c = commit_of(OBJECT_PACKETS, 0, (2u << 20) + 77, 0);
	at = store(&worker, &c);
	flip_bits(at, "sealed data", COMMIT_DATA_OFFSET, c.data_bytes, 2999999);
	flip_bits(at, "sealed record", commit_record_offset(1), COMMIT_RECORD_BYTES, 99);
	CHECK(!load(0, at, &pieces));
}

static void an_error_of_the_disk_in_the_middle_shows_nothing(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, (2u << 20) + 77, 0), got;
	unsigned pieces;
	start_window(SLOT_BYTES);
	uint32_t at = store(&worker, &c);
	CHECK(!window_load(&w, 1, at, &s) && window_load_more(&w, &s) == ERR_MORE);
	s.disk.faults = memfd_create("faults", MFD_CLOEXEC);
	CHECK(write(s.disk.faults, "read eio\n", 9) == 9);
	CHECK(window_load_more(&w, &s) == ERR_DEVICE);
	CHECK(!shown(1, &got) && !w.load.active && !w.one[1].busy && store_next(&s, false) == at);
	CHECK(window_load(&w, 1, at, &s) == ERR_DEVICE && !w.load.active && !s.slot[at].taken);
	close(s.disk.faults);
	s.disk.faults = -1;
	CHECK(!load(1, at, &pieces) && shown(1, &got) && agrees(1, &got));
}

static void what_the_window_can_not_hold_is_left(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 10000, 0);
	unsigned pieces;
	start_window(COMMIT_DATA_OFFSET + 8192);
	uint32_t at = store(&worker, &c);
	CHECK(load(1, at, &pieces) == ERR_TOO_LONG && !w.one[1].busy && !w.load.active);
	c = commit_of(OBJECT_PACKETS, 1, 8192, 1);
	commit_in(&worker, 1, &c);
	CHECK(!mirror_turn(&m, &s));
	CHECK(load(1, store_find(&s, BOOT, "w0", 1), &pieces) == ERR_TOO_LONG);
	c = commit_of(OBJECT_PACKETS, 1, 8192, 0);
	commit_in(&worker, 1, &c);
	CHECK(!mirror_turn(&m, &s) && !load(1, store_find(&s, BOOT, "w0", 1), &pieces));
}

/* ---- who may have a slot, and until when */

static void each_kind_has_one_slot_that_the_other_can_not_take(void)
{
	uint32_t to;
	start_window(SLOT_BYTES);
	CHECK(window_empty(&w));
	for (uint32_t i = 1; i < WINDOW_SLOTS; i++) {
		CHECK(window_room(&w, false, &to) && to == i);
		w.one[to].busy = true;
		CHECK(!window_empty(&w));
	}
	CHECK(!window_room(&w, false, &to) && window_room(&w, true, &to) && to == 0);
	memset(w.one, 0, sizeof(w.one));
	for (uint32_t i = 0; i < WINDOW_SLOTS - 1; i++) {
		CHECK(window_room(&w, true, &to) && to == i);
		w.one[to].busy = true;
	}
	CHECK(!window_room(&w, true, &to) && window_room(&w, false, &to) && to == WINDOW_SLOTS - 1);
}

static void word_of_an_object_that_is_gone_is_passed_over(void)
{
	struct commit c = commit_of(OBJECT_PACKETS, 0, 3000, 0), got;
	uint32_t at = 77, loaded = 0;
	unsigned pieces;
	start_window(SLOT_BYTES);
	loaded = store(&worker, &c);
	CHECK(!load(2, loaded, &pieces));
	struct msg_segment first = window_segment(&w, 2, false), wrong = first;
	wrong.generation++;
	CHECK(!window_free(&w, &wrong, &at) && at == 77 && w.one[2].busy && shown(2, &got));
	CHECK(window_free(&w, &first, &at) && at == loaded && !w.one[2].busy && !shown(2, &got));
	CHECK(!window_free(&w, &first, &at)); /* said twice */
	window_copy(&w, 2, STORE_NONE, pool_slot(&m.pool[0], 0), &c);
	CHECK(!window_free(&w, &first, &at) && w.one[2].busy && shown(2, &got));
	struct msg_segment second = window_segment(&w, 2, false);
	CHECK(window_free(&w, &second, &at) && at == STORE_NONE && window_empty(&w));
}

static void a_new_process_knows_what_upload_has_and_shows_nothing_twice(void)
{
	struct commit c[3], got;
	uint32_t at[3];
	unsigned pieces;
	start_window(SLOT_BYTES);
	for (uint32_t i = 0; i < 3; i++) {
		c[i] = commit_of(OBJECT_PACKETS, i, 3000 + i, 0);
		commit_in(&worker, i, &c[i]);
	}
	CHECK(!mirror_turn(&m, &s));
	for (uint32_t i = 0; i < 3; i++)
		at[i] = store_find(&s, BOOT, "w0", i);
	CHECK(!load(1, at[0], &pieces) && !load(2, at[1], &pieces));
	struct msg_segment told[2] = {window_segment(&w, 1, false), window_segment(&w, 2, false)};
	CHECK(!window_load(&w, 3, at[2], &s)); /* it dies in this */
	starts(BOOT);
	CHECK(w.one[1].busy && w.one[1].at == at[0] && w.one[2].busy && w.one[2].at == at[1]);
	CHECK(!w.one[0].busy && !w.one[3].busy && !w.load.active);
	CHECK(store_next(&s, false) == at[2] && !mirror_turn(&m, &s) && store_next(&s, false) == at[2]);
	CHECK(!load(3, at[2], &pieces) && store_next(&s, false) == STORE_NONE && shown(3, &got));
	for (uint32_t i = 0; i < 2; i++) { /* what upload was told before still holds */
		uint32_t where;
		struct msg_segment anew = window_segment(&w, i + 1, true);
		CHECK(anew.generation == told[i].generation && window_free(&w, &told[i], &where) &&
		      where == at[i]);
		s.slot[where].shipped = true;
	}
	CHECK(!store_free_shipped(&s) && !store_sync(&s));
	starts(BOOT);
	CHECK(found.objects == 1 && store_next(&s, false) == STORE_NONE && !w.one[1].busy && w.one[3].busy);
}

int main(void)
{
	RUN(a_sealed_object_is_shown_as_its_producer_made_it,
	    "a sealed object is shown as its producer made it, from the volume or from its pool");
	RUN(an_object_that_the_power_cut_off_becomes_a_torn_whole,
	    "an object that the power cut off becomes a torn whole: its bytes and its final frame");
	RUN(one_that_was_not_signed_yet_has_no_signature_of_another_key,
	    "an object that was not signed at the power cut has no signature");
	RUN(a_bit_that_changed_on_the_disk_is_found_and_nothing_is_shown,
	    "a bit that changed on the disk is found, and nothing is shown");
	RUN(an_error_of_the_disk_in_the_middle_shows_nothing,
	    "an error of the disk in the middle shows nothing; later it may work");
	RUN(what_the_window_can_not_hold_is_left, "an object that the window can't hold is left");
	RUN(each_kind_has_one_slot_that_the_other_can_not_take,
	    "this boot's objects and those before have a slot each that the other can't take");
	RUN(word_of_an_object_that_is_gone_is_passed_over, "word of an object that is gone is passed over");
	RUN(a_new_process_knows_what_upload_has_and_shows_nothing_twice,
	    "a new process knows what upload has, and shows nothing twice");
	return check_done();
}
