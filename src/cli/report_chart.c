/* The charts: bars over time. A gap stands behind the bars as a band with a dashed edge and its own label, so
 * that it is seen without colours, too.
 */
#include <stdio.h>

#include "base/time.h"
#include "cli/html.h"
#include "cli/report_page.h"

#define WIDTH 960u
#define HEIGHT 180u
#define TOP 18u
#define BOTTOM 150u /* of the bars */
#define TICKS 4u

enum what { PACKETS, BYTES, LOST, WHATS };

static const struct {
	const char *id, *title, *unit;
} whats[WHATS] = {
	{"packets", "Packets recorded", "packets"},
	{"bytes", "Bytes recorded", "bytes"},
	{"lost", "Packets lost", "packets"},
};

static uint64_t value_of(const struct timeline_bar *b, enum what w)
{
	return w == PACKETS ? b->packets : w == BYTES ? b->bytes : b->lost;
}

static void html_value(enum what w, uint64_t v)
{
	if (w == BYTES)
		html_bytes(v);
	else
		html_u64(v);
}

/* In tenths of a pixel. */
static void html_at(const char *name, uint64_t tenths)
{
	char text[48];
	snprintf(text, sizeof(text), " %s=\"%llu.%llu\"", name, (unsigned long long)tenths / 10,
		 (unsigned long long)tenths % 10);
	html(text);
}

static uint64_t x_of(const struct timeline *t, uint64_t at_ns)
{
	uint64_t whole_ns = t->bars * t->bar_ns, since_ns = at_ns > t->first_ns ? at_ns - t->first_ns : 0;
	if (whole_ns < NS_PER_MS)
		return 0;
	if (since_ns > whole_ns)
		since_ns = whole_ns;
	return since_ns / NS_PER_MS * WIDTH * 10 / (whole_ns / NS_PER_MS);
}

static void put_gaps(const struct timeline *t)
{
	for (uint32_t i = 0; i < t->gaps; i++) {
		const struct timeline_gap *g = &t->gap[i];
		uint64_t x = x_of(t, g->from_ns), end = x_of(t, g->to_ns);
		html("<rect class=\"gap\"");
		html_at("x", x);
		html_at("y", TOP * 10);
		html_at("width", end > x + 20 ? end - x : 20);
		html_at("height", (BOTTOM - TOP) * 10);
		html("><title>Gap: ");
		html_str(g->why);
		html("</title></rect><text class=\"gaplabel\" y=\"12\"");
		html_at("x", x);
		html(">gap</text>\n");
	}
}

static void put_bars(const struct timeline *t, enum what w, uint64_t most)
{
	uint64_t width = WIDTH * 10 / (t->bars ? t->bars : 1);
	for (uint32_t i = 0; i < t->bars; i++) {
		uint64_t v = value_of(&t->bar[i], w);
		uint64_t height = most ? (uint64_t)((double)v / (double)most * (BOTTOM - TOP) * 10) : 0;
		if (v == 0)
			continue;
		height = height < 10 ? 10 : height; /* what is there is seen */
		html(w == LOST ? "<rect class=\"lost\"" : "<rect class=\"bar\"");
		html_at("x", (uint64_t)i * WIDTH * 10 / t->bars);
		html_at("y", BOTTOM * 10 - height);
		html_at("width", width > 15 ? width - 5 : 10);
		html_at("height", height);
		html("/>\n");
	}
}

static void put_axis(const struct timeline *t, enum what w, uint64_t most)
{
	static const char *const anchors[] = {"label", "label middle", "label end"};
	html("<line class=\"axis\" x1=\"0\" y1=\"150\" x2=\"960\" y2=\"150\"/>"
	     "<text class=\"label end\" x=\"960\" y=\"12\">highest bar: ");
	html_value(w, most);
	html("</text>\n");
	for (unsigned i = 0; i <= TICKS; i++) {
		uint64_t at_ns = t->first_ns + t->bars * t->bar_ns / TICKS * i;
		html("<text class=\"");
		html(anchors[i == 0 ? 0 : i == TICKS ? 2 : 1]);
		html("\" y=\"168\"");
		html_at("x", WIDTH * 10 / TICKS * i);
		html(">");
		html_time(at_ns);
		html("</text>\n");
	}
}

