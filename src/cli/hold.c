/* hold, release: Object Lock's legal hold on each version of each object, and a receipt of it: lines of
 * JSON on standard output. S3 keeps no case with a hold, and one hold for all: the receipts tell who held
 * what for which case. */
#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/many.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

static struct {
	uint64_t from_ns, to_ns;
	const char *case_id, *kind;
	bool on;
	uint64_t held, failed, markers, not_tried;
	enum exit_status status;
	uint8_t line[16384];
} g = {.to_ns = UINT64_MAX};

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "what reaches behind this time", &g.from_ns},
	{"--to", OPTION_TIME, "TIME", "what begins before it", &g.to_ns},
	{"--case", OPTION_TEXT, "ID", "the case, for the receipt", &g.case_id},
	{"--kind", OPTION_TEXT, "KINDS", "of packets, log, flows; with commas between (else all)", &g.kind},
	{NULL},
};

/* ---- the receipt */

static void put(struct buf *b, const char *name, struct span value)
{
	buf_str(b, b->len > 1 ? "," : "");
	json_put_string(b, span_str(name));
	buf_u8(b, ':');
	json_put_string(b, value);
}

static void put_time(struct buf *b, const char *name, uint64_t ns)
{
	uint8_t text[40];
	struct buf t = BUF_OF(text);
	time_rfc3339(&t, ns);
	put(b, name, buf_span(&t));
}

static void put_number(struct buf *b, const char *name, uint64_t v)
{
	buf_str(b, ",");
	json_put_string(b, span_str(name));
	buf_u8(b, ':');
	text_u64(b, v);
}

static enum exit_status end_line(struct buf *b)
{
	buf_str(b, "}\n");
	(void)say_out(buf_span(b));
	return say_out_done(); /* it is done: whatever comes, the receipt has it */
}

static enum exit_status put_head(void)
{
	const char *arn, *account;
	struct buf b = BUF_OF(g.line);
	enum exit_status s = session_caller(&arn, &account);
	if (s)
		return s;
	buf_u8(&b, '{');
	put(&b, "receipt", span_str(g.on ? "hold" : "release"));
	put(&b, "case", span_str(g.case_id));
	put(&b, "by", span_str(arn));
	put_time(&b, "at", clock_real_ns());
	put(&b, "bucket", bucket_name());
	if (g.from_ns)
		put_time(&b, "from", g.from_ns);
	if (g.to_ns != UINT64_MAX)
		put_time(&b, "to", g.to_ns);
	put(&b, "sealtap", span_str(version_text));
	return end_line(&b);
}

static const char *result_of(const struct call *c)
{
	if (!c)
		return "not tried";
	if (c->error)
		return c->fault.code[0] ? c->fault.code : err_text(c->error);
	return g.on ? "held" : "released";
}

/* a: NULL: it was not tried. */
static enum exit_status put_object(const struct catalog_object *o, const struct bucket_ask *a)
{
	struct buf b = BUF_OF(g.line);
	buf_u8(&b, '{');
	put(&b, "key", span_str(o->key));
	put(&b, "version", span_str(o->version));
	put_number(&b, "size", o->size_bytes);
	put(&b, "result", span_str(result_of(a ? &a->call : NULL)));
	if (a)
		put(&b, "request", span_str(a->call.request_id));
	return end_line(&b);
}

static enum exit_status put_end(void)
{
	struct buf b = BUF_OF(g.line);
	buf_u8(&b, '{');
	put_time(&b, "end", clock_real_ns());
	put_number(&b, g.on ? "held" : "released", g.held);
	put_number(&b, "failed", g.failed);
	put_number(&b, "not_tried", g.not_tried);
	return end_line(&b);
}

/* ---- the objects */

static bool ask(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	(void)arg;
	if (o->local || o->is_marker)
		return false;
	bucket_hold_start(a, span_str(o->key), span_str(o->version), g.on);
	return true;
}

