#include "check.h"

#include "base/text.h"
#include "base/time.h"
#include "record/ledger_line.h"

#define START_NS 1763805600000000000ull
#define BOOT 0x1122334455667788u
#define ENTRIES 64u
static struct ledger l;
static struct ledger_entry entries[ENTRIES];
static struct inspect in;
static char names[ENTRIES][64];
static uint32_t count;
static char found[64][160]; /* "severity kind subject" */
static unsigned found_count;
static uint64_t boot_now;
static uint8_t hash[ENTRIES][32];
static uint32_t before; /* entry of the object before in its stream; LEDGER_NONE */

static void on_finding(void *arg, const struct ledger_finding *f)
{
	static const char *const words[] = {"note", "gap", "damage"};
	(void)arg;
	snprintf(found[found_count++ % 64], 160, "%s %s %s", words[f->severity], f->kind,
		 f->entry != LEDGER_NONE ? names[f->entry]
		 : f->name               ? f->name
		 : f->stream             ? f->stream
					 : "-");
}

static uint32_t on_find(void *arg, struct span name, struct inspect_name *n)
{
	uint64_t seq = 0;
	(void)arg;
	*n = (struct inspect_name){.boot = boot_now};
	struct span rest = name, stream = span_cut(&rest, '-');
	memcpy(n->stream, stream.p, stream.len < 7 ? stream.len : 7);
	CHECK(!text_read_u64(rest, UINT32_MAX, &seq));
	n->seq = (uint32_t)seq;
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (names[i][0] && span_eq(name, span_str(names[i])))
			return i;
	return LEDGER_NONE;
}

static bool said(const char *what)
{
	for (unsigned i = 0; i < found_count; i++)
		if (!strcmp(found[i], what))
			return true;
	return false;
}

static bool says(unsigned n, const char *what)
{
	if (found_count == n && (!n || said(what)))
		return true;
	for (unsigned i = 0; i < found_count; i++)
		printf("  said: %s\n", found[i]);
	return false;
}

static void begin(void)
{
	memset(&l, 0, sizeof(l));
	memset(entries, 0, sizeof(entries));
	memset(names, 0, sizeof(names));
	strcpy(names[2], "w0-0"); /* the log lists it before it is readied */
	l.entries = entries;
	l.entry_count = ENTRIES;
	l.now_ns = START_NS + 86400 * NS_PER_S;
	l.finding = on_finding;
	l.find = on_find;
	count = found_count = 0;
	boot_now = BOOT;
	before = LEDGER_NONE;
	ledger_begin(&l);
}

/* Readies `in` for an object as it should be; what a test changes it changes before add(). */
static void ready(const char *stream, uint32_t seq)
{
	struct object_meta *m = &in.meta;
	uint64_t first_ns = START_NS + seq * 240 * NS_PER_S;
	memset(&in, 0, offsetof(struct inspect, hash));
	*m = (struct object_meta){
		.first_ns = first_ns, .last_ns = first_ns + 239 * NS_PER_S, .records = 10, .sig_len = 3};
	in.name = (struct inspect_name){.boot = boot_now, .start_ns = first_ns, .seq = seq};
	snprintf(in.name.stream, sizeof(in.name.stream), "%s", stream);
	in.name.kind = stream[0] == 'l' ? OBJECT_LOG : stream[0] == 'w' ? OBJECT_PACKETS : OBJECT_FLOWS;
	in.has_meta = INSPECT_META_WHOLE;
	in.sig = INSPECT_SIG_GOOD;
	in.opened = in.has_pub = in.inside.known = true;
	in.pub[1] = 7;
	memset(in.sha256, 1 + (int)count, 32);
	memcpy(m->sha256, in.sha256, 32);
	m->sig[0] = (uint8_t)count;
	if (seq == 0)
		before = LEDGER_NONE;
	if (before != LEDGER_NONE) {
		struct buf sig = BUF_OF(in.inside.prev_sig);
		struct object_meta prev = {.sig_len = 3, .sig = {(uint8_t)before}};
		memcpy(m->prev, hash[before], 32);
		object_put_sig(&sig, &prev);
	}
	snprintf(names[count], sizeof(names[count]), "%s-%u", stream, seq);
	ledger_enter(&l, &in.name);
}

static uint32_t add(void)
{
	struct ledger_object o = {.entry = count, .inspect = &in, .stored_ns = in.meta.last_ns};
	memcpy(hash[count], in.sha256, 32);
	ledger_object(&l, &o);
	before = count;
	return count++;
}

