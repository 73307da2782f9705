#include "record/ledger.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

void ledger_say(struct ledger *l, struct ledger_finding f)
{
	uint64_t at_ns = f.from_ns ? f.from_ns : f.to_ns;
	if (l->witness && f.severity != LEDGER_DAMAGE && at_ns >= l->to_ns)
		return;
	if (!f.text)
		f.text = l->text;
	l->sums.findings[f.severity]++;
	if (f.severity == LEDGER_DAMAGE) {
		l->whole = false;
		if (f.entry != LEDGER_NONE)
			l->entries[f.entry].flags |= LEDGER_BAD;
	}
	l->finding(l->arg, &f);
}

void ledger_words(struct ledger *l, const char *pattern, const uint64_t *numbers)
{
	struct buf b = buf_over(l->text, sizeof(l->text) - 1);
	for (; *pattern; pattern++) {
		if (*pattern == '#')
			text_u64(&b, *numbers++);
		else if (*pattern == '@')
			text_u64_pad(&b, *numbers++, 8);
		else
			buf_u8(&b, (uint8_t)*pattern);
	}
	l->text[b.len] = 0;
}

void ledger_digest(uint8_t out[LEDGER_DIGEST_BYTES], uint64_t number, struct span bytes)
{
	uint8_t le[8], hash[SHA256_BYTES];
	struct sha256 s;
	store_le32(le, (uint32_t)number);
	store_le32(le + 4, (uint32_t)(number >> 32));
	sha256_init(&s);
	sha256_update(&s, span_of(le, sizeof(le)));
	sha256_update(&s, bytes);
	sha256_final(&s, hash);
	memcpy(out, hash, LEDGER_DIGEST_BYTES);
}

void ledger_begin(struct ledger *l)
{
	l->sums = (struct ledger_sums){.objects = 0};
	l->begun = l->has_log = l->witness = false;
	l->boots_more = 0;
	l->at = (struct ledger_stream){.begun = false};
	l->boots = l->holes = l->holes_more = l->absent = l->absent_more = l->gaps = 0;
}

/* ---- an object by itself */

static struct ledger_finding about(const struct ledger_object *o, enum ledger_severity severity,
				   const char *kind)
{
	const struct inspect *in = o->inspect;
	const struct object_meta *m = in->has_meta == INSPECT_META_WHOLE ? &in->meta : NULL;
	return (struct ledger_finding){
		.severity = severity,
		.kind = kind,
		.entry = o->entry,
		.boot = in->name.boot,
		.stream = in->name.stream,
		.from_ns = m ? m->first_ns : in->name.start_ns,
		.to_ns = m ? m->last_ns : in->last_ns,
	};
}

/* All flaws of one kind are one finding; whether a bad signature is a forgery or altered metadata is seen
 * at the end. */
static void say_flaws(struct ledger *l, const struct ledger_object *o)
{
	const struct inspect *in = o->inspect;
	uint32_t left = in->flaws & ~INSPECT_BIT(SIGNATURE);
	for (unsigned f = 0; f < INSPECT_FLAW_COUNT; f++) {
		if (!(left & 1u << f))
			continue;
		const char *kind = inspect_kind(f);
		struct buf b = buf_over(l->text, sizeof(l->text));
		for (unsigned g = f; g < INSPECT_FLAW_COUNT; g++) {
			if (!(left & 1u << g) || strcmp(inspect_kind(g), kind) != 0)
				continue;
			left &= ~(1u << g);
			buf_str(&b, b.len ? "; " : "");
			buf_str(&b, inspect_text(g));
			if (g == INSPECT_FRAME || g == INSPECT_TRUNCATED) {
				buf_str(&b, g == INSPECT_FRAME ? ": number " : ", in frame ");
				text_u64(&b, in->frame);
			}
		}
		if (!buf_cstr(&b))
			l->text[sizeof(l->text) - 1] = 0;
		ledger_say(l, about(o, LEDGER_DAMAGE, kind));
	}
}

