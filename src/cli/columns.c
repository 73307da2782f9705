#include "cli/columns.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/say.h"

#define TEXT_BYTES (1u << 20)
#define CELLS_MAX 65536u
#define CELL_MAX 4096u
#define GAP 2u

static struct {
	const struct columns_head *heads;
	unsigned count, at;
	bool csv, headed;
	unsigned screen; /* columns of the terminal; 0: none */
	uint32_t cells;
	unsigned width[COLUMNS_MAX];
	struct span cell[CELLS_MAX]; /* in text */
	struct buf buf;
	uint8_t text[TEXT_BYTES];
	uint8_t line[COLUMNS_MAX * (CELL_MAX + GAP) + 2];
} g;

static unsigned screen_columns(void)
{
	struct winsize w = {.ws_col = 0};
	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static void put_line(struct buf *b)
{
	while (!g.csv && b->len && b->p[b->len - 1] == ' ')
		b->len--;
	if (g.screen && !g.csv && b->len > g.screen)
		b->len = g.screen;
	buf_str(b, g.csv ? "\r\n" : "\n");
	(void)say_out(buf_span(b)); /* columns_end tells of a failure */
}

static void put_csv(struct buf *b, struct span s)
{
	bool formula = s.len && strchr("=+-@", s.p[0]) && s.len > 1;
	bool quoted = formula;
	for (size_t i = 0; i < s.len; i++)
		quoted |= s.p[i] == ',' || s.p[i] == '"';
	if (!quoted) {
		buf_put(b, s);
		return;
	}
	buf_u8(b, '"');
	buf_str(b, formula ? "'" : "");
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			buf_u8(b, '"');
		buf_u8(b, s.p[i]);
	}
	buf_u8(b, '"');
}

static void put_cells(const struct span *cells)
{
	struct buf b = buf_over(g.line, sizeof(g.line));
	for (unsigned i = 0; i < g.count; i++) {
		size_t pad = cells[i].len < g.width[i] ? g.width[i] - cells[i].len : 0;
		if (i && g.csv)
			buf_u8(&b, ',');
		else if (i)
			buf_fill(&b, ' ', GAP);
		if (g.csv) {
			put_csv(&b, cells[i]);
			continue;
		}
		if (g.heads[i].right)
			buf_fill(&b, ' ', pad);
		buf_put(&b, cells[i]);
		if (!g.heads[i].right)
			buf_fill(&b, ' ', pad);
	}
	put_line(&b);
}

static void put_heads(void)
{
	struct span titles[COLUMNS_MAX] = {{NULL, 0}};
	for (unsigned i = 0; i < g.count; i++) {
		titles[i] = span_str(g.heads[i].title);
		if (titles[i].len > g.width[i])
			g.width[i] = (unsigned)titles[i].len;
	}
	put_cells(titles);
	g.headed = true;
}

static void flush(void)
{
	for (uint32_t i = 0; i < g.cells; i++)
		if (g.cell[i].len > g.width[i % g.count])
			g.width[i % g.count] = (unsigned)g.cell[i].len;
	if (!g.headed)
		put_heads();
	for (uint32_t i = 0; i < g.cells; i += g.count)
		put_cells(g.cell + i);
	g.cells = 0;
	buf_reset(&g.buf);
}

void columns_begin(const struct columns_head *heads, unsigned count, bool csv)
{
	ASSERT(count && count <= COLUMNS_MAX);
	memset(&g, 0, offsetof(__typeof__(g), cell));
	g.heads = heads;
	g.count = count;
	g.csv = csv;
	g.screen = screen_columns();
	g.buf = buf_over(g.text, sizeof(g.text));
}

void columns_cell(struct span text)
{
	ASSERT(g.at < g.count);
	text = span_first(text, CELL_MAX);
	size_t from = g.buf.len;
	if (text_is_printable(text))
		buf_put(&g.buf, text);
	else
		text_printable(&g.buf, text);
	g.cell[g.cells++] = span_of(g.text + from, g.buf.len - from);
	g.at++;
}

void columns_u64(uint64_t v)
{
	uint8_t text[20];
	struct buf b = BUF_OF(text);
	text_u64(&b, v);
	columns_cell(buf_span(&b));
}

/* Powers of ten, as S3's console and AWS's bills count. */
void columns_put_bytes(struct buf *b, uint64_t v)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	unsigned unit = 0, rest = 0;
	for (; v >= 1000; v /= 1000, unit++)
		rest = (unsigned)(v % 1000);
	text_u64(b, v);
	if (unit && v < 100) {
		buf_u8(b, '.');
		text_u64(b, rest / 100);
	}
	buf_u8(b, ' ');
	buf_str(b, units[unit]);
}

void columns_bytes(uint64_t v)
{
	uint8_t text[24];
	struct buf b = BUF_OF(text);
	if (g.csv) {
		columns_u64(v);
		return;
	}
	columns_put_bytes(&b, v);
	columns_cell(buf_span(&b));
}

/* To the second for people, all of it for programs. */
void columns_time(uint64_t unix_ns)
{
	uint8_t text[32];
	struct buf b = BUF_OF(text);
	time_rfc3339(&b, unix_ns);
	if (!g.csv) {
		b.p[10] = ' ';
		b.len = 19;
	}
	columns_cell(buf_span(&b));
}

void columns_row(void)
{
	ASSERT(g.at == g.count);
	g.at = 0;
	if (g.cells + g.count > CELLS_MAX || buf_room(&g.buf) < COLUMNS_MAX * CELL_MAX)
		flush();
}

enum exit_status columns_end(void)
{
	flush();
	return say_out_done();
}
