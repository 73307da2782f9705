#include "cli/verify.h"

#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/keyring.h"
#include "cli/say.h"
#include "cli/session.h"

static bool json, public_only;
static uint64_t from_ns, to_ns = UINT64_MAX;

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "objects that reach into the time from here on", &from_ns},
	{"--to", OPTION_TIME, "TIME", "and up to here", &to_ns},
	{"--public-only", OPTION_FLAG, NULL, "without the right to decrypt: what can be checked then",
	 &public_only},
	{"--json", OPTION_FLAG, NULL, "a JSON line for each finding, one for the result", &json},
	{0},
};

static const char *const severity_names[LEDGER_SEVERITIES] = {"note", "gap", "damage"};
static const char *const result_names[] = {"complete", "gaps, each explained by the record itself",
					   "evidence is missing or damaged"};

/* ---- for people */

static void put_moment(struct buf *b, uint64_t ns)
{
	if (ns)
		time_rfc3339(b, ns);
	else
		buf_u8(b, '?');
}

static void put_subject(struct buf *b, const struct ledger_finding *f, const struct catalog_object *o)
{
	if (o || f->name) {
		text_printable(b, span_str(o ? o->key : f->name));
		if (o && o->version && o->version[0] && !o->is_latest) {
			buf_str(b, " version ");
			text_printable(b, span_str(o->version));
		}
		return;
	}
	if (f->boot) {
		buf_str(b, "boot ");
		text_hex64(b, f->boot);
	}
	if (f->stream) {
		buf_str(b, " stream ");
		buf_str(b, f->stream);
	}
}

static void show(const struct ledger_finding *f, const struct catalog_object *o)
{
	uint8_t text[4096];
	char head[64];
	struct buf b = buf_over(text, sizeof(text) - 1);
	snprintf(head, sizeof(head), "%-6s %-11s ", severity_names[f->severity], f->kind);
	buf_str(&b, head);
	size_t before = b.len;
	put_subject(&b, f, o);
	buf_str(&b, b.len > before ? ": " : "");
	buf_str(&b, f->text);
	if (f->from_ns || f->to_ns) {
		buf_str(&b, " (");
		put_moment(&b, f->from_ns);
		if (f->to_ns != f->from_ns) {
			buf_str(&b, " to ");
			put_moment(&b, f->to_ns);
		}
		buf_u8(&b, ')');
	}
	text[b.len++] = '\n';
	(void)say_out(span_of(text, b.len));
}

/* ---- JSON */

static void put_key(struct buf *b, const char *key)
{
	if (b->len && b->p[b->len - 1] != '{')
		buf_u8(b, ',');
	json_put_string(b, span_str(key));
	buf_u8(b, ':');
}

static void put_text(struct buf *b, const char *key, const char *value)
{
	put_key(b, key);
	json_put_string(b, span_str(value));
}

static void put_number(struct buf *b, const char *key, uint64_t value)
{
	put_key(b, key);
	text_u64(b, value);
}

static void put_time(struct buf *b, const char *key, uint64_t ns)
{
	if (ns == 0)
		return;
	put_key(b, key);
	buf_u8(b, '"');
	time_rfc3339(b, ns);
	buf_u8(b, '"');
}

static void put_boot(struct buf *b, uint64_t boot)
{
	put_key(b, "boot");
	buf_u8(b, '"');
	text_hex64(b, boot);
	buf_u8(b, '"');
}

static void show_json(const struct ledger_finding *f, const struct catalog_object *o)
{
	uint8_t text[16384];
	struct buf b = buf_over(text, sizeof(text));
	buf_u8(&b, '{');
	put_text(&b, "finding", f->kind);
	put_text(&b, "severity", severity_names[f->severity]);
	if (o || f->name)
		put_text(&b, "object", o ? o->key : f->name);
	if (o && o->version && o->version[0])
		put_text(&b, "version", o->version);
	if (f->boot)
		put_boot(&b, f->boot);
	if (o || f->stream)
		put_text(&b, "stream", o ? o->stream : f->stream);
	if (o)
		put_number(&b, "seq", o->seq);
	put_time(&b, "from", f->from_ns);
	put_time(&b, "to", f->to_ns);
	put_text(&b, "text", f->text);
	buf_str(&b, "}\n");
	(void)say_out(buf_span(&b));
}

