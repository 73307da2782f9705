#include "cli/sealed.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "cli/sealed_frames.h"
#include "cli/session.h"
#include "record/sealed_tail.h"
#include "record/seek.h"

#define TAIL_MIN (96u * 1024) /* the final frame, and some */
#define INDEX_MAX (INDEX_BYTES_MAX(SEALED_FRAMES_MAX) + SEEK_BYTES(SEALED_FRAMES_MAX + 1))
#define SHARED_BYTES ((INDEX_MAX / ESDK_FRAME_BYTES + 3) * ESDK_STRIDE_BYTES + SEALED_TAIL_BYTES)

/* An index that is longer than a tail is read here: valid until the next object's. */
static struct {
	struct source_read read;
	uint8_t bytes[SHARED_BYTES];
} shared;

enum err sealed_fail(struct sealed *s, enum err e, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->why, sizeof(s->why), format, args);
	va_end(args);
	return e;
}

enum err sealed_unreadable(struct sealed *s, const struct source_read *r, enum err e)
{
	s->said = r->call.said;
	s->why[0] = 0;
	if (e == ERR_MISSING)
		return e;
	if (e == ERR_TRUNCATED)
		return sealed_fail(s, e, "ends too early: it was cut");
	if (e == ERR_CONFLICT)
		return sealed_fail(s, e, "has become another object while it was read");
	if (!r->local && r->call.fault.code[0])
		return sealed_fail(s, e, "can't be read: %s: %s", r->call.fault.code,
				   say_text(span_str(r->call.fault.message)));
	return sealed_fail(s, e, "can't be read: %s", err_text(e));
}

void sealed_same_object(const struct sealed *s, struct source_read *r)
{
	r->object = s->object;
	memcpy(r->etag, s->head_read.etag, sizeof(r->etag));
}

/* ---- both ends */

static uint64_t tail_bytes(const struct catalog_object *o)
{
	uint64_t n = o->size_bytes / 64;
	n = n < TAIL_MIN ? TAIL_MIN : n > SEALED_TAIL_BYTES ? SEALED_TAIL_BYTES : n;
	return n < o->size_bytes ? n : o->size_bytes;
}

void sealed_start(struct sealed *s, const struct catalog_object *o)
{
	uint64_t size = o->size_bytes, tail = tail_bytes(o);
	s->object = o;
	s->why[0] = 0;
	s->said = EXIT_DONE;
	s->started = true;
	s->is_open = s->has_index = false;
	s->asked = s->used = 0;
	s->raw = NULL;
	s->tail_len = (size_t)tail;
	if (size == 0) /* no range of it exists */
		return;
	s->head_read.object = s->tail_read.object = NULL; /* what was known of another one */
	source_start(&s->head_read, o, 0, size < SEALED_HEAD_BYTES ? size : SEALED_HEAD_BYTES, s->head);
	source_start(&s->tail_read, o, size - tail, tail, s->tail);
}

static enum err read_header(struct sealed *s)
{
	size_t want;
	enum err e = s->object->size_bytes ? source_wait(&s->head_read) : ERR_TRUNCATED;
	if (e)
		return sealed_unreadable(s, &s->head_read, e);
	e = esdk_header_read(s->head_read.bytes, &s->header, &want);
	if (e == ERR_MORE)
		e = s->object->size_bytes < want ? ERR_TRUNCATED : ERR_TOO_LONG;
	if (!e && s->header.body_bytes + AEAD_TAG_BYTES > sizeof(s->head))
		e = ERR_TOO_LONG;
	if (!e)
		e = esdk_layout(&s->header, s->object->size_bytes, &s->layout);
	if (e == ERR_UNSUPPORTED)
		return sealed_fail(s, e,
				   "not an object of sealtap's; `sealtap decrypt` opens other messages "
				   "of the AWS Encryption SDK");
	if (e == ERR_TRUNCATED)
		return sealed_fail(s, e, "ends too early: it was cut");
	if (e)
		/* under one of our names it was one */
		return sealed_fail(s, s->object->stream[0] ? e : ERR_UNSUPPORTED, "not a sealed object: %s",
				   err_text(e));
	return ERR_OK;
}

