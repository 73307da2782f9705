/* ledger_log: what the log says: its inventory, boots and events. */
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "record/ledger.h"

static uint64_t late_ns(void)
{
	return (LEDGER_HEARTBEAT_S + LEDGER_HEARTBEAT_SLACK_S) * NS_PER_S;
}

struct ledger_boot *ledger_boot_now(struct ledger *l)
{
	return &l->boot[l->boots - 1];
}

/* ---- inventory */

static void note_absent(struct ledger *l, uint32_t entry, struct span name, const struct inspect_name *n)
{
	if (l->absent == LEDGER_ABSENT_MAX || name.len >= OBJECT_NAME_MAX) {
		l->absent_more++;
		return;
	}
	struct ledger_absent *a = &l->missing[l->absent];
	*a = (struct ledger_absent){
		.listed_by = entry, .seq = n->seq, .boot = n->boot, .start_ns = n->start_ns};
	memcpy(a->stream, n->stream, sizeof(a->stream));
	memcpy(a->name, name.p, name.len);
	for (uint32_t i = 0; i < l->absent; i++)
		if (strcmp(l->missing[i].name, a->name) == 0)
			return;
	l->absent++;
}

void ledger_shipped(struct ledger *l, uint32_t entry, struct span name, uint64_t size, struct span sha256_hex,
		    struct span sig)
{
	uint8_t sha256[SHA256_BYTES];
	struct buf b = BUF_OF(sha256);
	struct inspect_name n;
	if (name.len == 0)
		return;
	uint32_t found = l->find(l->arg, name, &n);
	if (found == LEDGER_NONE && !l->subset)
		note_absent(l, entry, name, &n);
	if (found == LEDGER_NONE || found == LEDGER_ELSEWHERE)
		return;
	struct ledger_entry *e = &l->entries[found];
	bool bad_before = e->flags & LEDGER_HAS_LISTING &&
			  l->entries[e->listed_by].flags & (LEDGER_BAD | LEDGER_SIG_BAD);
	if (e->flags & LEDGER_HAS_LISTING && !bad_before)
		return; /* told again by a keys process that does not know that it was */
	if (text_read_hex(sha256_hex, &b) || b.len != sizeof(sha256))
		return;
	ledger_digest(e->listed_body, size, span_of(sha256, sizeof(sha256)));
	ledger_digest(e->listed_sig, 0, sig);
	e->listed_by = entry;
	e->flags |= LEDGER_HAS_LISTING;
}

/* ---- events */

enum action {
	ACTION_SAY,
	ACTION_NONE,
	ACTION_BOOT,
	ACTION_BEAT,
	ACTION_RESTARTED,
	ACTION_SHUTDOWN,
	ACTION_GAP,
	ACTION_BOOKS,
	ACTION_DIED,
	ACTION_CANARY,
	ACTION_STEP
};

