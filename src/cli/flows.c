#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/flowlive.h"
#include "cli/flowopen.h"
#include "cli/flowrows.h"
#include "cli/flowtop.h"
#include "cli/keyring.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"
#include "record/flowline.h"

/* A flow's line may be written so long after its traffic: at its end, or with those that live long. */
#define LINE_LATE_NS (600 * NS_PER_S)

/* What is asked for. */
static struct {
	uint64_t from_ns, to_ns, port, top;
	const char *host, *proto, *by, *file;
	bool json, csv, open;
} o = {.to_ns = UINT64_MAX, .port = UINT64_MAX};

static struct {
	struct ip_net host;
	uint64_t proto;
	enum flowtop_by by;
	uint64_t shown, without_room;
} g;

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "traffic from then on", &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "traffic until then", &o.to_ns},
	{"--host", OPTION_TEXT, "ADDRESS[/LEN]",
	 "of this host or network, on either side of the "
	 "translation",
	 &o.host},
	{"--port", OPTION_NUMBER, "PORT", "from or to this port, on either side", &o.port},
	{"--proto", OPTION_TEXT, "PROTO", "tcp, udp, icmp, icmp6 or a number", &o.proto},
	{"--top", OPTION_NUMBER, "N", "sums, and of these the N heaviest", &o.top},
	{"--by", OPTION_TEXT, "host|port|pair", "what --top adds up; host, where it is not given", &o.by},
	{"--json", OPTION_FLAG, NULL, "the records as they stand, one JSON object a line", &o.json},
	{"--csv", OPTION_FLAG, NULL, "for spreadsheets: all fields", &o.csv},
	{"--open", OPTION_FLAG, NULL, "go on into the packets of these flows: pcapng on standard output",
	 &o.open},
	{"-w", OPTION_FILE, "FILE", "with --open: write there instead", &o.file},
	{.name = NULL},
};

/* ---- what is wanted */

static bool read_proto(void)
{
	for (unsigned p = 0; p < 256; p++) {
		const char *name = flowline_proto_name((uint8_t)p);
		if (name && !strcmp(name, o.proto)) {
			g.proto = p;
			return true;
		}
	}
	return !text_read_u64(span_str(o.proto), 255, &g.proto);
}

static enum exit_status read_options(void)
{
	g.by = FLOWTOP_HOST;
	if (o.host && ip_net_read(span_str(o.host), &g.host))
		return say(EXIT_WRONG_USAGE, "--host %s: an address, or a network as 10.0.0.0/8, is wanted",
			   say_text(span_str(o.host)));
	if (o.proto && !read_proto())
		return say(EXIT_WRONG_USAGE, "--proto %s: tcp, udp, icmp, icmp6 or a number up to 255",
			   say_text(span_str(o.proto)));
	if (o.port != UINT64_MAX && o.port > UINT16_MAX)
		return say(EXIT_WRONG_USAGE, "--port: at most 65535");
	if (o.by && !flowtop_by_name(o.by, &g.by))
		return say(EXIT_WRONG_USAGE, "--by %s: host, port or pair", say_text(span_str(o.by)));
	if (o.by && !o.top)
		return say(EXIT_WRONG_USAGE, "--by wants --top N beside it");
	if (o.json + o.csv + o.open > 1 || (o.open && o.top))
		return say(EXIT_WRONG_USAGE,
			   "--json, --csv and --open exclude each other, --open also --top");
	if (o.file && !o.open)
		return say(EXIT_WRONG_USAGE, "-w wants --open beside it");
	return EXIT_DONE;
}

static bool side_has_host(const struct flowline_side *s)
{
	return (s->has_src && ip_net_has(&g.host, &s->src)) || (s->has_dst && ip_net_has(&g.host, &s->dst));
}

static bool has_host(const struct flowline *f)
{
	struct ip source;
	for (unsigned i = 0; flowline_source(f, i, &source); i++)
		if (ip_net_has(&g.host, &source))
			return true;
	return side_has_host(&f->orig) || side_has_host(&f->reply);
}

static bool side_has_port(const struct flowline_side *s)
{
	return (s->has_src && s->sport == o.port) || (s->has_dst && s->dport == o.port);
}

static bool wanted(const struct flowline *f)
{
	if (f->kind == FLOWLINE_NOTE || f->to_ns < o.from_ns || f->from_ns > o.to_ns)
		return false;
	if (o.proto && f->proto != g.proto)
		return false;
	if (o.host && !has_host(f))
		return false;
	if (o.port == UINT64_MAX)
		return true;
	return flowline_has_ports(f) && (side_has_port(&f->orig) || side_has_port(&f->reply));
}

/* ---- what becomes of it */

static void take(const struct flowline *f)
{
	g.shown++;
	if (o.open)
		flowopen_add(f);
	else if (o.top)
		flowtop_add(g.by, f);
	else
		flowrows_put(f);
}

