#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "base/time.h"
#include "base/version.h"

/* ---- man(7) */

/* Text of one line, so that nothing in it is roff's: a dot or quote at its start, backslashes, hyphens. */
static void put(struct span text)
{
	if (text.len && (text.p[0] == '.' || text.p[0] == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\\')
			fputs("\\e", stdout);
		else if (text.p[i] == '-')
			fputs("\\-", stdout);
		else
			putchar(text.p[i]);
	}
}

static void put_line(const char *before, const char *text)
{
	fputs(before, stdout);
	put(span_str(text));
	putchar('\n');
}

/* Paragraphs; lines that begin with blanks are examples and stay as they are. */
static void put_text(const char *text)
{
	const uint8_t *begin = (const uint8_t *)text;
	struct span rest = span_str(text);
	bool example = false;
	while (rest.len) {
		struct span line = span_cut(&rest, '\n');
		bool is_example = line.len && line.p[0] == ' ';
		if (is_example != example)
			puts(!is_example ? ".EE" : line.p == begin ? ".EX" : ".PP\n.EX");
		if (!line.len && rest.len && rest.p[0] != ' ')
			puts(".PP");
		put(line);
		if (line.len)
			putchar('\n');
		example = is_example;
	}
	if (example)
		puts(".EE");
}

static void put_options(const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		printf(".TP\n.B ");
		put(span_str(rows->name));
		if (rows->value)
			printf(" \\fI%s\\fR", rows->value);
		putchar('\n');
		put_line("", rows->text);
	}
}

static void put_command(const struct command *c)
{
	put_line(".SS ", c->name);
	printf(".B sealtap ");
	put(span_str(c->name));
	printf("\\fR [\\fIOPTION\\fR...]");
	if (c->operands) {
		putchar(' ');
		put(span_str(c->operands));
	}
	puts("\n.PP");
	put_line("", c->summary);
	put_options(c->options);
	if (c->text) {
		puts(".PP");
		put_text(c->text);
	}
}

static const char times[] =
	"Options that take a TIME read RFC 3339 (2026-11-22T10:00:00Z, with +01:00 for a zone, with\n"
	"fractions), \"2026-11-22 10:00\", \"2026-11-22 10:00:30\" and 2026-11-22, which are UTC;\n"
	"-15m, -7d, -1h30m before now (s, m, h, d, w); now; @1763805600, seconds since 1970.\n";

static const char environment[] =
	"Credentials, region and endpoints are found as the AWS command line finds them: AWS_PROFILE,\n"
	"AWS_REGION, AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE and so\n"
	"on, ~/.aws/config and ~/.aws/credentials. Besides these:\n"
	"\n"
	"SEALTAP_BUCKET: BUCKET[/PREFIX] where the recordings are.\n"
	"\n"
	"NO_COLOR: no colours.\n";

void manual_page(const struct command *const *commands, const char *exit_text)
{
	struct time_civil t = time_civil(version_time_s * NS_PER_S);
	const struct option_row *common = NULL;
	printf(".TH SEALTAP 1 %04u-%02u-%02u \"sealtap ", t.year, t.month, t.day);
	put(span_str(version_text));
	puts("\"\n.SH NAME\nsealtap \\- list, open, search, check and hold what sealtap appliances recorded");
	puts(".SH SYNOPSIS\n.B sealtap\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]");
	puts(".SH COMMANDS");
	for (; *commands; commands++) {
		put_command(*commands);
		common = (*commands)->common ? (*commands)->common : common;
	}
	if (common) {
		puts(".SH COMMON OPTIONS\nOf each command that goes to AWS:");
		put_options(common);
	}
	puts(".SH TIMES");
	put_text(times);
	puts(".SH ENVIRONMENT");
	put_text(environment);
	puts(".SH EXIT STATUS");
	put_text(exit_text);
	puts(".SH SEE ALSO\n.BR aws (1),\n.BR tshark (1),\n.BR tcpdump (1),\n.BR pcap\\-filter (7)");
}

/* ---- bash */

static bool is_kind(const struct option_row *o, int kind)
{
	return kind < 0 || (kind == OPTION_TEXT ? o->kind == OPTION_TEXT || o->kind == OPTION_NUMBER
						: (int)o->kind == kind);
}

