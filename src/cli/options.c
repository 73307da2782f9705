#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/say.h"
#include "cli/when.h"

/* The row of the option that begins `arg`, up to len characters; NULL: there is none. */
static const struct option_row *find_in(const struct option_row *rows, const char *arg, size_t len)
{
	for (; rows && rows->name; rows++)
		if (strlen(rows->name) == len && !memcmp(rows->name, arg, len))
			return rows;
	return NULL;
}

static const struct option_row *find(const struct command *c, const char *arg)
{
	size_t len = strcspn(arg, "=");
	const struct option_row *row = find_in(c->options, arg, len);
	return row ? row : find_in(c->common, arg, len);
}

static bool wrong(const struct command *c, const char *arg, const char *what)
{
	say(EXIT_WRONG_USAGE, "%s: %s: %s; see: sealtap %s --help", c->name, say_text(span_str(arg)), what,
	    c->name);
	return false;
}

static bool take(const struct command *c, const struct option_row *row, const char *value, uint64_t now_ns)
{
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)row->to = true;
		return true;
	case OPTION_TEXT:
	case OPTION_FILE:
		*(const char **)row->to = value;
		return true;
	case OPTION_NUMBER:
		return !text_read_u64(span_str(value), UINT64_MAX, row->to) ||
		       wrong(c, value, "no decimal number");
	case OPTION_TIME:
		return !when_read(span_str(value), now_ns, row->to) ||
		       wrong(c, value, "no time: 2026-11-22T10:00:00Z, \"2026-11-22 10:00\", -15m, -7d, now");
	}
	return false;
}

/* One option of argv, with its value; how many words it takes. 0: it was said what is wrong. */
static unsigned read_option(const struct command *c, char **argv, uint64_t now_ns)
{
	const struct option_row *row = find(c, argv[0]);
	const char *equals = strchr(argv[0], '=');
	if (!row)
		return wrong(c, argv[0], "unknown option");
	if (row->kind == OPTION_FLAG)
		return equals ? wrong(c, argv[0], "takes no value") : take(c, row, NULL, now_ns);
	if (!equals && !argv[1])
		return wrong(c, argv[0], "a value is missing");
	return take(c, row, equals ? equals + 1 : argv[1], now_ns) ? 2 - (equals != NULL) : 0;
}

/* UINT64_MAX: --from was not given, and the command chooses. */
static bool times_in_order(const struct command *c)
{
	const struct option_row *from = find(c, "--from"), *to = find(c, "--to");
	if (!from || !to || from->kind != OPTION_TIME || to->kind != OPTION_TIME)
		return true;
	uint64_t from_ns = *(const uint64_t *)from->to, to_ns = *(const uint64_t *)to->to;
	return from_ns == UINT64_MAX || from_ns <= to_ns || wrong(c, "--from", "is later than --to");
}

bool options_read(const struct command *c, char **argv, uint64_t now_ns)
{
	char **to = argv;
	unsigned operands = 0;
	bool over = false;
	for (unsigned step = 1; *argv; argv += step) {
		step = 1;
		if (!over && !strcmp(*argv, "--")) {
			over = true;
		} else if (over || argv[0][0] != '-' || !argv[0][1]) {
			*to++ = *argv;
			operands++;
		} else if (!(step = read_option(c, argv, now_ns))) {
			return false;
		}
	}
	*to = NULL;
	if (!times_in_order(c))
		return false;
	if (operands < c->operands_min)
		return wrong(c, c->operands, "is missing");
	return operands <= c->operands_max ||
	       wrong(c, c->operands ? to[-1] : to[-(int)operands], "is too much");
}

static void print_rows(const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		char head[40];
		snprintf(head, sizeof(head), "%s %s", rows->name, rows->value ? rows->value : "");
		printf("  %-22s %s\n", head, rows->text);
	}
}

void options_help(const struct command *c)
{
	printf("usage: sealtap %s [OPTION...]%s%s\n\n%s.\n", c->name, c->operands ? " " : "",
	       c->operands ? c->operands : "", c->summary);
	if (c->options && c->options->name)
		printf("\n");
	print_rows(c->options);
	if (c->common) {
		printf("\nWhere from and as whom:\n");
		print_rows(c->common);
	}
	if (c->text)
		printf("\n%s", c->text);
}
