/* `sealtap salvage`, run as a user would: on volumes that the spool's own code wrote, and on objects cut
 * and damaged. */
#include "object_scene.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc.h"
#include "noise.h"
#include "record/pcapng_read.h"
#include "role/spool/store.h"

#define DIR "build/salvage_test"
#define IMAGE DIR "/volume.img"
#define KEY DIR "/key"
#define SLOT_BYTES (COMMIT_DATA_OFFSET + OBJECT_MAX)
#define SLOTS 5u
#define IMAGE_BYTES (VOLUME_SLOTS_OFFSET + SLOTS * SLOT_BYTES)

static char said[8192];
static struct store s;
static struct made sealed, open_one;
static struct segment segment;

static int run(const char *command)
{
	FILE *f = popen(command, "r");
	size_t n = f ? fread(said, 1, sizeof(said) - 1, f) : 0;
	said[n] = 0;
	int status = f ? pclose(f) : -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *what)
{
	if (strstr(said, what))
		return true;
	printf("  it said: %s\n", said);
	return false;
}

static const char *base_of(const struct made *o)
{
	return strrchr(o->meta.name, '/') + 1;
}

/* The file in the folder that sealtap wrote, and its length. */
static size_t read_file(const char *path, uint8_t *to, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(to, 1, cap, f) : 0;
	if (f)
		fclose(f);
	return n;
}

static void write_file(const char *path, struct span bytes)
{
	FILE *f = fopen(path, "wb");
	CHECK(f && fwrite(bytes.p, 1, bytes.len, f) == bytes.len);
	if (f)
		fclose(f);
}

/* ---- volumes */

static struct disk make_volume(void)
{
	struct disk d = {.fd = open(IMAGE, O_RDWR | O_CREAT | O_TRUNC, 0600), .faults = -1};
	struct store_found found;
	CHECK(d.fd >= 0 && ftruncate(d.fd, IMAGE_BYTES) == 0);
	memset(&s, 0, sizeof(s));
	CHECK(!store_open(&s, &d, OBJECT_BOOT, SLOT_BYTES, 1, &found) && found.formatted);
	return d;
}

static uint32_t put(const struct made *o, enum commit_state state, struct span side)
{
	struct commit c = {.state = state,
			   .data_bytes = o->len,
			   .side_bytes = (uint32_t)side.len,
			   .data_crc = crc32c(object_span(o)),
			   .side_crc = crc32c(side),
			   .meta = o->meta};
	uint32_t slot = store_find(&s, o->meta.boot, o->meta.stream, o->meta.seq);
	if (slot == STORE_NONE)
		slot = store_take(&s, o->meta.kind);
	c.generation = s.slot[slot].generation + 1;
	CHECK(!store_data(&s, slot, 0, object_span(o)));
	if (side.len)
		CHECK(!store_side(&s, slot, side));
	CHECK(!store_sync(&s) && !store_commit(&s, slot, &c) && !store_sync(&s));
	return slot;
}

/* A packets object of a worker that is still at it: one frame, a second; side: what completes it then. */
static void open_frame(struct made *o, unsigned frame, struct buf *side)
{
	static uint8_t text[65536];
	char comment[1024];
	struct buf b = BUF_OF(text), c = BUF_OF(comment);
	uint8_t data[600];
	if (frame == 0) {
		object_begin(o, &segment, OBJECT_PACKETS, "w0", 7, NULL);
		object_inside(&c, o, NULL, false);
		pcapng_section(&b, &(struct pcapng_section){.comment = buf_span(&c)});
		pcapng_interface(&b, &(struct pcapng_interface){.name = SPAN("ens5")});
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)noise_u64();
	struct ring_packet p = {.ts_ns = o->meta.first_ns + frame,
				.len = sizeof(data),
				.cap_len = sizeof(data),
				.tail = span_of(data, sizeof(data))};
	pcapng_packet(&b, &p, &(struct pcapng_packet_info){.packet_id = frame});
	struct segment_frame_info info = {.first_ns = p.ts_ns, .last_ns = p.ts_ns, .records = 1};
	CHECK(!segment_frame(&segment, buf_span(&b), &info, EFFORT_FULL) &&
	      !segment_provisional(&segment, side));
	o->len = segment.mem.len;
	o->meta.records++;
	o->meta.raw_bytes += b.len;
	o->meta.last_ns = p.ts_ns;
}

static uint8_t before[IMAGE_BYTES], after[IMAGE_BYTES], file[OBJECT_MAX];