static void say_losses(struct ledger *l, const struct ledger_object *o, const struct object_meta *m)
{
	if (m->lost) {
		ledger_words(l, "# records were lost before they could be recorded", &m->lost);
		ledger_say(l, about(o, LEDGER_GAP, "lost"));
	}
	if (o->inspect->name.torn) {
		struct ledger_finding f = about(o, LEDGER_GAP, "torn");
		f.text = "a crash cut it off: what was committed is there";
		ledger_say(l, f);
	}
	if (l->witness)
		return;
	l->sums.lost += m->lost;
	l->sums.cut += m->cut;
	l->sums.filtered += m->filtered;
}

/* By its metadata; where that is not at hand, by its content. */
static void count(struct ledger *l, const struct inspect *in, const struct object_meta *m)
{
	l->sums.objects++;
	l->sums.bytes += in->size_bytes;
	l->sums.signed_good += in->sig == INSPECT_SIG_GOOD;
	uint64_t records = m ? m->records : in->records;
	uint64_t first_ns = m ? m->first_ns : in->name.start_ns, last_ns = m ? m->last_ns : in->last_ns;
	l->sums.raw_bytes += m ? m->raw_bytes : in->raw_bytes;
	if (in->name.kind == OBJECT_PACKETS) {
		l->sums.packets += records;
		l->packets += records;
	} else {
		l->sums.lines += records;
	}
	if (l->sums.first_ns == 0 || first_ns < l->sums.first_ns)
		l->sums.first_ns = first_ns;
	if (last_ns > l->sums.last_ns)
		l->sums.last_ns = last_ns;
}

static void say_unproven(struct ledger *l, const struct ledger_object *o)
{
	struct ledger_finding f = about(o, LEDGER_NOTE, "unproven");
	f.text = "its metadata is not at hand: its signature and counts were not checked";
	l->sums.unproven += !l->witness;
	ledger_say(l, f);
}

/* Which keys signed in this boot: more than one only where the keys role died. */
static void note_pub(struct ledger *l, const struct ledger_object *o)
{
	uint8_t digest[LEDGER_DIGEST_BYTES];
	if (!o->inspect->has_pub)
		return;
	ledger_digest(digest, 0, span_of(o->inspect->pub, sizeof(o->inspect->pub)));
	uint32_t i = 0;
	while (i < l->pub_count && memcmp(l->pubs[i].digest, digest, sizeof(digest)) != 0)
		i++;
	if (i == LEDGER_PUBS_MAX)
		return;
	if (i == l->pub_count) {
		l->pubs[i].entry = o->entry;
		l->pubs[i].of_log = false;
		memcpy(l->pubs[l->pub_count++].digest, digest, sizeof(digest));
	}
	l->pubs[i].of_log |= o->inspect->name.kind == OBJECT_LOG;
}

static void fill_entry(struct ledger *l, const struct ledger_object *o, const struct object_meta *m)
{
	const struct inspect *in = o->inspect;
	struct ledger_entry *e = &l->entries[o->entry];
	uint8_t text[OBJECT_SIG_MAX * 2];
	struct buf sig = BUF_OF(text);
	static const uint16_t flags[] = {[INSPECT_SIG_UNKNOWN] = 0,
					 [INSPECT_SIG_GOOD] = LEDGER_SIG_GOOD,
					 [INSPECT_SIG_NONE] = LEDGER_SIG_NONE,
					 [INSPECT_SIG_BAD] = LEDGER_SIG_BAD};
	ledger_digest(e->body, in->size_bytes, span_of(in->sha256, sizeof(in->sha256)));
	if (m)
		object_put_sig(&sig, m);
	ledger_digest(e->sig, 0, buf_span(&sig));
	e->boot = in->name.boot;
	e->boot_index = (uint16_t)(l->boots - 1);
	e->last_ns = m ? m->last_ns : in->last_ns;
	e->stored_ns = o->stored_ns;
	e->flags |= (uint16_t)(LEDGER_SEEN | flags[in->sig] | (m ? 0 : LEDGER_NO_META) |
			       (l->witness ? LEDGER_WITNESS : 0));
}

/* ---- its place in the stream */

