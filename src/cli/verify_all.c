#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/call.h"
#include "cli/interrupt.h"
#include "cli/keyring.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/verify.h"
#include "cli/verify_ahead.h"
#include "cli/verify_scope.h"
#include "os/clock.h"
#include "record/ledger_line.h"

/* What an entry of the catalog is to be. */
enum part { PART_EVIDENCE, PART_OVERWRITTEN, PART_DELETED, PART_MARKER };

static struct {
	const struct verify_options *o;
	struct verify_result *result;
	struct ledger ledger;
	struct inspect inspect;
	struct ledger_entry entries[CATALOG_MAX];
	uint8_t part[CATALOG_MAX];
	uint32_t order[CATALOG_MAX];  /* evidence, in the catalog's order */
	uint32_t sorted[CATALOG_MAX]; /* evidence by boot, stream, number: for names in the inventory */
	uint32_t count;
	uint32_t entry;                  /* that is inspected */
	enum exit_status kept;           /* the first that kept an object from being read or opened */
	enum exit_status no_key;         /* why there was none for the last object that had none */
	uint8_t no_key_of[SHA256_BYTES]; /* its encrypted data keys and context */
} g;

/* ---- versions */

static bool same_number(const struct catalog_object *a, const struct catalog_object *b)
{
	return a->boot == b->boot && a->seq == b->seq && strcmp(a->stream, b->stream) == 0 &&
	       span_eq(a->appliance, b->appliance);
}

/* S3 lists the newest version of a key first, and its times are of whole seconds. */
static bool is_older(uint32_t i, uint32_t than)
{
	uint64_t a = catalog_at(i)->modified_ns, b = catalog_at(than)->modified_ns;
	return a < b || (a == b && i > than);
}

/* Of entries from..to-1, all of one number: the oldest version of each key is the evidence. Of more than so
 * many keys each further one is taken for it: it is read, and found to be another of its number. */
#define KEYS 16

struct key {
	const char *key;
	uint32_t oldest;
	bool any; /* a version that is no marker */
};

static struct key *key_of(struct key *keys, unsigned *count, const struct catalog_object *o)
{
	for (unsigned k = 0; k < *count; k++)
		if (strcmp(keys[k].key, o->key) == 0)
			return &keys[k];
	if (*count == KEYS)
		return NULL;
	keys[*count] = (struct key){.key = o->key};
	return &keys[(*count)++];
}

static void sort_versions(uint32_t from, uint32_t to)
{
	struct key keys[KEYS];
	unsigned count = 0;
	for (uint32_t i = from; i < to; i++) {
		struct key *k = key_of(keys, &count, catalog_at(i));
		if (!k || catalog_at(i)->is_marker)
			continue;
		if (!k->any || is_older(i, k->oldest))
			k->oldest = i;
		k->any = true;
	}
	for (uint32_t i = from; i < to; i++) {
		const struct key *k = key_of(keys, &count, catalog_at(i));
		bool marker = catalog_at(i)->is_marker;
		g.part[i] = (uint8_t)(marker && k && k->any  ? PART_MARKER
				      : marker               ? PART_DELETED
				      : !k || k->oldest == i ? PART_EVIDENCE
							     : PART_OVERWRITTEN);
	}
}

static uint32_t group_end(uint32_t from)
{
	uint32_t to = from + 1;
	while (to < catalog_count() && same_number(catalog_at(from), catalog_at(to)))
		to++;
	return to;
}

