/* decrypt: opens a sealed object on standard output, in bounded memory, whatever its size.
 *
 * Everything that is written was authenticated, decompressed and its checksum compared before; a failure
 * later on says that what was written is genuine but incomplete. Messages go to standard error, each naming
 * the file.
 */
#ifndef SEALTAP_CLI_DECRYPT_H
#define SEALTAP_CLI_DECRYPT_H

#include <stdbool.h>

struct decrypt_options {
	const char *file;     /* "-": standard input */
	const char *key_file; /* NULL when show_edk */
	bool raw;             /* leave it compressed */
	bool show_edk;        /* only say which data key is wanted */
};

/* The exit status: 0, or 1 after a message. */
int decrypt_run(const struct decrypt_options *o);

#endif
