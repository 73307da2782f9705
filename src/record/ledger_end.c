/* ledger_end: what is certain once all is read. */
#include <string.h>

#include "base/time.h"
#include "record/ledger.h"

static bool is_sound(const struct ledger_entry *e)
{
	return e->flags & LEDGER_SEEN && !(e->flags & (LEDGER_BAD | LEDGER_SIG_BAD));
}

static bool body_as_listed(const struct ledger_entry *e)
{
	return memcmp(e->body, e->listed_body, sizeof(e->body)) == 0;
}

/* Somebody who signed stands for it: its own signature, or a log object that somebody stands for. */
static bool covered(struct ledger *l, uint32_t i)
{
	for (unsigned depth = 0; depth < 64; depth++) {
		const struct ledger_entry *e = &l->entries[i];
		if (e->flags & LEDGER_SIG_GOOD)
			return is_sound(e);
		if (!(e->flags & LEDGER_HAS_LISTING) || !body_as_listed(e) ||
		    !is_sound(&l->entries[e->listed_by]))
			return false;
		i = e->listed_by;
	}
	return false;
}

static bool listed_well(struct ledger *l, const struct ledger_entry *e)
{
	return e->flags & LEDGER_HAS_LISTING && covered(l, e->listed_by);
}

static void say_of(struct ledger *l, uint32_t i, enum ledger_severity severity, const char *kind,
		   const char *text)
{
	ledger_say(l, (struct ledger_finding){.severity = severity,
					      .kind = kind,
					      .entry = i,
					      .boot = l->entries[i].boot,
					      .to_ns = l->entries[i].last_ns,
					      .text = text});
}

static uint64_t stored(const struct ledger_entry *e)
{
	return e->stored_ns ? e->stored_ns : e->last_ns;
}

/* Until when the log is told: the window's end and what witnesses it. */
static uint64_t log_to_ns(const struct ledger *l)
{
	return l->to_ns < UINT64_MAX - l->witness_ns ? l->to_ns + l->witness_ns : UINT64_MAX;
}

/* The log object that lists it, soon after it was stored, is none that a window leaves out. */
static bool log_is_among(const struct ledger *l, const struct ledger_entry *e)
{
	uint64_t since = stored(e), until_ns = log_to_ns(l) < l->now_ns ? log_to_ns(l) : l->now_ns;
	bool behind = l->to_ns < l->now_ns && since + LEDGER_LISTED_S * NS_PER_S > until_ns;
	return !l->narrow && !l->subset && since >= l->from_ns && !behind;
}

static void end_signature(struct ledger *l, uint32_t i)
{
	const struct ledger_entry *e = &l->entries[i];
	bool known = listed_well(l, e) && body_as_listed(e);
	if (e->flags & LEDGER_SIG_BAD) {
		if (known)
			say_of(l, i, LEDGER_DAMAGE, "altered",
			       "its metadata is not what was signed; the log lists this content");
		else if (e->flags & LEDGER_BAD)
			return; /* what is wrong with its content was said; its signature can't fit */
		else
			say_of(l, i, LEDGER_DAMAGE, "forged",
			       "its signature is not by the key of its boot, nor does the log list "
			       "this content");
		return;
	}
	if (!(e->flags & LEDGER_SIG_NONE) || e->flags & LEDGER_BAD)
		return;
	if (known) {
		l->sums.covered += !l->witness;
		return;
	}
	l->sums.unsigned_left += !l->witness;
	if (l->public_only || l->boot[e->boot_index].unread)
		say_of(l, i, LEDGER_NOTE, "unsigned",
		       "it has no signature; whether the log stands for it can't be seen without the key");
	else if (!log_is_among(l, e))
		say_of(l, i, LEDGER_GAP, "unsigned",
		       "it has no signature; the part of the log that may stand for it is not among what was "
		       "asked for");
	else
		say_of(l, i, LEDGER_DAMAGE, "unsigned",
		       "it has no signature, and no signed log object lists its hash: anybody who may "
		       "decrypt can have made it");
}

/* The log had time to list it. */
static bool should_be_listed(const struct ledger *l, const struct ledger_entry *e)
{
	const struct ledger_boot *b = &l->boot[e->boot_index];
	return !b->unsure && log_is_among(l, e) &&
	       (b->shutdown || b->last_log_ns > stored(e) + LEDGER_LISTED_S * NS_PER_S);
}

