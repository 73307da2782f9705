#include "check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/nvme.h"

#define EBS "vol0123456789abcdef0"

static char sys[] = "/tmp/sealtap-nvme-XXXXXX";
static char path[64];

/* Makes a file or, without text, a folder below the fake /sys/class/nvme. */
static void put(const char *text, const char *format, ...)
{
	char name[128], full[256];
	va_list ap;
	va_start(ap, format);
	vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s/class/nvme/%s", sys, name);
	if (!text) {
		mkdir(full, 0755);
		return;
	}
	FILE *f = fopen(full, "w");
	fputs(text, f);
	fclose(f);
}

static void controller(int number, const char *serial)
{
	put(NULL, "nvme%d", number);
	put(serial, "nvme%d/serial", number);
	put("Amazon Elastic Block Store              \n", "nvme%d/model", number);
	put(NULL, "nvme%d/power", number);
	put(NULL, "nvme%d/ng%dn1", number, number);
}

static void disk(int number, int namespace)
{
	put(NULL, "nvme%d/nvme%dn%d", number, number, namespace);
	put(NULL, "nvme%d/nvme%dn%d/queue", number, number, namespace);
	put("8388608\n", "nvme%d/nvme%dn%d/size", number, number, namespace);
}

static enum err find(const char *serial)
{
	memset(path, 0, sizeof(path));
	return nvme_find_in(sys, serial, path, sizeof(path));
}

/* What an instance with a boot disk, two volumes and an instance store looks like; controllers 10 and 1. */
static void begin(void)
{
	char line[128];
	snprintf(line, sizeof(line), "rm -rf %s/class && mkdir -p %s/class/nvme", sys, sys);
	if (system(line))
		exit(1);
	controller(0, "vol0aaaaaaaaaaaaaaaa\n");
	disk(0, 1);
	put(NULL, "nvme0/nvme0n1/nvme0n1p1");
	controller(1, "vol0bbbbbbbbbbbbbbbb\n");
	disk(1, 1);
	controller(10, EBS "\n");
	disk(10, 1);
	controller(2, "AWS1234             \n");
	disk(2, 1);
}

static void a_volume_is_found_by_either_spelling(void)
{
	begin();
	CHECK(find(EBS) == ERR_OK && strcmp(path, "/dev/nvme10n1") == 0);
	CHECK(find("vol-0123456789abcdef0") == ERR_OK && strcmp(path, "/dev/nvme10n1") == 0);
	CHECK(find("AWS1234") == ERR_OK && strcmp(path, "/dev/nvme2n1") == 0);
}

static void another_serial_number_is_not_found(void)
{
	begin();
	CHECK(find("vol-0123456789abcdef1") == ERR_NOT_FOUND && !path[0]);
	CHECK(find("vol-0123456789abcdef") == ERR_NOT_FOUND);
	CHECK(find("vol-0123456789abcdef01234567890") == ERR_NOT_FOUND);
	CHECK(find("AWS123") == ERR_NOT_FOUND && find("AWS12345") == ERR_NOT_FOUND);
	CHECK(find("vol--0123456789abcdef0") == ERR_NOT_FOUND && find("AWS-1234") == ERR_NOT_FOUND);
	controller(3, "                    \n");
	disk(3, 1);
	CHECK(find("") == ERR_NOT_FOUND && find("vol-") == ERR_NOT_FOUND);
}

static void a_disk_with_partitions_is_refused(void)
{
	begin();
	CHECK(find("vol-0aaaaaaaaaaaaaaaa") == ERR_DENIED && !path[0]);
	put(NULL, "nvme10/nvme10n1/nvme10n1p14");
	CHECK(find(EBS) == ERR_DENIED);
}

static void two_disks_with_one_serial_number_are_refused(void)
{
	begin();
	controller(3, EBS "\n");
	CHECK(find(EBS) == ERR_OK); /* it has no disk */
	disk(3, 1);
	CHECK(find(EBS) == ERR_CONFLICT && !path[0]);
	begin();
	disk(1, 2);
	CHECK(find("vol-0bbbbbbbbbbbbbbbb") == ERR_CONFLICT);
}

static void only_a_controllers_own_namespace_is_a_disk(void)
{
	begin();
	controller(3, "bare\n");
	put(NULL, "nvme3/nvme33n1");
	put(NULL, "nvme3/nvme3c3n1");
	put(NULL, "nvme3/nvme3n");
	put(NULL, "nvme3/nvme3n1p1");
	put(NULL, "nvme3/nvme3n1x");
	CHECK(find("bare") == ERR_NOT_FOUND);
	disk(3, 12);
	CHECK(find("bare") == ERR_OK && strcmp(path, "/dev/nvme3n12") == 0);
	put(NULL, "nvme-fabrics");
	put("fabrics\n", "nvme-fabrics/serial");
	put(NULL, "nvme-fabrics/nvme-fabricsn1");
	CHECK(find("fabrics") == ERR_NOT_FOUND);
}

static void a_short_buffer_and_a_machine_without_nvme_are_errors(void)
{
	begin();
	CHECK(nvme_find_in(sys, EBS, path, sizeof("/dev/nvme10n1") - 1) == ERR_FULL);
	CHECK(nvme_find_in(sys, EBS, path, sizeof("/dev/nvme10n1")) == ERR_OK);
	CHECK(nvme_find_in("/nonexistent", EBS, path, sizeof(path)) == ERR_NOT_FOUND);
}

int main(void)
{
	if (!mkdtemp(sys))
		return 1;
	RUN(a_volume_is_found_by_either_spelling, "a volume is found by its id with and without the dash");
	RUN(another_serial_number_is_not_found, "a disk with another serial number is not found");
	RUN(a_disk_with_partitions_is_refused, "a disk with partitions, as the boot disk has, is refused");
	RUN(two_disks_with_one_serial_number_are_refused, "two disks with one serial number are refused");
	RUN(only_a_controllers_own_namespace_is_a_disk, "only a controller's own namespace is a disk");
	RUN(a_short_buffer_and_a_machine_without_nvme_are_errors,
	    "a short buffer and a machine without NVMe are errors");
	char line[128];
	snprintf(line, sizeof(line), "rm -rf %s", sys);
	return check_done() | system(line);
}
