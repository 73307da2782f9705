#include "record/inspect.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define LINE_TIME SPAN("{\"time\":\"")

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

void inspect_begin(struct inspect *in, const struct inspect_name *name, const struct metadata *metadata,
		   bool public_only)
{
	in->flaws = in->frame = 0;
	in->size_bytes = 0;
	in->sig = INSPECT_SIG_UNKNOWN;
	in->has_pub = in->opened = false;
	in->inside = (struct inspect_inside){.known = false};
	in->first_ns = in->last_ns = in->records = in->raw_bytes = in->cut = 0;
	in->counts[0] = in->counts[1] = (struct pcapng_counts){.received = UINT64_MAX};
	in->name = *name;
	in->metadata = metadata;
	in->public_only = public_only;
	in->lines = in->frames = 0;
	in->line_len = 0;
	in->line_broken = false;
	sha256_init(&in->hash);
	esdk_read_begin(&in->envelope, in->frame_bytes, sizeof(in->frame_bytes));
	zframe_begin(&in->zframe);
	pcapng_read_begin(&in->pcapng);
}

/* ---- records */

static void record(struct inspect *in, uint64_t ns, bool cut)
{
	struct zframe_reader *z = &in->zframe;
	uint32_t i = z->phase == ZFRAME_HEAD ? z->frames - 1 : z->frames;
	while (in->frames <= i)
		in->by_frame[in->frames++] = (struct inspect_frame){UINT64_MAX, 0, 0};
	struct inspect_frame *f = &in->by_frame[i];
	f->records++;
	if (ns < f->first_ns)
		f->first_ns = ns;
	if (ns > f->last_ns)
		f->last_ns = ns;
	if (in->records++ == 0 && in->name.kind == OBJECT_PACKETS)
		in->first_ns = ns;
	if (ns > in->last_ns)
		in->last_ns = ns;
	in->cut += cut;
}

/* ---- packets */

static struct span value_of(struct span comment, const char *key)
{
	struct span want = span_str(key);
	while (comment.len) {
		struct span line = span_cut(&comment, '\n'), name = span_cut(&line, '=');
		if (span_eq(name, want))
			return line;
	}
	return span_of(NULL, 0);
}

static bool to_text(struct span s, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap);
	buf_put(&b, s);
	return buf_cstr(&b) != NULL;
}

static bool read_inside(struct inspect_inside *i, struct span comment)
{
	uint8_t boot[8];
	uint64_t seq;
	struct buf b = BUF_OF(boot), prev = BUF_OF(i->prev);
	if (text_read_hex(value_of(comment, "boot"), &b) || b.len != sizeof(boot) ||
	    text_read_hex(value_of(comment, "prev"), &prev) || prev.len != sizeof(i->prev) ||
	    text_read_u64(value_of(comment, "seq"), UINT32_MAX, &seq))
		return false;
	i->boot = load_be64(boot);
	i->seq = (uint32_t)seq;
	i->known = to_text(value_of(comment, "stream"), i->stream, sizeof(i->stream)) &&
		   to_text(value_of(comment, "prev_sig"), i->prev_sig, sizeof(i->prev_sig)) &&
		   to_text(value_of(comment, "clock"), i->clock, sizeof(i->clock));
	return i->known;
}

static enum err take_block(struct inspect *in)
{
	struct pcapng_packet_head p;
	struct pcapng_counts c;
	struct span comment;
	switch (in->pcapng.type) {
	case PCAPNG_SECTION:
		TRY(pcapng_read_comment(in->pcapng.body, &comment));
		return !in->inside.known && read_inside(&in->inside, comment) ? ERR_OK : ERR_SYNTAX;
	case PCAPNG_PACKET:
		TRY(pcapng_read_packet(in->pcapng.body, &p));
		record(in, p.ts_ns, p.cap_len < p.len);
		return ERR_OK;
	case PCAPNG_STATISTICS:
		TRY(pcapng_read_statistics(in->pcapng.body, &c));
		if (c.interface_id > 1)
			return ERR_SYNTAX;
		in->counts[c.interface_id] = c;
		return ERR_OK;
	case PCAPNG_INTERFACE:
		return ERR_OK;
	default:
		return ERR_SYNTAX;
	}
}

static enum err take_packets(struct inspect *in, struct span content)
{
	enum err e;
	while (!(e = pcapng_read(&in->pcapng, &content)))
		TRY(take_block(in));
	return e == ERR_MORE ? ERR_OK : e;
}

/* ---- lines */

static enum err take_line(struct inspect *in, struct span text)
{
	uint64_t ns;
	struct span time = span_from(text, LINE_TIME.len);
	if (!span_starts(text, LINE_TIME))
		return ERR_SYNTAX;
	TRY(time_read_rfc3339(span_first(time, span_find(time, '"')), &ns));
	if (in->lines == 0)
		in->first_ns = in->last_ns = ns;
	else
		record(in, ns, false);
	if (in->line)
		in->line(in, in->arg, in->lines, text);
	in->lines++;
	return in->lines > 1 || in->inside.known || !in->line ? ERR_OK : ERR_SYNTAX;
}

