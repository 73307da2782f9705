/* Frames of the envelope stand at fixed places and authenticate alone, zstd frames have a checksum and
 * depend on no other: whatever is lost between them, the rest can be had. */
#include <errno.h>
#include <string.h>

#include "cli/keyring.h"
#include "cli/outfile.h"
#include "cli/salvage.h"
#include "cli/say.h"
#include "lib/zstd.h"
#include "record/esdk_open.h"
#include "record/esdk_read.h"
#include "record/pcapng.h"
#include "record/zframe.h"

#define DATA_MAGIC "\x28\xb5\x2f\xfd"
#define RUN_BYTES (2 * ZSTD_BOUND(ZSTD_SOURCE_MAX))
#define PACKET_BLOCK "\x06\0\0\0"

static struct {
	FILE *in;
	const char *name;
	struct esdk_opener opener;
	struct esdk_layout layout;
	uint8_t head[ESDK_READ_HEADER_MAX];
	size_t head_len;
	uint8_t frame[ESDK_FINAL_HEAD + ESDK_FRAME_BYTES + AEAD_TAG_BYTES]; /* the longest is a final one */
	bool final; /* the message's last frame was there */

	uint8_t run[RUN_BYTES]; /* content without a hole */
	size_t len;
	bool synced; /* a zstd frame begins at run */
	bool ended;  /* the index was reached: no data frame follows */
	uint32_t opened, failed, zframes, broken;
	uint64_t written;
	struct zstd_frame_decoder zstd;
	uint8_t plain[ZSTD_SOURCE_MAX];
} g;

/* ---- zstd frames */

/* A recording needs its head; where that is lost, one that says so. */
static void put_head(void)
{
	static uint8_t text[1024];
	struct buf b = BUF_OF(text);
	struct pcapng_section section = {.userappl = SPAN("sealtap salvage"),
					 .comment = SPAN("salvaged: the recording's own head is lost")};
	pcapng_section(&b, &section);
	for (int i = 0; i < 2; i++) {
		struct pcapng_interface interface = {.name = i ? SPAN("inside") : SPAN("outside")};
		pcapng_interface(&b, &interface);
	}
	outfile_put(buf_span(&b));
}

static void put(struct span plain)
{
	if (g.written == 0 && span_starts(plain, SPAN(PACKET_BLOCK)))
		put_head();
	outfile_put(plain);
	g.written += plain.len;
	g.zframes++;
}

static void drop(size_t n)
{
	memmove(g.run, g.run + n, g.len - n);
	g.len -= n;
}

/* Moves on to what may be a frame's beginning. */
static bool resync(void)
{
	size_t at = 0;
	while (g.len - at >= 4 && memcmp(g.run + at, DATA_MAGIC, 4) != 0)
		at++;
	drop(at);
	return g.len >= 4;
}

/* What stands at run is no data frame. */
static void lose_sync(void)
{
	g.broken += g.synced;
	g.synced = false;
	drop(1);
}

/* False: more content is needed. */
static bool take_zframe(void)
{
	struct buf plain = BUF_OF(g.plain);
	size_t n;
	if (!g.synced && !resync())
		return false;
	if (g.len < 4)
		return false;
	uint32_t magic = load_le32(g.run);
	if (g.synced && magic == INDEX_MAGIC) {
		g.ended = true;
		return false;
	}
	enum err e = zstd_frame_find(span_of(g.run, g.len), &n);
	if (e == ERR_MORE && g.len < ZSTD_BOUND(ZSTD_SOURCE_MAX))
		return false;
	if (e || zstd_decode_frame(&g.zstd, span_of(g.run, n), &plain)) {
		lose_sync();
		return true;
	}
	put(buf_span(&plain));
	drop(n);
	g.synced = true;
	return true;
}

static void take_content(struct span content)
{
	ASSERT(content.len <= sizeof(g.run) - g.len);
	memcpy(g.run + g.len, content.p, content.len);
	g.len += content.len;
	while (!g.ended && take_zframe())
		;
}

/* Something is missing here: the frame that was begun is lost, and what follows begins in the middle of
 * one. */
static void take_hole(void)
{
	g.broken += g.synced && g.len > 0 && !g.ended;
	g.synced = false;
	g.len = 0;
}

/* ---- the envelope */

