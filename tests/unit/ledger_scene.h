/* ledger_scene: a ledger, objects that are told to it, and what it said: for the tests of record/ledger*. */
#ifndef SEALTAP_LEDGER_SCENE_H
#define SEALTAP_LEDGER_SCENE_H

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
static const char *appliance_now;
static uint8_t hash[ENTRIES][32];
static uint32_t before; /* entry of the object before in its stream; LEDGER_NONE */

static inline void on_finding(void *arg, const struct ledger_finding *f)
{
	static const char *const words[] = {"note", "gap", "damage"};
	(void)arg;
	snprintf(found[found_count++ % 64], 160, "%s %s %s", words[f->severity], f->kind,
		 f->entry != LEDGER_NONE ? names[f->entry]
		 : f->name               ? f->name
		 : f->stream             ? f->stream
					 : "-");
}

static inline uint32_t on_find(void *arg, struct span name, struct inspect_name *n)
{
	uint64_t seq = 0;
	(void)arg;
	*n = (struct inspect_name){.boot = boot_now};
	if (span_starts(name, SPAN("elsewhere")))
		return LEDGER_ELSEWHERE;
	struct span rest = name, stream = span_cut(&rest, '-');
	memcpy(n->stream, stream.p, stream.len < 7 ? stream.len : 7);
	CHECK(!text_read_u64(rest, UINT32_MAX, &seq));
	n->seq = (uint32_t)seq;
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (names[i][0] && span_eq(name, span_str(names[i])))
			return i;
	return LEDGER_NONE;
}

static inline bool said(const char *what)
{
	for (unsigned i = 0; i < found_count; i++)
		if (!strcmp(found[i], what))
			return true;
	return false;
}

static inline bool says(unsigned n, const char *what)
{
	if (found_count == n && (!n || said(what)))
		return true;
	for (unsigned i = 0; i < found_count; i++)
		printf("  said: %s\n", found[i]);
	return false;
}

static inline void begin(void)
{
	memset(&l, 0, sizeof(l));
	memset(entries, 0, sizeof(entries));
	memset(names, 0, sizeof(names));
	strcpy(names[2], "w0-0"); /* the log lists it before it is readied */
	l.entries = entries;
	l.entry_count = ENTRIES;
	l.now_ns = START_NS + 86400 * NS_PER_S;
	l.to_ns = UINT64_MAX;
	l.finding = on_finding;
	l.find = on_find;
	count = found_count = 0;
	boot_now = BOOT;
	appliance_now = "";
	before = LEDGER_NONE;
	ledger_begin(&l);
}

/* Readies `in` for an object as it should be; what a test changes it changes before add(). */
static inline void ready(const char *stream, uint32_t seq)
{
	struct object_meta *m = &in.meta;
	uint64_t first_ns = START_NS + seq * 240 * NS_PER_S;
	memset(&in, 0, offsetof(struct inspect, hash));
	*m = (struct object_meta){
		.first_ns = first_ns, .last_ns = first_ns + 239 * NS_PER_S, .records = 10, .sig_len = 3};
	in.name = (struct inspect_name){
		.appliance = span_str(appliance_now), .boot = boot_now, .start_ns = first_ns, .seq = seq};
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

static inline uint32_t add(void)
{
	struct ledger_object o = {.entry = count, .inspect = &in, .stored_ns = in.meta.last_ns};
	memcpy(hash[count], in.sha256, 32);
	ledger_object(&l, &o);
	before = count;
	return count++;
}

static inline uint32_t plain(const char *stream, uint32_t seq)
{
	ready(stream, seq);
	return add();
}

/* A line of the log object that is readied. */
static inline void line_of(const char *role, unsigned second, const char *rest)
{
	static char text[1024];
	uint8_t time[64];
	struct buf t = BUF_OF(time);
	time_rfc3339(&t, in.meta.first_ns + second * NS_PER_S);
	snprintf(text, sizeof(text), "{\"time\":\"%.*s\",\"level\":\"info\",\"role\":\"%s\",%s}", (int)t.len,
		 (const char *)time, role, rest);
	ledger_line_read(&l, count, boot_now, span_str(text));
}

static inline void line(unsigned second, const char *rest)
{
	line_of("keys", second, rest);
}

static inline void shipped_by(const char *role, const char *name, uint8_t byte, uint8_t sig)
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
	line_of(role, 1, text);
}

static inline void shipped(const char *name, uint8_t byte, uint8_t sig)
{
	shipped_by("upload", name, byte, sig);
}

static inline void log_begins(void)
{
	ready("log", 0);
	line(0, "\"event\":\"boot\"");
	line(200, "\"event\":\"heartbeat\"");
}

static inline void log_ends(uint32_t seq)
{
	ready("log", seq);
	line(200, "\"event\":\"shutdown\"");
}

/* log-0 (entry 0); log-1 (1), which lists 0, is readied */
static inline void two_logs(void)
{
	log_begins();
	add();
	log_ends(1);
	shipped("log-0", 1, 0);
}

static inline void whole_boot(void)
{
	two_logs();
	shipped("w0-0", 3, 2);
	add();
	plain("w0", 0);
}

#endif