static uint32_t plain(const char *stream, uint32_t seq)
{
	ready(stream, seq);
	return add();
}

/* A line of the log object that is readied. */
static void line(unsigned second, const char *rest)
{
	static char text[1024];
	uint8_t time[64];
	struct buf t = BUF_OF(time);
	time_rfc3339(&t, in.meta.first_ns + second * NS_PER_S);
	snprintf(text, sizeof(text), "{\"time\":\"%.*s\",\"level\":\"info\",\"role\":\"keys\",%s}",
		 (int)t.len, (const char *)time, rest);
	ledger_line_read(&l, count, boot_now, span_str(text));
}

static void shipped(const char *name, uint8_t byte, uint8_t sig)
{
	char text[512], hex[65];
	struct object_meta m = {.sig_len = sig == 255 ? 0 : 3, .sig = {sig}};
	uint8_t sig_text[32] = {0};
	struct buf s = BUF_OF(sig_text);
	object_put_sig(&s, &m);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", byte);
	snprintf(text, sizeof(text),
		 "\"event\":\"shipped\",\"name\":\"%s\",\"size\":0,\"sha256\":\"%s\",\"sig\":\"%s\"", name,
		 hex, (const char *)sig_text);
	line(1, text);
}

static void log_begins(void)
{
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	line(200, "\"event\":\"heartbeat\"");
}

static void log_ends(uint32_t seq)
{
	ready("log", seq);
	line(200, "\"event\":\"shutdown\"");
}

/* log-0 (entry 0); log-1 (1), which lists 0, is readied */
static void two_logs(void)
{
	log_begins();
	add();
	log_ends(1);
	shipped("log-0", 1, 0);
}

static void whole_boot(void)
{
	two_logs();
	shipped("w0-0", 3, 2);
	add();
	plain("w0", 0);
}

static void a_whole_boot_has_no_finding(void)
{
	begin();
	whole_boot();
	ledger_end(&l);
	CHECK(says(0, "") && l.sums.objects == 3 && l.sums.signed_good == 3 && l.sums.streams == 2);
}

static void a_hole_in_the_numbers_is_missing(void)
{
	begin();
	whole_boot();
	plain("w0", 2);
	ledger_end(&l);
	CHECK(says(2, "damage missing w0") && said("gap unlisted w0-2"));
}

static void what_the_log_lists_and_is_not_there_is_missing_by_name(void)
{
	begin();
	two_logs();
	shipped("w0-0", 3, 2);
	shipped("w0-1", 9, 9);
	add();
	plain("w0", 0);
	ledger_end(&l);
	CHECK(says(1, "damage missing w0-1"));
}

static void a_broken_chain_is_named(void)
{
	for (int inside = 0; inside < 2; inside++) {
		begin();
		whole_boot();
		ready("w0", 1);
		in.meta.prev[0] ^= !inside;
		if (inside)
			in.inside.prev_sig[0] = '-';
		add();
		CHECK(says(1, "damage chain w0-1"));
	}
	begin();
	ready("w0", 0);
	in.meta.prev[3] = 1; /* it is the first */
	add();
	CHECK(says(1, "damage chain w0-0"));
}

static void another_hash_or_signature_than_the_log_lists_is_altered(void)
{
	for (int what = 0; what < 2; what++) {
		begin();
		two_logs();
		shipped("w0-0", what ? 3 : 4, what ? 9 : 2);
		add();
		plain("w0", 0);
		ledger_end(&l);
		CHECK(says(1, "damage altered w0-0"));
	}
}

static void without(uint8_t listed_hash, enum inspect_sig list_sig)
{
	begin();
	two_logs();
	if (listed_hash)
		shipped("w0-0", listed_hash, 255);
	in.sig = list_sig;
	in.flaws = list_sig == INSPECT_SIG_BAD ? INSPECT_BIT(SIGNATURE) : 0;
	add();
	ready("w0", 0);
	in.sig = INSPECT_SIG_NONE;
	in.meta.sig_len = 0;
	add();
	ledger_end(&l);
}