static void a_volume_gives_its_objects_as_they_would_have_been_shipped(void)
{
	uint8_t room[COMMIT_SIDE_BYTES];
	struct buf side = BUF_OF(room);
	char command[1024], path[512];
	struct disk d = make_volume();
	object_packets(&sealed, 0, NULL, 5, false);
	put(&sealed, COMMIT_SEALED, span_of(NULL, 0));
	open_frame(&open_one, 0, &side);
	open_frame(&open_one, 1, (buf_reset(&side), &side));
	put(&open_one, COMMIT_OPEN, buf_span(&side));
	memset(&segment, 0, sizeof(segment)); /* the process died */
	static struct made shipped;
	object_packets(&shipped, 1, &sealed.meta, 3, false);
	s.slot[put(&shipped, COMMIT_SEALED, span_of(NULL, 0))].shipped = true;
	CHECK(!store_free_shipped(&s));
	close(d.fd);
	read_file(IMAGE, before, sizeof(before));
	CHECK(run("build/sealtap salvage -d " DIR "/found " IMAGE " 2>&1") == 0);
	CHECK(says("2 objects were written (1 of them torn"));
	CHECK(read_file(IMAGE, after, sizeof(after)) == IMAGE_BYTES &&
	      memcmp(before, after, IMAGE_BYTES) == 0);
	snprintf(path, sizeof(path), DIR "/found/%s", base_of(&sealed));
	CHECK(read_file(path, file, sizeof(file)) == sealed.len &&
	      memcmp(file, sealed.bytes, sealed.len) == 0);
	snprintf(path, sizeof(path), DIR "/found/%s", base_of(&shipped));
	CHECK(access(path, F_OK) != 0);
	CHECK(object_torn(&open_one.meta) == ERR_OK);
	snprintf(command, sizeof(command),
		 "build/sealtap decrypt --key " KEY " " DIR "/found/%s 2>&1 >" DIR "/out",
		 base_of(&open_one));
	CHECK(run(command) == 0 && says("torn"));
	size_t n = read_file(DIR "/out", file, sizeof(file));
	CHECK(n == open_one.meta.raw_bytes);
	snprintf(command, sizeof(command), "build/sealtap verify --json --key " KEY " " DIR "/found 2>&1");
	CHECK(run(command) == 1 && says("not-here")); /* the boot's log is not there */
	CHECK(!strstr(said, "altered") && !strstr(said, "forged") && says("\"signed_good\":1"));
	CHECK(run("build/sealtap salvage -d " DIR "/found " IMAGE " 2>&1") == 0 &&
	      says("2 were there already"));
}

static void what_the_last_record_speaks_of_in_vain_is_left_for_the_one_before(void)
{
	uint8_t room[COMMIT_SIDE_BYTES];
	struct buf side = BUF_OF(room);
	char command[1024];
	struct disk d = make_volume();
	open_frame(&open_one, 0, &side);
	put(&open_one, COMMIT_OPEN, buf_span(&side));
	uint64_t raw_bytes = open_one.meta.raw_bytes;
	size_t first = open_one.len;
	for (unsigned i = 1; i < 200; i++)
		open_frame(&open_one, i, (buf_reset(&side), &side));
	uint32_t slot = put(&open_one, COMMIT_OPEN, buf_span(&side));
	CHECK(open_one.len > first);
	uint64_t at = volume_slot_offset(&s.header, slot) + COMMIT_DATA_OFFSET + open_one.len - 1;
	CHECK(pwrite(d.fd, "\0\0", 1, (off_t)at) == 1);
	close(d.fd);
	memset(&segment, 0, sizeof(segment));
	CHECK(run("build/sealtap salvage -d " DIR "/older " IMAGE " 2>&1") == 0);
	CHECK(says("1 objects were written (1 of them torn"));
	CHECK(object_torn(&open_one.meta) == ERR_OK);
	snprintf(command, sizeof(command),
		 "build/sealtap decrypt --key " KEY " " DIR "/older/%s 2>&1 >" DIR "/out",
		 base_of(&open_one));
	CHECK(run(command) == 0);
	CHECK(read_file(DIR "/out", file, sizeof(file)) == raw_bytes);
}

static void a_volume_of_somebody_else_names_no_files(void)
{
	static const char *const names[] = {"e/1/r/a/.bashrc", "e/..", "\033[2Jx", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct disk d = make_volume();
		object_packets(&sealed, 0, NULL, 5, false);
		strcpy(sealed.meta.name, names[i]);
		put(&sealed, COMMIT_SEALED, span_of(NULL, 0));
		close(d.fd);
		CHECK(run("build/sealtap salvage -d " DIR "/strange " IMAGE " 2>&1") == 2);
		CHECK(says("no name of the format") && !strchr(said, '\033'));
		CHECK(run("test -z \"$(ls -A " DIR "/strange)\"") == 0);
	}
}

/* ---- objects */

#define FRAMES 6u
#define PACKETS 60u /* a frame */
static struct made large;

