/* sealtap: the operator's command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/span.h"
#include "base/version.h"
#include "cli/manual.h"
#include "cli/options.h"
#include "cli/say.h"
#include "os/clock.h"

/* In the order of the help. */
static const struct command *const commands[] = {
	&cmd_ls,     &cmd_fetch,        &cmd_open,    &cmd_follow,  &cmd_extcap,  &cmd_flows, &cmd_verify,
	&cmd_hold,   &cmd_release,      &cmd_salvage, &cmd_restore, &cmd_status,  &cmd_logs,  &cmd_support,
	&cmd_doctor, &cmd_check_config, &cmd_cost,    &cmd_report,  &cmd_decrypt, NULL,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]) - 1)

static const char exit_text[] =
	"Exit status: 0 done, 1 done in part, 2 evidence is missing or damaged, 64 wrong usage,\n"
	"66 nothing there, 69 the service can't be reached, 74 can't write, 75 try again later,\n"
	"77 denied, 78 no credentials, region or bucket are known, 130 interrupted.\n";

static enum exit_status help(void)
{
	printf("usage: sealtap COMMAND [OPTION...] [OPERAND...]\n"
	       "       sealtap COMMAND --help | --help | --version | --man | --completion bash|zsh\n"
	       "\n"
	       "Lists, opens, searches, checks and holds what sealtap appliances have recorded.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-14s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n%s", exit_text);
	return say_out_done();
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static enum exit_status run(const struct command *c, char **argv)
{
	for (char **a = argv; *a && strcmp(*a, "--") != 0; a++) {
		if (!strcmp(*a, "--help") || !strcmp(*a, "-h")) {
			options_help(c);
			return say_out_done();
		}
	}
	if (!options_read(c, argv, clock_real_ns()))
		return EXIT_WRONG_USAGE;
	return c->run(argv);
}

static enum exit_status completion(const char *shell)
{
	if (!shell || !manual_completion(commands, shell))
		return say(EXIT_WRONG_USAGE, "--completion wants a shell: bash or zsh");
	return say_out_done();
}

/* Data keys and credentials would be in it. */
static void keep_no_core(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_CORE, &r) == 0) {
		r.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &r);
	}
}

int main(int argc, char **argv)
{
	keep_no_core();
	signal(SIGPIPE, SIG_IGN); /* say_out sees it, connections want no signal */
	if (argc < 2)
		return say(EXIT_WRONG_USAGE, "what is to be done? sealtap --help lists the commands");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	if (!strcmp(argv[1], "--version")) {
		printf("sealtap %s\n", version_text);
		return say_out_done();
	}
	if (!strcmp(argv[1], "--man")) {
		manual_page(commands, exit_text);
		return say_out_done();
	}
	if (!strcmp(argv[1], "--completion"))
		return completion(argv[2]);
	if (!strncmp(argv[1], "--extcap-", 9) || !strcmp(argv[1], "--capture")) /* Wireshark calls */
		return run(&cmd_extcap, argv + 1);
	const struct command *c = find(argv[1]);
	if (!c)
		return say(EXIT_WRONG_USAGE, "unknown command: %s; sealtap --help lists them",
			   say_text(span_str(argv[1])));
	return run(c, argv + 2);
}