static bool names_kms(const struct esdk_header *h)
{
	struct esdk_edk edk;
	size_t at = 0;
	while (!esdk_header_edk(h->edks, &at, &edk))
		if (span_eq(edk.provider, SPAN("aws-kms")))
			return true;
	return false;
}

/* keyring has said it. Only what holds for all objects is ERR_MISSING: what KMS answers may be the
 * fault of this one's header, which was not authenticated yet. */
static enum err key_failed(struct sealed *s, enum exit_status status)
{
	s->why[0] = 0;
	s->said = status;
	switch (status) {
	case EXIT_DENIED:
		return ERR_DENIED;
	case EXIT_DAMAGED:
		return ERR_COMMITMENT;
	case EXIT_TRY_AGAIN:
		return ERR_THROTTLED;
	case EXIT_UNAVAILABLE:
		return ERR_SERVICE;
	case EXIT_NO_INPUT:
		return session_names()->key_file ? ERR_MISSING : ERR_NOT_FOUND;
	default:
		return session_names()->key_file || names_kms(&s->header) ? ERR_MISSING : ERR_NOT_FOUND;
	}
}

static enum err begin(struct sealed *s)
{
	uint8_t data_key[ESDK_KEY_BYTES];
	enum exit_status status = keyring_get(&s->header, span_str(s->object->key), data_key);
	if (status)
		return key_failed(s, status);
	enum err e = esdk_open_begin(&s->opener, &s->header, s->head_read.bytes, data_key);
	wipe(data_key, sizeof(data_key));
	if (e == ERR_COMMITMENT && session_names()->key_file)
		return sealed_fail(s, ERR_UNKNOWN_KEY, "the key in %s is not the key of this object",
				   session_names()->key_file);
	if (e == ERR_COMMITMENT)
		return sealed_fail(s, e, "KMS' key is not the key of this object: it was altered");
	if (e)
		return sealed_fail(s, e,
				   "the header does not authenticate: the object was altered or damaged");
	return ERR_OK;
}

/* Opens frames first.. that stand at bytes, and closes the gaps between their contents. */
static enum err open_run(struct sealed *s, uint32_t first, uint32_t end, uint8_t *bytes, uint8_t *to,
			 size_t *len)
{
	struct span content;
	*len = 0;
	for (uint32_t i = first; i < end; i++) {
		TRY(sealed_open_frame(s, i, bytes, &content));
		memmove(to + *len, content.p, content.len);
		*len += content.len;
		bytes += esdk_frame_bytes(&s->layout, i);
	}
	return ERR_OK;
}

static enum err read_tail(struct sealed *s)
{
	const struct esdk_layout *l = &s->layout;
	enum err e = source_wait(&s->tail_read);
	if (!e && strcmp(s->tail_read.etag, s->head_read.etag) != 0 && !s->tail_read.local)
		e = ERR_CONFLICT;
	if (e)
		return sealed_unreadable(s, &s->tail_read, e);
	uint64_t from = l->object_bytes - s->tail_len;
	uint64_t before = from > l->body_at ? from - l->body_at : 0;
	s->tail_first = (uint32_t)((before + ESDK_STRIDE_BYTES - 1) / ESDK_STRIDE_BYTES);
	s->tail_z = (uint64_t)s->tail_first * ESDK_FRAME_BYTES;
	TRY(open_run(s, s->tail_first, l->frames, s->tail + (esdk_frame_at(l, s->tail_first) - from), s->tail,
		     &s->tail_len));
	ASSERT(s->tail_z + s->tail_len == l->plain_bytes);
	return ERR_OK;
}

/* ---- the index */

