/* copy: bytes of a packet, or some KiB, to where they are not aligned.
 *
 * The library's memcpy() begins a microcoded string move (`rep movsq`), which takes dozens of cycles to start
 * and half the speed when the target is not aligned: for packets of 60 bytes that was the half of a record's
 * cost. Inline, so that each use is a few moves.
 */
#ifndef SEALTAP_BASE_COPY_H
#define SEALTAP_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COPY_STEP 32 /* two moves of sixteen bytes, which every x86-64 has */

/* to and from must not overlap. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n < COPY_STEP) {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
		return;
	}
	for (size_t at = 0; at + COPY_STEP <= n; at += COPY_STEP)
		memcpy(to + at, from + at, COPY_STEP);
	memcpy(to + n - COPY_STEP, from + n - COPY_STEP, COPY_STEP); /* some of these once more */
}

#endif