/* Only what the role says whose matter it is; any other may have been taken over. */
static const struct {
	const char *role, *event;
	enum action action;
	enum ledger_severity severity;
	const char *kind, *text; /* NULL: the line itself */
} events[] = {
	{"keys", "boot", ACTION_BOOT, LEDGER_NOTE, NULL, NULL},
	{"keys", "heartbeat", ACTION_BEAT, LEDGER_NOTE, NULL, NULL},
	{"keys", "restarted", ACTION_RESTARTED, LEDGER_NOTE, NULL, NULL},
	{"keys", "shutdown", ACTION_SHUTDOWN, LEDGER_NOTE, NULL, NULL},
	{"spool", "gap", ACTION_GAP, LEDGER_GAP, "gap", NULL},
	{"init", "books", ACTION_BOOKS, LEDGER_DAMAGE, "books", NULL},
	{"init", "role-died", ACTION_DIED, LEDGER_NOTE, "restart", NULL},
	{"keys", "canary-stored", ACTION_CANARY, LEDGER_NOTE, NULL, NULL},
	{"capture", "object-torn", ACTION_NONE, LEDGER_NOTE, NULL, NULL}, /* the object itself tells */
	{"flows", "object-torn", ACTION_NONE, LEDGER_NOTE, NULL, NULL},
	{"capture", "lost", ACTION_NONE, LEDGER_NOTE, NULL, NULL}, /* as its metadata */
	{"keys", "canary-missing", ACTION_SAY, LEDGER_GAP, "canary", NULL},
	{"init", "books-not-closed", ACTION_SAY, LEDGER_GAP, "books", NULL},
	{"net", "lost-before-ring", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"capture", "dropped-before-armed", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"capture", "block-given-up", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"init", "log-lines-lost", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"flows", "flow-records-lost", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"flows", "flow-events-lost", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"net", "events-lost", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"flows", "verdicts-lost", ACTION_SAY, LEDGER_GAP, "lost", NULL},
	{"upload", "not-shipped", ACTION_SAY, LEDGER_GAP, "not-shipped", NULL},
	{"spool", "spool-object-left", ACTION_SAY, LEDGER_GAP, "not-shipped", NULL},
	{"net", "link-gone", ACTION_SAY, LEDGER_NOTE, "outage", NULL},
	{"net", "link-down", ACTION_SAY, LEDGER_NOTE, "outage", NULL},
	{"net", "link-back", ACTION_SAY, LEDGER_NOTE, "outage", NULL},
	{"init", "forwarding-stopped", ACTION_SAY, LEDGER_NOTE, "stopped", NULL},
	{"init", "forwarding-again", ACTION_SAY, LEDGER_NOTE, "stopped", NULL},
	{"net", "clock-step", ACTION_STEP, LEDGER_NOTE, "clock", NULL},
	{"net", "clock-not-set", ACTION_SAY, LEDGER_NOTE, "clock", NULL},
	{"keys", "clock-offset-refused", ACTION_SAY, LEDGER_NOTE, "clock", NULL},
	{"net", "ntp-disagree", ACTION_SAY, LEDGER_NOTE, "clock", NULL},
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static struct ledger_finding of_event(struct ledger *l, const struct ledger_event *e,
				      enum ledger_severity severity, const char *kind)
{
	struct span line = e->line, want = SPAN("\"event\":");
	/* from its event on: time, level and role stand elsewhere */
	for (size_t i = 0; i + want.len < line.len; i++) {
		if (span_starts(span_from(line, i), want)) {
			line = span_from(line, i + want.len);
			break;
		}
	}
	if (line.len && line.p[line.len - 1] == '}')
		line.len--;
	struct buf b = buf_over(l->text, sizeof(l->text) - 1);
	text_printable(&b, span_first(line, 400));
	l->text[b.len] = 0;
	return (struct ledger_finding){.severity = severity,
				       .kind = kind,
				       .entry = e->entry,
				       .boot = e->boot,
				       .from_ns = e->from_ns ? e->from_ns : e->ns,
				       .to_ns = e->to_ns ? e->to_ns : e->ns};
}

static void beat(struct ledger *l, const struct ledger_event *e)
{
	uint64_t before = l->heartbeat_ns;
	if (before && e->ns > before + late_ns()) {
		struct ledger_finding f = {.severity = LEDGER_GAP,
					   .kind = "heartbeat",
					   .entry = e->entry,
					   .boot = e->boot,
					   .from_ns = before,
					   .to_ns = e->ns,
					   .text = "no heartbeat in the log for more than five minutes"};
		ledger_say(l, f);
	}
	if (e->ns > before)
		l->heartbeat_ns = e->ns;
}

static void gap(struct ledger *l, const struct ledger_event *e)
{
	struct ledger_finding f = of_event(l, e, LEDGER_GAP, "gap");
	f.boot = e->about_boot;
	f.text = "that boot did not end in order: how many packets are missing is unknown";
	ledger_say(l, f);
	if (l->gaps < LEDGER_GAPS_MAX)
		l->gap[l->gaps++] = (struct ledger_gap){.boot = e->about_boot,
							.from_ns = f.from_ns,
							.to_ns = f.to_ns,
							.told_by = e->entry,
							.teller = l->boots - 1};
}

static void books(struct ledger *l, const struct ledger_event *e)
{
	uint64_t sum = e->recorded + e->lost + e->filtered;
	struct ledger_finding f = of_event(l, e, LEDGER_DAMAGE, "books");
	if (l->witness)
		return;
	l->sums.books_closed++;
	l->books_packets = e->recorded;
	if (e->unattributed == 0 && e->surplus == 0 && e->arrived_least <= sum && sum <= e->arrived_most)
		return;
	const uint64_t numbers[] = {e->arrived_least, e->arrived_most, e->recorded, e->lost,
				    e->filtered,      e->unattributed, e->surplus};
	ledger_words(l,
		     "the books do not balance: # to # packets arrived, # were recorded, # lost, # filtered; "
		     "# unattributed, # surplus",
		     numbers);
	ledger_say(l, f);
}

static void act(struct ledger *l, const struct ledger_event *e, size_t i)
{
	switch (events[i].action) {
	case ACTION_BOOT:
		l->boot_line = true;
		beat(l, e);
		return;
	case ACTION_RESTARTED:
		l->restarts++;
		beat(l, e);
		return;
	case ACTION_BEAT:
		beat(l, e);
		return;
	case ACTION_SHUTDOWN:
		beat(l, e);
		ledger_boot_now(l)->shutdown = true;
		return;
	case ACTION_GAP:
		gap(l, e);
		return;
	case ACTION_BOOKS:
		books(l, e);
		return;
	case ACTION_DIED:
		l->deaths += e->of_keys;
		break;
	case ACTION_CANARY:
		l->sums.canaries_stored += !l->witness;
		return;
	case ACTION_NONE:
		return;
	case ACTION_STEP: /* the times before are another clock's */
		l->heartbeat_ns = l->heartbeat_ns ? e->ns : 0;
		break;
	case ACTION_SAY:
		break;
	}
	ledger_say(l, of_event(l, e, events[i].severity, events[i].kind));
}

void ledger_event(struct ledger *l, const struct ledger_event *e)
{
	for (size_t i = 0; i < EVENTS; i++) {
		if (span_eq(e->event, span_str(events[i].event)) &&
		    span_eq(e->role, span_str(events[i].role))) {
			act(l, e, i);
			return;
		}
	}
	if (span_eq(e->level, SPAN("alarm")))
		ledger_say(l, of_event(l, e, LEDGER_NOTE, "alarm"));
}

/* ---- the end of a boot */

static void say_forged(struct ledger *l, uint32_t entry)
{
	ledger_say(l, (struct ledger_finding){
			      .severity = LEDGER_DAMAGE,
			      .kind = "forged",
			      .entry = entry,
			      .boot = ledger_boot_now(l)->boot,
			      .text = "the signing key in its encryption context is not this boot's: no keys "
				      "process of it ended",
		      });
}

/* Of a part of a boot the log objects that another key signed may lie outside: whole, it is forged. */
static uint32_t say_unknown_keys(struct ledger *l)
{
	uint32_t known = 0;
	for (uint32_t i = 0; i < l->pub_count; i++) {
		known += l->pubs[i].of_log;
		if (l->pubs[i].of_log)
			continue;
		ledger_say(l,
			   (struct ledger_finding){
				   .severity = LEDGER_GAP,
				   .kind = "unknown-key",
				   .entry = l->pubs[i].entry,
				   .boot = ledger_boot_now(l)->boot,
				   .text = "no log object that was read has its signing key: whether that is "
					   "this boot's was not checked; verify the whole boot, without "
					   "--from and --to",
			   });
	}
	return known;
}

static void check_pubs(struct ledger *l)
{
	uint32_t own = 1 + (l->deaths > l->restarts ? l->deaths : l->restarts);
	if (l->subset)
		return;
	uint32_t keys = l->partial ? say_unknown_keys(l) : l->pub_count;
	/* those that signed no log first: each keys process begins with a log object */
	for (uint32_t i = l->pub_count, pass = l->partial, left = keys > own ? keys - own : 0;
	     left && pass < 2;) {
		if (i == 0) {
			i = l->pub_count;
			pass++;
			continue;
		}
		if (l->pubs[--i].of_log != (pass == 1))
			continue;
		left--;
		say_forged(l, l->pubs[i].entry);
	}
}

static void boot_finding(struct ledger *l, enum ledger_severity severity, const char *kind, const char *text)
{
	const struct ledger_boot *b = ledger_boot_now(l);
	ledger_say(l, (struct ledger_finding){.severity = severity,
					      .kind = kind,
					      .entry = LEDGER_NONE,
					      .boot = b->boot,
					      .from_ns = b->first_ns,
					      .to_ns = b->last_log_ns,
					      .text = text});
}

void ledger_end_boot(struct ledger *l)
{
	if (!l->begun)
		return;
	if (l->last_log != LEDGER_NONE)
		l->entries[l->last_log].flags |= LEDGER_LAST_LOG;
	if (l->public_only)
		return;
	check_pubs(l);
	if (l->partial)
		return;
	if (!l->has_log)
		boot_finding(l, LEDGER_DAMAGE, "missing",
			     "this boot has no log: nothing tells what else there was");
	else if (!l->boot_line && !ledger_boot_now(l)->unsure)
		boot_finding(l, LEDGER_DAMAGE, "missing", "its log has no beginning (event `boot`)");
	if (l->whole && l->books_packets != UINT64_MAX && l->packets < l->books_packets) {
		const uint64_t numbers[] = {l->books_packets, l->packets};
		ledger_words(
			l,
			"its books count # packets as recorded, the objects that are here have #: the rest "
			"may still be on a spool volume",
			numbers);
		boot_finding(l, LEDGER_DAMAGE, "missing", NULL);
	}
}
