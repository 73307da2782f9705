#include "record/inspect.h"

#include <string.h>

#include "base/text.h"
#include "record/inspect_content.h"

static const struct {
	const char *kind, *text;
} flaws[] = {
#define X(name, kind, text) {kind, text},
	INSPECT_FLAWS(X)
#undef X
};

const char *inspect_kind(enum inspect_flaw f)
{
	return flaws[f].kind;
}

const char *inspect_text(enum inspect_flaw f)
{
	return flaws[f].text;
}

static void flaw(struct inspect *in, enum inspect_flaw f)
{
	in->flaws |= 1u << f;
}

static void flaw_if(struct inspect *in, bool wrong, enum inspect_flaw f)
{
	if (wrong)
		flaw(in, f);
}

void inspect_begin(struct inspect *in, const struct inspect_name *name, enum inspect_meta has_meta,
		   const struct object_meta *meta, bool public_only)
{
	in->flaws = in->frame = 0;
	in->size_bytes = 0;
	in->sig = INSPECT_SIG_UNKNOWN;
	in->has_pub = in->opened = false;
	in->inside = (struct inspect_inside){.known = false};
	in->first_ns = in->last_ns = in->records = in->raw_bytes = in->cut = 0;
	in->counts = (struct inspect_counts){.known = false};
	in->statistics[0] = in->statistics[1] = false;
	in->name = *name;
	in->has_meta = has_meta;
	if (has_meta == INSPECT_META_WHOLE)
		in->meta = *meta;
	in->public_only = public_only;
	in->frames = 0;
	in->raw_len = in->filters_len = 0;
	sha256_init(&in->hash);
	esdk_read_begin(&in->envelope, in->frame_bytes, sizeof(in->frame_bytes));
	zframe_begin(&in->zframe);
}

/* ---- the message's content */

/* Decompressed bytes; a frame is looked at when it is whole. */
static enum err take_raw(struct inspect *in, struct span raw)
{
	if (raw.len > sizeof(in->raw) - in->raw_len)
		return ERR_TOO_LONG;
	memcpy(in->raw + in->raw_len, raw.p, raw.len);
	in->raw_len += raw.len;
	return ERR_OK;
}

static enum err end_frames(struct inspect *in, uint32_t frames)
{
	while (in->frames < frames) {
		struct span raw = span_of(in->raw, in->raw_len);
		in->raw_len = 0;
		TRY(inspect_content(in, raw));
	}
	return ERR_OK;
}

static enum err take_piece(struct inspect *in)
{
	const struct zframe_reader *z = &in->zframe;
	if (z->content.len) {
		/* frames before the one that it is of may have ended without another byte */
		TRY(end_frames(in, z->phase == ZFRAME_HEAD ? z->frames - 1 : z->frames));
		TRY(take_raw(in, z->content));
	}
	return end_frames(in, z->frames);
}

static void take_content(struct inspect *in, struct span content)
{
	enum err e;
	do {
		e = zframe_read(&in->zframe, &content);
		if (!(in->flaws & INSPECT_BIT(CONTENT)))
			flaw_if(in, take_piece(in) != ERR_OK, INSPECT_CONTENT);
	} while (!e);
	if (e == ERR_MORE)
		return;
	bool behind = in->zframe.frames && in->zframe.phase != ZFRAME_DATA;
	flaw(in, behind ? INSPECT_INDEX : INSPECT_ZSTD);
}

static void envelope_failed(struct inspect *in, enum err e)
{
	switch (in->envelope.phase) {
	case ESDK_PHASE_HEADER:
		flaw(in, INSPECT_NOT_SEALED);
		break;
	case ESDK_PHASE_TAG:
		flaw(in, INSPECT_HEADER);
		break;
	case ESDK_PHASE_DONE:
		flaw(in, INSPECT_FOLLOWED);
		break;
	default:
		flaw(in, e == ERR_TRUNCATED ? INSPECT_TRUNCATED : INSPECT_FRAME);
		in->frame = in->envelope.frames + 1;
	}
}

/* ---- header */

static const char *const context_keys[] = {
	"sealtap-account", "sealtap-appliance", "sealtap-boot",     "sealtap-config",
	"sealtap-format",  "sealtap-image",     "sealtap-instance", "sealtap-keyseq",
	"sealtap-pub",     "sealtap-region",    "sealtap-stream",   "sealtap-vpc",
};
#define CONTEXT_KEYS (sizeof(context_keys) / sizeof(context_keys[0]))

