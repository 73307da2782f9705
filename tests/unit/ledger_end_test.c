#include "ledger_scene.h"

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
	line_of("spool", 1,
		"\"event\":\"gap\",\"boot\":\"1122334455667788\","
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
	l.to_ns = START_NS + 1500 * NS_PER_S;
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

/* Another boot, which tells of a gap: about that boot, from and to so many seconds after START_NS. */
static void later_boot(uint64_t boot, uint64_t about, unsigned from_s, unsigned to_s)
{
	char text[256];
	boot_now = boot;
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	snprintf(text, sizeof(text),
		 "\"event\":\"gap\",\"boot\":\"%016llx\",\"from_ns\":\"%llu\",\"to_ns\":\"%llu\"",
		 (unsigned long long)about, (unsigned long long)(START_NS + from_s * NS_PER_S),
		 (unsigned long long)(START_NS + to_s * NS_PER_S));
	line_of("spool", 1, text);
	line(200, "\"event\":\"shutdown\"");
	add();
}

static void a_boot_of_which_a_later_one_tells_is_there_and_its_log_ends_where_the_gap_begins(void)
{
	begin();
	later_boot(BOOT + 1, BOOT, 0, 100);
	ledger_end(&l);
	CHECK(says(2, "gap gap log-0") && said("damage missing -"));
	begin();
	l.one_appliance = true; /* the volume may have been another one's */
	later_boot(BOOT + 1, BOOT, 0, 100);
	ledger_end(&l);
	CHECK(says(2, "gap gap log-0") && said("gap missing -"));
	begin();
	log_begins();
	add();
	later_boot(BOOT + 1, BOOT, 230, 5000);
	ledger_end(&l);
	CHECK(says(1, "gap gap log-0"));
	begin();
	log_begins();
	add();
	later_boot(BOOT + 1, BOOT, 4000, 5000);
	ledger_end(&l);
	CHECK(says(2, "gap gap log-0") && said("damage missing -"));
}

static void a_boot_that_was_cut_off_before_it_told_of_an_older_gap_is_within_it(void)
{
	begin();
	log_begins(); /* its power fails */
	add();
	boot_now = BOOT + 1;
	ready("log", 0);
	in.name.start_ns = in.meta.first_ns = START_NS + 1000 * NS_PER_S;
	in.meta.last_ns = in.meta.first_ns + 100 * NS_PER_S;
	line(0, "\"event\":\"boot\"");
	add(); /* and again, before it is on the volume */
	later_boot(BOOT + 2, BOOT, 0, 2000);
	ledger_end(&l);
	CHECK(says(1, "gap gap log-0"));
}

static void a_gap_excuses_boots_of_the_appliance_that_tells_of_it(void)
{
	static const char *const others[] = {"1/eu/tap-1", "1/eu/tap-2"};
	for (int other = 0; other < 2; other++) {
		begin();
		appliance_now = others[other];
		boot_now = BOOT + 1;
		ready("log", 0);
		line(0, "\"event\":\"boot\"");
		add(); /* no end, within the time of a gap that boot 2 tells about boot 9 */
		appliance_now = others[0];
		l.one_appliance = true; /* boot 9 is not looked for */
		later_boot(BOOT + 2, BOOT + 9, 0, 4000);
		ledger_end(&l);
		CHECK(said("damage missing -") == (other == 1));
	}
}

/* In a window: a log of number 5, from 1,200 to 1,439 s, then to the end. */
static void window(unsigned from_s, uint64_t to_s)
{
	begin();
	l.partial = true;
	l.from_ns = START_NS + from_s * NS_PER_S;
	l.to_ns = to_s ? START_NS + to_s * NS_PER_S : UINT64_MAX;
	plain("log", 5);
	plain("w0", 5);
	ledger_end(&l);
}

static void a_log_that_stops_within_a_window_is_said_to(void)
{
	window(1100, 0);
	CHECK(says(1, "damage missing -"));
	window(1100, 1500);
	CHECK(says(0, ""));
	window(1100, 4000); /* a later boot may tell of it, behind the window */
	CHECK(says(1, "gap no-end -"));
	window(1300, 0); /* it only reaches into it: that its log goes on is another window's */
	CHECK(says(0, ""));
	begin();
	l.partial = true;
	l.from_ns = START_NS;
	plain("w0", 8);
	ledger_end(&l);
	CHECK(says(2, "damage missing -") && said("gap unknown-key w0-8"));
}

static void without_a_signature(unsigned from_s, unsigned to_s, bool subset)
{
	begin();
	l.partial = true;
	l.subset = subset;
	l.from_ns = START_NS + from_s * NS_PER_S;
	l.to_ns = to_s ? START_NS + to_s * NS_PER_S : UINT64_MAX;
	log_ends(5);
	add();
	ready("w0", 5); /* until 1,439 s */
	in.sig = INSPECT_SIG_NONE;
	in.meta.sig_len = 0;
	add();
	ledger_end(&l);
}

static void a_log_that_may_stand_for_what_is_unsigned_may_be_outside_of_a_window(void)
{
	without_a_signature(1100, 0, false);
	CHECK(said("damage unsigned w0-5"));
	without_a_signature(1500, 0, false);
	CHECK(says(1, "gap unsigned w0-5"));
	without_a_signature(1100, 1300, false);
	CHECK(says(1, "gap unsigned w0-5"));
	without_a_signature(0, 0, true);
	CHECK(said("gap unsigned w0-5") && !said("damage unsigned w0-5"));
}

static void what_the_log_lists_is_missing_from_a_window_too_unless_it_need_not_be_in_it(void)
{
	begin();
	l.partial = true;
	ready("log", 5);
	shipped("w0-7", 1, 0);
	shipped("elsewhere-0", 1, 0);
	line(200, "\"event\":\"shutdown\"");
	add();
	ledger_end(&l);
	CHECK(says(1, "damage missing w0-7"));
	begin(); /* what lists it came before, too */
	l.partial = true;
	l.from_ns = START_NS + 2000 * NS_PER_S;
	log_ends(5);
	add();
	plain("w0", 5);
	ledger_end(&l);
	CHECK(says(0, ""));
	begin(); /* the names were listed before */
	l.partial = true;
	ready("log", 5);
	l.now_ns = in.meta.last_ns - 1; /* it was stored then */
	shipped("w0-7", 1, 0);
	line(200, "\"event\":\"shutdown\"");
	add();
	ledger_end(&l);
	CHECK(says(1, "note goes-on w0-7"));
}

/* A window from 1,200 to 1,500 s, and log object 6, which begins behind it, from 1,680 s on as a witness. */
static void window_with_a_witness(const char *lists, const char *role, const char *event)
{
	begin();
	l.partial = true;
	l.from_ns = START_NS + 1200 * NS_PER_S;
	l.to_ns = START_NS + 1500 * NS_PER_S;
	l.witness_ns = 4500 * NS_PER_S;
	l.now_ns = START_NS + 2000 * NS_PER_S;
	plain("log", 5);
	plain("log", 6);
	ready("log", 7);
	shipped(lists, 1, 0);
	line_of(role, 2, event);
	add();
	plain("w0", 5);
	ledger_end(&l);
}

static void log_objects_behind_a_window_witness_what_began_in_it(void)
{
	static const char no_event[] = "\"event\":\"setting\"";
	window_with_a_witness("elsewhere-1", "keys", no_event);
	CHECK(says(1, "note goes-on -") && l.sums.objects == 3 && l.sums.signed_good == 3 &&
	      l.sums.boots == 1);
	window_with_a_witness("w0-6", "keys", no_event);
	CHECK(says(2, "damage missing w0-6"));
	window_with_a_witness("elsewhere-1", "init", "\"event\":\"log-lines-lost\"");
	CHECK(says(1, "note goes-on -"));
	window_with_a_witness("elsewhere-1", "keys", "\"event\":\"canary-stored\"");
	CHECK(says(1, "note goes-on -") && l.sums.canaries_stored == 0);
	window_with_a_witness("elsewhere-1", "spool",
			      "\"event\":\"gap\",\"boot\":\"0000000000000009\","
			      "\"from_ns\":\"1763806800000000000\",\"to_ns\":"
			      "\"1763807700000000000\"");
	CHECK(said("gap gap log-7")); /* it begins in the window */
}

static void the_log_goes_on_behind_a_window_to_where_it_lists_all(void)
{
	for (int behind = 0; behind < 2; behind++) {
		begin();
		l.partial = true;
		l.from_ns = START_NS + 1200 * NS_PER_S;
		l.to_ns = START_NS + 1500 * NS_PER_S;
		l.witness_ns = 4500 * NS_PER_S;
		for (uint32_t i = 5; i < (behind ? 25 : 7); i++)
			plain("log", i);
		plain("w0", 5);
		ledger_end(&l);
		CHECK(said("gap no-end -") == !behind && said("gap unlisted w0-5") == behind);
	}
}

/* In a window: an object with a signing key of its own, which says that it is of this boot. */
static void planted_in_a_window(const char *stream, uint32_t seq, bool restarted)
{
	begin();
	l.partial = true;
	l.from_ns = START_NS + 1200 * NS_PER_S;
	l.to_ns = START_NS + 1600 * NS_PER_S;
	ready("log", 5);
	if (restarted)
		line(200, "\"event\":\"restarted\"");
	add();
	if (stream[0] == 'w')
		plain("w0", 5);
	ready(stream, seq);
	in.pub[1] = 8;
	add();
	ledger_end(&l);
}

static void a_signing_key_of_no_log_object_is_not_silent_in_a_window(void)
{
	planted_in_a_window("w7", 0, false);
	CHECK(says(1, "gap unknown-key w7-0"));
	planted_in_a_window("log", 6, false); /* each keys process tells of itself */
	CHECK(said("damage forged log-6"));
	planted_in_a_window("log", 6, true);
	CHECK(says(0, ""));
	begin(); /* nothing is known of a log */
	l.partial = l.subset = true;
	plain("w0", 5);
	ledger_end(&l);
	CHECK(!said("gap unknown-key w0-5"));
}

/* Number 1 of w0 is not there; a log object that was stored after the names were listed names it. */
static void a_hole_that_is_named(uint64_t now_s, enum inspect_sig sig)
{
	begin();
	l.partial = true;
	l.now_ns = START_NS + now_s * NS_PER_S;
	log_ends(5); /* stored at 1,439 s */
	shipped("w0-1", 1, 0);
	in.sig = sig;
	add();
	plain("w0", 0);
	plain("w0", 2); /* at 719 s */
	ledger_end(&l);
}

static void a_hole_in_the_numbers_is_hidden_by_no_note(void)
{
	a_hole_that_is_named(1400, INSPECT_SIG_GOOD);
	CHECK(said("note goes-on w0-1") && said("damage missing w0"));
	a_hole_that_is_named(700, INSPECT_SIG_GOOD); /* what comes behind it is as young */
	CHECK(said("note goes-on w0-1") && said("note goes-on w0") && !l.sums.findings[LEDGER_DAMAGE]);
	a_hole_that_is_named(1400, INSPECT_SIG_BAD); /* the list counts for nothing */
	CHECK(said("damage missing w0"));
	a_hole_that_is_named(1500, INSPECT_SIG_GOOD);
	CHECK(said("damage missing w0-1") && l.sums.findings[LEDGER_DAMAGE] == 1);
}

static void objects_without_metadata_keep_their_chain_and_are_counted_as_unproven(void)
{
	begin();
	for (uint32_t i = 0; i < 3; i++) {
		ready("w0", i);
		in.has_meta = INSPECT_META_MISSING;
		in.sig = INSPECT_SIG_UNKNOWN;
		memcpy(in.inside.prev, in.meta.prev, sizeof(in.inside.prev));
		in.records = 10;
		in.inside.prev[0] ^= i == 2;
		add();
	}
	CHECK(says(4, "note unproven w0-0") && said("damage chain w0-2") && l.sums.unproven == 3);
	CHECK(l.sums.packets == 30);
}

static void a_step_of_the_clock_is_no_heartbeat_that_stays_away(void)
{
	begin();
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	line_of("net", 4000, "\"event\":\"clock-step\"");
	line(4200, "\"event\":\"heartbeat\"");
	CHECK(says(1, "note clock log-0"));
	line(4600, "\"event\":\"heartbeat\"");
	CHECK(says(2, "gap heartbeat log-0"));
}

static void what_does_not_fit_into_its_memory_is_said(void)
{
	begin();
	boot_now = 0;
	for (uint32_t i = 0; i < LEDGER_BOOTS_MAX + 2; i++) {
		in.name = (struct inspect_name){.boot = ++boot_now, .stream = "w0", .seq = 2};
		ledger_unread(&l, 0, &in.name);
	}
	found_count = 0;
	ledger_end(&l);
	CHECK(said("damage missing -") && said("gap not-checked -"));
	CHECK(l.holes_more == LEDGER_BOOTS_MAX + 2 - LEDGER_HOLES_MAX);
}

int main(void)
{
	RUN(a_boot_without_an_end_goes_on_or_is_missing_unless_a_later_one_tells,
	    "a boot without an end goes on, or is missing it unless a later one tells of a gap");
	RUN(a_boot_without_a_beginning_is_missing_it_and_a_window_asks_for_neither,
	    "a boot without a beginning is missing it, and a window asks for neither");
	RUN(a_boot_of_which_a_later_one_tells_is_there_and_its_log_ends_where_the_gap_begins,
	    "a boot of which a later one tells is there, and its log ends where the gap begins");
	RUN(a_boot_that_was_cut_off_before_it_told_of_an_older_gap_is_within_it,
	    "a boot that was cut off before it told of an older gap is within that");
	RUN(a_gap_excuses_boots_of_the_appliance_that_tells_of_it,
	    "a gap excuses boots without an end of the appliance that tells of it, and none of another");
	RUN(a_log_that_stops_within_a_window_is_said_to, "a log that stops within a window is said to");
	RUN(a_log_that_may_stand_for_what_is_unsigned_may_be_outside_of_a_window,
	    "a log that may stand for what is unsigned may be outside of a window");
	RUN(what_the_log_lists_is_missing_from_a_window_too_unless_it_need_not_be_in_it,
	    "what the log lists is missing from a window, too, unless it need not be in it");
	RUN(log_objects_behind_a_window_witness_what_began_in_it,
	    "log objects behind a window witness what began in it, and nothing else of them is told");
	RUN(the_log_goes_on_behind_a_window_to_where_it_lists_all,
	    "the log goes on behind a window to where it lists all of it, or that is said");
	RUN(a_signing_key_of_no_log_object_is_not_silent_in_a_window,
	    "a signing key of no log object is not silent in a window");
	RUN(a_hole_in_the_numbers_is_hidden_by_no_note,
	    "a hole in the numbers is hidden by no note of what was stored while the names were listed");
	RUN(objects_without_metadata_keep_their_chain_and_are_counted_as_unproven,
	    "objects without metadata keep their chain, and are counted as unproven");
	RUN(a_step_of_the_clock_is_no_heartbeat_that_stays_away,
	    "a step of the clock is no heartbeat that stays away");
	RUN(what_does_not_fit_into_its_memory_is_said, "what does not fit into its memory is said");
	return check_done();
}
