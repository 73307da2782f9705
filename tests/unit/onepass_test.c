/* The worker's own way of a packet, all of role/capture/capture.c, over blocks in memory. */
#include "role/capture/capture.c" /* NOLINT(bugprone-suspicious-include): its static functions are meant */

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/traffic.h"
#include "check.h"
#include "recorder_key.h"

#define PACKETS_MIN 100000u
#define TEST_SLOT_BYTES (64u << 20)
#define TEST_SLOTS 2u

struct told {
	uint64_t packets, frames, as_wanted, clocks;
};

static struct traffic made;
static uint64_t clocks;
static struct progress page;

/* In place of the library's, so that calls can be counted. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	(void)id;
	clocks++;
	*t = (struct timespec){.tv_sec = (time_t)(1000 + clocks / 1000000),
			       .tv_nsec = (long)(clocks % 1000000)};
	return 0;
}

static void some_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		      struct buf *raw)
{
	(void)arg;
	(void)meta;
	(void)prev;
	buf_str(raw, "HEAD");
}

static void nothing(void *arg)
{
	(void)arg;
}

static void no_key(void *arg, bool any)
{
	(void)arg;
	(void)any;
}

static void no_sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	(void)meta;
}

static void set_up_worker(int level)
{
	static const struct recorder_ops plain = {.head = some_head,
						  .position = position,
						  .committed = committed,
						  .want_key = no_key,
						  .sign = no_sign,
						  .ready = nothing}; /* its effort stays full */
	size_t bytes = POOL_PAGE_BYTES + (size_t)TEST_SLOTS * TEST_SLOT_BYTES;
	memset(&g, 0, sizeof(g));
	loop_init(&g.loop);
	g.progress = g.blocks.progress = &page;
	g.blocks.ops = &blocks_ops;
	g.blocks.ring = (struct ring){-1, made.blocks, TRAFFIC_BLOCK_BYTES, TRAFFIC_BLOCKS};
	g.links.now.count = 2;
	g.links.now.link[0].ifindex = 2;
	g.links.now.link[1].ifindex = 3;
	g.links.own_addr = 0x0a000001;
	g.producer.settings = (struct settings){.object_max_bytes = 1 << 30,
						.object_max_seconds = 3600,
						.key_max_seconds = 86400,
						.key_max_bytes = 1ull << 50,
						.flow_cutoff_bytes = 1ull << 40,
						.budget_bytes_per_day = 1ull << 50,
						.zstd_level = level};
	g.producer.identity = (struct object_identity){.prefix = "p",
						       .account = "123456789012",
						       .region = "us-east-1",
						       .appliance = "tap-1",
						       .boot = 1};
	cutter_init(&g.cutter, &g.producer.settings, 1);
	uint8_t *pool = calloc(1, bytes);
	ASSERT(pool);
	recorder_init(&g.recorder, &(struct recorder_setup){.loop = &g.loop,
							    .ops = &plain,
							    .identity = &g.producer.identity,
							    .settings = &g.producer.settings,
							    .pool = {pool, TEST_SLOT_BYTES, TEST_SLOTS},
							    .kind = OBJECT_PACKETS,
							    .stream = "w0",
							    .raw_max = RECORDER_RAW_MAX,
							    .has_addresses = true});
	recorder_prepare(&g.recorder);
	recorder_key_give(&g.recorder);
	ASSERT(recorder_room(&g.recorder, 100, 1)); /* the object is open: that takes randomness */
}

/* In this mode every call but read, write and exit is the process's end (seccomp(2)). */
static void child(int level, int to)
{
	set_up_worker(level);
	clocks = 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(9);
	while (g.at.packet_id < PACKETS_MIN && blocks_ready(&g.blocks))
		if (!blocks_read(&g.blocks))
			break;
	struct told told = {.packets = g.at.packet_id, .clocks = clocks};
	told.as_wanted = g.recorder.adapt.made[level ? SEGMENT_COMPRESSED : SEGMENT_STORED];
	for (size_t i = 0; i < SEGMENT_MADES; i++)
		told.frames += g.recorder.adapt.made[i];
	syscall(SYS_exit, write(to, &told, sizeof(told)) == sizeof(told) ? 0 : 8);
}

static void at_level(int level)
{
	struct told told = {0};
	int ends[2], status = -1;
	CHECK(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0)
		child(level, ends[1]);
	close(ends[1]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(read(ends[0], &told, sizeof(told)) == sizeof(told));
	CHECK(told.packets >= PACKETS_MIN && told.frames >= 10 && told.as_wanted == told.frames);
	CHECK(told.clocks <= 4 * told.frames);
	close(ends[0]);
}

static void compressed(void)
{
	at_level(1);
}

static void stored_too(void)
{
	at_level(0);
}

int main(void)
{
	log_open(-1, MSG_LOG_LINE, "capture"); /* nobody listens */
	traffic_make(&made, "64", SPAN("<html><body>some text of a page, over and over</body></html>"));
	RUN(compressed,
	    "100,000 packets are recorded, compressed, sealed and committed without a system call");
	RUN(stored_too,
	    "so they are where they are stored; the clock is asked a few times a frame, not a packet");
	free(made.blocks);
	return check_done();
}
