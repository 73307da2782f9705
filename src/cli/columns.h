/* columns: rows as a table whose columns line up, for people, or as CSV (RFC 4180), for spreadsheets; on
 * standard output.
 *
 * Rows are kept until some thousand are there, or all: so long the widths are exact; those that come later
 * widen them. On a terminal a line is cut at its width. Texts of strangers are shown as visible ASCII; in CSV
 * a text that a spreadsheet would take for a formula gets a ' in front.
 */
#ifndef SEALTAP_CLI_COLUMNS_H
#define SEALTAP_CLI_COLUMNS_H

#include "base/buf.h"
#include "cli/command.h"

#define COLUMNS_MAX 20u

struct columns_head {
	const char *title;
	bool right; /* numbers stand at the right */
};

/* heads: borrowed. */
void columns_begin(const struct columns_head *heads, unsigned count, bool csv);
/* The row's next cell. */
void columns_cell(struct span text);
void columns_u64(uint64_t v);
/* A table: 1.2 MB; CSV: the number. */
void columns_bytes(uint64_t v);
void columns_time(uint64_t unix_ns);
void columns_row(void);
enum exit_status columns_end(void);

/* "1.2 MB" */
void columns_put_bytes(struct buf *b, uint64_t v);

#endif
