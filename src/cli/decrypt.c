/* decrypt: opens a sealed object on standard output, in bounded memory, whatever its size.
 *
 * Everything that is written was authenticated, decompressed and its checksum compared before; a failure
 * later on says that what was written is genuine but incomplete. Messages go to standard error, each naming
 * the file.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/edk.h"
#include "cli/key.h"
#include "cli/say.h"
#include "record/zframe.h"

#define INPUT_BYTES 65536
/* The longest frame, or unframed message, that is opened. Objects of ours have frames of 64 KiB. */
#define FRAME_MAX_BYTES (16u * 1024 * 1024)

static struct {
	const char *file;     /* "-": standard input */
	const char *key_file; /* NULL when show_edk */
	bool raw;             /* leave it compressed */
	bool show_edk;        /* only say which data key is wanted */
} o;

static struct {
	const char *name; /* of the input, for messages */
	FILE *in;
	uint64_t written;
	bool done;
	uint8_t key[ESDK_KEY_BYTES];
	struct esdk_reader reader;
	struct zframe_reader zframe;
	uint8_t input[INPUT_BYTES];
	uint8_t frame[FRAME_MAX_BYTES + AEAD_TAG_BYTES];
} g;

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fflush(stdout);
	fprintf(stderr, "sealtap: %s: ", g.name);
	vfprintf(stderr, format, args);
	va_end(args);
	if (g.written)
		fprintf(stderr, "; the %llu bytes written are genuine, but not all",
			(unsigned long long)g.written);
	fputc('\n', stderr);
	return 1;
}

static int fail_authentication(void)
{
	static const char altered[] = "does not authenticate: the object was altered or damaged";
	switch (g.reader.phase) {
	case ESDK_PHASE_TAG:
		return fail("the header %s", altered);
	case ESDK_PHASE_SIGNATURE:
		return fail("the signature %s", altered);
	default:
		return fail("frame %u %s", g.reader.frames + 1, altered);
	}
}

/* What an error of the envelope means to who holds the file. */
static int fail_envelope(enum err e)
{
	switch (e) {
	case ERR_COMMITMENT:
		return fail("the key in %s is not the key of this object", o.key_file);
	case ERR_AUTH:
		return fail_authentication();
	case ERR_TRUNCATED:
		return fail("the object ends too early, after %u whole frames", g.reader.frames);
	case ERR_UNSUPPORTED:
		return fail("not an AWS Encryption SDK message with key commitment (suite 0x0478 or 0x0578)");
	default:
		break;
	}
	if (g.reader.phase == ESDK_PHASE_HEADER)
		return fail("not a sealed object: %s", err_text(e));
	if (g.reader.phase == ESDK_PHASE_DONE)
		return fail("something follows the end of the object");
	return fail("frame %u: %s", g.reader.frames + 1, err_text(e));
}

static int fail_content(enum err e)
{
	return fail("genuine, but what is inside fails after %u zstd frames: %s (--raw writes it as it is)",
		    g.zframe.frames, err_text(e));
}

static int put(struct span s)
{
	if (s.len && fwrite(s.p, 1, s.len, stdout) != s.len)
		return fail("can't write: %s", strerror(errno));
	g.written += s.len;
	return 0;
}

/* The message's content, decompressed unless --raw. */
static int put_content(struct span content)
{
	if (o.raw)
		return put(content);
	for (;;) {
		enum err e = zframe_read(&g.zframe, &content);
		if (e == ERR_MORE)
			return 0;
		if (e)
			return fail_content(e);
		if (put(g.zframe.content))
			return 1;
	}
}

static int event_happened(enum esdk_read_event event)
{
	enum err e;
	switch (event) {
	case ESDK_READ_HEADER:
		if (o.show_edk) {
			g.done = true;
			return edk_show(&g.reader.header, g.name) ? fail("can't write: %s", strerror(errno))
								  : 0;
		}
		e = key_give(&g.reader, g.key);
		return e ? fail_envelope(e) : 0;
	case ESDK_READ_CONTENT:
		return put_content(g.reader.content);
	case ESDK_READ_DONE:
		break;
	}
	return 0;
}

