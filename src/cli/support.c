/* support: one archive for whoever helps: states, log and findings, masked; no packet and no secret is read
 * for it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/health.h"
#include "cli/interrupt.h"
#include "cli/keyring.h"
#include "cli/lines.h"
#include "cli/mask.h"
#include "cli/outfile.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/ustar.h"
#include "cli/verify.h"
#include "os/clock.h"

#define DAY_NS (86400 * NS_PER_S)
#define PART_BYTES (4u * 1024 * 1024) /* of the log, in a file */
/* What masking may make of a line: "::" becomes "ip-8192". */
#define LINE_MASKED_MAX (4u * LINES_LINE_MAX)

static struct {
	uint64_t from_ns, to_ns;
	const char *file;
	bool with_addresses, quick;
} o = {.from_ns = UINT64_MAX, .to_ns = UINT64_MAX};

static const struct option_row options[] = {
	{"-o", OPTION_FILE, "FILE", "the archive (tar); it is written whole or not at all", &o.file},
	{"--from", OPTION_TIME, "TIME", "from then on; a day ago, where it is not given", &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "until then; now, where it is not given", &o.to_ns},
	{"--with-addresses", OPTION_FLAG, NULL, "leave IP and MAC addresses in", &o.with_addresses},
	{"--quick", OPTION_FLAG, NULL, "without verification, which reads all objects to their end",
	 &o.quick},
	{.name = NULL},
};

static struct {
	uint32_t parts;
	uint64_t findings;
	struct buf part, text; /* of the log; of what is gathered besides */
	uint8_t part_bytes[PART_BYTES + LINE_MASKED_MAX];
	uint8_t text_bytes[PART_BYTES], plain[HEALTH_TEXT_MAX];
} g;

/* ---- files */

static void begin_text(void)
{
	g.text = buf_over(g.text_bytes, sizeof(g.text_bytes));
}

static void end_text(const char *name)
{
	ustar_file(name, buf_span(&g.text));
}

static void put_readme(void)
{
	begin_text();
	buf_str(&g.text, "What sealtap gathered for support, of the time from ");
	time_rfc3339(&g.text, o.from_ns);
	buf_str(&g.text, " to ");
	time_rfc3339(&g.text, o.to_ns);
	buf_str(&g.text,
		".\n\n"
		"versions.txt  this program\n"
		"status.txt    each appliance: state, counters, alarms; status.jsonl: the same as JSON\n"
		"verify.txt    what verification found\n"
		"log/          the appliances' log\n\n"
		"There is no packet in it, no flow and no secret. Names of appliances, "
		"instances and buckets stay. ");
	buf_str(&g.text, o.with_addresses
				 ? "Addresses are in it as they are; account numbers and key ids are not.\n"
				 : "Addresses and account numbers have other names, the same throughout.\n");
	end_text("support/README.txt");
}

static void put_versions(void)
{
	begin_text();
	buf_str(&g.text, "sealtap ");
	buf_str(&g.text, version_text);
	buf_u8(&g.text, '\n');
	end_text("support/versions.txt");
}

static void put_status(const char *name, void (*put)(struct buf *b, const struct health *h, uint64_t now_ns),
		       bool json)
{
	begin_text();
	for (uint32_t i = 0; i < health_count(); i++) {
		struct buf b = BUF_OF(g.plain);
		put(&b, health_at(i), o.to_ns);
		mask_put(&g.text, buf_span(&b), json);
	}
	end_text(name);
}

/* ---- verification */

static void take_finding(void *arg, const struct ledger_finding *f, const struct catalog_object *object)
{
	static const char *const severities[LEDGER_SEVERITIES] = {"note", "gap", "damage"};
	char line[1400];
	(void)arg;
	g.findings++;
	snprintf(line, sizeof(line), "%s %s %s: %s\n", severities[f->severity], f->kind,
		 say_text(span_str(object      ? object->key
				   : f->name   ? f->name
				   : f->stream ? f->stream
					       : "-")),
		 f->text);
	if (buf_room(&g.text) > sizeof(line) * 4)
		mask_put(&g.text, span_str(line), false);
}

/* Its verdict stands in the archive, and does not become this command's. */
static void put_verification(char **operands)
{
	struct verify_options v = {.from_ns = o.from_ns, .to_ns = o.to_ns, .finding = take_finding};
	struct verify_result result = {.strangers = 0};
	begin_text();
	if (o.quick) {
		buf_str(&g.text, "not verified: --quick\n");
	} else {
		enum exit_status status = verify_all(operands, &v, &result);
		buf_str(&g.text, "exit status ");
		text_u64(&g.text, status);
		buf_str(&g.text, "; objects ");
		text_u64(&g.text, result.sums.objects);
		buf_str(&g.text, ", good signatures ");
		text_u64(&g.text, result.sums.signed_good);
		buf_str(&g.text, ", findings ");
		text_u64(&g.text, g.findings);
		buf_u8(&g.text, '\n');
	}
	end_text("support/verify.txt");
}

/* ---- the log */

static void end_part(void)
{
	char name[USTAR_NAME_MAX];
	if (g.part.len == 0)
		return;
	snprintf(name, sizeof(name), "support/log/%04u.jsonl", ++g.parts);
	ustar_file(name, buf_span(&g.part));
	buf_reset(&g.part);
}

static bool take_line(void *arg, const struct lines_line *line)
{
	(void)arg;
	health_take(line);
	mask_put(&g.part, line->text, true);
	buf_u8(&g.part, '\n');
	if (g.part.len >= PART_BYTES)
		end_part();
	return true;
}

static enum exit_status put_log(char **operands)
{
	struct lines_filter f = {.from_ns = o.from_ns, .to_ns = o.to_ns, .kinds = 1u << OBJECT_LOG};
	g.part = buf_over(g.part_bytes, sizeof(g.part_bytes));
	health_begin();
	enum exit_status status = lines_each(&f, operands, take_line, NULL);
	end_part();
	return status;
}

/* ---- the command */

static enum exit_status write_archive(char **operands)
{
	enum exit_status status = outfile_begin(o.file);
	if (status)
		return status;
	put_readme();
	put_versions();
	status = put_log(operands);
	if (status <= EXIT_DAMAGED) {
		put_status("support/status.txt", health_text, false);
		put_status("support/status.jsonl", health_json, true);
		put_verification(operands);
		ustar_end();
		if (interrupt_happened()) /* which verification had watched */
			status = EXIT_INTERRUPTED;
	}
	enum exit_status written = outfile_end(status <= EXIT_DAMAGED);
	return written ? written : status;
}

static enum exit_status run(char **operands)
{
	if (!o.file)
		return say(EXIT_WRONG_USAGE, "support: -o FILE.tar is missing: where the archive shall go");
	if (o.to_ns == UINT64_MAX)
		o.to_ns = clock_real_ns();
	if (o.from_ns == UINT64_MAX)
		o.from_ns = operands[0] || o.to_ns < DAY_NS ? 0 : o.to_ns - DAY_NS;
	enum exit_status status = session_begin();
	if (status)
		return status;
	mask_begin(!o.with_addresses);
	status = write_archive(operands);
	keyring_wipe();
	return status;
}

const struct command cmd_support = {
	.name = "support",
	.operands = "[OBJECT|FILE...]",
	.summary = "pack states, log and findings into one archive for whoever helps",
	.text = "A tar archive without packets, flows and secrets. IP and MAC addresses get other names,\n"
		"the same throughout, unless --with-addresses is given; account numbers and ids of\n"
		"access keys always do. The same objects, --from and --to make the same bytes.\n\n"
		"  sealtap support -o support.tar\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
