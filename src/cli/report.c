/* report: gathers what the page shows: verification first, then the packets' indexes for the timeline, then
 * the lines of flows and logs.
 */
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/flowlive.h"
#include "cli/keyring.h"
#include "cli/lines.h"
#include "cli/logtext.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/report_page.h"
#include "cli/say.h"
#include "cli/sealed.h"
#include "cli/session.h"
#include "cli/verify.h"
#include "os/clock.h"
#include "record/flowline.h"
#include "record/pcapng_read.h"

#define DAY_NS (86400 * NS_PER_S)
/* A flow's line may be written so long after its traffic. */
#define LINE_LATE_NS (600 * NS_PER_S)

static struct {
	uint64_t from_ns, to_ns;
	const char *file;
	bool quick;
} o = {.from_ns = UINT64_MAX, .to_ns = UINT64_MAX};

static const struct option_row options[] = {
	{"-o", OPTION_FILE, "FILE", "the page; it is written whole or not at all", &o.file},
	{"--from", OPTION_TIME, "TIME", "from then on; of a bucket: a day ago, where it is not given",
	 &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "until then", &o.to_ns},
	{"--quick", OPTION_FLAG, NULL, "without verification, which reads all objects to their end",
	 &o.quick},
	{.name = NULL},
};

static struct {
	struct report report;
	struct report_finding finding[REPORT_FINDINGS_MAX];
	struct report_stream stream[REPORT_STREAMS_MAX];
	char source[256];
	struct sealed sealed;
	enum exit_status worst;
} g;

static void remember(enum exit_status status)
{
	if (status > g.worst)
		g.worst = status;
}

/* ---- verification */

static void take_finding(void *arg, const struct ledger_finding *f, const struct catalog_object *object)
{
	static const char *const severities[LEDGER_SEVERITIES] = {"note", "gap", "damage"};
	struct report *r = &g.report;
	(void)arg;
	if (r->findings == REPORT_FINDINGS_MAX) {
		r->findings_more++;
		return;
	}
	struct report_finding *to = &g.finding[r->findings++];
	*to = (struct report_finding){.severity = severities[f->severity], .kind = f->kind};
	to->from_ns = f->from_ns;
	to->to_ns = f->to_ns;
	const char *name = object ? object->key : f->name ? f->name : f->stream ? f->stream : "";
	text_printable_str(span_str(name), to->name, sizeof(to->name));
	text_printable_str(span_str(f->text), to->text, sizeof(to->text));
}

static enum exit_status verify(char **operands)
{
	struct verify_options v = {.from_ns = o.from_ns, .to_ns = o.to_ns, .finding = take_finding};
	struct verify_result result = {.strangers = 0};
	if (o.quick)
		return EXIT_DONE;
	enum exit_status status = verify_all(operands, &v, &result);
	if (status > EXIT_DAMAGED)
		return status;
	g.report.verified = true;
	g.report.verdict = status;
	g.report.signed_good = result.sums.signed_good;
	g.report.notes = result.sums.findings[LEDGER_NOTE];
	g.report.gaps = result.sums.findings[LEDGER_GAP];
	g.report.damages = result.sums.findings[LEDGER_DAMAGE];
	return EXIT_DONE;
}

/* ---- packets: the timeline and the inventory */

static bool within(uint64_t at_ns)
{
	return at_ns >= o.from_ns && at_ns <= o.to_ns;
}

static void add_frame(struct report_stream *s, uint64_t first_ns, uint64_t packets, uint64_t bytes)
{
	if (!within(first_ns))
		return;
	timeline_add(first_ns, packets, bytes);
	if (s) {
		s->packets += packets;
		s->raw_bytes += bytes;
	}
}

/* A torn object has no index: its packets are counted. */
static enum err count_packets(struct report_stream *s)
{
	struct span content;
	uint32_t frame;
	for (;;) {
		struct pcapng_block b;
		TRY(sealed_next(&g.sealed, &content, &frame));
		if (content.len == 0)
			return ERR_OK;
		while (content.len) {
			TRY(pcapng_next(&content, &b));
			if (b.kind == PCAPNG_PACKET)
				add_frame(s, b.ts_ns, 1, b.bytes.len);
		}
	}
}