static int by_number(const void *a, const void *b)
{
	const struct catalog_object *x = catalog_at(*(const uint32_t *)a),
				    *y = catalog_at(*(const uint32_t *)b);
	if (x->boot != y->boot)
		return x->boot < y->boot ? -1 : 1;
	int stream = strcmp(x->stream, y->stream);
	return stream ? stream : x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void plan(void)
{
	g.count = 0;
	for (uint32_t from = 0, to; from < catalog_count(); from = to) {
		to = group_end(from);
		sort_versions(from, to);
		/* names without -rN first */
		for (unsigned beside = 0; beside < 2; beside++)
			for (uint32_t i = from; i < to; i++)
				if (g.part[i] == PART_EVIDENCE && (catalog_at(i)->beside != 0) == beside)
					g.order[g.count++] = i;
	}
	memcpy(g.sorted, g.order, g.count * sizeof(g.sorted[0]));
	qsort(g.sorted, g.count, sizeof(g.sorted[0]), by_number);
}

/* ---- what the ledger asks */

static struct inspect_name name_of(const struct catalog_object *o)
{
	struct inspect_name n = {
		.appliance = o->appliance,
		.boot = o->boot,
		.start_ns = o->start_ns,
		.seq = o->seq,
		.kind = o->kind,
		.torn = o->torn,
	};
	memcpy(n.stream, o->stream, sizeof(n.stream));
	return n;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_next(const struct catalog_object *before, const struct catalog_object *o)
{
	return o->boot == before->boot && o->seq == before->seq + 1 && !strcmp(o->stream, before->stream);
}

static uint32_t find(void *arg, struct span name, struct inspect_name *n)
{
	struct catalog_object want;
	char text[BUCKET_KEY_MAX];
	(void)arg;
	memset(n, 0, sizeof(*n));
	if (name.len >= sizeof(text) || catalog_name(name, &want))
		return LEDGER_NONE;
	memcpy(text, name.p, name.len);
	text[name.len] = 0;
	*n = name_of(&want);
	uint32_t low = 0, high = g.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct catalog_object *o = catalog_at(g.sorted[middle]);
		int stream = strcmp(o->stream, want.stream);
		bool less = o->boot != want.boot ? o->boot < want.boot
			    : stream             ? stream < 0
						 : o->seq < want.seq;
		if (less)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < g.count; low++) {
		const struct catalog_object *o = catalog_at(g.sorted[low]);
		if (o->boot != want.boot || o->seq != want.seq || strcmp(o->stream, want.stream) != 0)
			break;
		if (o->local ? !strcmp(base_name(o->key), base_name(text)) : !strcmp(o->key, text))
			return g.sorted[low];
	}
	if (low < g.count && is_next(&want, catalog_at(g.sorted[low])))
		want.end_ns = catalog_at(g.sorted[low])->start_ns;
	return verify_scope_has(&want, text) ? LEDGER_NONE : LEDGER_ELSEWHERE;
}

static void finding(void *arg, const struct ledger_finding *f)
{
	const struct catalog_object *o = f->entry == LEDGER_NONE ? NULL : catalog_at(f->entry);
	struct ledger_finding told = *f;
	(void)arg;
	if (o && !told.from_ns)
		told.from_ns = o->start_ns;
	g.o->finding(g.o->arg, &told, o);
}

/* ---- one object */

static void line(void *arg, struct span text)
{
	(void)arg;
	ledger_line_read(&g.ledger, g.entry, g.inspect.name.boot, text);
}

static void keep(enum exit_status status)
{
	g.result->unopened++;
	if (!g.kept)
		g.kept = status;
}

/* An operator's key file opens objects of one data key: the others are none the worse for it. */
static bool fits(const struct esdk_header *h, const uint8_t data_key[ESDK_KEY_BYTES])
{
	struct esdk_derived keys;
	esdk_derive(h->suite, data_key, h->id, &keys);
	bool same = equal_ct(keys.commitment, h->commitment, sizeof(keys.commitment));
	wipe(&keys, sizeof(keys));
	return same;
}

static void mark(const struct esdk_header *h, uint8_t of[SHA256_BYTES])
{
	struct sha256 sha;
	sha256_init(&sha);
	sha256_update(&sha, h->edks);
	sha256_update(&sha, h->aad);
	sha256_final(&sha, of);
}

/* KMS is asked once for a data key that it denies: objects under it follow one another. Of others that says
 * nothing, even of the same KMS key: rights go by the context, too, and who may write to the bucket can plant
 * what is denied. */
static enum exit_status get_key(const struct catalog_object *o, uint8_t data_key[ESDK_KEY_BYTES])
{
	const struct esdk_header *h = &g.inspect.envelope.header;
	uint8_t of[SHA256_BYTES];
	mark(h, of);
	if (g.no_key && memcmp(of, g.no_key_of, sizeof(of)) == 0)
		return g.no_key;
	enum exit_status e = keyring_get(h, span_str(o->key), data_key);
	if (e != EXIT_DENIED && e != EXIT_NOT_SET_UP)
		return e;
	memcpy(g.no_key_of, of, sizeof(of));
	return g.no_key = e;
}

/* The data key; without one the object is checked as with --public-only. */
static void give_key(const struct catalog_object *o)
{
	const char *file = session_names()->key_file;
	uint8_t data_key[ESDK_KEY_BYTES];
	enum exit_status e = get_key(o, data_key);
	if (e == EXIT_DONE && file && !fits(&g.inspect.envelope.header, data_key))
		e = say(EXIT_NOT_SET_UP, "%s: the key in %s is not its data key, or its header was altered",
			say_text(span_str(o->key)), file);
	if (e == EXIT_DONE)
		inspect_key(&g.inspect, data_key);
	else if (e == EXIT_DAMAGED)
		g.inspect.flaws |= INSPECT_BIT(KMS);
	else
		keep(e);
	wipe(data_key, sizeof(data_key));
}

/* The name that was signed: without -rN. */
static struct span full_name(const struct catalog_object *o, const struct verify_told *told,
			     char out[BUCKET_KEY_MAX])
{
	char again[8] = "";
	struct buf b = buf_over(out, BUCKET_KEY_MAX);
	struct span key = span_str(told->key);
	if (o->beside) {
		again[0] = '-';
		again[1] = 'r';
		again[2] = (char)('0' + o->beside);
		again[3] = '.';
		for (size_t i = key.len; i-- > 0;) {
			if (!span_starts(span_from(key, i), span_str(again)))
				continue;
			buf_put(&b, span_first(key, i));
			buf_put(&b, span_from(key, i + 3));
			return buf_span(&b);
		}
	}
	buf_put(&b, key);
	return buf_span(&b);
}

static enum exit_status inspect_bytes(const struct catalog_object *o)
{
	struct span bytes;
	for (;;) {
		enum exit_status e = verify_ahead_bytes(&bytes);
		if (e || bytes.len == 0)
			return e;
		progress_add(bytes.len);
		while (inspect_feed(&g.inspect, &bytes) == INSPECT_WANTS_KEY)
			give_key(o);
	}
}

/* Reads it whole: g.inspect. */
static enum exit_status inspect_object(uint32_t entry, struct verify_told *told)
{
	static char full[BUCKET_KEY_MAX];
	const struct catalog_object *o = catalog_at(entry);
	struct inspect_name n = name_of(o);
	struct catalog_object known;
	enum exit_status e = verify_ahead_object(told);
	if (e)
		return e;
	n.full = full_name(o, told, full);
	/* a file's place says nothing of the appliance; what was written beside it does */
	if (o->local && n.full.len && !catalog_name(n.full, &known))
		n.appliance = known.appliance;
	g.entry = entry;
	g.inspect.line = line;
	ledger_enter(&g.ledger, &n);
	inspect_begin(&g.inspect, &n, told->has_meta, &told->meta, g.o->public_only);
	e = inspect_bytes(o);
	if (!e)
		inspect_end(&g.inspect, told->size_bytes, told->has_sha256 ? told->sha256 : NULL);
	return e;
}

static bool is_good(void)
{
	return g.inspect.flaws == 0 && g.inspect.sig != INSPECT_SIG_UNKNOWN;
}

static void say_other(uint32_t entry, const char *kind, const char *text)
{
	struct inspect_name n = name_of(catalog_at(entry));
	ledger_other(&g.ledger, entry, &n, kind, text);
}

/* Objects from..to-1 of the order, all of one number: the first good one is the evidence, else the last. */
static void take_number(uint32_t from, uint32_t to)
{
	struct verify_told told;
	bool taken = false;
	for (uint32_t i = from; i < to; i++) {
		enum exit_status e = inspect_object(g.order[i], &told);
		if (e) {
			keep(e);
			struct inspect_name n = name_of(catalog_at(g.order[i]));
			ledger_unread(&g.ledger, g.order[i], &n);
			continue;
		}
		if (taken || (!is_good() && i + 1 < to)) {
			say_other(g.order[i], "duplicated",
				  "another object of the same number stands beside it");
			continue;
		}
		taken = true;
		if (catalog_at(g.order[i])->local && told.stored_ns > g.ledger.now_ns)
			told.stored_ns = 0; /* nothing vouches for what a file beside it says */
		struct ledger_object l = {.entry = g.order[i],
					  .inspect = &g.inspect,
					  .stored_ns = told.stored_ns,
					  .beside = catalog_at(g.order[i])->beside};
		ledger_object(&g.ledger, &l);
		g.result->clocks_unsynchronised +=
			g.inspect.inside.known && strcmp(g.inspect.inside.clock, "unsynchronised") == 0;
	}
}

static void say_versions(uint32_t from, uint32_t to)
{
	static const struct {
		const char *kind, *text;
	} words[] = {
		[PART_OVERWRITTEN] = {"overwritten",
				      "a later version stands over the evidence, which is still there"},
		[PART_DELETED] = {"deleted", "it was deleted, and no version of it is left"},
		[PART_MARKER] = {"deleted", "a delete marker stands over the evidence, which is still there"},
	};
	for (uint32_t i = from; i < to; i++)
		if (g.part[i] != PART_EVIDENCE)
			say_other(i, words[g.part[i]].kind, words[g.part[i]].text);
}

/* ---- all */

static void take_all(void)
{
	uint32_t at = 0;
	for (uint32_t from = 0, to; from < catalog_count() && !interrupt_happened(); from = to) {
		to = group_end(from);
		uint32_t end = at;
		while (end < g.count && g.order[end] < to)
			end++;
		take_number(at, end);
		say_versions(from, to);
		at = end;
	}
}

static bool has_log(void)
{
	for (uint32_t i = 0; i < catalog_count(); i++)
		if (catalog_at(i)->kind == OBJECT_LOG)
			return true;
	return false;
}

/* Besides log objects that are read for what they list. */
static bool is_anything_there(void)
{
	for (uint32_t i = 0; i < catalog_count(); i++)
		if (catalog_at(i)->start_ns < g.o->to_ns)
			return true;
	return false;
}

static uint64_t all_bytes(void)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < g.count; i++)
		bytes += catalog_at(g.order[i])->size_bytes;
	return bytes;
}

