/* extcap: Wireshark's protocol for programs that capture: it asks which interfaces, link types and
 * options there are, then has packets written to a pipe of its own. The two interfaces are `follow`
 * and `open`.
 *
 * A link to this program under the name sealtap stands in Wireshark's folder of extcaps; main.c sees
 * by the first option that it is called so. Source: extcap(4); Wireshark Developer's Guide, "Adding
 * Capture Interfaces And Log Sources Using Extcap". */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/when.h"
#include "os/clock.h"

#define FOLLOW "sealtap-follow"
#define OPEN "sealtap-open"

static struct {
	bool interfaces, dlts, config, capture;
	const char *version, *interface, *fifo, *filter, *from, *to;
} o;

static struct pcapfilter filter;

static void tell_interfaces(void)
{
	printf("extcap {version=%s}{display=sealtap: recordings in S3}\n", version_text);
	printf("interface {value=" FOLLOW "}{display=sealtap: new recordings as they land}\n");
	printf("interface {value=" OPEN "}{display=sealtap: recordings of a time}\n");
}

static void tell_config(void)
{
	bool open = !strcmp(o.interface, OPEN);
	printf("arg {number=0}{call=--from}{display=From}{type=string}{default=%s}"
	       "{tooltip=2026-11-22T10:00:00Z, \"2026-11-22 10:00\" (UTC), -15m, -7d}\n",
	       open ? "-15m" : "");
	if (open)
		printf("arg {number=1}{call=--to}{display=To}{type=string}{default=now}"
		       "{tooltip=as From; packets before then}\n");
	printf("arg {number=2}{call=--bucket}{display=Bucket}{type=string}"
	       "{tooltip=BUCKET or BUCKET/PREFIX; else SEALTAP_BUCKET, else the profile's}\n");
	printf("arg {number=3}{call=--appliance}{display=Appliance}{type=string}{tooltip=empty: all}\n");
	printf("arg {number=4}{call=--profile}{display=AWS profile}{type=string}"
	       "{tooltip=of ~/.aws/config; else AWS_PROFILE}\n");
}

/* Wireshark shows the user what is printed, and takes nothing for agreement. */
static void tell_filter(void)
{
	char why[256];
	if (*o.filter && pcapfilter_compile(o.filter, &filter, why, sizeof(why)))
		printf("%s\n", why);
}

static enum exit_status read_time(const char *text, const char *name, uint64_t *ns)
{
	if (!text || !*text || !when_read(span_str(text), clock_real_ns(), ns))
		return EXIT_DONE;
	return say(EXIT_WRONG_USAGE, "%s %s: no time: 2026-11-22T10:00:00Z, -15m, -7d, now", name,
		   say_text(span_str(text)));
}

static enum exit_status open_window(struct window *w, const struct pcapout_options *out)
{
	struct catalog_filter f = {
		.from_ns = w->from_ns, .to_ns = w->to_ns, .kinds = 1u << OBJECT_PACKETS, .one_before = true};
	enum exit_status e = catalog_read(&f, NULL);
	if (!e && !catalog_count())
		e = say(EXIT_NO_INPUT, "no packets were recorded in the time from %s", window_text(w));
	if (!e)
		e = pcapout_begin(out);
	if (e)
		return e;
	interrupt_watch();
	e = window_copy(w);
	keyring_wipe();
	return e == EXIT_OUTPUT || pcapout_end() ? EXIT_OUTPUT : e;
}

static enum exit_status capture(void)
{
	bool follow = !strcmp(o.interface, FOLLOW);
	struct window w = {.from_ns = follow ? clock_real_ns() : 0, .to_ns = UINT64_MAX};
	enum exit_status e = read_time(o.from, "--from", &w.from_ns);
	if (!e && !follow)
		e = read_time(o.to, "--to", &w.to_ns);
	if (!e && o.filter && *o.filter) {
		e = window_filter(o.filter, &filter);
		w.filter = o.filter;
		w.compiled = &filter;
	}
	if (!e)
		e = session_begin();
	if (e)
		return e;
	struct pcapout_options out = {.path = o.fifo, .comment = window_comment(&w, "")};
	return follow ? follow_run(&w, &out) : open_window(&w, &out);
}

static bool is_interface(void)
{
	return o.interface && (!strcmp(o.interface, FOLLOW) || !strcmp(o.interface, OPEN));
}

static enum exit_status run(char **operands)
{
	(void)operands;
	if (o.interfaces)
		tell_interfaces();
	else if (!is_interface())
		return say(EXIT_WRONG_USAGE, "extcap: no such interface: --extcap-interfaces lists them");
	else if (o.dlts)
		printf("dlt {number=1}{name=EN10MB}{display=Ethernet}\n");
	else if (o.config)
		tell_config();
	else if (o.capture)
		return o.fifo ? capture() : say(EXIT_WRONG_USAGE, "extcap: --fifo is missing");
	else if (o.filter)
		tell_filter();
	return say_out_done();
}

static const struct option_row options[] = {
	{"--extcap-interfaces", OPTION_FLAG, NULL, "list the interfaces", &o.interfaces},
	{"--extcap-version", OPTION_TEXT, "VERSION", "Wireshark's", &o.version},
	{"--extcap-interface", OPTION_TEXT, "NAME", FOLLOW " or " OPEN, &o.interface},
	{"--extcap-dlts", OPTION_FLAG, NULL, "list its link types", &o.dlts},
	{"--extcap-config", OPTION_FLAG, NULL, "list its options", &o.config},
	{"--extcap-capture-filter", OPTION_TEXT, "FILTER", "as tcpdump's", &o.filter},
	{"--capture", OPTION_FLAG, NULL, "write packets", &o.capture},
	{"--fifo", OPTION_FILE, "FILE", "there", &o.fifo},
	{"--from", OPTION_TEXT, "TIME", "packets from then on", &o.from},
	{"--to", OPTION_TEXT, "TIME", "packets before then", &o.to},
	{.name = NULL},
};

const struct command cmd_extcap = {
	.name = "extcap",
	.summary = "be a source of packets inside Wireshark",
	.text = "Wireshark calls it by itself, once it is in its personal folder of extcaps (Help,\n"
		"About Wireshark, Folders), and shows the interfaces " FOLLOW "\n"
		"and " OPEN ". The folder of 4.2 and later; and that of versions before:\n"
		"\n"
		"  ln -s \"$(command -v sealtap)\" ~/.local/lib/wireshark/extcap/sealtap\n"
		"  ln -s \"$(command -v sealtap)\" ~/.config/wireshark/extcap/sealtap\n",
	.options = options,
	.common = session_options,
	.run = run,
};