/* A frame by its own head: regular, or the last one, of any length. n bytes of it are there. */
static enum err open_frame(uint32_t i, size_t n, struct span *content)
{
	struct esdk_layout l = g.layout;
	l.frames = UINT32_MAX;
	if (n >= ESDK_FINAL_HEAD && load_be32(g.frame) == ESDK_FINAL_MARK) {
		size_t len = load_be32(g.frame + 8 + AEAD_IV_BYTES);
		if (len > ESDK_FRAME_BYTES || n < ESDK_FINAL_HEAD + len + AEAD_TAG_BYTES)
			return ERR_TRUNCATED;
		l.frames = i + 1;
		l.object_bytes = esdk_frame_at(&l, i) + ESDK_FINAL_HEAD + len + AEAD_TAG_BYTES;
		g.final = true;
	} else if (n < ESDK_STRIDE_BYTES) {
		return ERR_TRUNCATED;
	}
	return esdk_open_frame(&g.opener, &l, i, g.frame, content);
}

static enum exit_status open_frames(void)
{
	for (uint32_t i = 0; !g.final && !g.ended; i++) {
		struct span content;
		uint64_t at = g.layout.body_at + (uint64_t)i * ESDK_STRIDE_BYTES;
		if (fseeko(g.in, (off_t)at, SEEK_SET))
			return say(EXIT_NO_INPUT, "can't read %s: %s", g.name, strerror(errno));
		size_t n = fread(g.frame, 1, sizeof(g.frame), g.in);
		if (n == 0)
			break;
		if (open_frame(i, n, &content)) {
			g.final = false;
			g.failed++;
			take_hole();
		} else {
			g.opened++;
			take_content(content);
		}
		if (n < ESDK_STRIDE_BYTES)
			break;
	}
	return ferror(g.in) ? say(EXIT_NO_INPUT, "can't read %s: %s", g.name, strerror(errno)) : EXIT_DONE;
}

static enum exit_status open_header(void)
{
	struct esdk_header h;
	uint8_t data_key[ESDK_KEY_BYTES];
	size_t want;
	rewind(g.in);
	g.head_len = fread(g.head, 1, sizeof(g.head), g.in);
	struct span bytes = span_of(g.head, g.head_len);
	if (esdk_header_read(bytes, &h, &want))
		return say(EXIT_DAMAGED,
			   "%s is neither a sealed object nor a spool volume, or its header is not whole",
			   g.name);
	if (!h.framed || h.frame_bytes != ESDK_FRAME_BYTES || h.suite != ESDK_SUITE_COMMIT)
		return say(EXIT_DAMAGED, "%s is a message of another program's: sealtap decrypt opens it",
			   g.name);
	enum exit_status s = keyring_get(&h, span_str(g.name), data_key);
	if (s)
		return s;
	enum err e = esdk_open_begin(&g.opener, &h, bytes, data_key);
	wipe(data_key, sizeof(data_key));
	g.layout = (struct esdk_layout){.body_at = h.body_bytes + AEAD_TAG_BYTES};
	return e ? say(EXIT_DAMAGED, "%s: its header does not authenticate: %s", g.name, err_text(e))
		 : EXIT_DONE;
}

/* ---- the whole */

static bool output_path(char *out, size_t cap, const char *folder)
{
	static const char *const ends[] = {".zst.torn.encrypted", ".zst.encrypted"};
	const char *slash = strrchr(g.name, '/');
	struct span base = span_str(slash ? slash + 1 : g.name);
	struct buf b = buf_over(out, cap);
	const char *end = ".salvaged";
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!span_ends(base, span_str(ends[i])))
			continue;
		base.len -= strlen(ends[i]);
		end = "";
	}
	buf_str(&b, folder);
	buf_u8(&b, '/');
	buf_put(&b, base);
	buf_str(&b, end);
	return buf_cstr(&b) != NULL;
}

static enum exit_status conclude(const char *path)
{
	bool whole = g.failed == 0 && g.broken == 0 && (g.ended || g.final);
	if (g.zframes == 0)
		return say(EXIT_DAMAGED, "%s: nothing of it can be used: %u frames authenticate, %u do not",
			   g.name, g.opened, g.failed);
	say_note(
		"%s: %u frames authenticate, %u do not or are cut off; %u pieces of content, %llu bytes, are "
		"in %s%s",
		g.name, g.opened, g.failed, g.zframes, (unsigned long long)g.written, path,
		whole ? "" : "; what lay between or behind them is lost");
	return whole ? EXIT_DONE : EXIT_INCOMPLETE;
}

enum exit_status salvage_object(FILE *in, const char *name, const char *folder)
{
	char path[4096];
	g.in = in;
	g.name = name;
	g.synced = true;
	if (!output_path(path, sizeof(path), folder))
		return say(EXIT_WRONG_USAGE, "the name of the folder is too long: %s", folder);
	enum exit_status s = open_header();
	if (!s)
		s = outfile_begin(path);
	if (s)
		return s;
	s = open_frames();
	if (!s)
		take_hole(); /* a frame that was begun and never ended */
	esdk_open_wipe(&g.opener);
	enum exit_status out = outfile_end(g.zframes > 0);
	return s ? s : out ? out : conclude(path);
}
