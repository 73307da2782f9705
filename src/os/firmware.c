/* GPT (UEFI specification 2.10, section 5.3): header in block 1 ("EFI PART", disk GUID at 56), first
 * partition entry in block 2 (its GUID at 16, its name in UTF-16LE at 56); blocks of 512 bytes. */
#include "os/firmware.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DISKS 8
#define BLOCK 512

static bool is_ours(const uint8_t *gpt)
{
	static const char name[] = "s\0e\0a\0l\0t\0a\0p\0-\0e\0s\0p\0";
	return memcmp(gpt + BLOCK, "EFI PART", 8) == 0 &&
	       memcmp(gpt + 2 * BLOCK + 56, name, sizeof(name)) == 0;
}

void firmware_sha256(uint8_t out[32])
{
	uint8_t gpt[3 * BLOCK];
	memset(out, 0, 32);
	for (int i = 0; i < DISKS; i++) {
		char path[24];
		snprintf(path, sizeof(path), "/dev/nvme%dn1", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t n = pread(fd, gpt, sizeof(gpt), 0);
		close(fd);
		if (n != (ssize_t)sizeof(gpt) || !is_ours(gpt))
			continue;
		memcpy(out, gpt + BLOCK + 56, 16);
		memcpy(out + 16, gpt + 2 * BLOCK + 16, 16);
		return;
	}
}