static void an_unsigned_object_needs_a_signed_log_object_that_lists_its_hash(void)
{
	without(3, INSPECT_SIG_GOOD);
	CHECK(says(0, "") && l.sums.covered == 1);
	without(4, INSPECT_SIG_GOOD);
	CHECK(said("damage unsigned w0-0"));
	without(0, INSPECT_SIG_GOOD);
	CHECK(said("damage unsigned w0-0"));
	without(3, INSPECT_SIG_BAD); /* who lists it is forged itself */
	CHECK(said("damage unsigned w0-0") && said("damage forged log-1"));
	without(3, INSPECT_SIG_NONE); /* nothing stands for the list */
	CHECK(said("damage unsigned w0-0"));
	begin(); /* its signature is good, but its content is not what was signed */
	log_begins();
	add();
	log_ends(1);
	shipped("w0-0", 3, 255);
	in.flaws = INSPECT_BIT(SHA256);
	add();
	ready("w0", 0);
	in.sig = INSPECT_SIG_NONE;
	add();
	ledger_end(&l);
	CHECK(said("damage unsigned w0-0"));
}

static void a_bad_signature_is_forged_unless_the_log_knows_the_content(void)
{
	begin();
	whole_boot();
	ready("w0", 1);
	in.sig = INSPECT_SIG_BAD;
	in.flaws = INSPECT_BIT(SIGNATURE);
	add();
	ledger_end(&l);
	CHECK(said("damage forged w0-1"));
	begin();
	two_logs();
	shipped("w0-0", 3, 2);
	add();
	ready("w0", 0);
	in.sig = INSPECT_SIG_BAD;
	in.flaws = INSPECT_BIT(SIGNATURE);
	add();
	ledger_end(&l);
	CHECK(says(1, "damage altered w0-0"));
}

static void a_second_signing_key_without_a_death_is_forged(void)
{
	static const char *const deaths[] = {"\"event\":\"role-died\",\"died\":\"upload\"",
					     "\"event\":\"role-died\",\"died\":\"keys\""};
	for (int died = 0; died < 2; died++) {
		begin();
		log_begins();
		line(3, deaths[died]);
		add();
		log_ends(1);
		shipped("log-0", 1, 0);
		shipped("w0-0", 3, 2);
		add();
		ready("w0", 0);
		in.pub[1] = 8;
		add();
		ledger_end(&l);
		CHECK(said("note restart log-0") && said("damage forged w0-0") == !died);
	}
}

static void a_boot_without_an_end_goes_on_or_is_missing_unless_a_later_one_tells(void)
{
	begin();
	log_begins();
	add();
	ledger_end(&l);
	CHECK(says(1, "damage missing -"));
	begin();
	l.now_ns = START_NS + 600 * NS_PER_S;
	log_begins();
	add();
	ledger_end(&l);
	CHECK(says(1, "note goes-on -"));
	begin();
	log_begins();
	add();
	boot_now = BOOT + 1;
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	line(1, "\"event\":\"gap\",\"boot\":\"1122334455667788\","
		"\"from_ns\":\"1763805600000000000\",\"to_ns\":\"1763805700000000000\"");
	line(200, "\"event\":\"shutdown\"");
	add();
	ledger_end(&l);
	CHECK(says(1, "gap gap log-0"));
}

static void a_boot_without_a_beginning_is_missing_it_and_a_window_asks_for_neither(void)
{
	begin();
	plain("log", 0);
	ledger_end(&l);
	CHECK(says(2, "damage missing -"));
	begin();
	l.partial = true;
	plain("log", 5);
	plain("w0", 3);
	ledger_end(&l);
	CHECK(says(0, ""));
	begin();
	plain("w0", 0);
	ledger_end(&l);
	CHECK(says(1, "damage missing -"));
	begin();
	l.partial = l.subset = true;
	plain("w0", 3);
	plain("w0", 5);
	ledger_end(&l);
	CHECK(says(2, "note not-here w0") && said("note not-here -"));
}

static void heartbeats_that_stay_away_are_a_gap(void)
{
	begin();
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	line(359, "\"event\":\"heartbeat\"");
	CHECK(says(0, ""));
	line(720, "\"event\":\"heartbeat\"");
	CHECK(says(1, "gap heartbeat log-0"));
}

static void books_that_do_not_balance_are_damage_and_fewer_objects_than_they_count_too(void)
{
	static const char fine[] =
		"\"event\":\"books\",\"arrived_least\":12,\"arrived_most\":13,\"recorded\":10,\"lost\":2,"
		"\"filtered\":1,\"unattributed\":0,\"surplus\":0";
	static const char short_of[] =
		"\"event\":\"books\",\"arrived_least\":14,\"arrived_most\":15,\"recorded\":10,\"lost\":2,"
		"\"filtered\":1,\"unattributed\":1,\"surplus\":0";
	begin();
	log_begins();
	line(5, fine);
	CHECK(says(0, "") && l.sums.books_closed == 1);
	line(5, short_of);
	CHECK(says(1, "damage books log-0"));
	begin();
	log_begins();
	line(5, fine);
	line(200, "\"event\":\"shutdown\"");
	add();
	ready("w0", 0);
	in.meta.records = 9;
	add();
	ledger_end(&l);
	CHECK(said("damage missing -"));
}