static bool take_line(void *arg, const struct lines_line *l)
{
	struct flowline f;
	(void)arg;
	if (flowline_read(l->text, &f) || !wanted(&f))
		return true;
	if (o.json && !o.top) {
		g.shown++;
		return !lines_put(l);
	}
	if (f.kind == FLOWLINE_LIVE) {
		g.without_room += !flowlive_keep(l->object->boot, &f);
		return true;
	}
	if (f.kind == FLOWLINE_END)
		flowlive_ended(l->object->boot, &f);
	take(&f);
	return true;
}

static void take_living(void)
{
	const struct flowline *f;
	for (uint32_t i = 0; (f = flowlive_left(&i)) != NULL;)
		take(f);
	if (g.without_room)
		say_note("%llu lines of long flows found no room and are not in this: a shorter "
			 "time has fewer",
			 (unsigned long long)g.without_room);
}

static enum exit_status show(void)
{
	if (o.top)
		return flowtop_show(g.by, o.top, o.json ? FLOWTOP_JSON : o.csv ? FLOWTOP_CSV : FLOWTOP_TABLE);
	return o.json ? say_out_done() : flowrows_end();
}

/* Packets of the flows that f tells of; what of it is not to the letter is said. */
static enum exit_status choose_filter(const struct flowopen *f)
{
	if (f->flows == 0)
		return say(EXIT_NO_INPUT,
			   f->without ? "of these packets no address is known: there is nothing to open"
				      : "no such flow in that time: there is nothing to open");
	if (f->how == FLOWOPEN_NONE)
		return say(EXIT_WRONG_USAGE,
			   "%llu flows are too many for one filter: narrow them down by time, "
			   "--host, --port or "
			   "--proto, or use sealtap open with a filter of your own",
			   (unsigned long long)f->flows);
	static const char *const how[] = {
		[FLOWOPEN_EXACT] = "",
		[FLOWOPEN_SERVICES] = ": by who answered, as the flows are too many to name each; others of "
				      "these are among them",
		[FLOWOPEN_ASKED] = ": by what was asked for, as the flows are too many to name each or who "
				   "answered; other traffic of these is among them",
	};
	say_note("--filter '%s'%s", f->filter, how[f->how]);
	return EXIT_DONE;
}

/* Runs `open` as if its options had been given. */
static enum exit_status open_packets(char **operands)
{
	static char from[40], to[40], *argv[COMMAND_OPERANDS_MAX + 10];
	const struct flowopen *f = flowopen_end();
	struct buf from_text = buf_over(from, sizeof(from) - 1), to_text = buf_over(to, sizeof(to) - 1);
	enum exit_status status = choose_filter(f);
	if (status)
		return status;
	time_rfc3339(&from_text, f->from_ns);
	time_rfc3339(&to_text, f->to_ns);
	char *words[] = {"--from",   from,
			 "--to",     to,
			 "--filter", (char *)(uintptr_t)f->filter,
			 "-w",       o.file ? (char *)(uintptr_t)o.file : "-",
			 "--"};
	memcpy(argv, words, sizeof(words));
	for (unsigned i = 0; i < COMMAND_OPERANDS_MAX && operands[i]; i++)
		argv[sizeof(words) / sizeof(words[0]) + i] = operands[i];
	return options_read(&cmd_open, argv, clock_real_ns()) ? cmd_open.run(argv) : EXIT_WRONG_USAGE;
}

static enum exit_status run(char **operands)
{
	struct lines_filter f = {.from_ns = o.from_ns, .to_ns = o.to_ns, .kinds = 1u << OBJECT_FLOWS};
	enum exit_status status = read_options();
	if (status || (status = session_begin()))
		return status;
	const struct flowopen_asked asked = {.by_host = o.host != NULL,
					     .by_port = o.port != UINT64_MAX,
					     .by_proto = o.proto != NULL,
					     .host = g.host,
					     .port = (uint16_t)o.port};
	if (f.to_ns < UINT64_MAX - LINE_LATE_NS)
		f.to_ns += LINE_LATE_NS;
	flowlive_begin();
	flowopen_begin(&asked);
	flowtop_begin(g.by);
	if (!o.top && !o.json && !o.open)
		flowrows_begin(o.csv);
	status = lines_each(&f, operands, take_line, NULL);
	if (status > EXIT_DAMAGED)
		return status;
	take_living();
	enum exit_status shown = o.open ? open_packets(operands) : show();
	keyring_wipe();
	return shown ? shown : status;
}

const struct command cmd_flows = {
	.name = "flows",
	.operands = "[OBJECT...]",
	.summary = "list flows: both sides of the translation, counts, and what became of them",
	.text = "A flow has a record when it ends, and one every five minutes while it goes on (the\n"
		"last of these is shown, behind the others). Packets that were recorded but not\n"
		"forwarded have records with the reason. --json shows all records as they stand.\n"
		"OBJECTs are files or s3:// names; without them the bucket's are read.\n\n"
		"  sealtap flows --from -1h --host 10.0.0.5\n"
		"  sealtap flows --from -1d --top 20 --by pair\n"
		"  sealtap flows --from -1h --port 22 --open | wireshark -k -i -\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
