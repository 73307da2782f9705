/* open: the packets of a window of time, of all workers and appliances in the order of time, as one
 * capture. */
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "cli/explain.h"
#include "cli/interrupt.h"
#include "cli/pcapout.h"
#include "cli/receipt.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/window.h"

static struct {
	struct window window;
	const char *file, *keylog, *redact, *case_id;
	bool pcap, explain;
} o = {.window.to_ns = UINT64_MAX};

static struct pcapfilter filter;

static enum exit_status check_options(void)
{
	if (o.window.from_ns >= o.window.to_ns)
		return say(EXIT_WRONG_USAGE, "--from is not before --to: %s", window_text(&o.window));
	if (o.redact && strcmp(o.redact, "headers") != 0)
		return say(EXIT_WRONG_USAGE, "--redact %s: headers is what can be kept",
			   say_text(span_str(o.redact)));
	if (o.keylog && o.pcap)
		return say(EXIT_WRONG_USAGE, "--keylog: the old pcap format has no place for secrets");
	if (o.keylog && o.redact)
		return say(EXIT_WRONG_USAGE, "--keylog: --redact leaves nothing that secrets decrypt");
	if (o.case_id && (!o.file || !strcmp(o.file, "-")))
		return say(EXIT_WRONG_USAGE, "--case: its receipt stands beside a file: -w FILE is missing");
	if (o.case_id && !receipt_is_case(o.case_id))
		return say(EXIT_WRONG_USAGE, "--case %s: letters, digits and . _ - alone, at most 64",
			   say_text(span_str(o.case_id)));
	return o.window.filter ? window_filter(o.window.filter, &filter) : EXIT_DONE;
}

static enum exit_status list(char **operands)
{
	const struct session_names *names = session_names();
	struct catalog_filter f = {.from_ns = o.window.from_ns,
				   .to_ns = o.window.to_ns,
				   .kinds = 1u << OBJECT_PACKETS,
				   .one_before = true,
				   .any_name = true};
	enum exit_status e = catalog_read(&f, operands);
	if (e || catalog_count())
		return e;
	if (operands[0])
		return say(EXIT_NO_INPUT, "no packets were recorded in what is named, in the time from %s",
			   window_text(&o.window));
	return say(EXIT_NO_INPUT,
		   "no packets were recorded in s3://%s/%s in the time from %s; "
		   "`sealtap ls` shows what there is",
		   names->bucket, names->prefix, window_text(&o.window));
}

/* Numbers of a stream have no holes: what is not there was recorded, too. */
static bool is_missing_between(const struct catalog_object *a, const struct catalog_object *b)
{
	return b->seq > a->seq + 1 && a->boot == b->boot && !strcmp(a->stream, b->stream) &&
	       span_eq(a->appliance, b->appliance) && b->start_ns > o.window.from_ns;
}

static bool say_missing(void)
{
	bool any = false;
	for (uint32_t i = 1; i < catalog_count(); i++) {
		const struct catalog_object *a = catalog_at(i - 1), *b = catalog_at(i);
		if (!is_missing_between(a, b))
			continue;
		say(EXIT_INCOMPLETE,
		    "objects of this stream are missing in the bucket, or not there yet: %u before %s; "
		    "sealtap verify tells more",
		    b->seq - a->seq - 1, say_text(span_str(b->key)));
		any = true;
	}
	return any;
}

static bool is_same_file(const struct stat *out, const char *path)
{
	struct stat in;
	return !stat(path, &in) && in.st_dev == out->st_dev && in.st_ino == out->st_ino;
}

/* Would writing it lose what is to be read? */
static enum exit_status check_file(void)
{
	struct stat out;
	if (!o.file || stat(o.file, &out) || !S_ISREG(out.st_mode))
		return EXIT_DONE;
	bool same = (o.keylog && is_same_file(&out, o.keylog));
	for (uint32_t i = 0; i < catalog_count() && !same; i++)
		same = catalog_at(i)->local && is_same_file(&out, catalog_at(i)->key);
	return same ? say(EXIT_WRONG_USAGE, "-w %s: it is to be read, and would be lost: give another name",
			  say_text(span_str(o.file)))
		    : EXIT_DONE;
}

