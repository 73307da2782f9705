/* ls: which objects there are. A line each, in the order of time; what the name does not tell (records,
 * losses, the end, who signed) stands in the metadata: a HEAD for each object, many at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/many.h"
#include "cli/metafile.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

#define ASKED_MAX 2000 /* objects: more are not asked without --long: seconds, and a cent for each 25,000 */
#define LINE_BYTES 16384

static struct {
	uint64_t from_ns, to_ns;
	const char *kind;
	bool versions, json, lasting, brief;
	bool ask;
	uint32_t failures;
	enum exit_status status;
	uint64_t objects, bytes, records, lost;
	uint8_t line[LINE_BYTES];
} g = {.to_ns = UINT64_MAX};

static uint32_t order[CATALOG_MAX]; /* of the catalog, by time */

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "what reaches behind it: 2026-11-22T10:00:00Z, -15m, -7d",
	 &g.from_ns},
	{"--to", OPTION_TIME, "TIME", "what begins before it", &g.to_ns},
	{"--kind", OPTION_TEXT, "KINDS", "of packets, log, flows; with commas between", &g.kind},
	{"--versions", OPTION_FLAG, NULL, "all versions and delete markers", &g.versions},
	{"--long", OPTION_FLAG, NULL, "records and losses of however many objects", &g.lasting},
	{"--short", OPTION_FLAG, NULL, "what the names alone tell: quick", &g.brief},
	{"--json", OPTION_FLAG, NULL, "a line of JSON for each object", &g.json},
	{NULL},
};

/* ---- what is known of one */

struct known {
	const struct catalog_object *o;
	const struct bucket_head *h; /* NULL: nothing */
	bool failed;                 /* it was asked for in vain */
};

static bool locked(const struct bucket_head *h)
{
	return h->retain_mode[0] && h->retain_until_ns > clock_real_ns();
}

static const char *const words[] = {
	"marker", "older",  "torn",     "beside",      "archived", "restored",
	"held",   "locked", "unsigned", "no-metadata", "denied",
};
#define STATES (sizeof(words) / sizeof(words[0]))

static void states(const struct known *k, bool is[STATES])
{
	const struct bucket_head *h = k->h;
	bool asked = h && !k->o->is_marker;
	bool restored = asked && strstr(h->restore, "ongoing-request=\"false\"");
	const bool found[STATES] = {
		k->o->is_marker,
		!k->o->is_latest,
		k->o->torn,
		k->o->beside != 0,
		catalog_is_cold(k->o) && !restored,
		restored,
		asked && h->legal_hold,
		asked && locked(h),
		asked && h->has_meta && h->meta.sig_len == 0,
		asked && !h->has_meta,
		k->failed,
	};
	memcpy(is, found, sizeof(found));
}

/* ---- JSON */

static void put_name(struct buf *b, const char *name)
{
	if (b->p[b->len - 1] != '{')
		buf_str(b, ",");
	json_put_string(b, span_str(name));
	buf_u8(b, ':');
}

static void put_string(struct buf *b, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	put_name(b, name);
	json_put_string(b, value);
}

static void put_number(struct buf *b, const char *name, uint64_t v)
{
	put_name(b, name);
	text_u64(b, v);
}

static void put_time(struct buf *b, const char *name, uint64_t ns)
{
	put_name(b, name);
	buf_u8(b, '"');
	time_rfc3339(b, ns);
	buf_u8(b, '"');
}

static void put_states(struct buf *b, const struct known *k)
{
	bool is[STATES], first = true;
	states(k, is);
	put_name(b, "state");
	buf_u8(b, '[');
	for (size_t i = 0; i < STATES; i++) {
		if (!is[i])
			continue;
		buf_str(b, first ? "" : ",");
		json_put_string(b, span_str(words[i]));
		first = false;
	}
	buf_u8(b, ']');
}

static void put_told(struct buf *b, const struct bucket_head *h)
{
	const struct object_meta *m = &h->meta;
	uint8_t text[64];
	struct buf sha = BUF_OF(text);
	if (h->retain_mode[0]) {
		put_string(b, "retain_mode", span_str(h->retain_mode));
		put_time(b, "retain_until", h->retain_until_ns);
	}
	if (!h->has_meta)
		return;
	put_time(b, "end", m->last_ns);
	put_number(b, "records", m->records);
	put_number(b, "raw_bytes", m->raw_bytes);
	put_number(b, "lost", m->lost);
	put_number(b, "cut", m->cut);
	put_number(b, "filtered", m->filtered);
	text_hex(&sha, span_of(m->sha256, sizeof(m->sha256)));
	put_string(b, "sha256", buf_span(&sha));
}

