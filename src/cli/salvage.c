#include "cli/salvage.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/say.h"
#include "cli/session.h"

static const char *folder = ".";

static const struct option_row options[] = {
	{"-d", OPTION_FILE, "DIR", "the folder to put files in, made where it is missing (else this one)",
	 &folder},
	{0},
};

static enum exit_status salvage(FILE *in, const char *name)
{
	uint8_t pages[VOLUME_HEADERS_BYTES] = {0};
	struct volume_header h;
	size_t n = fread(pages, 1, sizeof(pages), in);
	if (ferror(in) || n == 0)
		return say(EXIT_NO_INPUT, "can't read %s: %s", name, n ? strerror(errno) : "it is empty");
	enum err e = volume_read_headers(pages, &h);
	switch (e) {
	case ERR_OK:
		return salvage_volume(in, name, &h, folder);
	case ERR_NOT_FOUND:
		return salvage_object(in, name, folder);
	default:
		return say(EXIT_DAMAGED, "%s is a spool volume whose header can't be used: %s", name,
			   err_text(e));
	}
}

static enum exit_status run(char **operands)
{
	enum exit_status e = session_begin();
	if (e)
		return e;
	if (mkdir(folder, 0777) && errno != EEXIST)
		return say(EXIT_OUTPUT, "can't make the folder %s: %s", folder, strerror(errno));
	FILE *in = fopen(operands[0], "rb");
	if (!in)
		return say(EXIT_NO_INPUT, "can't open %s: %s", operands[0], strerror(errno));
	e = salvage(in, operands[0]);
	fclose(in);
	return e;
}

const struct command cmd_salvage = {
	.name = "salvage",
	.operands = "FILE|DEVICE",
	.summary = "take what is still there out of a torn object or a spool volume",
	.text = "Of an object that was cut off or damaged, every frame that authenticates is\n"
		"opened and every zstd frame that is complete comes out, as a recording or as\n"
		"lines in a file. Of a spool volume (or its image) each object that was not\n"
		"shipped becomes a file, as it would have been shipped, with its metadata beside\n"
		"it: `sealtap verify DIR` checks them, `sealtap open` reads them. Nothing is ever\n"
		"written to FILE or DEVICE.\n"
		"\n"
		"Exit status: 0 all of it, 1 a part, 2 nothing of it can be used.\n"
		"\n"
		"  sealtap salvage -d found /dev/nvme1n1\n"
		"  sealtap salvage --key data.key 2026...-w0-00000007.pcapng.zst.encrypted\n",
	.options = options,
	.common = session_options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