static enum err read_packets(const struct catalog_object *object, struct report_stream *s)
{
	TRY(sealed_open(&g.sealed, object));
	if (!sealed_has_index(&g.sealed))
		return count_packets(s);
	for (uint32_t i = 0; i < sealed_frames(&g.sealed); i++) {
		const struct index_entry *e = sealed_entry(&g.sealed, i);
		add_frame(s, e->first_ns, e->records, e->raw_bytes);
	}
	return ERR_OK;
}

static bool same_stream(const struct report_stream *s, const struct catalog_object *object)
{
	return s->boot == object->boot && span_eq(s->appliance, object->appliance) &&
	       !strcmp(s->stream, object->stream);
}

/* Numbers between two objects that are not there. */
static void see_hole(struct report_stream *s, const struct catalog_object *object)
{
	char why[160];
	struct buf b = buf_over(why, sizeof(why) - 1);
	if (object->seq <= s->last_seq + 1)
		return;
	s->missing += object->seq - s->last_seq - 1;
	text_printable(&b, span_str(s->stream));
	buf_str(&b, ": objects ");
	text_u64(&b, s->last_seq + 1);
	buf_str(&b, " to ");
	text_u64(&b, object->seq - 1);
	buf_str(&b, " are not there");
	why[b.len] = 0;
	timeline_gap(s->last_ns, object->start_ns, why);
}

/* The object's stream in the inventory; NULL: there is no room. Objects come in the order of streams and
 * numbers. */
static struct report_stream *stream_of(const struct catalog_object *object)
{
	struct report *r = &g.report;
	struct report_stream *s = r->streams ? &g.stream[r->streams - 1] : NULL;
	if (!s || !same_stream(s, object)) {
		if (r->streams == REPORT_STREAMS_MAX) {
			r->streams_more++;
			return NULL;
		}
		s = &g.stream[r->streams++];
		*s = (struct report_stream){.appliance = object->appliance, .boot = object->boot};
		s->stream = object->stream;
		s->first_ns = object->start_ns;
		s->first_seq = s->last_seq = object->seq;
	}
	see_hole(s, object);
	s->last_seq = object->seq;
	s->last_ns = object->end_ns == UINT64_MAX ? object->start_ns : object->end_ns;
	s->objects++;
	s->torn += object->torn;
	s->bytes += object->size_bytes;
	return s;
}

static void read_all_packets(void)
{
	uint64_t first_ns = UINT64_MAX, bytes = 0;
	for (uint32_t i = 0; i < catalog_count(); i++) {
		bytes += catalog_at(i)->kind == OBJECT_PACKETS ? catalog_at(i)->size_bytes : 0;
		if (catalog_at(i)->start_ns < first_ns)
			first_ns = catalog_at(i)->start_ns;
	}
	timeline_begin(first_ns > o.from_ns ? first_ns : o.from_ns);
	progress_begin("reading indexes", bytes);
	for (uint32_t i = 0; i < catalog_count(); i++) {
		const struct catalog_object *object = catalog_at(i);
		struct report_stream *s = object->is_marker ? NULL : stream_of(object);
		if (object->is_marker || object->kind != OBJECT_PACKETS)
			continue;
		enum err e = read_packets(object, s);
		if (e) {
			const char *why = sealed_why(&g.sealed);
			say_note("%s: %s", say_text(span_str(object->key)), *why ? why : err_text(e));
			g.report.unreadable++;
			remember(EXIT_INCOMPLETE);
		}
		sealed_close(&g.sealed);
		progress_add(object->size_bytes);
	}
	progress_end();
}

/* ---- lines */

static void count_flow(const struct flowline *f)
{
	if (f->to_ns < o.from_ns || f->from_ns > o.to_ns)
		return;
	g.report.flows += f->kind == FLOWLINE_CROWD ? f->flows : f->kind != FLOWLINE_VERDICT;
	g.report.refused += f->kind == FLOWLINE_VERDICT ? f->packets_out : 0;
	flowtop_add(FLOWTOP_HOST, f);
	flowtop_add(FLOWTOP_PORT, f);
}

static void take_flow(const struct lines_line *line)
{
	struct flowline f;
	if (flowline_read(line->text, &f) || f.kind == FLOWLINE_NOTE)
		return;
	if (f.kind == FLOWLINE_LIVE && flowlive_keep(line->object->boot, &f))
		return;
	if (f.kind == FLOWLINE_END)
		flowlive_ended(line->object->boot, &f);
	count_flow(&f);
}