static enum exit_status outcome(void)
{
	const uint64_t *found = g.result->sums.findings;
	return found[LEDGER_DAMAGE] ? EXIT_DAMAGED
	       : g.kept             ? g.kept
	       : found[LEDGER_GAP]  ? EXIT_INCOMPLETE
				    : EXIT_DONE;
}

enum exit_status verify_all(char **operands, const struct verify_options *o, struct verify_result *result)
{
	bool window = o->from_ns != 0 || o->to_ns != UINT64_MAX;
	struct catalog_filter filter = {
		.from_ns = o->from_ns, .to_ns = o->to_ns, .kinds = UINT32_MAX, .versions = true};
	if (o->to_ns < UINT64_MAX - LEDGER_WITNESS_S * NS_PER_S)
		filter.log_to_ns = o->to_ns + LEDGER_WITNESS_S * NS_PER_S;
	uint64_t began_ns = clock_real_ns();
	enum exit_status e = catalog_read(&filter, operands);
	if (e)
		return e;
	g.ledger.now_ns = began_ns + (uint64_t)call_ahead_ns(); /* S3 tells when objects were stored */
	*result = (struct verify_result){.strangers = catalog_strangers()};
	g.o = o;
	verify_scope_begin(operands, o->from_ns, o->to_ns);
	g.result = result;
	g.kept = g.no_key = EXIT_DONE;
	if (!is_anything_there())
		return say(EXIT_NO_INPUT, "there is nothing to verify: no object of the format is there%s",
			   window ? " in that time" : "");
	plan();
	g.ledger.entries = g.entries;
	g.ledger.entry_count = catalog_count();
	g.ledger.subset = operands[0] && !has_log();
	g.ledger.narrow = verify_scope_is_narrow();
	g.ledger.files = catalog_at(0)->local;
	g.ledger.one_appliance = session_names()->appliance[0] != 0;
	g.ledger.partial = window || g.ledger.subset || g.ledger.narrow;
	g.ledger.from_ns = o->from_ns;
	g.ledger.to_ns = o->to_ns;
	g.ledger.witness_ns = g.ledger.files || g.ledger.narrow ? 0 : LEDGER_WITNESS_S * NS_PER_S;
	g.ledger.public_only = o->public_only;
	g.ledger.finding = finding;
	g.ledger.find = find;
	ledger_begin(&g.ledger);
	progress_begin("verifying", all_bytes());
	verify_ahead_begin(g.order, g.count);
	interrupt_watch();
	take_all();
	progress_end();
	if (interrupt_happened())
		return say(EXIT_INTERRUPTED, "interrupted: nothing is said of what was not read");
	ledger_end(&g.ledger);
	keyring_wipe();
	result->sums = g.ledger.sums;
	result->subset = g.ledger.subset;
	result->partial = g.ledger.partial;
	result->witnessed = g.ledger.witness_ns != 0;
	return outcome();
}