static enum err take_lines(struct inspect *in, struct span content)
{
	while (content.len) {
		size_t n = span_find(content, '\n');
		if (n > sizeof(in->line_bytes) - in->line_len)
			return ERR_TOO_LONG;
		memcpy(in->line_bytes + in->line_len, content.p, n);
		in->line_len += n;
		if (n == content.len)
			return ERR_OK;
		TRY(take_line(in, span_of(in->line_bytes, in->line_len)));
		in->line_len = 0;
		content = span_from(content, n + 1);
	}
	return ERR_OK;
}

/* ---- the message's content */

static void take_content(struct inspect *in, struct span content)
{
	enum err e;
	while (!(e = zframe_read(&in->zframe, &content))) {
		struct span raw = in->zframe.content;
		if (in->flaws & INSPECT_BIT(CONTENT))
			continue;
		flaw_if(in,
			in->name.kind == OBJECT_PACKETS ? take_packets(in, raw) != ERR_OK
							: take_lines(in, raw) != ERR_OK,
			INSPECT_CONTENT);
	}
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
	static const struct inspect_frame none;
	for (uint32_t i = 0; i < in->zframe.frames; i++) {
		const struct inspect_frame *f = i < in->frames ? &in->by_frame[i] : &none;
		struct index_entry e;
		index_read_entry(index, i, &e);
		flaw_if(in,
			e.records != f->records ||
				(f->records && (e.first_ns != f->first_ns || e.last_ns != f->last_ns)),
			INSPECT_INDEX);
	}
}

static void end_content(struct inspect *in)
{
	struct zframe_reader *z = &in->zframe;
	if (z->error)
		return;
	if (zframe_end(z))
		flaw(in, z->has_index ? INSPECT_INDEX : INSPECT_ZSTD);
	else if (z->has_index)
		check_index(in);
	else
		flaw_if(in, !in->name.torn, INSPECT_NO_INDEX);
	flaw_if(in,
		in->name.kind == OBJECT_PACKETS ? !pcapng_read_whole(&in->pcapng) || !in->inside.known
						: in->line_len || in->lines == 0,
		INSPECT_CONTENT);
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
		in->metadata && metadata_complete(in->metadata) &&
			memcmp(i->prev, in->metadata->meta.prev, sizeof(i->prev)) != 0,
		INSPECT_PREV);
}

static void check_signature(struct inspect *in, const struct object_meta *m)
{
	static const uint8_t nothing[1];
	uint8_t text[OBJECT_NAME_MAX + 1024], hash[SHA256_BYTES];
	struct buf b = BUF_OF(text);
	struct object_meta named = *m;
	if (m->sig_len == 0) {
		in->sig = INSPECT_SIG_NONE;
		return;
	}
	if (!in->has_pub || in->name.full.len == 0 || !to_text(in->name.full, named.name, sizeof(named.name)))
		return;
	in->sig = INSPECT_SIG_BAD;
	if (!object_signed_text(&named, &b)) {
		sha256_of(buf_span(&b), hash);
		if (!ecdsa_verify(in->pub, hash, span_of(m->sig_len ? m->sig : nothing, m->sig_len)))
			in->sig = INSPECT_SIG_GOOD;
	}
	flaw_if(in, in->sig == INSPECT_SIG_BAD, INSPECT_SIGNATURE);
}

#define CONTENT_BROKEN                                                                                  \
	(INSPECT_BIT(NOT_SEALED) | INSPECT_BIT(COMMITMENT) | INSPECT_BIT(HEADER) | INSPECT_BIT(FRAME) | \
	 INSPECT_BIT(TRUNCATED) | INSPECT_BIT(ZSTD) | INSPECT_BIT(CONTENT))

static void check_metadata(struct inspect *in)
{
	const struct object_meta *m = &in->metadata->meta;
	if (!metadata_complete(in->metadata)) {
		flaw(in, INSPECT_META);
		return;
	}
	flaw_if(in, m->first_ns != in->name.start_ns, INSPECT_START);
	flaw_if(in, memcmp(m->sha256, in->sha256, sizeof(in->sha256)) != 0, INSPECT_SHA256);
	check_signature(in, m);
	if (!in->opened || in->flaws & CONTENT_BROKEN)
		return;
	/* an object may have no record but its head */
	flaw_if(in, (in->records || in->lines) && m->first_ns != in->first_ns, INSPECT_FIRST);
	flaw_if(in, (in->records || in->lines) && m->last_ns != in->last_ns, INSPECT_LAST);
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
	if (in->metadata)
		check_metadata(in);
	flaw_if(in, stored_bytes != UINT64_MAX && stored_bytes != in->size_bytes, INSPECT_STORED);
	flaw_if(in, stored_sha256 && memcmp(stored_sha256, in->sha256, sizeof(in->sha256)) != 0,
		INSPECT_STORED);
	wipe(&in->envelope.key, sizeof(in->envelope.key));
}
