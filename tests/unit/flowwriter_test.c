#include "role/flows/flowwriter.h"

#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"

#include "check.h"
#include "logged.h"
#include "recorder_key.h"

#define LONG_NS (30 * NS_PER_S)
#define SLOTS 2
#define SLOT_BYTES RECORDER_SLOT_MIN
#define EVENT_BYTES 1024 /* of the journal */
#define LINE 500

static struct flowwriter w;
static struct loop loop;
static struct settings settings = {.object_max_bytes = 64 << 20,
				   .object_max_seconds = 300,
				   .key_max_seconds = 3600,
				   .key_max_bytes = 1ull << 36,
				   .zstd_level = 1};
static struct object_identity identity = {
	.prefix = "p", .account = "123456789012", .region = "us-east-1", .appliance = "tap-1", .boot = 77};
static uint8_t journal_memory[POOL_PAGE_BYTES + JOURNAL_BYTES], memory[POOL_PAGE_BYTES + SLOTS * SLOT_BYTES];
static struct object_meta sealed;
static unsigned sealed_count;

static void on_want_key(void *arg, bool any)
{
	(void)arg;
	(void)any;
}

static void on_sign(void *arg, const struct object_meta *meta)
{
	static struct object_meta m;
	(void)arg;
	m = *meta;
	m.sig_len = 3;
	memcpy(m.sig, "sig", 3);
	sealed = m;
	recorder_signed(&w.recorder, &m);
}

static void on_sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	(void)s;
	sealed_count++;
}

static void on_ready(void *arg)
{
	(void)arg;
}

static const struct flowwriter_ops ops = {on_want_key, on_sign, on_sealed, on_ready};

/* There is no data key: no object can be begun. */
static void setup(void)
{
	static const struct pool journal = {.map = journal_memory, .slot_bytes = JOURNAL_BYTES, .slots = 1};
	static const struct pool pool = {.map = memory, .slot_bytes = SLOT_BYTES, .slots = SLOTS};
	memset(&w, 0, sizeof(w));
	memset(journal_memory, 0, sizeof(journal_memory));
	memset(memory, 0, sizeof(memory));
	sealed_count = 0;
	loop_init(&loop);
	w.ops = &ops;
	w.loop = &loop;
	w.settings = &settings;
	w.identity = &identity;
	flowwriter_init(&w, &journal);
	flowwriter_open(&w, &pool);
}

static void give_key(void)
{
	recorder_key_give(&w.recorder);
}

static bool event_comes(void)
{
	struct buf b;
	if (!journal_room(&w.journal, &b))
		return false;
	size_t mark = nlmsg_begin(&b, 258, 0, 1);
	buf_fill(&b, 7, EVENT_BYTES - 16);
	nlmsg_end(&b, mark);
	journal_received(&w.journal, b.len);
	return true;
}

static unsigned events_until_full(void)
{
	unsigned n = 0;
	while (event_comes())
		n++;
	return n;
}

/* As role/flows/flows does with each event: a line, where there is room. */
static unsigned write_events(void)
{
	struct nlmsg m;
	unsigned n = 0;
	for (; journal_next(&w.journal, &m); n++) {
		struct buf *b = flowwriter_room(&w, LINE);
		if (!b)
			break;
		buf_fill(b, 'x', LINE);
		CHECK(!b->overflow);
		flowwriter_wrote(&w, b);
		journal_read(&w.journal);
	}
	flowwriter_settle(&w);
	return n;
}

/* That it waited so much longer. */
static void time_passes(uint64_t ns)
{
	CHECK(w.waiting_ns);
	w.waiting_ns -= ns;
}

static void waits_long(void)
{
	setup();
	CHECK(event_comes() && write_events() == 0);
	time_passes(100 * LONG_NS); /* the journal has room */
	CHECK(event_comes() && write_events() == 0);
	setup();
	events_until_full();
	CHECK(journal_tight(&w.journal) && write_events() == 0);
	time_passes(LONG_NS - NS_PER_S);
	CHECK(write_events() == 0 && !w.dropped);
	CHECK_SPAN(logged_span(), SPAN("(none)"));
	give_key();
	CHECK(write_events() > 1000 && !w.dropped && w.waiting_ns == 0);
	recorder_rotate(&w.recorder);
	CHECK(sealed_count == 1 && sealed.lost == 0);
}

static void drops(void)
{
	setup();
	unsigned events = events_until_full();
	CHECK(write_events() == 0);
	time_passes(LONG_NS + NS_PER_S);
	unsigned dropped = write_events();
	CHECK(dropped == events && w.dropped == events && !journal_tight(&w.journal));
	CHECK_SPAN(logged_span(),
		   SPAN("alarm flows flow-records-lost reason=\"no object could be sealed for long\" "
			"records=0"));
	CHECK_SPAN(logged_span(), SPAN("(none)"));   /* one alarm, not one for each */
	CHECK(event_comes() && write_events() == 0); /* what has room in the journal waits again */
	give_key();
	CHECK(write_events() == 1 && w.dropped == 0);
	char again[128];
	snprintf(again, sizeof(again),
		 "warn flows flow-records-again reason=\"no object could be sealed for long\" records=%u",
		 events);
	CHECK_SPAN(logged_span(), span_str(again));
	recorder_rotate(&w.recorder);
	CHECK(sealed_count == 1 && sealed.records == 1 && sealed.lost == events);
}

static void at_the_end(void)
{
	setup();
	CHECK(event_comes() && event_comes() && write_events() == 0);
	w.hurried = true;
	CHECK(write_events() == 2 && w.dropped == 2);
	CHECK_SPAN(logged_span(),
		   SPAN("alarm flows flow-records-lost reason=\"no object could be sealed for long\" "
			"records=0"));
	flowwriter_end(&w);
	CHECK(!recorder_has_key(&w.recorder));
	CHECK_SPAN(logged_span(),
		   SPAN("alarm flows flow-records-lost reason=\"no object could be sealed for long\" "
			"records=2"));
}

static void logged_packets(void)
{
	setup();
	for (uint32_t seq = 0; seq < 10; seq++)
		if (seq != 3 && seq != 7 && seq != 8)
			flowwriter_logged(&w, seq);
	CHECK(w.logged_lost == 3 && w.logged_next == 10);
	flowwriter_verdicts(&w);
	CHECK(w.logged_lost == 0 && w.logged_done == 10);
	w.logged_next = UINT32_MAX; /* the kernel's number begins anew */
	flowwriter_logged(&w, UINT32_MAX);
	flowwriter_logged(&w, 1);
	CHECK(w.logged_lost == 1 && w.logged_next == (1ull << 32) + 2);
}

int main(void)
{
	logged_begin("flows");
	RUN(waits_long,
	    "records wait while none can be sealed: half a minute, and while the journal has room");
	RUN(drops, "after half a minute with a full journal records are dropped, counted and told once");
	RUN(at_the_end, "at the end what has no room is dropped at once, and how much is told");
	RUN(logged_packets,
	    "missing numbers of logged packets are counted, also where the kernel's number begins anew");
	return check_done();
}