static void finding(void *arg, const struct ledger_finding *f, const struct catalog_object *o)
{
	(void)arg;
	if (json)
		show_json(f, o);
	else
		show(f, o);
}

/* ---- the end */

/* name in JSON; format for people: one number, shown where it is not 0, or always. */
#define SUMS(X)                                                           \
	X(objects, "objects", true)                                       \
	X(boots, "boots", true)                                           \
	X(streams, "streams", true)                                       \
	X(bytes, "bytes as stored", true)                                 \
	X(raw_bytes, "bytes before compression", true)                    \
	X(packets, "packets", true)                                       \
	X(lines, "lines of logs and flows", true)                         \
	X(lost, "records lost, counted", true)                            \
	X(cut, "records shortened by a rule", false)                      \
	X(filtered, "records refused by a rule", false)                   \
	X(signed_good, "signatures that hold", true)                      \
	X(covered, "objects without one for which the log stands", false) \
	X(unsigned_left, "objects for which nothing stands", false)       \
	X(books_closed, "books of a boot that were closed", true)         \
	X(canaries_stored, "canaries that arrived", true)

static const char proven[] =
	"checked: every byte authenticated, content against index and metadata, signatures, chains and\n"
	"numbers, the log's inventory both ways, versions and delete markers as far as they are listed.\n"
	"not proven by the bucket: that these KMS keys and a boot's signing key are an appliance's\n"
	"(CloudTrail shows who asked for data keys with that sealtap-pub), nor that no whole boot was\n"
	"taken out.\n";
static const char proven_subset[] =
	"checked: every byte authenticated, content against index, signatures, chains among these objects.\n"
	"no log is among them: whether any is missing was not checked.\n";
static const char of_a_window[] =
	"not checked of this part: whether objects of its end are missing that were stored more than 75\n"
	"minutes behind it.\n";
static const char of_a_part[] =
	"not checked of this part: whether objects of its end are missing that only log objects behind it\n"
	"list, which were not asked for.\n";

/* Whoever has a KMS key of his own can make a whole boot under that. */
static void show_keys(void)
{
	uint64_t more;
	const char *arn;
	for (uint32_t i = 0; (arn = keyring_name(i, &more)); i++)
		printf("%s %s\n", i ? "              " : "opened by KMS:", say_text(span_str(arn)));
	if (more)
		printf("%14llu times by further KMS keys\n", (unsigned long long)more);
}

static void put_keys(struct buf *b)
{
	uint64_t more;
	const char *arn;
	put_key(b, "kms_keys");
	buf_u8(b, '[');
	for (uint32_t i = 0; (arn = keyring_name(i, &more)); i++) {
		buf_str(b, i ? "," : "");
		json_put_string(b, span_str(arn));
	}
	buf_u8(b, ']');
	if (more)
		put_number(b, "kms_keys_more", more);
}

static const char proven_public[] =
	"checked without the key: names, numbers, chains (prev), hashes, signatures by the public key in\n"
	"each header. not proven without it: that KMS witnessed this key (the header can't be\n"
	"authenticated), what is inside, the log's inventory, and so whether objects are missing at a\n"
	"stream's end, and boots, books and gaps.\n";

/* What was asked for, or is there, is less than the whole record. */
static bool is_part(const struct verify_result *r)
{
	return r->subset || r->partial || r->sums.unproven;
}

static const char *not_checked(const struct verify_result *r)
{
	if (public_only || r->subset || !r->partial || (r->witnessed && to_ns == UINT64_MAX))
		return "";
	return r->witnessed ? of_a_window : of_a_part;
}

