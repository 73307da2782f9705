#include "cli/report_page.h"

#include <string.h>

#include "base/text.h"
#include "base/version.h"
#include "cli/html.h"
#include "cli/outfile.h"
#include "lib/sha.h"

#define TOP_ROWS 15u

/* ---- head */

static void put_style_hash(void)
{
	uint8_t hash[SHA256_BYTES], text[64];
	struct buf b = BUF_OF(text);
	struct sha256 sha;
	sha256_init(&sha);
	sha256_update(&sha, span_str(report_style));
	sha256_final(&sha, hash);
	text_base64(&b, span_of(hash, sizeof(hash)));
	outfile_put(buf_span(&b));
}

static void put_head(const struct report *r)
{
	html("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	     "style-src 'sha256-");
	put_style_hash();
	html("'; base-uri 'none'; form-action 'none'\">\n"
	     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	     "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" "
	     "content=\"no-referrer\">\n"
	     "<title>Traffic record, ");
	html_time(r->from_ns);
	html(" to ");
	html_time(r->to_ns);
	html("</title>\n<style>");
	html(report_style);
	html("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the "
	     "content</a>\n<header>\n"
	     "<h1>Traffic record</h1>\n<p>");
	html_time(r->from_ns);
	html(" to ");
	html_time(r->to_ns);
	html(", from <span class=\"m\">");
	html_str(r->source);
	html("</span></p>\n<p class=\"soft\">Made ");
	html_time(r->made_ns);
	html(" by sealtap ");
	html_str(version_text);
	html(". All times are UTC.</p>\n</header>\n");
}

static void put_nav(void)
{
	static const char *const sections[][2] = {
		{"summary", "Summary"},     {"verification", "Verification"}, {"timeline", "Timeline"},
		{"talkers", "Top talkers"}, {"appliances", "Appliances"},     {"inventory", "Inventory"},
	};
	html("<nav aria-label=\"Sections\"><ul>\n");
	for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		html("<li><a href=\"#");
		html(sections[i][0]);
		html("\">");
		html(sections[i][1]);
		html("</a></li>\n");
	}
	html("</ul></nav>\n<main id=\"main\" tabindex=\"-1\">\n");
}

static void begin_section(const char *id, const char *title)
{
	html("<section aria-labelledby=\"");
	html(id);
	html("\">\n<h2 id=\"");
	html(id);
	html("\">");
	html(title);
	html("</h2>\n");
}

static void end_section(void)
{
	html("</section>\n");
}

/* ---- summary */

static void put_fact(const char *name, uint64_t v, bool bytes)
{
	html("<div><dt>");
	html(name);
	html("</dt><dd>");
	if (bytes)
		html_bytes(v);
	else
		html_u64(v);
	html("</dd></div>\n");
}

static void put_summary(const struct report *r)
{
	uint64_t objects = 0, bytes = 0;
	for (uint32_t i = 0; i < r->streams; i++) {
		objects += r->stream[i].objects;
		bytes += r->stream[i].bytes;
	}
	begin_section("summary", "Summary");
	html("<dl class=\"facts\">\n");
	put_fact("Packets recorded", r->timeline->sum.packets, false);
	put_fact("Bytes recorded", r->timeline->sum.bytes, true);
	put_fact("Packets lost", r->timeline->sum.lost, false);
	put_fact("Gaps in the timeline", r->timeline->gaps + r->timeline->gaps_more, false);
	put_fact("Flows", r->flows, false);
	put_fact("Packets not forwarded", r->refused, false);
	put_fact("Objects", objects, false);
	put_fact("Stored", bytes, true);
	put_fact("Appliances", health_count(), false);
	html("</dl>\n");
	if (r->unreadable) {
		html("<p class=\"verdict bad\">");
		html_u64(r->unreadable);
		html(" objects could not be read: what is in them is missing here.</p>\n");
	}
	end_section();
}

/* ---- verification */

