#include "ledger_scene.h"

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
		line_of("init", 3, deaths[died]);
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
	begin(); /* what stands before the log is no more the boot's for it */
	ready("flows", 0);
	in.pub[1] = 8;
	add();
	log_begins();
	add();
	log_ends(1);
	add();
	ledger_end(&l);
	CHECK(said("damage forged flows-0") && !said("damage forged log-0"));
	begin(); /* the keys role tells of it itself, too */
	plain("flows", 0);
	log_begins();
	line(3, "\"event\":\"restarted\"");
	in.pub[1] = 8;
	add();
	ledger_end(&l);
	CHECK(!said("damage forged log-0") && !said("damage forged flows-0"));
}

/* A role that was taken over may log what it likes under its own name. */
static void what_another_role_says_of_a_matter_changes_nothing(void)
{
	static const char short_of[] =
		"\"event\":\"books\",\"arrived_least\":14,\"arrived_most\":15,\"recorded\":10,\"lost\":2,"
		"\"filtered\":1,\"unattributed\":1,\"surplus\":0";
	static const char *const of_others[] = {
		"\"event\":\"boot\"",
		"\"event\":\"heartbeat\"",
		"\"event\":\"shutdown\"",
		"\"event\":\"restarted\"",
		"\"event\":\"role-died\",\"died\":\"keys\"",
		"\"event\":\"canary-stored\",\"number\":4",
		"\"event\":\"clock-step\",\"ms\":30",
		"\"event\":\"gap\",\"boot\":\"1122334455667788\",\"from_ns\":\"1\",\"to_ns\":\"2\"",
		short_of,
	};
	begin();
	strcpy(names[1], "w0-0");
	names[2][0] = 0;
	ready("log", 0);
	for (size_t i = 0; i < sizeof(of_others) / sizeof(of_others[0]); i++)
		line_of("status", 100, of_others[i]);
	shipped_by("status", "w0-0", 2, 2);
	shipped_by("status", "w0-9", 2, 2);
	add();
	ready("w0", 0);
	in.sig = INSPECT_SIG_NONE;
	add();
	ledger_end(&l);
	CHECK(says(3, "damage unsigned w0-0") && said("damage missing -"));
	CHECK(l.deaths == 0 && l.restarts == 0 && l.heartbeat_ns == 0 && l.gaps == 0 && l.absent == 0);
	CHECK(l.sums.canaries_stored == 0 && l.sums.books_closed == 0 && !l.boot[0].shutdown);
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
	line_of("init", 5, fine);
	CHECK(says(0, "") && l.sums.books_closed == 1);
	line_of("init", 5, short_of);
	CHECK(says(1, "damage books log-0"));
	begin();
	log_begins();
	line_of("init", 5, fine);
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
	line_of("net", 2, "\"event\":\"clock-step\",\"ms\":30");
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
	RUN(what_another_role_says_of_a_matter_changes_nothing,
	    "what another role says of a matter changes nothing");
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