static void show_result(const struct verify_result *r, enum exit_status status)
{
#define X(field, text, always)         \
	if ((always) || r->sums.field) \
		printf("%14llu %s\n", (unsigned long long)r->sums.field, text);
	SUMS(X)
#undef X
	if (r->clocks_unsynchronised)
		printf("%14llu objects whose clock was not synchronised\n",
		       (unsigned long long)r->clocks_unsynchronised);
	if (r->strangers)
		printf("%14llu names that are no objects of the format: not looked at\n",
		       (unsigned long long)r->strangers);
	if (r->unopened)
		printf("%14llu objects that could not be opened or read\n", (unsigned long long)r->unopened);
	show_keys();
	if (r->sums.unproven)
		printf("%14llu objects without metadata: whoever may decrypt can have made them\n",
		       (unsigned long long)r->sums.unproven);
	printf("%s%s%s%s: %llu damaged or missing, %llu gaps\n",
	       public_only ? proven_public
	       : r->subset ? proven_subset
			   : proven,
	       not_checked(r), status == EXIT_DONE && is_part(r) ? "as far as it was checked, " : "",
	       status <= EXIT_DAMAGED ? result_names[status] : "not all could be checked",
	       (unsigned long long)r->sums.findings[LEDGER_DAMAGE],
	       (unsigned long long)r->sums.findings[LEDGER_GAP]);
}

static void show_result_json(const struct verify_result *r, enum exit_status status)
{
	static const char *const words[] = {"complete", "gaps", "damaged"};
	static uint8_t text[4096 + KEYRING_NAMES * 6 * 256]; /* as JSON writes a control character */
	struct buf b = BUF_OF(text);
	buf_u8(&b, '{');
	put_text(&b, "result", status <= EXIT_DAMAGED ? words[status] : "unfinished");
#define X(field, text_, always) put_number(&b, #field, r->sums.field);
	SUMS(X)
#undef X
	put_number(&b, "damage", r->sums.findings[LEDGER_DAMAGE]);
	put_number(&b, "gaps", r->sums.findings[LEDGER_GAP]);
	put_number(&b, "notes", r->sums.findings[LEDGER_NOTE]);
	put_number(&b, "unproven", r->sums.unproven);
	put_number(&b, "clocks_unsynchronised", r->clocks_unsynchronised);
	put_number(&b, "strangers", r->strangers);
	put_number(&b, "unopened", r->unopened);
	put_time(&b, "first", r->sums.first_ns);
	put_time(&b, "last", r->sums.last_ns);
	put_keys(&b);
	put_key(&b, "part");
	buf_str(&b, is_part(r) ? "true" : "false");
	put_key(&b, "public_only");
	buf_str(&b, public_only ? "true}\n" : "false}\n");
	(void)say_out(buf_span(&b));
}

static enum exit_status run(char **operands)
{
	static struct verify_result result;
	struct verify_options o = {
		.from_ns = from_ns, .to_ns = to_ns, .public_only = public_only, .finding = finding};
	enum exit_status e = session_begin();
	if (e)
		return e;
	e = verify_all(operands, &o, &result);
	if (result.sums.objects == 0 && e > EXIT_DAMAGED)
		return e;
	if (json)
		show_result_json(&result, e);
	else
		show_result(&result, e);
	enum exit_status out = say_out_done();
	return out ? out : e;
}

const struct command cmd_verify = {
	.name = "verify",
	.operands = "[FILE|s3://BUCKET/PREFIX...]",
	.summary = "check that recordings are genuine, whole and complete",
	.text = "Reads every byte of the objects in the bucket (of all versions the oldest,\n"
		"which is the evidence), or of local files as `fetch` brought them, and checks\n"
		"them one by one and together. Findings are `damage` (evidence is missing,\n"
		"altered, forged), `gap` (the record itself says what it does not have, from\n"
		"when to when and why) or `note`.\n"
		"\n"
		"A folder that `fetch --from` made is a part: give --from and --to here, too. So\n"
		"it is where a lifecycle rule has expired the oldest.\n"
		"\n"
		"Exit status: 0 complete, 1 gaps, each explained, 2 evidence is missing or\n"
		"damaged.\n"
		"\n"
		"  sealtap verify --from -1d\n"
		"  sealtap verify --json evidence | jq 'select(.severity == \"damage\")'\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