static int take(struct span in)
{
	enum esdk_read_event event;
	while (!g.done) {
		enum err e = esdk_read(&g.reader, &in, &event);
		if (e == ERR_MORE)
			break;
		if (e)
			return fail_envelope(e);
		if (event_happened(event))
			return 1;
	}
	return 0;
}

static int finish(void)
{
	enum err e = esdk_read_end(&g.reader);
	if (e)
		return fail_envelope(e);
	e = o.raw ? ERR_OK : zframe_end(&g.zframe);
	if (e)
		return fail_content(e);
	if (fflush(stdout))
		return fail("can't write: %s", strerror(errno));
	if (!o.raw && !g.zframe.has_index)
		fprintf(stderr, "sealtap: %s: no index: the object was torn, its last packets are missing\n",
			g.name);
	return 0;
}

static int run(void)
{
	esdk_read_begin(&g.reader, g.frame, sizeof(g.frame));
	zframe_begin(&g.zframe);
	while (!g.done) {
		size_t n = fread(g.input, 1, sizeof(g.input), g.in);
		if (ferror(g.in))
			return fail("can't read: %s", strerror(errno));
		if (n == 0)
			return finish();
		if (take(span_of(g.input, n)))
			return 1;
	}
	return 0;
}

static int read_key(void)
{
	enum err e = key_read(o.key_file, g.key);
	if (e == ERR_SYSTEM)
		fprintf(stderr, "sealtap: %s: can't read: %s\n", o.key_file, strerror(errno));
	else if (e)
		fprintf(stderr, "sealtap: %s: not a key: 32 bytes in hexadecimal or base64 are wanted\n",
			o.key_file);
	return e != ERR_OK;
}

static enum exit_status check_options(void)
{
	if (!o.key_file && !o.show_edk)
		return say(EXIT_WRONG_USAGE, "--key is missing; --show-edk tells how to get the key");
	if (o.show_edk && (o.key_file || o.raw))
		return say(EXIT_WRONG_USAGE, "--show-edk stands alone");
	return EXIT_DONE;
}

static enum exit_status decrypt(char **operands)
{
	o.file = operands[0];
	bool from_stdin = strcmp(o.file, "-") == 0;
	g.name = from_stdin ? "standard input" : o.file;
	if (check_options())
		return EXIT_WRONG_USAGE;
	if (!o.show_edk && read_key())
		return EXIT_INCOMPLETE;
	g.in = from_stdin ? stdin : fopen(o.file, "rb");
	if (!g.in)
		return fail("can't open: %s", strerror(errno));
	int status = run();
	wipe(g.key, sizeof(g.key));
	esdk_read_wipe(&g.reader);
	return status;
}

static const struct option_row options[] = {
	{"--key", OPTION_FILE, "KEYFILE", "data key, or raw AES key that wraps it: 32 bytes, hex or base64",
	 &o.key_file},
	{"--raw", OPTION_FLAG, NULL, "leave the content compressed (zstd)", &o.raw},
	{"--show-edk", OPTION_FLAG, NULL,
	 "print KMS key, context, encrypted key, and the command for KEYFILE", &o.show_edk},
	{.name = NULL},
};

const struct command cmd_decrypt = {
	.name = "decrypt",
	.operands = "FILE|-",
	.summary = "open one sealed object on standard output",
	.text = "Packets (pcapng) or log lines (JSON), in bounded memory, whatever the size:\n"
		"  sealtap decrypt --key data.key FILE | tshark -r -\n"
		"\n"
		"Every byte is authenticated before it is written. The object's signature and its\n"
		"place in the chain of objects are not checked here. Without this command: any AWS\n"
		"Encryption SDK, then zstd -d.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = decrypt,
};