static const char *more_comment(void)
{
	return o.redact ? "redacted=headers: what stood behind the transport header was left out\n" : "";
}

static enum exit_status write_receipt(enum exit_status outcome)
{
	struct receipt r = {.case_id = o.case_id,
			    .file = o.file,
			    .window = &o.window,
			    .format = o.pcap ? "pcap" : "pcapng",
			    .redacted = o.redact != NULL,
			    .complete = outcome == EXIT_DONE};
	return receipt_write(&r);
}

static enum exit_status open_all(bool missing)
{
	struct pcapout_options out = {.path = o.file,
				      .keylog = o.keylog,
				      .pcap = o.pcap,
				      .redact = o.redact != NULL,
				      .hash = o.case_id != NULL,
				      .comment = window_comment(&o.window, more_comment())};
	enum exit_status e = pcapout_begin(&out);
	if (e)
		return e;
	o.window.compiled = o.window.filter ? &filter : NULL;
	o.window.done = o.case_id ? receipt_add : NULL;
	e = window_copy(&o.window);
	e = e ? e : missing ? EXIT_INCOMPLETE : EXIT_DONE;
	if (e == EXIT_OUTPUT || pcapout_end())
		return EXIT_OUTPUT;
	if (!e && !pcapout_packets())
		say_note("%u objects were looked at; no packet is wanted of them", merge_counts()->objects);
	enum exit_status r = o.case_id && e <= EXIT_DAMAGED ? write_receipt(e) : EXIT_DONE;
	return e ? e : r;
}

static enum exit_status run(char **operands)
{
	enum exit_status e = check_options();
	if (!e)
		e = session_begin();
	if (!e)
		e = list(operands);
	if (e)
		return e;
	if (o.explain)
		return explain(&o.window);
	e = check_file();
	if (e)
		return e;
	interrupt_watch();
	e = open_all(!operands[0] && say_missing()); /* what is named is chosen */
	keyring_wipe();
	return e;
}

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "packets from then on: 2026-11-22T10:00Z, -15m, -7d",
	 &o.window.from_ns},
	{"--to", OPTION_TIME, "TIME", "packets before then", &o.window.to_ns},
	{"--filter", OPTION_TEXT, "FILTER", "those that it accepts, as tcpdump's: 'tcp port 443'",
	 &o.window.filter},
	{"-w", OPTION_FILE, "FILE", "write there instead of standard output", &o.file},
	{"--pcap", OPTION_FLAG, NULL, "the old format, for old tools; nanoseconds", &o.pcap},
	{"--keylog", OPTION_FILE, "FILE", "put these TLS secrets in, so that Wireshark decrypts", &o.keylog},
	{"--redact", OPTION_TEXT, "headers", "leave out what stands behind the transport header", &o.redact},
	{"--case", OPTION_TEXT, "ID", "write FILE.receipt.json: of what, by whom, hashes", &o.case_id},
	{"--explain", OPTION_FLAG, NULL, "say what it would read and cost, and read nothing", &o.explain},
	{NULL, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command cmd_open = {
	.name = "open",
	.operands = "[OBJECT|FILE...]",
	.summary = "write the packets of a window of time, of all workers in order, as one capture",
	.text = "Only the index and the frames that are wanted are fetched. Every frame is\n"
		"authenticated before a byte of it leaves. What can't be opened is said and\n"
		"passed over (exit status 1, where it is damaged 2).\n"
		"\n"
		"  sealtap open --from -7d --filter 'port 0' | wireshark -k -i -\n"
		"  sealtap open --from '2026-11-22 10:00' --to '2026-11-22 10:05' -w five.pcapng\n"
		"  sealtap open --key data.key FILE.encrypted | tshark -r -\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