static void note_hole(struct ledger *l, uint32_t entry, const struct inspect_name *n)
{
	l->whole = false;
	ledger_boot_now(l)->unsure |= n->kind == OBJECT_LOG;
	if (l->holes == LEDGER_HOLES_MAX) {
		l->holes_more++;
		return;
	}
	struct ledger_hole *h = &l->hole[l->holes++];
	*h = (struct ledger_hole){
		.boot = n->boot,
		.from_ns = l->at.last_ns,
		.to_ns = n->start_ns,
		.from = l->at.next_seq,
		.to = n->seq - 1,
		.next = entry,
	};
	memcpy(h->stream, n->stream, sizeof(h->stream));
}

/* prev and prev_sig against the object before. */
static void check_chain(struct ledger *l, const struct ledger_object *o, const struct object_meta *m)
{
	const struct inspect *in = o->inspect;
	bool known = m || in->inside.known;
	const uint8_t *prev = m ? m->prev : in->inside.prev;
	uint8_t sig[LEDGER_DIGEST_BYTES];
	struct ledger_finding f = about(o, LEDGER_DAMAGE, "chain");
	if (!l->at.after || !known || in->sig == INSPECT_SIG_BAD)
		return;
	f.text = in->name.seq == 0 ? "it is the first of its stream, yet names a predecessor"
				   : "the hash of its predecessor (prev) is not that of the object before it";
	if (memcmp(prev, l->at.prev, sizeof(l->at.prev)) != 0) {
		ledger_say(l, f);
		return;
	}
	if (!in->inside.known || !l->at.has_sig)
		return;
	ledger_digest(sig, 0, span_str(in->inside.prev_sig));
	f.text = "the signature of its predecessor (prev_sig) is not that of the object before it";
	if (memcmp(sig, l->at.sig, sizeof(sig)) != 0)
		ledger_say(l, f);
}

/* Interface statistics are cumulative: they grow by what the metadata tells. */
static void check_counts(struct ledger *l, const struct ledger_object *o, const struct object_meta *m)
{
	const struct inspect_counts *c = &o->inspect->counts;
	struct ledger_stream *s = &l->at;
	if (!s->counted || !m) {
		s->counted = false;
		return;
	}
	s->records += m->records;
	s->lost += m->lost;
	s->filtered += m->filtered;
	if (!c->known || o->inspect->name.torn)
		return;
	if (c->recorded == s->records && c->lost == s->lost && c->filtered == s->filtered)
		return;
	const uint64_t numbers[] = {c->recorded, c->lost, c->filtered, s->records, s->lost, s->filtered};
	ledger_words(
		l,
		"its interface statistics (recorded #, lost #, filtered # so far) are not what the metadata "
		"of its stream adds up to (#, #, #)",
		numbers);
	s->counted = false;
	ledger_say(l, about(o, LEDGER_DAMAGE, "altered"));
}

/* What the next object must name. Where this one is not what it was, its signed metadata still says what
 * that was; without that nothing is known. */
static void remember(struct ledger *l, const struct ledger_object *o, const struct object_meta *m)
{
	const struct inspect *in = o->inspect;
	struct ledger_stream *s = &l->at;
	bool good = m && in->sig == INSPECT_SIG_GOOD, bad = l->entries[o->entry].flags & LEDGER_BAD;
	s->next_seq = in->name.seq + 1;
	s->last_ns = m ? m->last_ns : in->last_ns;
	s->after = good || (!bad && in->sig != INSPECT_SIG_BAD);
	memcpy(s->prev, good ? m->sha256 : in->sha256, sizeof(s->prev));
	memcpy(s->sig, l->entries[o->entry].sig, sizeof(s->sig));
	s->has_sig = m != NULL;
	s->counted = s->counted && s->after;
}

static void begin_boot(struct ledger *l, const struct inspect_name *n)
{
	if (l->begun && ledger_boot_now(l)->boot == n->boot)
		return;
	ledger_end_boot(l);
	if (l->boots < LEDGER_BOOTS_MAX)
		l->boots++;
	else
		l->boots_more++;
	l->sums.boots += !l->witness;
	*ledger_boot_now(l) = (struct ledger_boot){.boot = n->boot, .first_ns = n->start_ns};
	l->begun = l->whole = true;
	l->boot_line = l->has_log = false;
	l->heartbeat_ns = l->packets = 0;
	l->books_packets = UINT64_MAX;
	l->last_log = LEDGER_NONE;
	l->deaths = l->restarts = l->pub_count = 0;
	l->at.begun = false;
}

