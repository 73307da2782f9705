#include "os/pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux 6.3; older kernels answer EINVAL. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

static int make_memfd(void)
{
	int fd = memfd_create("segments", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	return fd >= 0 ? fd : memfd_create("segments", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

enum err pool_make(uint64_t slot_bytes, uint32_t slots, int *writable, int *read_only)
{
	int fd = make_memfd();
	if (fd < 0)
		return ERR_SYSTEM;
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int ro = -1;
	if (fchmod(fd, 0600) || ftruncate(fd, (off_t)(POOL_PAGE_BYTES + slot_bytes * slots)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ||
	    (ro = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		close(fd);
		return ERR_SYSTEM;
	}
	*writable = fd;
	*read_only = ro;
	return ERR_OK;
}

enum err pool_map(int fd, bool writable, uint64_t slot_bytes, uint32_t slots, struct pool *p)
{
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *map = mmap(NULL, POOL_PAGE_BYTES + slot_bytes * slots, prot, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ERR_SYSTEM;
	close(fd);
	*p = (struct pool){.map = map, .slot_bytes = slot_bytes, .slots = slots};
	return ERR_OK;
}

enum err pool_map_page(int fd, const void **page)
{
	void *map = mmap(NULL, POOL_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ERR_SYSTEM;
	*page = map;
	return ERR_OK;
}

void *pool_page(const struct pool *p)
{
	return p->map;
}

uint8_t *pool_slot(const struct pool *p, uint32_t index)
{
	ASSERT(index < p->slots);
	return p->map + POOL_PAGE_BYTES + index * p->slot_bytes;
}
