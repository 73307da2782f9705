#include "cli/verify_read.h"

#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "cli/say.h"
#include "cli/source.h"
#include "record/object_read.h"

#define HEADS 8u
#define PIECES 6u
#define PIECE_BYTES (1024u * 1024)
#define FILE_MAX 16384u

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

void verify_read_begin(const uint32_t *order, uint32_t count)
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

static enum exit_status told_by_s3(struct bucket_ask *a, const struct catalog_object *o,
				   struct verify_told *told)
{
	const struct bucket_head *h = &a->head;
	struct buf sha256 = BUF_OF(told->sha256), key = BUF_OF(told->key);
	enum err e = call_wait(&a->call);
	if (!e)
		e = bucket_head_end(a);
	if (e)
		return call_say(&a->call, "ask for", span_str(o->key), "s3:GetObject");
	told->has_meta = h->has_meta ? INSPECT_META_WHOLE : INSPECT_META_BROKEN;
	told->meta = h->meta;
	told->size_bytes = h->size_bytes;
	told->stored_ns = h->modified_ns;
	buf_str(&key, o->key);
	if (!buf_cstr(&key))
		told->key[0] = 0;
	told->has_sha256 = h->checksum_sha256[0] &&
			   !text_read_base64(span_str(h->checksum_sha256), &sha256) && !sha256.overflow &&
			   sha256.len == sizeof(told->sha256);
	return EXIT_DONE;
}

static bool read_file(const char *path, uint8_t *to, size_t cap, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	*len = fread(to, 1, cap, f);
	bool good = !ferror(f) && *len < cap;
	fclose(f);
	return good;
}

/* NAME.json: {"key": ..., "metadata": {"sealtap-format": ...}, ...} */
static void told_by_file(const struct catalog_object *o, struct verify_told *told)
{
	uint8_t text[FILE_MAX], value[OBJECT_NAME_MAX];
	char path[4096];
	uint32_t seen = 0;
	size_t len;
	const char *field;
	struct buf skipped = BUF_OF(value);
	told->size_bytes = UINT64_MAX;
	if (snprintf(path, sizeof(path), "%s.json", o->key) >= (int)sizeof(path) ||
	    !read_file(path, text, sizeof(text), &len))
		return;
	struct span json = span_of(text, len);
	told->has_meta = INSPECT_META_BROKEN;
	if (json_find_text(json, "key", told->key, sizeof(told->key)))
		told->key[0] = 0;
	for (unsigned i = 0; object_meta_field(&told->meta, i, true, &field, &skipped); i++) {
		struct buf v = BUF_OF(value);
		char member[64];
		buf_reset(&skipped);
		snprintf(member, sizeof(member), "metadata/%s", field);
		if (json_find_string(json, member, &v) ||
		    object_read_field(&told->meta, &seen, span_str(field), buf_span(&v)))
			return;
	}
	if (seen == OBJECT_READ_ALL)
		told->has_meta = INSPECT_META_WHOLE;
}

enum exit_status verify_read_object(struct verify_told *told)
{
	ASSERT(g.at < g.count);
	ask_ahead();
	const struct catalog_object *o = object(g.at);
	struct bucket_ask *a = &g.head[g.at % HEADS];
	memset(told, 0, sizeof(*told));
	g.at++;
	if (o->local) {
		told_by_file(o, told);
		return EXIT_DONE;
	}
	return told_by_s3(a, o, told);
}

/* ---- bytes */

static enum exit_status failed(const struct source_read *r, const struct catalog_object *o)
{
	if (!r->local)
		return call_say(&r->call, "read", span_str(o->key), "s3:GetObject");
	return say(EXIT_NO_INPUT, "can't read %s: %s", say_text(span_str(o->key)), err_text(r->error));
}

enum exit_status verify_read_bytes(struct span *bytes)
{
	const struct catalog_object *o = object(g.at - 1);
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
			return failed(r, o);
		*bytes = r->bytes;
		return EXIT_DONE;
	}
	return EXIT_DONE;
}
