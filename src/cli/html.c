#include "cli/html.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/columns.h"
#include "cli/outfile.h"

void html(const char *markup)
{
	outfile_put(span_str(markup));
}

void html_text(struct span s)
{
	static const char special[] = "&<>\"'`";
	static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#96;"};
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
		const char *at = strchr(special, c);
		if (at)
			html(names[at - special]);
		else
			outfile_put(span_of(&c, 1));
	}
}

void html_str(const char *s)
{
	html_text(span_str(s));
}

void html_u64(uint64_t v)
{
	uint8_t text[20];
	struct buf b = BUF_OF(text);
	text_u64(&b, v);
	outfile_put(buf_span(&b));
}

void html_bytes(uint64_t v)
{
	uint8_t text[32];
	struct buf b = BUF_OF(text);
	columns_put_bytes(&b, v);
	outfile_put(buf_span(&b));
}

void html_time(uint64_t unix_ns)
{
	uint8_t text[32];
	struct buf b = BUF_OF(text);
	time_rfc3339(&b, unix_ns);
	text[10] = ' ';
	outfile_put(span_of(text, 19));
	html(" UTC");
}