static void put_boot(struct buf *b, uint64_t boot)
{
	put_name(b, "boot");
	buf_u8(b, '"');
	text_hex64(b, boot);
	buf_u8(b, '"');
}

static enum exit_status json_line(const struct known *k)
{
	struct buf b = BUF_OF(g.line);
	const struct catalog_object *o = k->o;
	buf_u8(&b, '{');
	put_string(&b, o->local ? "file" : "key", span_str(o->key));
	put_string(&b, "version", span_str(o->version[0] || !k->h ? o->version : k->h->version));
	put_string(&b, "kind", span_str(catalog_kind_name(o->kind)));
	put_string(&b, "appliance", o->appliance);
	put_boot(&b, o->boot);
	put_string(&b, "stream", span_str(o->stream));
	put_number(&b, "seq", o->seq);
	put_time(&b, "start", o->start_ns);
	put_number(&b, "size", o->size_bytes);
	put_string(&b, "storage_class", span_str(o->local ? "" : catalog_storage_classes[o->storage]));
	put_states(&b, k);
	if (k->h && !o->is_marker)
		put_told(&b, k->h);
	buf_str(&b, "}\n");
	return say_out(buf_span(&b));
}

/* ---- the table */

static void put_size(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	char text[32];
	double v = (double)bytes;
	unsigned i = 0;
	for (; v >= 1000 && i < 4; i++)
		v /= 1024;
	snprintf(text, sizeof(text), i ? "%.1f %s" : "%.0f %s", v, units[i]);
	buf_str(b, text);
}

/* Spaces in front, so that it has so many characters. */
static void put_right(struct buf *b, struct span s, size_t columns)
{
	buf_fill(b, ' ', s.len < columns ? columns - s.len : 0);
	buf_put(b, s);
}

static void put_left(struct buf *b, struct span s, size_t columns)
{
	buf_put(b, s);
	buf_fill(b, ' ', s.len < columns ? columns - s.len : 1);
}

static void put_count(struct buf *b, const struct known *k, uint64_t v, size_t columns)
{
	uint8_t digits[24];
	struct buf n = BUF_OF(digits);
	if (k->h && k->h->has_meta && !k->o->is_marker)
		text_u64(&n, v);
	else
		buf_str(&n, "-");
	put_right(b, buf_span(&n), columns);
}

static void put_span(struct buf *b, const struct known *k)
{
	char text[32] = "-";
	const struct object_meta *m = k->h ? &k->h->meta : NULL;
	if (m && k->h->has_meta && m->last_ns >= m->first_ns)
		snprintf(text, sizeof(text), "%.1fs", (double)(m->last_ns - m->first_ns) / (double)NS_PER_S);
	put_right(b, span_str(text), 9);
}

static enum exit_status table_line(const struct known *k)
{
	struct buf b = BUF_OF(g.line);
	uint8_t text[192];
	struct buf part = BUF_OF(text);
	const struct catalog_object *o = k->o;
	bool is[STATES];
	time_rfc3339(&part, o->start_ns);
	put_left(&b, span_first(buf_span(&part), 19), 20);
	put_span(&b, k);
	buf_str(&b, "  ");
	put_left(&b, span_str(o->stream), 6);
	put_count(&b, k, k->h ? k->h->meta.records : 0, 10);
	put_count(&b, k, k->h ? k->h->meta.lost : 0, 8);
	buf_reset(&part);
	put_size(&part, o->size_bytes);
	put_right(&b, buf_span(&part), 11);
	buf_str(&b, "  ");
	buf_reset(&part);
	states(k, is);
	for (size_t i = 0; i < STATES; i++) {
		if (is[i]) {
			buf_str(&part, part.len ? "," : "");
			buf_str(&part, words[i]);
		}
	}
	put_left(&b, part.len ? buf_span(&part) : SPAN("-"), 9);
	text_printable(&b, span_str(o->key));
	if (g.versions && o->version[0]) {
		buf_str(&b, "  ");
		text_printable(&b, span_str(o->version));
	}
	buf_u8(&b, '\n');
	return say_out(buf_span(&b));
}

static const char heading[] =
	"START (UTC)              SPAN  STREAM   RECORDS    LOST       SIZE  STATE    OBJECT\n";

/* ---- all of them */