/* name='--a --b': the options of a kind; of all: -1. */
static void put_bash_words(const char *name, const struct command *c, int kind)
{
	const struct option_row *tables[] = {c->options, c->common};
	printf(" %s='", name);
	for (int i = 0; i < 2; i++)
		for (const struct option_row *o = tables[i]; o && o->name; o++)
			if (is_kind(o, kind))
				printf("%s ", o->name);
	printf("'");
}

static void bash(const struct command *const *commands)
{
	puts("# bash completion for sealtap: source <(sealtap --completion bash)\n"
	     "_sealtap() {\n"
	     "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "  local options= files= texts= times=\n"
	     "  COMPREPLY=()\n"
	     "  if [ \"$COMP_CWORD\" = 1 ]; then");
	printf("    mapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	puts("--help --version' -- \"$cur\")\n    return\n  fi\n  case ${COMP_WORDS[1]} in");
	for (size_t i = 0; commands[i]; i++) {
		printf("  %s)", commands[i]->name);
		put_bash_words("options", commands[i], -1);
		put_bash_words("files", commands[i], OPTION_FILE);
		put_bash_words("texts", commands[i], OPTION_TEXT);
		put_bash_words("times", commands[i], OPTION_TIME);
		puts(" ;;");
	}
	puts("  esac\n"
	     "  case \" $texts \" in *\" $prev \"*) return ;; esac\n"
	     "  case \" $times \" in *\" $prev \"*)\n"
	     "    mapfile -t COMPREPLY < <(compgen -W '-15m -1h -1d -7d now' -- \"$cur\")\n"
	     "    return ;;\n"
	     "  esac\n"
	     "  case \" $files \" in *\" $prev \"*)\n"
	     "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	     "    return ;;\n"
	     "  esac\n"
	     "  case $cur in\n"
	     "  -*) mapfile -t COMPREPLY < <(compgen -W \"$options--help\" -- \"$cur\") ;;\n"
	     "  *) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	     "  esac\n"
	     "}\n"
	     "complete -o filenames -F _sealtap sealtap");
}

/* ---- zsh */

/* Inside single quotes and _arguments' or _describe's brackets. */
static void put_zsh(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void put_zsh_options(const struct option_row *o)
{
	static const char *const actions[] = {[OPTION_TEXT] = "",
					      [OPTION_NUMBER] = "",
					      [OPTION_TIME] = "(-15m -1h -1d -7d now)",
					      [OPTION_FILE] = "_files"};
	for (; o && o->name; o++) {
		printf(" \\\n      '%s[", o->name);
		put_zsh(o->text);
		fputs("]", stdout);
		if (o->value) {
			fputs(":", stdout);
			put_zsh(o->value);
			printf(":%s", actions[o->kind]);
		}
		fputs("'", stdout);
	}
}

static void zsh(const struct command *const *commands)
{
	puts("#compdef sealtap\n"
	     "# zsh completion for sealtap: sealtap --completion zsh >_sealtap, in a folder of $fpath\n"
	     "_sealtap() {\n"
	     "  local -a commands\n"
	     "  commands=(");
	for (size_t i = 0; commands[i]; i++) {
		printf("    '%s:", commands[i]->name);
		put_zsh(commands[i]->summary);
		puts("'");
	}
	puts("  )\n"
	     "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
	     "  shift words\n"
	     "  (( CURRENT-- ))\n"
	     "  case $words[1] in");
	for (size_t i = 0; commands[i]; i++) {
		printf("  %s)\n    _arguments '--help[what it does]'", commands[i]->name);
		put_zsh_options(commands[i]->options);
		put_zsh_options(commands[i]->common);
		if (commands[i]->operands) {
			printf(" \\\n      '*:");
			put_zsh(commands[i]->operands);
			printf(":_files'");
		}
		puts(" ;;");
	}
	puts("  esac\n"
	     "}\n"
	     "if [ \"$funcstack[1]\" = _sealtap ]; then _sealtap \"$@\"; else compdef _sealtap sealtap; fi");
}

bool manual_completion(const struct command *const *commands, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash(commands);
	else if (!strcmp(shell, "zsh"))
		zsh(commands);
	else
		return false;
	return true;
}
