#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "role/spool/store.h"

#define MIB (1024ull * 1024)
#define SLOT (4 * MIB)
#define SECONDS(n) (1700000000 * NS_PER_S + (n)*NS_PER_S)

static char path[] = "/tmp/sealtap-store-XXXXXX";
static struct disk disk;
static struct store store;
static struct store_found found;

/* A boot opens the volume; two workers. */
static void boot(uint64_t number)
{
	memset(&store, 0, sizeof(store));
	CHECK(store_open(&store, &disk, number, SLOT, 2, &found) == ERR_OK);
}

static void armed(uint64_t at_s)
{
	CHECK(store_armed(&store, SECONDS(at_s), &found) == ERR_OK);
}

/* The present boot's stream has an object here that reaches to that second. */
static void object(const char *stream, uint64_t last_s)
{
	struct commit c = {.generation = 1, .state = COMMIT_SEALED};
	c.meta.kind = strcmp(stream, "log") ? OBJECT_PACKETS : OBJECT_LOG;
	c.meta.boot = store.boot;
	c.meta.last_ns = c.meta.first_ns = SECONDS(last_s);
	snprintf(c.meta.stream, sizeof(c.meta.stream), "%s", stream);
	snprintf(c.meta.name, sizeof(c.meta.name), "%s-%u", stream, (unsigned)last_s);
	c.data_bytes = c.meta.size_bytes = 100;
	CHECK(store_commit(&store, store_take(&store, OBJECT_LOG), &c) == ERR_OK);
	CHECK(store_sync(&store) == ERR_OK);
}

static void begin(void)
{
	CHECK(ftruncate(disk.fd, 0) == 0 && ftruncate(disk.fd, 64 * MIB) == 0);
	boot(1);
	CHECK(found.formatted && !found.gap);
	armed(10);
}

static bool gap(uint64_t of, uint64_t from_s)
{
	return found.gap && found.boot == of && found.until_ns == SECONDS(from_s);
}

static void a_cut_leaves_a_gap_an_orderly_end_none(void)
{
	begin();
	object("log", 21);
	object("w0", 20);
	object("w1", 19);
	object("w1", 17);
	boot(2);
	CHECK(gap(1, 19));
	armed(30);
	CHECK(store_ended(&store, SECONDS(40)) == ERR_OK);
	boot(3);
	CHECK(!found.gap);
}

static void a_gap_stays_until_it_is_logged(void)
{
	begin();
	object("w0", 20);
	object("w1", 19);
	boot(2); /* is cut before it arms */
	CHECK(gap(1, 19));
	boot(3);
	CHECK(gap(1, 19));
	armed(30); /* is cut before its log is on the volume */
	object("w0", 33);
	object("w1", 33);
	CHECK(!store_logged(&store, SECONDS(31)));
	boot(4);
	CHECK(gap(1, 19)); /* that of boot 3 lies within */
	armed(40);
	object("log", 39);
	CHECK(!store_logged(&store, SECONDS(40)));
	object("log", 41);
	CHECK(store_logged(&store, SECONDS(41)));
	CHECK(store_told(&store) == ERR_OK);
	object("w0", 45);
	object("w1", 44);
	boot(5);
	CHECK(gap(4, 44));
}

static void a_new_process_of_the_same_boot_finds_what_is_not_told(void)
{
	begin();
	object("w0", 20);
	object("w1", 19);
	boot(2);
	armed(30);
	boot(2);
	CHECK(gap(1, 19));
	CHECK(store_told(&store) == ERR_OK);
	boot(2);
	CHECK(!found.gap);
}

static void what_is_known_bounds_it(void)
{
	begin();
	boot(2);
	CHECK(gap(1, 10)); /* nothing is there: from its arming */
	begin();
	object("log", 11);
	boot(2);
	CHECK(gap(1, 10));
	begin();
	object("w0", 20); /* the other one may have had a frame open */
	boot(2);
	CHECK(gap(1, 17));
	begin();
	object("w0", 20);
	object("log", 30);
	boot(2);
	CHECK(gap(1, 20));
}

int main(void)
{
	disk = (struct disk){.fd = mkstemp(path), .faults = -1};
	if (disk.fd < 0)
		return 1;
	RUN(a_cut_leaves_a_gap_an_orderly_end_none,
	    "a boot that was cut off leaves a gap, one that ended none");
	RUN(a_gap_stays_until_it_is_logged, "a gap stays until the log that tells of it is on the volume");
	RUN(a_new_process_of_the_same_boot_finds_what_is_not_told,
	    "a new process of the same boot finds what is not told yet");
	RUN(what_is_known_bounds_it, "the gap begins where all workers' packets are certain to be there");
	unlink(path);
	return check_done();
}