static void begin_stream(struct ledger *l, const struct inspect_name *n)
{
	if (l->at.begun && strcmp(l->at.stream, n->stream) == 0)
		return;
	l->sums.streams += !l->witness;
	l->at = (struct ledger_stream){.begun = true, .after = true, .has_sig = true, .counted = true};
	memcpy(l->at.stream, n->stream, sizeof(l->at.stream));
	ledger_digest(l->at.sig, 0, SPAN(""));
	if (l->partial && n->seq) {
		l->at.next_seq = n->seq;
		l->at.after = l->at.counted = false;
	}
}

void ledger_enter(struct ledger *l, const struct inspect_name *n)
{
	l->witness = n->kind == OBJECT_LOG && n->start_ns >= l->to_ns;
	begin_boot(l, n);
	begin_stream(l, n);
	struct ledger_boot *b = ledger_boot_now(l);
	if (!b->named && n->appliance.len) {
		ledger_digest(b->appliance, 0, n->appliance);
		b->named = true;
	}
	if (n->start_ns > b->newest_ns)
		b->newest_ns = n->start_ns;
}

void ledger_object(struct ledger *l, const struct ledger_object *o)
{
	const struct inspect *in = o->inspect;
	const struct object_meta *m = in->has_meta == INSPECT_META_WHOLE ? &in->meta : NULL;
	ledger_enter(l, &in->name);
	if (in->name.seq > l->at.next_seq) {
		note_hole(l, o->entry, &in->name);
		l->at.after = l->at.counted = false;
	}
	fill_entry(l, o, m);
	note_pub(l, o);
	if (in->sig == INSPECT_SIG_BAD)
		l->whole = false;
	say_flaws(l, o);
	if (!(in->flaws & (INSPECT_BIT(INSIDE) | INSPECT_BIT(CONTEXT))))
		check_chain(l, o, m);
	check_counts(l, o, m);
	if (!l->witness)
		count(l, in, m);
	if (m)
		say_losses(l, o, m);
	else if (in->has_meta == INSPECT_META_MISSING)
		say_unproven(l, o);
	remember(l, o, m);
	if (in->name.kind == OBJECT_LOG) {
		struct ledger_boot *b = ledger_boot_now(l);
		b->unread |= !in->opened && in->flaws == 0;
		b->unsure |= !in->opened || l->entries[o->entry].flags & LEDGER_BAD;
		l->has_log = true;
		l->last_log = o->entry;
		if (l->at.last_ns > b->last_log_ns)
			b->last_log_ns = l->at.last_ns;
	}
}

void ledger_unread(struct ledger *l, uint32_t entry, const struct inspect_name *n)
{
	ledger_enter(l, n);
	if (n->seq > l->at.next_seq)
		note_hole(l, entry, n);
	l->at.next_seq = n->seq + 1;
	l->at.last_ns = n->start_ns;
	l->at.after = l->at.counted = l->whole = false;
	if (n->kind == OBJECT_LOG) {
		l->has_log = true;
		ledger_boot_now(l)->unsure = ledger_boot_now(l)->unread = true;
	}
	ledger_say(l, (struct ledger_finding){.severity = LEDGER_NOTE,
					      .kind = "unread",
					      .entry = entry,
					      .boot = n->boot,
					      .stream = n->stream,
					      .from_ns = n->start_ns,
					      .text = "it could not be read: nothing of it was checked"});
}

void ledger_other(struct ledger *l, uint32_t entry, const struct inspect_name *n, const char *kind,
		  const char *text)
{
	bool whole = l->whole;
	ledger_enter(l, n);
	ledger_say(l, (struct ledger_finding){
			      .severity = LEDGER_DAMAGE,
			      .kind = kind,
			      .entry = entry,
			      .boot = n->boot,
			      .stream = n->stream,
			      .from_ns = n->start_ns,
			      .text = text,
		      });
	l->whole = whole; /* the evidence itself is there */
}