static bool answered(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	(void)arg;
	progress_add(1);
	if (!a) {
		g.markers++;
		return true;
	}
	enum exit_status s = put_object(o, a);
	g.held += a->call.error == ERR_OK;
	g.failed += a->call.error != ERR_OK;
	if (a->call.error) {
		enum exit_status why =
			call_say(&a->call, g.on ? "hold" : "release", span_str(bucket_url(span_str(o->key))),
				 "s3:PutObjectLegalHold");
		/* the others would fail in the same way, after a minute each */
		bool stops = why == EXIT_TRY_AGAIN || why == EXIT_UNAVAILABLE || a->call.error == ERR_MISSING;
		if (g.status == EXIT_DONE || g.status == EXIT_INCOMPLETE)
			g.status = stops ? why : EXIT_INCOMPLETE;
	}
	if (s)
		g.status = s;
	return g.status == EXIT_DONE || g.status == EXIT_INCOMPLETE;
}

static void put_not_tried(uint32_t from)
{
	for (uint32_t i = from; i < catalog_count(); i++) {
		const struct catalog_object *o = catalog_at(i);
		if (o->local || o->is_marker)
			continue;
		(void)put_object(o, NULL);
		g.not_tried++;
	}
}

static enum exit_status hold_all(void)
{
	struct many m = {.count = catalog_count(), .changes = true, .ask = ask, .answered = answered};
	enum exit_status s = put_head();
	if (s)
		return s;
	progress_begin(g.on ? "holding" : "releasing", catalog_count());
	put_not_tried(many_run(&m));
	progress_end();
	s = put_end();
	if (!s)
		s = say_out_done();
	say_note("case %s: %llu versions %s, %llu failed, %llu not tried", say_text(span_str(g.case_id)),
		 (unsigned long long)g.held, g.on ? "held" : "released", (unsigned long long)g.failed,
		 (unsigned long long)g.not_tried);
	return s ? s : g.status;
}

static enum exit_status run_both(char **operands, bool on)
{
	struct catalog_filter f = {.from_ns = g.from_ns, .to_ns = g.to_ns, .versions = true};
	g.on = on;
	if (!g.case_id || !text_is_utf8(span_str(g.case_id)) || !g.case_id[0])
		return say(EXIT_WRONG_USAGE, "for which case? --case ID");
	if (!operands[0] && g.from_ns == 0 && g.to_ns == UINT64_MAX)
		return say(EXIT_WRONG_USAGE, "which objects? name some, or a time: --from, --to");
	enum exit_status s = catalog_choose(&f, g.kind, operands);
	return s ? s : hold_all();
}

static enum exit_status run_hold(char **operands)
{
	return run_both(operands, true);
}

static enum exit_status run_release(char **operands)
{
	return run_both(operands, false);
}

const struct command cmd_hold = {
	.name = "hold",
	.operands = "[OBJECT...]",
	.summary = "put a legal hold on recordings: nobody can delete them until it is released",
	.text = "On each version of each object in that time, older ones and those behind a\n"
		"delete marker too. The receipt, lines of JSON on standard output, names case,\n"
		"caller, time, versions and what became of each. A hold that is there already\n"
		"stays. The bucket must have Object Lock; it needs s3:PutObjectLegalHold and\n"
		"s3:ListBucketVersions. What could not be held is said, and the exit status is\n"
		"1; where S3 does not answer any more, the receipt says which were not tried.\n"
		"\n"
		"  sealtap hold --from '2026-11-22 10:00' --to '2026-11-22 11:00' --case 17 >17\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run_hold,
};

const struct command cmd_release = {
	.name = "release",
	.operands = "[OBJECT...]",
	.summary = "take the legal hold off recordings",
	.text = "The receipt is as of hold. S3 knows one hold a version and no cases: what\n"
		"another case holds, too, is released with it. A retention time of the bucket\n"
		"goes on.\n"
		"\n"
		"  sealtap release --from '2026-11-22 10:00' --to '2026-11-22 11:00' --case 17\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run_release,
};
