#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/disk.h"

#define BYTES (9u * 1024 * 1024 + 123) /* more than two calls' worth */

static char directory[] = "/tmp/disk_test.XXXXXX", path[64], faults_path[64];
static struct disk d;
static uint8_t *bytes, *got;

static void act_out(const char *line)
{
	int fd = open(faults_path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line));
	close(fd);
}

static void start(void)
{
	if (d.fd > 0)
		close(d.fd);
	unlink(path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ftruncate(fd, BYTES) == 0);
	close(fd);
	act_out("");
	CHECK(!disk_open(path, &d.fd));
	d.faults = -1;
}

static void what_is_written_is_read(void)
{
	uint64_t size = 0;
	start();
	CHECK(!disk_size(&d, &size) && size == BYTES);
	CHECK(!disk_reserve(&d));
	struct stat st;
	CHECK(stat(path, &st) == 0 && st.st_size == BYTES && st.st_blocks * 512 >= BYTES);
	CHECK(!disk_write(&d, 0, span_of(bytes, BYTES)) && !disk_sync(&d));
	CHECK(!disk_read(&d, 0, got, BYTES) && memcmp(got, bytes, BYTES) == 0);
	CHECK(!disk_write(&d, 5000001, SPAN("xyz")));
	CHECK(!disk_read(&d, 5000000, got, 5));
	CHECK(got[0] == bytes[5000000] && memcmp(got + 1, "xyz", 3) == 0 && got[4] == bytes[5000004]);
	CHECK(!disk_write(&d, 7, span_of(NULL, 0)) && !disk_read(&d, BYTES, got, 0));
}

static void nothing_is_read_past_the_end(void)
{
	start();
	CHECK(!disk_read(&d, BYTES - 10, got, 10));
	CHECK(disk_read(&d, BYTES - 10, got, 11) == ERR_RANGE);
	CHECK(disk_read(&d, BYTES, got, 1) == ERR_RANGE);
	CHECK(disk_read(&d, 1ull << 50, got, 1) == ERR_RANGE);
}

/* How many of the first bytes of the file are those that were to be written. */
static size_t moved(size_t len)
{
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(pread(fd, got, len, 0) == (ssize_t)len);
	close(fd);
	while (n < len && got[n] == bytes[n])
		n++;
	return n;
}

static void faults_come_as_the_file_says_and_go_with_it(void)
{
	static const struct {
		const char *line;
		enum err read, write, sync;
	} cases[] = {
		{"write eio\n", ERR_OK, ERR_DEVICE, ERR_OK},
		{"write nospace\n", ERR_OK, ERR_NO_SPACE, ERR_OK},
		{"read eio\n", ERR_DEVICE, ERR_OK, ERR_OK},
		{"sync eio\n", ERR_OK, ERR_OK, ERR_DEVICE},
		{"any eio\n", ERR_DEVICE, ERR_DEVICE, ERR_DEVICE},
		{"any eio", ERR_DEVICE, ERR_DEVICE, ERR_DEVICE},
		{"any short\n", ERR_DEVICE, ERR_DEVICE, ERR_DEVICE},
		{"write short\n", ERR_OK, ERR_DEVICE, ERR_OK},
		{"\n", ERR_OK, ERR_OK, ERR_OK},
		{"write\n", ERR_OK, ERR_OK, ERR_OK},
		{"any none\n", ERR_OK, ERR_OK, ERR_OK},
		{"", ERR_OK, ERR_OK, ERR_OK},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start();
		d.faults = open(faults_path, O_RDONLY | O_CLOEXEC);
		CHECK(!disk_read(&d, 0, got, 100) && !disk_sync(&d)); /* none yet */
		act_out(cases[i].line);
		CHECK(disk_read(&d, 0, got, 100) == cases[i].read);
		CHECK(disk_sync(&d) == cases[i].sync);
		CHECK(disk_write(&d, 0, span_of(bytes, 1000)) == cases[i].write);
		CHECK(moved(1000) == (cases[i].write == ERR_OK         ? 1000u
				      : strstr(cases[i].line, "short") ? 500u
								       : 0));
		act_out("");
		CHECK(!disk_write(&d, 0, span_of(bytes, 1000)) && !disk_sync(&d) && moved(1000) == 1000);
		close(d.faults);
	}
}

static void a_full_filesystem_is_told_by_name(void)
{
	struct disk full = {open("/dev/full", O_RDWR | O_CLOEXEC), -1};
	CHECK(full.fd >= 0);
	CHECK(disk_write(&full, 0, SPAN("x")) == ERR_NO_SPACE);
	close(full.fd);
	full.fd = -1;
	CHECK(disk_write(&full, 0, SPAN("x")) == ERR_DEVICE && errno == EBADF);
	CHECK(disk_sync(&full) == ERR_DEVICE && disk_reserve(&full) == ERR_DEVICE);
}

static void only_a_file_or_device_that_nobody_has_is_opened(void)
{
	int fd = -1;
	char link[sizeof(path) + 8];
	start();
	CHECK(disk_open(directory, &fd) == ERR_UNSUPPORTED);
	CHECK(disk_open("/dev/null", &fd) == ERR_UNSUPPORTED);
	CHECK(disk_open("/nonexistent/volume", &fd) == ERR_NOT_FOUND);
	snprintf(link, sizeof(link), "%s.link", path);
	CHECK(symlink(path, link) == 0);
	CHECK(disk_open(link, &fd) == ERR_SYSTEM);
	unlink(link);
	CHECK(disk_open(path, &fd) == ERR_CONFLICT); /* start() has it */
	close(d.fd);
	CHECK(!disk_open(path, &d.fd));
	int other = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(flock(other, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK);
	CHECK(fcntl(d.fd, F_GETFD) == FD_CLOEXEC);
	close(other);
}

int main(void)
{
	bytes = malloc(BYTES);
	got = malloc(BYTES);
	uint32_t lcg = 3;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)((lcg = lcg * 1664525 + 1013904223) >> 24 | 1); /* no zeros */
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/volume", directory);
	snprintf(faults_path, sizeof(faults_path), "%s/faults", directory);
	RUN(what_is_written_is_read, "what is written is read, in as many calls as it takes");
	RUN(nothing_is_read_past_the_end, "nothing is read past the end");
	RUN(faults_come_as_the_file_says_and_go_with_it, "faults come as the file says, and go with it");
	RUN(a_full_filesystem_is_told_by_name, "a full filesystem is told by name, other errors by errno");
	RUN(only_a_file_or_device_that_nobody_has_is_opened,
	    "only a file or device that nobody has is opened, and no link");
	close(d.fd);
	unlink(path);
	unlink(faults_path);
	rmdir(directory);
	free(bytes);
	free(got);
	return check_done();
}
