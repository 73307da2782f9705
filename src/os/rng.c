#include "os/rng.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "base/err.h"

void rng_fill(void *p, size_t len)
{
	uint8_t *at = p;
	while (len) {
		ssize_t n = getrandom(at, len, 0);
		ASSERT(n > 0 || errno == EINTR);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}