static void statistics_must_grow_as_the_metadata_of_the_stream_tells(void)
{
	begin();
	ready("w0", 0);
	in.counts = (struct inspect_counts){.known = true, .recorded = 10};
	add();
	ready("w0", 1);
	in.counts = (struct inspect_counts){.known = true, .recorded = 20, .lost = 3, .filtered = 1};
	in.meta.lost = 3;
	in.meta.filtered = 1;
	add();
	CHECK(says(1, "gap lost w0-1"));
	ready("w0", 2);
	in.counts = (struct inspect_counts){.known = true, .recorded = 30, .lost = 5, .filtered = 1};
	in.meta.lost = 1;
	add();
	CHECK(said("damage altered w0-2"));
}

static void losses_torn_objects_and_events_of_the_log_are_gaps_or_notes(void)
{
	begin();
	log_begins();
	line(1, "\"event\":\"canary-missing\",\"number\":3");
	line(2, "\"event\":\"clock-step\",\"ms\":30");
	line(3, "\"event\":\"canary-stored\",\"number\":4");
	CHECK(said("gap canary log-0") && said("note clock log-0") && l.sums.canaries_stored == 1);
	add();
	ready("w0", 0);
	in.name.torn = true;
	add();
	CHECK(said("gap torn w0-0"));
}

static void flaws_of_one_kind_are_one_finding(void)
{
	begin();
	ready("w0", 0);
	in.flaws = INSPECT_BIT(FRAME) | INSPECT_BIT(SHA256) | INSPECT_BIT(CONTEXT);
	add();
	CHECK(says(2, "damage altered w0-0") && said("damage swapped w0-0"));
}

static void what_could_not_be_read_is_a_note_and_breaks_nothing(void)
{
	begin();
	whole_boot();
	ready("w0", 1);
	ledger_unread(&l, count, &in.name);
	plain("w0", 2);
	ledger_end(&l);
	CHECK(said("note unread w0-1") && l.sums.findings[LEDGER_DAMAGE] == 0);
}

int main(void)
{
	RUN(a_whole_boot_has_no_finding, "a whole boot has no finding");
	RUN(a_hole_in_the_numbers_is_missing, "a hole in the numbers is missing");
	RUN(what_the_log_lists_and_is_not_there_is_missing_by_name,
	    "what the log lists and is not there is missing, by name");
	RUN(a_broken_chain_is_named, "a broken chain is named");
	RUN(another_hash_or_signature_than_the_log_lists_is_altered,
	    "another hash or signature than the log lists is altered");
	RUN(an_unsigned_object_needs_a_signed_log_object_that_lists_its_hash,
	    "an unsigned object needs a signed log object that lists its hash");
	RUN(a_bad_signature_is_forged_unless_the_log_knows_the_content,
	    "a bad signature is forged, unless the log knows the content");
	RUN(a_second_signing_key_without_a_death_is_forged, "a second signing key without a death is forged");
	RUN(a_boot_without_an_end_goes_on_or_is_missing_unless_a_later_one_tells,
	    "a boot without an end goes on, or is missing it unless a later one tells of a gap");
	RUN(a_boot_without_a_beginning_is_missing_it_and_a_window_asks_for_neither,
	    "a boot without a beginning is missing it, and a window asks for neither");
	RUN(heartbeats_that_stay_away_are_a_gap, "heartbeats that stay away are a gap");
	RUN(books_that_do_not_balance_are_damage_and_fewer_objects_than_they_count_too,
	    "books that do not balance are damage, and fewer packets than they count, too");
	RUN(statistics_must_grow_as_the_metadata_of_the_stream_tells,
	    "interface statistics must grow as the metadata of the stream tells");
	RUN(losses_torn_objects_and_events_of_the_log_are_gaps_or_notes,
	    "losses, torn objects and events of the log are gaps or notes");
	RUN(flaws_of_one_kind_are_one_finding, "flaws of one kind are one finding");
	RUN(what_could_not_be_read_is_a_note_and_breaks_nothing,
	    "what could not be read is a note, and breaks nothing");
	return check_done();
}