static void end_listing(struct ledger *l, uint32_t i)
{
	struct ledger_entry *e = &l->entries[i];
	if (l->public_only || e->flags & (LEDGER_BAD | LEDGER_LAST_LOG))
		return;
	if (!(e->flags & LEDGER_HAS_LISTING)) {
		if (should_be_listed(l, e))
			say_of(l, i, LEDGER_GAP, "unlisted", "the log does not list it as shipped");
		return;
	}
	if (!listed_well(l, e))
		return;
	if (!body_as_listed(e))
		say_of(l, i, LEDGER_DAMAGE, "altered", "the log lists another size or hash of it");
	else if (!(e->flags & LEDGER_NO_META) && memcmp(e->sig, e->listed_sig, sizeof(e->sig)) != 0)
		say_of(l, i, LEDGER_DAMAGE, "altered", "the log lists another signature of it");
}

/* ---- what is not there */

/* It came while this was read: the names were listed before. */
static bool is_young(const struct ledger *l, uint32_t entry)
{
	return l->entries[entry].stored_ns > l->now_ns;
}

static void end_absent(struct ledger *l)
{
	for (uint32_t i = 0; i < l->absent; i++) {
		const struct ledger_absent *a = &l->missing[i];
		bool since = is_young(l, a->listed_by);
		if (!is_sound(&l->entries[a->listed_by]))
			continue;
		ledger_say(l, (struct ledger_finding){.severity = since ? LEDGER_NOTE : LEDGER_DAMAGE,
						      .kind = since ? "goes-on" : "missing",
						      .entry = LEDGER_NONE,
						      .name = a->name,
						      .boot = a->boot,
						      .from_ns = a->start_ns,
						      .stream = a->stream[0] ? a->stream : NULL,
						      .text = since ? "the log lists it as shipped while "
								      "this was read: verify again"
								    : "the log lists it as shipped; it "
								      "is not there"});
	}
	if (l->absent_more == 0)
		return;
	const uint64_t more = l->absent_more;
	ledger_words(l, "# more objects that the log lists are not there", &more);
	ledger_say(l, (struct ledger_finding){
			      .severity = LEDGER_DAMAGE, .kind = "missing", .entry = LEDGER_NONE});
}

/* How many of a hole's numbers are told by name as damage. */
static uint32_t named(const struct ledger *l, const struct ledger_hole *h)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->absent; i++) {
		const struct ledger_absent *a = &l->missing[i];
		n += a->boot == h->boot && a->seq >= h->from && a->seq <= h->to &&
		     strcmp(a->stream, h->stream) == 0 && is_sound(&l->entries[a->listed_by]) &&
		     !is_young(l, a->listed_by);
	}
	return n;
}

static void end_holes(struct ledger *l)
{
	for (uint32_t i = 0; i < l->holes; i++) {
		const struct ledger_hole *h = &l->hole[i];
		uint32_t count = h->to - h->from + 1;
		bool since = is_young(l, h->next), note = l->subset || since;
		if (named(l, h) >= count)
			continue;
		const uint64_t numbers[] = {h->from, h->to};
		ledger_words(l,
			     count == 1 ? "number @ of the stream is not there"
					: "numbers @ to @ of the stream are not there",
			     numbers);
		ledger_say(l, (struct ledger_finding){.severity = note ? LEDGER_NOTE : LEDGER_DAMAGE,
						      .kind = l->subset ? "not-here"
							      : since   ? "goes-on"
									: "missing",
						      .entry = LEDGER_NONE,
						      .boot = h->boot,
						      .stream = h->stream,
						      .from_ns = h->from_ns,
						      .to_ns = h->to_ns});
	}
}

/* ---- how boots end */

static bool same_appliance(const struct ledger_boot *a, const struct ledger_boot *b)
{
	return memcmp(a->appliance, b->appliance, sizeof(a->appliance)) == 0;
}

/* The event `gap` that covers a boot's end: of itself (its volume may have been moved), or of an older one of
 * its appliance that nobody was told of before. */
static const struct ledger_gap *gap_of(const struct ledger *l, const struct ledger_boot *b)
{
	for (uint32_t i = 0; i < l->gaps; i++) {
		const struct ledger_gap *g = &l->gap[i];
		bool within = g->from_ns <= b->first_ns && b->last_log_ns <= g->to_ns;
		if (g->boot == b->boot || (within && same_appliance(&l->boot[g->teller], b)))
			return g;
	}
	return NULL;
}

static void say_end(struct ledger *l, const struct ledger_boot *b, enum ledger_severity severity,
		    const char *kind, const char *text)
{
	ledger_say(l, (struct ledger_finding){.severity = severity,
					      .kind = kind,
					      .entry = LEDGER_NONE,
					      .boot = b->boot,
					      .from_ns = b->last_log_ns ? b->last_log_ns : b->first_ns,
					      .text = text});
}

/* A boot whose log does not end with `shutdown`: it goes on, a later boot tells of it, or its end is
 * missing. Of a window that ends earlier the later boot may be behind it. */
