#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/keyring.h"
#include "cli/lines.h"
#include "cli/logtext.h"
#include "cli/say.h"
#include "cli/session.h"

static struct {
	uint64_t from_ns, to_ns;
	const char *level, *event, *role;
	bool json;
} o = {.to_ns = UINT64_MAX};

static struct {
	unsigned level;
	bool looked, several; /* appliances */
	uint8_t text[2 * LINES_LINE_MAX];
} g;

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "from then on", &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "until then", &o.to_ns},
	{"--level", OPTION_TEXT, "info|warn|alarm", "of this level and above", &o.level},
	{"--event", OPTION_TEXT, "EVENT", "this event alone", &o.event},
	{"--role", OPTION_TEXT, "ROLE", "of this role alone", &o.role},
	{"--json", OPTION_FLAG, NULL, "the lines as they stand, one JSON object each", &o.json},
	{.name = NULL},
};

static bool is_or_unset(const char *wanted, struct span s)
{
	return !wanted || span_eq(s, span_str(wanted));
}

static void pad(struct buf *b, size_t from, size_t width)
{
	size_t have = b->len - from;
	buf_fill(b, ' ', have < width ? width - have : 1);
}

/* The appliance's own name: the last part. */
static struct span name_of(const struct catalog_object *object)
{
	struct span name = object->appliance;
	for (size_t n; (n = span_find(name, '/')) < name.len;)
		name = span_from(name, n + 1);
	return name;
}

static bool several_appliances(void)
{
	if (g.looked)
		return g.several;
	g.looked = true;
	for (uint32_t i = 1; i < catalog_count() && !g.several; i++)
		g.several = !span_eq(catalog_at(i)->appliance, catalog_at(0)->appliance);
	return g.several;
}

static enum exit_status put_text(const struct lines_line *line, const struct logline *l)
{
	struct buf b = BUF_OF(g.text);
	time_rfc3339(&b, l->time_ns);
	buf_u8(&b, ' ');
	if (several_appliances()) {
		text_printable(&b, name_of(line->object));
		buf_u8(&b, ' ');
	}
	struct {
		struct span text;
		size_t width;
	} cells[] = {{l->level, 6}, {l->role, 8}, {l->event, 0}};
	for (unsigned i = 0; i < 3; i++) {
		size_t from = b.len;
		text_printable(&b, cells[i].text);
		pad(&b, from, cells[i].width);
	}
	logtext_members(&b, l);
	while (b.len && b.p[b.len - 1] == ' ')
		b.len--;
	buf_u8(&b, '\n');
	return say_out(buf_span(&b));
}

static bool take_line(void *arg, const struct lines_line *line)
{
	struct logline l;
	(void)arg;
	if (logline_read(line->text, &l) || logtext_level(l.level) < g.level ||
	    !is_or_unset(o.event, l.event) || !is_or_unset(o.role, l.role))
		return true;
	return !(o.json ? lines_put(line) : put_text(line, &l));
}

static enum exit_status run(char **operands)
{
	static const char *const levels[] = {"info", "warn", "alarm"};
	struct lines_filter f = {.from_ns = o.from_ns, .to_ns = o.to_ns, .kinds = 1u << OBJECT_LOG};
	for (g.level = 0; o.level && g.level < 3 && strcmp(o.level, levels[g.level]) != 0;)
		g.level++;
	if (g.level == 3)
		return say(EXIT_WRONG_USAGE,
			   "--level %s: info, warn or "
			   "alarm",
			   say_text(span_str(o.level)));
	enum exit_status status = session_begin();
	if (!status)
		status = lines_each(&f, operands, take_line, NULL);
	keyring_wipe();
	enum exit_status written = say_out_done();
	return written ? written : status;
}

const struct command cmd_logs = {
	.name = "logs",
	.operands = "[OBJECT...]",
	.summary = "show what the appliances logged",
	.text = "One event a line: time, level, role, event, key=value. What is no visible ASCII is shown\n"
		"as JSON escapes it. OBJECTs are files or s3:// names; without them the bucket's "
		"are read.\n\n"
		"  sealtap logs --from -1h --level warn\n"
		"  sealtap logs --from -7d --event lost --json\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