static bool context_is(struct span aad, const char *key, struct span want)
{
	struct span value;
	return !esdk_header_find(aad, span_str(key), &value) && span_eq(value, want);
}

static bool is_of_its_name(const struct inspect *in, struct span aad)
{
	uint8_t boot[16];
	struct buf hex = BUF_OF(boot);
	struct span rest = in->name.appliance;
	text_hex64(&hex, in->name.boot);
	if (!context_is(aad, "sealtap-boot", buf_span(&hex)) ||
	    !context_is(aad, "sealtap-stream", span_str(in->name.stream)))
		return false;
	if (rest.len == 0)
		return true;
	struct span account = span_cut(&rest, '/'), region = span_cut(&rest, '/');
	return context_is(aad, "sealtap-account", account) && context_is(aad, "sealtap-region", region) &&
	       context_is(aad, "sealtap-appliance", rest);
}

static bool has_form(const struct esdk_header *h)
{
	struct span key, value;
	size_t at = 0, n = 0;
	while (!esdk_header_context(h->aad, &at, &key, &value))
		if (n == CONTEXT_KEYS || !span_eq(key, span_str(context_keys[n++])))
			return false;
	return n == CONTEXT_KEYS && context_is(h->aad, "sealtap-format", SPAN("1")) &&
	       h->suite == ESDK_SUITE_COMMIT && h->framed && h->frame_bytes == ESDK_FRAME_BYTES;
}

static void look_at_header(struct inspect *in)
{
	const struct esdk_header *h = &in->envelope.header;
	struct buf pub = BUF_OF(in->pub);
	struct span value;
	flaw_if(in, !has_form(h), INSPECT_CONTEXT_FORM);
	flaw_if(in, !is_of_its_name(in, h->aad), INSPECT_CONTEXT);
	in->has_pub = !esdk_header_find(h->aad, SPAN("sealtap-pub"), &value) &&
		      !text_read_base64(value, &pub) && !pub.overflow && pub.len == sizeof(in->pub);
}

/* ---- bytes */

/* True: a key is wanted. */
static bool open_some(struct inspect *in, struct span *bytes)
{
	enum esdk_read_event event;
	for (;;) {
		enum err e = esdk_read(&in->envelope, bytes, &event);
		if (e == ERR_MORE)
			return false;
		if (e) {
			envelope_failed(in, e);
			return false;
		}
		if (event == ESDK_READ_HEADER) {
			look_at_header(in);
			return true;
		}
		if (event == ESDK_READ_CONTENT)
			take_content(in, in->envelope.content);
	}
}

static bool stopped(const struct inspect *in)
{
	return in->envelope.error || in->envelope.phase == ESDK_PHASE_KEY;
}

enum inspect_event inspect_feed(struct inspect *in, struct span *bytes)
{
	struct span all = *bytes;
	bool wants_key = !stopped(in) && open_some(in, bytes);
	if (!wants_key || in->public_only)
		*bytes = span_from(all, all.len); /* what is behind a flaw counts for the hash alone */
	struct span taken = span_first(all, all.len - bytes->len);
	sha256_update(&in->hash, taken);
	in->size_bytes += taken.len;
	return wants_key && !in->public_only ? INSPECT_WANTS_KEY : INSPECT_MORE;
}

void inspect_key(struct inspect *in, const uint8_t *data_key)
{
	if (data_key && esdk_read_key(&in->envelope, data_key))
		flaw(in, INSPECT_COMMITMENT);
	in->opened = data_key && !(in->flaws & INSPECT_BIT(COMMITMENT));
}

/* ---- the end */

static void check_index(struct inspect *in)
{
	struct span index = zframe_index(&in->zframe);
	for (uint32_t i = 0; i < in->frames; i++) {
		const struct inspect_frame *f = &in->by_frame[i];
		struct index_entry e;
		index_read_entry(index, i, &e);
		struct span stored = index_filter(index, &e);
		bool times = f->records == 0 || (e.first_ns == f->first_ns && e.last_ns == f->last_ns);
		bool keys =
			stored.len == 0 || f->filter_bytes == 0 ||
			inspect_filter_covers(stored, span_of(in->filters + f->filter_at, f->filter_bytes));
		flaw_if(in, e.records != f->records || !times || !keys, INSPECT_INDEX);
	}
}

