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
#include "cli/keyring.h"
#include "cli/say.h"
#include "cli/session.h"
#include "record/esdk_read.h"
#include "record/zframe.h"

#define INPUT_BYTES 65536
/* The longest frame, or unframed message, that is opened. Objects of ours have frames of 64 KiB. */
#define FRAME_MAX_BYTES (16u * 1024 * 1024)

static struct {
	const char *file; /* "-": standard input */
	bool raw;         /* leave it compressed */
	bool show_edk;    /* only say which data key is wanted */
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

__attribute__((format(printf, 2, 3))) static enum exit_status fail(enum exit_status status,
								   const char *format, ...)
{
	char what[4096], bytes[80] = "";
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (g.written)
		snprintf(bytes, sizeof(bytes), "; the %llu bytes written are genuine, but not all",
			 (unsigned long long)g.written);
	return say(status, "%s: %s%s", g.name, what, bytes);
}

static enum exit_status fail_authentication(void)
{
	static const char altered[] = "does not authenticate: the object was altered or damaged";
	switch (g.reader.phase) {
	case ESDK_PHASE_TAG:
		return fail(EXIT_DAMAGED, "the header %s", altered);
	case ESDK_PHASE_SIGNATURE:
		return fail(EXIT_DAMAGED, "the signature %s", altered);
	default:
		return fail(EXIT_DAMAGED, "frame %u %s", g.reader.frames + 1, altered);
	}
}

/* What an error of the envelope means to who holds the file. */
static enum exit_status fail_envelope(enum err e)
{
	const char *key_file = session_names()->key_file;
	switch (e) {
	case ERR_COMMITMENT:
		return key_file
			       ? fail(EXIT_DENIED, "the key in %s is not the key of this object", key_file)
			       : fail(EXIT_DAMAGED, "KMS' key is not the key of this object: it was altered");
	case ERR_AUTH:
		return fail_authentication();
	case ERR_TRUNCATED:
		return fail(EXIT_DAMAGED, "the object ends too early, after %u whole frames",
			    g.reader.frames);
	case ERR_UNSUPPORTED:
		return fail(EXIT_NO_INPUT,
			    "not an AWS Encryption SDK message with key commitment (suite 0x0478 or 0x0578)");
	default:
		break;
	}
	if (g.reader.phase == ESDK_PHASE_HEADER)
		return fail(EXIT_NO_INPUT, "not a sealed object: %s", err_text(e));
	if (g.reader.phase == ESDK_PHASE_DONE)
		return fail(EXIT_DAMAGED, "something follows the end of the object");
	return fail(EXIT_DAMAGED, "frame %u: %s", g.reader.frames + 1, err_text(e));
}

static enum exit_status fail_content(enum err e)
{
	return fail(EXIT_DAMAGED,
		    "genuine, but what is inside fails after %u zstd frames: %s (--raw writes it as it is)",
		    g.zframe.frames, err_text(e));
}

static enum exit_status put(struct span s)
{
	enum exit_status status = say_out(s);
	g.written += status ? 0 : s.len;
	return status;
}

/* The message's content, decompressed unless --raw. */
static enum exit_status put_content(struct span content)
{
	if (o.raw)
		return put(content);
	for (;;) {
		enum err e = zframe_read(&g.zframe, &content);
		if (e == ERR_MORE)
			return EXIT_DONE;
		if (e)
			return fail_content(e);
		enum exit_status status = put(g.zframe.content);
		if (status)
			return status;
	}
}

/* The data key: of the key file, or from KMS. */
static enum exit_status get_key(void)
{
	enum exit_status status = keyring_get(&g.reader.header, span_str(g.name), g.key);
	if (status)
		return status;
	enum err e = esdk_read_key(&g.reader, g.key);
	wipe(g.key, sizeof(g.key));
	return e ? fail_envelope(e) : EXIT_DONE;
}

static enum exit_status event_happened(enum esdk_read_event event)
{
	switch (event) {
	case ESDK_READ_HEADER:
		if (!o.show_edk)
			return get_key();
		g.done = true;
		return edk_show(&g.reader.header, g.name) ? say_out_done() : EXIT_DONE;
	case ESDK_READ_CONTENT:
		return put_content(g.reader.content);
	case ESDK_READ_DONE:
		break;
	}
	return EXIT_DONE;
}

static enum exit_status take(struct span in)
{
	enum esdk_read_event event;
	while (!g.done) {
		enum err e = esdk_read(&g.reader, &in, &event);
		if (e == ERR_MORE)
			break;
		if (e)
			return fail_envelope(e);
		enum exit_status status = event_happened(event);
		if (status)
			return status;
	}
	return EXIT_DONE;
}

static enum exit_status finish(void)
{
	enum err e = esdk_read_end(&g.reader);
	if (e)
		return fail_envelope(e);
	e = o.raw ? ERR_OK : zframe_end(&g.zframe);
	if (e)
		return fail_content(e);
	if (!o.raw && !g.zframe.has_index)
		say_note("%s: no index: the object was torn, its last packets are missing", g.name);
	return say_out_done();
}

static enum exit_status run(void)
{
	esdk_read_begin(&g.reader, g.frame, sizeof(g.frame));
	zframe_begin(&g.zframe);
	while (!g.done) {
		size_t n = fread(g.input, 1, sizeof(g.input), g.in);
		if (ferror(g.in))
			return fail(EXIT_NO_INPUT, "can't read: %s", strerror(errno));
		if (n == 0)
			return finish();
		enum exit_status status = take(span_of(g.input, n));
		if (status)
			return status;
	}
	return say_out_done();
}

static enum exit_status decrypt(char **operands)
{
	o.file = operands[0];
	bool from_stdin = strcmp(o.file, "-") == 0;
	g.name = from_stdin ? "standard input" : o.file;
	if (o.show_edk && (session_names()->key_file || o.raw))
		return say(EXIT_WRONG_USAGE, "--show-edk stands alone");
	if (!o.show_edk && !session_names()->key_file) {
		enum exit_status status = session_begin();
		if (status)
			return status;
	}
	g.in = from_stdin ? stdin : fopen(o.file, "rb");
	if (!g.in)
		return fail(EXIT_NO_INPUT, "can't open: %s", strerror(errno));
	enum exit_status status = run();
	keyring_wipe();
	esdk_read_wipe(&g.reader);
	return status;
}

static const struct option_row options[] = {
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
		"  sealtap decrypt FILE | tshark -r -\n"
		"  sealtap decrypt --key data.key FILE | tshark -r -\n"
		"\n"
		"The data key comes from KMS (kms:Decrypt), or from a key file. Every byte is\n"
		"authenticated before it is written. The object's signature and its place in the\n"
		"chain of objects are not checked here: verify does. Without this command: any AWS\n"
		"Encryption SDK, then zstd -d.\n",
	.options = options,
	.common = session_options,
	.operands_min = 1,
	.operands_max = 1,
	.run = decrypt,
};
