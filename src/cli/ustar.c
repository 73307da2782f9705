/* A header is a block of 512 bytes; the content follows, filled up to whole blocks; two blocks of zeros end
 * it all.
 *
 *   offset bytes
 *   0      100  name           257   6  "ustar", NUL
 *   100    8    mode           263   2  version "00"
 *   108    8    uid            265  32  user's name
 *   116    8    gid            297  32  group's name
 *   124    12   size           329   8  device's numbers
 *   136    12   time           345 155  prefix of the name
 *   148    8    sum of the block's bytes with blanks here
 *   156    1    type: '0', a file
 *
 * Numbers are octal digits with a NUL behind.
 */
#include "cli/ustar.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/outfile.h"

#define BLOCK 512u

static const uint8_t zeros[2 * BLOCK];

static void put_octal(uint8_t *to, unsigned digits, uint64_t v)
{
	to[digits] = 0;
	for (unsigned i = digits; i-- > 0; v >>= 3)
		to[i] = (uint8_t)('0' + (v & 7));
}

void ustar_file(const char *name, struct span content)
{
	uint8_t head[BLOCK] = {0};
	uint64_t sum = 0;
	struct span path = span_str(name);
	ASSERT(path.len && path.len <= USTAR_NAME_MAX);
	memcpy(head, path.p, path.len);
	put_octal(head + 100, 7, 0644);
	put_octal(head + 108, 7, 0);
	put_octal(head + 116, 7, 0);
	put_octal(head + 124, 11, content.len);
	put_octal(head + 136, 11, 0);
	memset(head + 148, ' ', 8);
	head[156] = '0';
	memcpy(head + 257,
	       SPAN("ustar\0"
		    "00")
		       .p,
	       8);
	for (unsigned i = 0; i < BLOCK; i++)
		sum += head[i];
	put_octal(head + 148, 6, sum);
	outfile_put(span_of(head, BLOCK));
	outfile_put(content);
	outfile_put(span_of(zeros, (BLOCK - content.len % BLOCK) % BLOCK));
}

void ustar_end(void)
{
	outfile_put(span_of(zeros, sizeof(zeros)));
}
