/* receipt: the JSON beside an exported capture: which objects it was made of, their versions and
 * hashes, with what window and filter, by whom, when, and the hash of the file itself. */
#ifndef SEALTAP_CLI_RECEIPT_H
#define SEALTAP_CLI_RECEIPT_H

#include "cli/window.h"

struct receipt {
	const char *case_id, *file, *format; /* borrowed */
	const struct window *window;
	bool redacted, complete;
};

/* Letters, digits, "._-", 1 to 64. */
bool receipt_is_case(const char *id);
/* For window_copy: an object that was opened. */
void receipt_add(const struct sealed *s);
/* Writes FILE.receipt.json; asks S3 for the objects' metadata, STS for the caller. */
enum exit_status receipt_write(const struct receipt *r);

#endif