static void end_boot(struct ledger *l, const struct ledger_boot *b)
{
	static const char no_end[] =
		"its log does not end (event `shutdown`), and no later boot tells of a gap: its last objects "
		"are missing, or it lost its power without a spool volume";
	static const char no_end_then[] =
		"its log does not end (event `shutdown`), and no later boot tells of a gap: its last objects "
		"are missing, it lost its power without a spool volume, or it still ran when these files "
		"were made (then give that time as --to)";
	static const char stops[] =
		"its log does not go on to the end of the time that was asked for, and to where it lists all "
		"of that, nor does it end (event `shutdown`); a later boot that tells of a gap is not looked "
		"for";
	static const char no_log[] =
		"no log of this boot is there in that time: nothing tells what else there was";
	static const char too_early[] =
		"its log ends long before the gap of which a later boot tells: its last objects are "
		"missing";
	static const char goes_on[] = "its log has no end yet: what was not shipped so far is not checked";
	const uint64_t listed_ns = LEDGER_LISTED_S * NS_PER_S;
	const struct ledger_gap *g = gap_of(l, b);
	bool to_now = log_to_ns(l) > l->now_ns;
	uint64_t until_ns = to_now ? l->now_ns : log_to_ns(l);
	uint64_t last_ns = b->last_log_ns > l->from_ns ? b->last_log_ns : l->from_ns;
	if (b->shutdown || b->unsure || b->first_ns >= l->to_ns ||
	    (l->partial ? b->newest_ns < l->from_ns : b->last_log_ns == 0))
		return;
	if (g) {
		if (g->boot == b->boot && g->from_ns > last_ns + listed_ns)
			say_end(l, b, LEDGER_DAMAGE, "missing", too_early);
	} else if (until_ns < last_ns + listed_ns) {
		if (to_now)
			say_end(l, b, LEDGER_NOTE, "goes-on", goes_on);
	} else if (b->last_log_ns == 0 || to_now) {
		const char *missing = l->files ? no_end_then : no_end;
		say_end(l, b, LEDGER_DAMAGE, "missing", b->last_log_ns ? missing : no_log);
	} else {
		say_end(l, b, LEDGER_GAP, "no-end", stops);
	}
}

/* A boot that armed had shipped the beginning of its log before. */
static void end_gap(struct ledger *l, const struct ledger_gap *g)
{
	for (uint32_t i = 0; i < l->boots; i++)
		if (l->boot[i].boot == g->boot)
			return;
	ledger_say(l, (struct ledger_finding){
			      .severity = l->one_appliance ? LEDGER_GAP : LEDGER_DAMAGE,
			      .kind = "missing",
			      .entry = LEDGER_NONE,
			      .boot = g->boot,
			      .to_ns = g->from_ns,
			      .text = l->one_appliance
					      ? "nothing of this boot, of which a later one tells, is there: "
						"it is missing, or it was another appliance's"
					      : "nothing of this boot is there; a later one tells that it "
						"recorded"});
}

/* What did not fit is said, too. */
static void end_limits(struct ledger *l)
{
	const uint64_t boots = l->boots_more, holes = l->holes_more;
	struct ledger_finding f = {.severity = LEDGER_DAMAGE, .kind = "missing", .entry = LEDGER_NONE};
	if (holes) {
		ledger_words(l, "there are # more holes in numbers of streams", &holes);
		ledger_say(l, f);
	}
	f.severity = LEDGER_GAP;
	f.kind = "not-checked";
	if (boots) {
		ledger_words(l,
			     "there are # boots too many: whether each has its end was not checked; "
			     "verify fewer at once",
			     &boots);
		ledger_say(l, f);
	}
}

static void end_boots(struct ledger *l)
{
	for (uint32_t i = 0; i < l->boots; i++)
		end_boot(l, &l->boot[i]);
	for (uint32_t i = 0; i < l->gaps && !l->partial; i++)
		end_gap(l, &l->gap[i]);
}

void ledger_end(struct ledger *l)
{
	ledger_end_boot(l);
	for (uint32_t i = 0; i < l->entry_count; i++) {
		if (!(l->entries[i].flags & LEDGER_SEEN))
			continue;
		l->witness = l->entries[i].flags & LEDGER_WITNESS;
		end_signature(l, i);
		end_listing(l, i);
	}
	l->witness = false;
	end_absent(l);
	end_holes(l);
	if (l->subset)
		ledger_say(l, (struct ledger_finding){.severity = LEDGER_NOTE,
						      .kind = "not-here",
						      .entry = LEDGER_NONE,
						      .text = "no log is among these objects: whether any is "
							      "missing was not checked"});
	if (!l->subset && !l->narrow && !l->public_only)
		end_boots(l);
	end_limits(l);
}
