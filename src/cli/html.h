/* html: pieces of a page into the file of cli/outfile. Texts of strangers go through html_text alone: it
 * shows visible ASCII, and escapes what means something to HTML, in text and in quoted attributes.
 */
#ifndef SEALTAP_CLI_HTML_H
#define SEALTAP_CLI_HTML_H

#include "base/span.h"

/* Markup of our own, as it is. */
void html(const char *markup);
void html_text(struct span s);
void html_str(const char *s);
void html_u64(uint64_t v);
/* 1.2 MB */
void html_bytes(uint64_t v);
/* 2026-11-22 10:00:00 UTC */
void html_time(uint64_t unix_ns);

#endif
