#include "cli/verify_ahead.h"

#include <string.h>

#include "base/text.h"
#include "cli/metafile.h"
#include "cli/say.h"
#include "cli/source.h"

#define HEADS 8u
#define PIECES 6u
#define PIECE_BYTES (1024u * 1024)

static struct {
	const uint32_t *order;
	uint32_t count, at; /* of order: the object that is read; the next one is at */
	uint32_t heads;     /* asked for so far */
	/* the next piece to be asked for */
	uint32_t piece_object;
	uint64_t piece_from;
	uint64_t started, taken; /* pieces */
	struct bucket_ask head[HEADS];
	struct {
		struct source_read read;
		uint32_t object; /* of order */
		uint8_t bytes[PIECE_BYTES];
	} piece[PIECES];
} g;

void verify_ahead_begin(const uint32_t *order, uint32_t count)
{
	g.order = order;
	g.count = count;
	g.at = g.heads = g.piece_object = 0;
	g.piece_from = g.started = g.taken = 0;
}

static const struct catalog_object *object(uint32_t i)
{
	return catalog_at(g.order[i]);
}

/* Asks ahead: metadata of the next objects, bytes of those whose turn comes first. */
static void ask_ahead(void)
{
	while (g.heads < g.count && g.heads < g.at + HEADS) {
		const struct catalog_object *o = object(g.heads);
		struct bucket_ask *a = &g.head[g.heads++ % HEADS];
		memset(a, 0, sizeof(*a));
		if (!o->local)
			bucket_head_start(a, span_str(o->key), span_str(o->version));
	}
	while (g.piece_object < g.count && g.started < g.taken + PIECES) {
		const struct catalog_object *o = object(g.piece_object);
		uint64_t left = o->size_bytes - g.piece_from;
		if (left == 0) {
			g.piece_object++;
			g.piece_from = 0;
			continue;
		}
		uint32_t slot = (uint32_t)(g.started++ % PIECES);
		struct source_read *r = &g.piece[slot].read;
		uint64_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
		memset(r, 0, sizeof(*r));
		g.piece[slot].object = g.piece_object;
		source_start(r, o, g.piece_from, len, g.piece[slot].bytes);
		g.piece_from += len;
	}
}

/* ---- what is told of it */

static void told(struct verify_told *t, const struct bucket_head *h)
{
	struct buf sha256 = BUF_OF(t->sha256);
	t->has_meta = h->has_meta ? INSPECT_META_WHOLE : INSPECT_META_BROKEN;
	t->meta = h->meta;
	t->size_bytes = h->size_bytes;
	t->stored_ns = h->modified_ns;
	t->has_sha256 = h->checksum_sha256[0] && !text_read_base64(span_str(h->checksum_sha256), &sha256) &&
			!sha256.overflow && sha256.len == sizeof(t->sha256);
}

static enum exit_status told_by_s3(struct bucket_ask *a, const struct catalog_object *o,
				   struct verify_told *t)
{
	struct buf key = BUF_OF(t->key);
	enum err e = call_wait(&a->call);
	if (!e)
		e = bucket_head_end(a);
	if (e)
		return call_say(&a->call, "ask for", span_str(o->key),
				o->version[0] ? "s3:GetObjectVersion" : "s3:GetObject");
	told(t, &a->head);
	buf_str(&key, o->key);
	if (!buf_cstr(&key))
		t->key[0] = 0;
	return EXIT_DONE;
}

static void told_by_file(const struct catalog_object *o, struct verify_told *t)
{
	static struct bucket_head h;
	enum err e = metafile_load(o->key, &h, t->key);
	t->size_bytes = UINT64_MAX;
	if (e == ERR_NOT_FOUND)
		return;
	told(t, &h);
	if (e) {
		t->has_meta = INSPECT_META_BROKEN;
		t->size_bytes = UINT64_MAX;
		t->has_sha256 = false;
	}
}

enum exit_status verify_ahead_object(struct verify_told *t)
{
	ASSERT(g.at < g.count);
	ask_ahead();
	const struct catalog_object *o = object(g.at);
	struct bucket_ask *a = &g.head[g.at % HEADS];
	memset(t, 0, sizeof(*t));
	g.at++;
	if (o->local) {
		told_by_file(o, t);
		return EXIT_DONE;
	}
	return told_by_s3(a, o, t);
}

/* ---- bytes */

enum exit_status verify_ahead_bytes(struct span *bytes)
{
	*bytes = span_of(NULL, 0);
	ask_ahead();
	while (g.taken < g.started) {
		uint32_t slot = (uint32_t)(g.taken % PIECES);
		struct source_read *r = &g.piece[slot].read;
		if (g.piece[slot].object >= g.at)
			return EXIT_DONE; /* the next object's */
		enum err e = source_wait(r);
		g.taken++;
		if (g.piece[slot].object < g.at - 1)
			continue; /* of an object that was given up */
		if (e && e != ERR_TRUNCATED)
			return source_say(r, "read");
		*bytes = r->bytes;
		return EXIT_DONE;
	}
	return EXIT_DONE;
}