static void put_chart(const struct timeline *t, enum what w)
{
	uint64_t most = 0, sum = value_of(&t->sum, w);
	uint32_t at = 0;
	for (uint32_t i = 0; i < t->bars; i++)
		if (value_of(&t->bar[i], w) > most)
			most = value_of(&t->bar[at = i], w);
	html("<svg class=\"chart\" viewBox=\"0 0 960 180\" role=\"img\" aria-labelledby=\"t-");
	html(whats[w].id);
	html(" d-");
	html(whats[w].id);
	html("\"><title id=\"t-");
	html(whats[w].id);
	html("\">");
	html(whats[w].title);
	html(" over time</title><desc id=\"d-");
	html(whats[w].id);
	html("\">");
	html_value(w, sum);
	html(w == BYTES ? "" : " packets");
	html(" in all");
	if (most) {
		html("; the highest bar has ");
		html_value(w, most);
		html(" and begins at ");
		html_time(t->first_ns + at * t->bar_ns);
	}
	html("; gaps: ");
	html_u64(t->gaps + t->gaps_more);
	html(".</desc>\n");
	put_gaps(t);
	put_bars(t, w, most);
	put_axis(t, w, most);
	html("</svg>\n");
}

static void put_table(const struct timeline *t)
{
	html("<details><summary>The charts as a table</summary>\n<div class=\"wide\" "
	     "role=\"region\" tabindex=\"0\" "
	     "aria-label=\"Timeline as a table\"><table><caption>Each row is ");
	html_u64(t->bar_ns / NS_PER_S);
	html(" s; rows without packets and losses are left out</caption>\n<thead><tr><th "
	     "scope=\"col\">From</th>"
	     "<th scope=\"col\" class=\"n\">Packets</th><th scope=\"col\" class=\"n\">Bytes</th>"
	     "<th scope=\"col\" class=\"n\">Lost</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < t->bars; i++) {
		const struct timeline_bar *b = &t->bar[i];
		if (!b->packets && !b->lost)
			continue;
		html("<tr><th scope=\"row\">");
		html_time(t->first_ns + i * t->bar_ns);
		html("</th><td class=\"n\">");
		html_u64(b->packets);
		html("</td><td class=\"n\">");
		html_u64(b->bytes);
		html("</td><td class=\"n\">");
		html_u64(b->lost);
		html("</td></tr>\n");
	}
	html("</tbody></table></div></details>\n");
}

static void put_gap_table(const struct timeline *t)
{
	html("<h3>Gaps</h3>\n");
	if (!t->gaps) {
		html("<p>None is known in this time.</p>\n");
		return;
	}
	html("<table><caption>Times of which something is not recorded, or not there</caption><thead><tr>"
	     "<th scope=\"col\">From</th><th scope=\"col\">To</th><th "
	     "scope=\"col\">Why</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < t->gaps; i++) {
		html("<tr><td>");
		html_time(t->gap[i].from_ns);
		html("</td><td>");
		html_time(t->gap[i].to_ns);
		html("</td><td>");
		html_str(t->gap[i].why);
		html("</td></tr>\n");
	}
	html("</tbody></table>\n");
	if (t->gaps_more) {
		html("<p>");
		html_u64(t->gaps_more);
		html(" more are not shown.</p>\n");
	}
}

void report_charts(const struct timeline *t)
{
	for (unsigned w = 0; w < WHATS; w++) {
		html("<figure><figcaption>");
		html(whats[w].title);
		html("</figcaption>\n");
		put_chart(t, (enum what)w);
		html("</figure>\n");
	}
	put_table(t);
	put_gap_table(t);
}

void report_share(uint64_t part, uint64_t whole)
{
	uint64_t permille = whole ? (uint64_t)((double)part / (double)whole * 1000) : 0;
	permille = permille > 1000 ? 1000 : permille;
	char text[400];
	snprintf(text, sizeof(text),
		 "<svg width=\"120\" height=\"14\" viewBox=\"0 0 120 14\" role=\"img\" "
		 "aria-label=\"%u.%u %%\">"
		 "<title>%u.%u %%</title><rect class=\"track\" x=\"0.5\" y=\"0.5\" width=\"119\" "
		 "height=\"13\"/>"
		 "<rect class=\"bar\" x=\"1\" y=\"1\" width=\"%u.%u\" height=\"12\"/></svg>",
		 (unsigned)permille / 10, (unsigned)permille % 10, (unsigned)permille / 10,
		 (unsigned)permille % 10, (unsigned)(permille * 118 / 1000),
		 (unsigned)(permille * 1180 / 1000 % 10));
	html(text);
}
