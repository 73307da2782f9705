/* sealtap: the operator's command. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/decrypt.h"

static const char help[] =
	"usage: sealtap decrypt --key KEYFILE [--raw] FILE|-\n"
	"       sealtap decrypt --show-edk FILE|-\n"
	"       sealtap --help | --version\n"
	"\n"
	"decrypt opens a sealed object and writes its packets (pcapng) or log lines (JSON)\n"
	"to standard output:  sealtap decrypt --key data.key FILE | tshark -r -\n"
	"\n"
	"  --key KEYFILE  the object's data key, or the raw AES key that wraps it: 32 bytes\n"
	"                 as 64 hexadecimal digits or in base64\n"
	"  --raw          leave the content compressed (zstd)\n"
	"  --show-edk     print the KMS key, encryption context and encrypted data key, and\n"
	"                 the `aws kms decrypt` command that makes KEYFILE of them\n"
	"\n"
	"Every byte is authenticated before it is written. Exit status: 0 the whole object\n"
	"was opened, 1 it was not, 2 wrong usage. The object's signature and its place in the\n"
	"chain of objects are not checked here: they cover the name and metadata that S3 keeps.\n"
	"Without this command: any AWS Encryption SDK, then zstd -d.\n";

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "sealtap: %s%s%s\n%.*s\n", what, *which ? ": " : "", which, (int)strcspn(help, "\n"),
		help);
	return 2;
}

static int decrypt(char **argv)
{
	struct decrypt_options o = {.file = NULL};
	for (; *argv; argv++) {
		if (!strcmp(*argv, "--raw")) {
			o.raw = true;
		} else if (!strcmp(*argv, "--show-edk")) {
			o.show_edk = true;
		} else if (!strcmp(*argv, "--key")) {
			if (!argv[1])
				return usage("an option wants a file", *argv);
			o.key_file = *++argv;
		} else if (argv[0][0] == '-' && argv[0][1]) {
			return usage("unknown option", *argv);
		} else if (o.file) {
			return usage("one object at a time", *argv);
		} else {
			o.file = *argv;
		}
	}
	if (!o.file)
		return usage("no object is given", "");
	if (!o.key_file && !o.show_edk)
		return usage("--key is missing; --show-edk tells how to get the key", "");
	if (o.show_edk && (o.key_file || o.raw))
		return usage("--show-edk stands alone", "");
	return decrypt_run(&o);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return fputs(help, stdout) < 0 || fflush(stdout);
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return printf("sealtap %s\n", version_text) < 0 || fflush(stdout);
	if (argc < 2)
		return usage("what is to be done", "");
	if (strcmp(argv[1], "decrypt") != 0)
		return usage("unknown command", argv[1]);
	return decrypt(argv + 2);
}