static int by_time(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;
	uint64_t x = catalog_at(*a)->start_ns, y = catalog_at(*b)->start_ns;
	return x != y ? (x > y) - (x < y) : (*a > *b) - (*a < *b);
}

static const struct catalog_object *in_time(uint32_t i)
{
	return catalog_at(order[i]);
}

static bool ask(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	(void)arg;
	if (!g.ask || o->local || o->is_marker)
		return false;
	bucket_head_start(a, span_str(o->key), g.versions ? span_str(o->version) : SPAN(""));
	return true;
}

static void note_failure(const struct bucket_ask *a, const struct catalog_object *o)
{
	enum exit_status s = call_exit(&a->call);
	if (g.failures++ == 0)
		s = call_say(&a->call, "read the metadata of", span_str(bucket_url(span_str(o->key))),
			     g.versions ? "s3:GetObjectVersion" : "s3:GetObject");
	/* what one may not see is left out; without credentials or network nothing goes on */
	if (a->call.error == ERR_DENIED || a->call.error == ERR_NOT_FOUND)
		s = EXIT_INCOMPLETE;
	g.status = s;
}

static bool answered(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	static struct bucket_head beside;
	static char key[BUCKET_KEY_MAX];
	struct known k = {.o = o};
	(void)arg;
	if (a && bucket_head_end(a)) {
		k.failed = true;
		note_failure(a, o);
	} else if (a) {
		k.h = &a->head;
	} else if (o->local && !metafile_load(o->key, &beside, key)) {
		k.h = &beside;
	}
	g.objects++;
	g.bytes += o->size_bytes;
	if (k.h && k.h->has_meta) {
		g.records += o->kind == OBJECT_PACKETS ? k.h->meta.records : 0;
		g.lost += k.h->meta.lost;
	}
	enum exit_status s = g.json ? json_line(&k) : table_line(&k);
	progress_add(1);
	if (s)
		g.status = s;
	return g.status == EXIT_DONE || g.status == EXIT_INCOMPLETE;
}

static enum exit_status end(void)
{
	enum exit_status s = say_out_done();
	uint8_t text[32];
	struct buf size = BUF_OF(text);
	put_size(&size, g.bytes);
	if (!g.json && g.ask)
		say_note("%llu objects, %.*s, %llu packets, %llu lost", (unsigned long long)g.objects,
			 (int)size.len, (const char *)text, (unsigned long long)g.records,
			 (unsigned long long)g.lost);
	else if (!g.json)
		say_note("%llu objects, %.*s%s", (unsigned long long)g.objects, (int)size.len,
			 (const char *)text,
			 g.brief ? "" : "; --long asks for the records and losses of so many, too");
	if (g.failures > 1)
		say_note("the same of %u more objects", g.failures - 1);
	return s ? s : g.status;
}

static enum exit_status run(char **operands)
{
	struct catalog_filter f = {.from_ns = g.from_ns, .to_ns = g.to_ns, .versions = g.versions};
	enum exit_status s = catalog_choose(&f, g.kind, operands);
	if (s)
		return s;
	for (uint32_t i = 0; i < catalog_count(); i++)
		order[i] = i;
	qsort(order, catalog_count(), sizeof(order[0]), by_time);
	g.ask = !g.brief && (g.lasting || catalog_count() <= ASKED_MAX);
	if (!g.json)
		(void)say_out(span_str(heading));
	struct many m = {.count = catalog_count(), .at = in_time, .ask = ask, .answered = answered};
	many_run(&m);
	return end();
}

const struct command cmd_ls = {
	.name = "ls",
	.operands = "[OBJECT...]",
	.summary = "list objects: when, how many packets, losses, size, state",
	.text = "Without operands all that the appliances in the bucket have recorded in that\n"
		"time; else these: s3://BUCKET/KEY, keys and what they begin with, files,\n"
		"folders. Of more than 2,000 objects the names alone are told, unless --long is\n"
		"given.\n"
		"\n"
		"State: torn (a crash cut it off), unsigned (the key died first), archived\n"
		"(colder storage: sealtap restore), restored, held (legal hold), locked (Object\n"
		"Lock), older (a newer version stands before it), marker (a delete marker),\n"
		"beside (its name was taken), no-metadata, denied.\n"
		"\n"
		"  sealtap ls --from -1h\n"
		"  sealtap ls --from '2026-11-22 10:00' --to '2026-11-22 11:00' --json\n"
		"  sealtap ls --versions --kind log\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