static void take_log(const struct lines_line *line)
{
	struct logline l;
	if (logline_read(line->text, &l) || !within(line->time_ns))
		return;
	health_take(line);
	if (span_eq(l.event, SPAN("lost")) || span_eq(l.event, SPAN("lost-before-ring")))
		timeline_lose(l.time_ns, logtext_number(&l, "packets"));
	if (span_eq(l.event, SPAN("gap")))
		timeline_gap(logtext_number(&l, "from_ns"), logtext_number(&l, "to_ns"),
			     "the boot before did not end in order: what was not stored then is not known");
}

static bool take_line(void *arg, const struct lines_line *line)
{
	(void)arg;
	if (line->object->kind == OBJECT_FLOWS)
		take_flow(line);
	else
		take_log(line);
	return true;
}

static enum exit_status read_lines(void)
{
	struct lines_filter f = {.from_ns = o.from_ns, .kinds = 1u << OBJECT_FLOWS | 1u << OBJECT_LOG};
	const struct flowline *left;
	f.to_ns = o.to_ns < UINT64_MAX - LINE_LATE_NS ? o.to_ns + LINE_LATE_NS : UINT64_MAX;
	flowlive_begin();
	flowtop_begin(FLOWTOP_HOST);
	flowtop_begin(FLOWTOP_PORT);
	health_begin();
	enum exit_status status = lines_of_catalog(&f, take_line, NULL);
	for (uint32_t i = 0; (left = flowlive_left(&i)) != NULL;)
		count_flow(left);
	g.report.unreadable += lines_totals()->failed;
	return status;
}

/* ---- the command */

static void name_source(char **operands)
{
	const struct session_names *n = session_names();
	struct buf b = buf_over(g.source, sizeof(g.source) - 1);
	if (operands[0]) {
		buf_str(&b, "files and names that were given");
		return;
	}
	buf_str(&b, "s3://");
	buf_str(&b, n->bucket);
	buf_str(&b, n->prefix[0] ? "/" : "");
	buf_str(&b, n->prefix);
}

static enum exit_status write_page(void)
{
	struct report *r = &g.report;
	r->source = g.source;
	r->finding = g.finding;
	r->stream = g.stream;
	r->made_ns = clock_real_ns();
	r->timeline = timeline_end();
	r->from_ns = o.from_ns ? o.from_ns : r->timeline->first_ns;
	r->to_ns = o.to_ns < UINT64_MAX ? o.to_ns : r->timeline->last_ns;
	enum exit_status status = outfile_begin(o.file);
	if (status)
		return status;
	report_page(r);
	return outfile_end(true);
}

static enum exit_status gather(char **operands)
{
	struct catalog_filter c = {.kinds = 1u << OBJECT_PACKETS | 1u << OBJECT_FLOWS | 1u << OBJECT_LOG};
	enum exit_status status = verify(operands);
	c.from_ns = o.from_ns;
	c.to_ns = o.to_ns;
	if (!status)
		status = catalog_read(&c, operands);
	if (status)
		return status;
	if (catalog_count() == 0)
		return catalog_nothing();
	read_all_packets();
	status = read_lines();
	if (status > EXIT_DAMAGED)
		return status;
	remember(status);
	return EXIT_DONE;
}

static enum exit_status run(char **operands)
{
	uint64_t now_ns = clock_real_ns();
	if (!o.file)
		return say(EXIT_WRONG_USAGE, "report: -o FILE is missing: where the page shall go");
	if (o.from_ns == UINT64_MAX)
		o.from_ns = operands[0] ? 0 : now_ns - DAY_NS;
	if (o.from_ns > o.to_ns)
		return say(EXIT_WRONG_USAGE, "--from is later than --to");
	enum exit_status status = session_begin();
	if (!status)
		status = gather(operands);
	keyring_wipe();
	if (status)
		return status;
	name_source(operands);
	status = write_page();
	if (g.report.verified)
		remember(g.report.verdict);
	return status ? status : g.worst;
}

const struct command cmd_report = {
	.name = "report",
	.operands = "[OBJECT|FILE...]",
	.summary = "write one page about a time: traffic, losses, talkers, verification",
	.text = "The page is one HTML file, complete in itself: it runs no script and loads nothing.\n"
		"Exit status: verify's, where it ran; 1 when something could not be read.\n\n"
		"  sealtap report -o day.html\n"
		"  sealtap report --from '2026-11-22' --to '2026-11-23' --quick -o day.html\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