static void end_content(struct inspect *in)
{
	struct zframe_reader *z = &in->zframe;
	if (z->error)
		return;
	if (zframe_end(z))
		flaw(in, z->has_index ? INSPECT_INDEX : INSPECT_ZSTD);
	flaw_if(in, !z->has_index && !in->name.torn, INSPECT_NO_INDEX);
	flaw_if(in, !in->inside.known, INSPECT_CONTENT);
	if (z->has_index && !(in->flaws & INSPECT_BIT(CONTENT)))
		check_index(in);
	in->counts = (struct inspect_counts){
		.known = in->statistics[0] && in->statistics[1],
		.recorded = in->interface[0].recorded + in->interface[1].recorded,
		.lost = in->interface[0].lost + in->interface[1].lost,
		.filtered = in->interface[0].filtered + in->interface[1].filtered,
	};
}

static void check_inside(struct inspect *in)
{
	const struct inspect_inside *i = &in->inside;
	if (!i->known)
		return;
	flaw_if(in,
		i->boot != in->name.boot || i->seq != in->name.seq || strcmp(i->stream, in->name.stream) != 0,
		INSPECT_INSIDE);
	flaw_if(in,
		in->has_meta == INSPECT_META_WHOLE && memcmp(i->prev, in->meta.prev, sizeof(i->prev)) != 0,
		INSPECT_PREV);
}

static enum inspect_sig check_signature(const struct inspect *in)
{
	uint8_t text[OBJECT_NAME_MAX + 1024], hash[SHA256_BYTES];
	struct buf b = BUF_OF(text), name;
	struct object_meta m = in->meta;
	if (m.sig_len == 0)
		return INSPECT_SIG_NONE;
	if (in->name.full.len == 0)
		return INSPECT_SIG_UNKNOWN;
	name = BUF_OF(m.name);
	buf_put(&name, in->name.full);
	if (!in->has_pub || !buf_cstr(&name) || object_signed_text(&m, &b))
		return INSPECT_SIG_BAD;
	sha256_of(buf_span(&b), hash);
	return ecdsa_verify(in->pub, hash, span_of(m.sig, m.sig_len)) ? INSPECT_SIG_BAD : INSPECT_SIG_GOOD;
}

#define CONTENT_BROKEN                                                                                \
	(INSPECT_BIT(NOT_SEALED) | INSPECT_BIT(KMS) | INSPECT_BIT(COMMITMENT) | INSPECT_BIT(HEADER) | \
	 INSPECT_BIT(FRAME) | INSPECT_BIT(TRUNCATED) | INSPECT_BIT(ZSTD) | INSPECT_BIT(CONTENT))

static void check_metadata(struct inspect *in)
{
	const struct object_meta *m = &in->meta;
	if (in->has_meta != INSPECT_META_WHOLE) {
		flaw_if(in, in->has_meta == INSPECT_META_BROKEN, INSPECT_META);
		return;
	}
	in->sig = check_signature(in);
	flaw_if(in, in->sig == INSPECT_SIG_BAD, INSPECT_SIGNATURE);
	flaw_if(in, m->first_ns != in->name.start_ns, INSPECT_START);
	flaw_if(in, memcmp(m->sha256, in->sha256, sizeof(in->sha256)) != 0, INSPECT_SHA256);
	if (!in->opened || in->flaws & CONTENT_BROKEN)
		return;
	flaw_if(in, m->first_ns != in->first_ns, INSPECT_FIRST);
	flaw_if(in, m->last_ns != in->last_ns, INSPECT_LAST);
	flaw_if(in, m->records != in->records, INSPECT_RECORDS);
	flaw_if(in, m->raw_bytes != in->raw_bytes, INSPECT_BYTES);
	flaw_if(in, m->cut != in->cut, INSPECT_CUT);
}

void inspect_end(struct inspect *in, uint64_t stored_bytes, const uint8_t *stored_sha256)
{
	bool whole = !in->envelope.error;
	sha256_final(&in->hash, in->sha256);
	if (in->envelope.phase == ESDK_PHASE_KEY)
		whole = false;
	else if (whole && esdk_read_end(&in->envelope)) {
		whole = false;
		flaw(in, INSPECT_TRUNCATED);
		in->frame = in->envelope.frames + 1;
	}
	in->raw_bytes = in->zframe.raw_bytes;
	if (whole)
		end_content(in);
	check_inside(in);
	check_metadata(in);
	flaw_if(in, stored_bytes != UINT64_MAX && stored_bytes != in->size_bytes, INSPECT_STORED);
	flaw_if(in, stored_sha256 && memcmp(stored_sha256, in->sha256, sizeof(in->sha256)) != 0,
		INSPECT_STORED);
	wipe(&in->envelope.key, sizeof(in->envelope.key));
}