static void put_finding(const struct report_finding *f)
{
	html("<tr><td>");
	html_str(f->severity);
	html("</td><td>");
	html_str(f->kind);
	html("</td><td>");
	if (f->from_ns)
		html_time(f->from_ns);
	html("</td><td>");
	if (f->to_ns)
		html_time(f->to_ns);
	html("</td><td>");
	html_str(f->text);
	html("</td><td class=\"m\">");
	html_str(f->name);
	html("</td></tr>\n");
}

static void put_findings(const struct report *r)
{
	if (!r->findings)
		return;
	html("<div class=\"wide\" role=\"region\" tabindex=\"0\" "
	     "aria-label=\"Findings\"><table><caption>Findings"
	     "</caption><thead><tr><th scope=\"col\">Severity</th><th scope=\"col\">Kind</th><th "
	     "scope=\"col\">From</th>"
	     "<th scope=\"col\">To</th><th scope=\"col\">What</th><th "
	     "scope=\"col\">Object</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < r->findings; i++)
		put_finding(&r->finding[i]);
	html("</tbody></table></div>\n");
	if (r->findings_more) {
		html("<p>");
		html_u64(r->findings_more);
		html(" more are not shown; sealtap verify shows all.</p>\n");
	}
}

static void put_verification(const struct report *r)
{
	static const char *const verdicts[][2] = {
		{"good", "Complete: every object is genuine, and none is missing."},
		{"warn", "Genuine, with gaps; each is explained below."},
		{"bad", "Evidence is missing, damaged or altered."},
	};
	begin_section("verification", "Verification");
	if (!r->verified) {
		html("<p class=\"verdict\">Not verified for this page: it was made with --quick, "
		     "or verification could "
		     "not run. What is shown was decrypted and authenticated; sealtap verify "
		     "checks signatures, chains "
		     "and numbering.</p>\n");
		end_section();
		return;
	}
	unsigned i = r->verdict > EXIT_DAMAGED ? 2 : r->verdict;
	html("<p class=\"verdict ");
	html(verdicts[i][0]);
	html("\">");
	html(verdicts[i][1]);
	html("</p>\n<p>Good signatures: ");
	html_u64(r->signed_good);
	html("; gaps: ");
	html_u64(r->gaps);
	html("; damages: ");
	html_u64(r->damages);
	html("; notes: ");
	html_u64(r->notes);
	html(".</p>\n");
	put_findings(r);
	end_section();
}

/* ---- talkers */

static void put_sum(enum flowtop_by by, const struct top_sum *s, uint64_t whole)
{
	uint8_t text[160];
	struct buf b = BUF_OF(text);
	flowtop_key(&b, by, s);
	html("<tr><th scope=\"row\" class=\"m\">");
	html_text(buf_span(&b));
	html("</th><td class=\"n\">");
	html_bytes(s->bytes);
	html("</td><td>");
	report_share(s->bytes, whole);
	html("</td><td class=\"n\">");
	html_u64(s->packets);
	html("</td><td class=\"n\">");
	html_u64(s->flows);
	html("</td><td class=\"n\">");
	html_u64(s->refused);
	html("</td></tr>\n");
}

static void put_top(enum flowtop_by by, const char *caption, const char *column)
{
	const struct top *t = flowtop_sums(by);
	uint64_t whole = t->count ? t->sum[0].bytes : 0;
	html("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
	html(column);
	html("\"><table><caption>");
	html(caption);
	html("</caption><thead><tr><th scope=\"col\">");
	html(column);
	html("</th><th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\">Beside the first</th>"
	     "<th scope=\"col\" class=\"n\">Packets</th><th scope=\"col\" class=\"n\">Flows</th>"
	     "<th scope=\"col\" class=\"n\">Not forwarded</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < t->count && i < TOP_ROWS; i++)
		put_sum(by, &t->sum[i], whole);
	html("</tbody></table></div>\n");
	if (t->missing) {
		html("<p>Approximate: a sum may be too small by at most ");
		html_bytes(t->missing);
		html(".</p>\n");
	}
}

static void put_talkers(void)
{
	begin_section("talkers", "Top talkers");
	html("<p class=\"soft\">By the records of connection tracking: both directions, as "
	     "forwarded.</p>\n");
	put_top(FLOWTOP_HOST, "Hosts that moved most bytes", "Host");
	put_top(FLOWTOP_PORT, "Ports that were asked for", "Port");
	end_section();
}

/* ---- appliances, inventory */

static void put_appliances(uint64_t now_ns)
{
	static uint8_t text[HEALTH_TEXT_MAX];
	begin_section("appliances", "Appliances");
	if (!health_count())
		html("<p>None has logged anything in this time.</p>\n");
	for (uint32_t i = 0; i < health_count(); i++) {
		const struct health *h = health_at(i);
		struct buf b = BUF_OF(text);
		health_text(&b, h, now_ns);
		struct span rest = buf_span(&b);
		(void)span_cut(&rest, '\n'); /* its name is the heading */
		html("<h3>");
		html_str(h->name);
		html("</h3>\n<pre tabindex=\"0\" role=\"region\" aria-label=\"State of ");
		html_str(h->name);
		html("\">");
		while (rest.len) {
			html_text(span_cut(&rest, '\n'));
			html("\n");
		}
		html("</pre>\n");
	}
	end_section();
}

static void put_stream(const struct report_stream *s)
{
	uint8_t hex[16];
	struct buf boot = BUF_OF(hex);
	text_hex64(&boot, s->boot);
	html("<tr><td>");
	html_text(s->appliance);
	html("</td><td class=\"m\">");
	html_text(buf_span(&boot));
	html("</td><th scope=\"row\">");
	html_str(s->stream);
	html("</th><td>");
	html_time(s->first_ns);
	html("</td><td class=\"n\">");
	html_u64(s->objects);
	html("</td><td>");
	html_u64(s->first_seq);
	html(" to ");
	html_u64(s->last_seq);
	html("</td><td class=\"n\">");
	html_u64(s->missing);
	html("</td><td class=\"n\">");
	html_u64(s->torn);
	html("</td><td class=\"n\">");
	html_u64(s->packets);
	html("</td><td class=\"n\">");
	html_bytes(s->bytes);
	html("</td></tr>\n");
}

static void put_inventory(const struct report *r)
{
	begin_section("inventory", "Inventory");
	html("<div class=\"wide\" role=\"region\" tabindex=\"0\" "
	     "aria-label=\"Inventory\"><table><caption>Streams of "
	     "objects; numbers run without holes</caption><thead><tr><th scope=\"col\">Appliance</th>"
	     "<th scope=\"col\">Boot</th><th scope=\"col\">Stream</th><th scope=\"col\">Begins</th>"
	     "<th scope=\"col\" class=\"n\">Objects</th><th scope=\"col\">Numbers</th>"
	     "<th scope=\"col\" class=\"n\">Missing</th><th scope=\"col\" class=\"n\">Torn</th>"
	     "<th scope=\"col\" class=\"n\">Packets</th><th scope=\"col\" "
	     "class=\"n\">Stored</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < r->streams; i++)
		put_stream(&r->stream[i]);
	html("</tbody></table></div>\n");
	if (r->streams_more) {
		html("<p>");
		html_u64(r->streams_more);
		html(" objects of further streams are not shown.</p>\n");
	}
	end_section();
}

void report_page(const struct report *r)
{
	put_head(r);
	put_nav();
	put_summary(r);
	put_verification(r);
	begin_section("timeline", "Timeline");
	report_charts(r->timeline);
	end_section();
	put_talkers();
	put_appliances(r->to_ns < r->made_ns ? r->to_ns : r->made_ns);
	put_inventory(r);
	html("</main>\n<footer><p class=\"soft\">This page is complete in itself and loads "
	     "nothing. It is a summary, not "
	     "evidence: the objects are.</p></footer>\n</body>\n</html>\n");
}