static void make_large(void)
{
	static uint8_t text[200000];
	char comment[1024];
	struct buf b = BUF_OF(text), c = BUF_OF(comment);
	uint8_t data[1000];
	object_begin(&large, &segment, OBJECT_PACKETS, "w0", 3, NULL);
	object_inside(&c, &large, NULL, false);
	pcapng_section(&b, &(struct pcapng_section){.comment = buf_span(&c)});
	pcapng_interface(&b, &(struct pcapng_interface){.name = SPAN("ens5")});
	for (unsigned f = 0; f < FRAMES; f++) {
		uint64_t ns = large.meta.first_ns + f;
		for (unsigned i = 0; i < PACKETS; i++) {
			for (size_t j = 0; j < sizeof(data); j++)
				data[j] = (uint8_t)noise_u64();
			struct ring_packet p = {.ts_ns = ns,
						.len = sizeof(data),
						.cap_len = sizeof(data),
						.tail = span_of(data, sizeof(data))};
			pcapng_packet(&b, &p, &(struct pcapng_packet_info){.packet_id = i});
		}
		struct segment_frame_info info = {.first_ns = ns, .last_ns = ns, .records = PACKETS};
		CHECK(!segment_frame(&segment, buf_span(&b), &info, EFFORT_FULL));
		buf_reset(&b);
	}
	object_finish(&large, &segment);
	CHECK(large.len > 5 * ESDK_STRIDE_BYTES && large.len < OBJECT_MAX);
}

/* Packets in what came out, or -1: it is no recording. */
static int salvaged(struct span bytes, int status)
{
	char path[512];
	static uint8_t out[OBJECT_MAX];
	struct pcapng_block b;
	int packets = 0;
	enum err e;
	write_file(DIR "/x.pcapng.zst.encrypted", bytes);
	snprintf(path, sizeof(path), "%s", DIR "/pieces/x.pcapng");
	unlink(path);
	int got = run("build/sealtap salvage -d " DIR "/pieces --key " KEY " " DIR
		      "/x.pcapng.zst.encrypted 2>&1");
	if (got != status) {
		printf("  exit status %d, not %d: %s\n", got, status, said);
		CHECK(false);
	}
	struct span rest = span_of(out, read_file(path, out, sizeof(out)));
	if (rest.len && load_le32(rest.p) != 0x0a0d0d0au)
		return -1;
	while (!(e = pcapng_next(&rest, &b)))
		packets += b.kind == PCAPNG_PACKET;
	return e == ERR_MORE ? packets : -1;
}

static void a_cut_object_gives_all_frames_that_are_complete(void)
{
	make_large();
	CHECK(salvaged(object_span(&large), 0) == FRAMES * PACKETS);
	int least = 0;
	for (size_t len = 80000; len < large.len; len += 37777) {
		int packets = salvaged(span_first(object_span(&large), len), 1);
		CHECK(packets >= least && packets % (int)PACKETS == 0 && packets < (int)(FRAMES * PACKETS));
		least = packets;
	}
	CHECK(least >= (int)(4 * PACKETS));
	/* the last frame is cut: index and seek table are not to be had, and with them what it holds of
	 * packets */
	int packets = salvaged(span_first(object_span(&large), large.len - 1), 1);
	CHECK(packets >= (int)(4 * PACKETS) && packets < (int)(FRAMES * PACKETS));
	CHECK(salvaged(span_first(object_span(&large), 60000), 2) == 0);
	CHECK(salvaged(span_first(object_span(&large), 100), 2) == 0);
}

static void damage_in_the_middle_costs_the_frames_that_it_touches(void)
{
	make_large();
	for (unsigned frame = 0; frame < 5; frame++) {
		size_t at = 1000 + (frame + 1) * ESDK_STRIDE_BYTES - 30000;
		large.bytes[at] ^= 1;
		int packets = salvaged(object_span(&large), 1);
		CHECK(packets >= (int)((FRAMES - 3) * PACKETS) && packets < (int)(FRAMES * PACKETS));
		CHECK(says("1 do not or are cut off"));
		large.bytes[at] ^= 1;
	}
}

static void nothing_of_it_is_said_to_be_nothing(void)
{
	write_file(DIR "/text", SPAN("this is a text, and no object at all"));
	CHECK(run("build/sealtap salvage -d " DIR "/pieces --key " KEY " " DIR "/text 2>&1") == 2 &&
	      says("neither a sealed object nor a spool volume"));
	CHECK(run("build/sealtap salvage " DIR "/none 2>&1") == 66 && says("can't open"));
}

int main(void)
{
	static const char key[] = "0908070000000000000000000000000000000000000000000000000000000000";
	CHECK(run("rm -rf " DIR " && mkdir -p " DIR "/pieces") == 0);
	write_file(KEY, span_str(key));
	object_scene_begin();
	RUN(a_volume_gives_its_objects_as_they_would_have_been_shipped,
	    "a volume gives its objects as they would have been shipped, and stays as it is");
	RUN(what_the_last_record_speaks_of_in_vain_is_left_for_the_one_before,
	    "what the last record speaks of in vain is left for the one before");
	RUN(a_volume_of_somebody_else_names_no_files, "a volume of somebody else's names no files");
	RUN(a_cut_object_gives_all_frames_that_are_complete,
	    "a cut object gives all frames that are complete");
	RUN(damage_in_the_middle_costs_the_frames_that_it_touches,
	    "damage in the middle costs the frames that it touches, no others");
	RUN(nothing_of_it_is_said_to_be_nothing, "what is no object is said to be none");
	return check_done();
}