/* The last `want` bytes of the content, in the memory that all share. */
static enum err read_more(struct sealed *s, uint64_t want, struct span *tail)
{
	uint64_t z = s->layout.plain_bytes - want;
	uint32_t first = (uint32_t)(z / ESDK_FRAME_BYTES);
	size_t len, bytes = (size_t)(s->tail_first - first) * ESDK_STRIDE_BYTES;
	if (want > INDEX_MAX)
		return sealed_fail(s, ERR_TOO_LONG, "its index is longer than an object's can be");
	sealed_same_object(s, &shared.read);
	source_start(&shared.read, s->object, esdk_frame_at(&s->layout, first), bytes, shared.bytes);
	enum err e = source_wait(&shared.read);
	if (e)
		return sealed_unreadable(s, &shared.read, e);
	TRY(open_run(s, first, s->tail_first, shared.bytes, shared.bytes, &len));
	memcpy(shared.bytes + len, s->tail, s->tail_len);
	*tail = span_of(shared.bytes, len + s->tail_len);
	return ERR_OK;
}

static enum err take_index(struct sealed *s, const struct sealed_tail *t)
{
	if (t->head.frames > SEALED_FRAMES_MAX)
		return sealed_fail(s, ERR_TOO_LONG, "its index has more frames than an object can have");
	s->index = t->index;
	s->frames = t->head.frames;
	for (uint32_t i = 0; i < s->frames; i++) {
		index_read_entry(t->index, i, &s->entry[i]);
		if (s->entry[i].raw_bytes > SEALED_RAW_MAX)
			return sealed_fail(s, ERR_TOO_LONG, "frame %u is longer than a frame can be", i);
	}
	s->entry[s->frames] = (struct index_entry){.zstd_offset = t->head.zstd_bytes};
	s->has_index = true;
	return ERR_OK;
}

static enum err find_index(struct sealed *s)
{
	struct sealed_tail t;
	struct span tail = span_of(s->tail, s->tail_len);
	uint64_t want, before = 0;
	enum err e;
	while ((e = sealed_tail_find(tail, s->layout.plain_bytes, &t, &want)) == ERR_MORE && want > before) {
		before = want;
		TRY(read_more(s, want, &tail));
	}
	s->frames = 0;
	if (e == ERR_NOT_FOUND)
		return ERR_OK; /* torn: read from its beginning */
	if (e == ERR_UNSUPPORTED)
		return sealed_fail(s, e, "its index is of a later version than this command knows");
	if (e)
		return sealed_fail(s, ERR_SYNTAX, "genuine, but its index and seek table do not agree");
	return take_index(s, &t);
}

enum err sealed_open(struct sealed *s, const struct catalog_object *o)
{
	if (!s->started)
		sealed_start(s, o);
	TRY(read_header(s));
	TRY(begin(s));
	TRY(read_tail(s));
	TRY(find_index(s));
	s->is_open = true;
	sealed_want(s, NULL);
	return ERR_OK;
}

/* ---- what is known of it */

const struct esdk_header *sealed_header(const struct sealed *s)
{
	return &s->header;
}

bool sealed_has_index(const struct sealed *s)
{
	return s->has_index;
}

uint32_t sealed_frames(const struct sealed *s)
{
	return s->frames;
}

const struct index_entry *sealed_entry(const struct sealed *s, uint32_t i)
{
	ASSERT(i < s->frames);
	return &s->entry[i];
}

struct span sealed_filter(const struct sealed *s, uint32_t i)
{
	ASSERT(i < s->frames);
	return index_filter(s->index, &s->entry[i]);
}

const char *sealed_why(const struct sealed *s)
{
	return s->why;
}

/* A read that is under way writes into memory that is about to be wiped, and given to others. */
static void settle(struct source_read *r)
{
	if (!r->local && !r->call.done && r->call.method)
		call_abort(&r->call);
	r->call.method = NULL;
	r->bytes = span_of(NULL, 0);
}

void sealed_close(struct sealed *s)
{
	if (!s->started)
		return;
	settle(&s->head_read);
	settle(&s->tail_read);
	sealed_drop_chunks(s);
	esdk_open_wipe(&s->opener);
	s->started = s->is_open = s->has_index = false;
	s->frames = 0;
}
