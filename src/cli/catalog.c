#include "cli/catalog.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

#define TEXT_BYTES (96u * 1048576)
#define APPLIANCES 512
#define FOLDER_MAX 1024
#define DEPTH_MAX 16
#define DAY_NS (86400 * NS_PER_S)
#define DAYS_MAX 100u
#define SKEW_NS (900 * NS_PER_S) /* so far an appliance's clock may be ahead of S3's, which refuses more */

static struct {
	const struct catalog_filter *filter;
	uint32_t count;
	bool full;
	uint64_t strangers;
	size_t text_used;
	const char *appliance; /* the last one put into text; NULL */
	struct catalog_object object[CATALOG_MAX];
	char text[TEXT_BYTES];
	/* folders of appliances, and what they are found by */
	uint32_t folders;
	char folder[APPLIANCES][FOLDER_MAX];
	bool too_many;
	struct span only; /* the name of the last part; empty: any */
} g;

const char *const catalog_storage_classes[] = {
	"STANDARD", "STANDARD_IA",  "ONEZONE_IA",         "INTELLIGENT_TIERING", "GLACIER_IR",
	"GLACIER",  "DEEP_ARCHIVE", "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE",     "OTHER",
};
#define CLASSES (sizeof(catalog_storage_classes) / sizeof(catalog_storage_classes[0]))

bool catalog_is_cold(const struct catalog_object *o)
{
	const char *name = catalog_storage_classes[o->storage];
	return !strcmp(name, "GLACIER") || !strcmp(name, "DEEP_ARCHIVE");
}

static uint8_t class_of(struct span name)
{
	uint8_t i = 0;
	if (name.len == 0)
		return 0;
	while (i < CLASSES - 1u && !span_eq(name, span_str(catalog_storage_classes[i])))
		i++;
	return i;
}

/* ---- what is kept */

static const char *keep(struct span s)
{
	if (s.len >= sizeof(g.text) - g.text_used) {
		g.full = true;
		return "";
	}
	char *to = g.text + g.text_used;
	if (s.len)
		memcpy(to, s.p, s.len);
	to[s.len] = 0;
	g.text_used += s.len + 1;
	return to;
}

/* An object may reach so far: what begins this long before the window may be in. */
static uint64_t reach_ns(uint64_t from_ns)
{
	uint64_t most = CATALOG_OBJECT_MAX_S * NS_PER_S;
	return from_ns > most ? from_ns - most : 0;
}

static uint64_t latest_ns(void)
{
	return g.filter->log_to_ns > g.filter->to_ns ? g.filter->log_to_ns : g.filter->to_ns;
}

static void add(struct catalog_object *o, struct span key)
{
	if (!(g.filter->kinds & 1u << o->kind) ||
	    o->start_ns >= (o->kind == OBJECT_LOG ? latest_ns() : g.filter->to_ns) ||
	    (o->stream[0] && o->start_ns < reach_ns(g.filter->from_ns)))
		return;
	if (g.count == CATALOG_MAX) {
		g.full = true;
		return;
	}
	o->key = keep(key);
	/* most objects are of the same appliance as the one before */
	if (!g.appliance || !span_eq(span_str(g.appliance), o->appliance))
		g.appliance = keep(o->appliance);
	o->appliance = span_str(g.appliance);
	g.object[g.count++] = *o;
}

/* ---- in the bucket */

static bool take_entry(void *arg, const struct bucket_entry *e)
{
	struct catalog_object o;
	(void)arg;
	if (e->key.len >= BUCKET_KEY_MAX || e->version.len >= BUCKET_VERSION_MAX ||
	    catalog_name(e->key, &o)) {
		g.strangers++;
		return true;
	}
	o.version = e->version.len ? keep(e->version) : "";
	o.size_bytes = e->size_bytes;
	o.modified_ns = e->modified_ns;
	o.is_marker = e->is_marker;
	o.is_latest = e->is_latest || !g.filter->versions;
	o.storage = class_of(e->storage_class);
	add(&o, e->key);
	return !g.full;
}

/* Keys of an appliance sort by their hour: none behind the window is asked for, but for a page's rest. */
static bool take_entry_in_time(void *arg, const struct bucket_entry *e)
{
	struct catalog_object o;
	uint64_t hour_ns = 3600 * NS_PER_S;
	if (!catalog_name(e->key, &o) && o.start_ns / hour_ns > latest_ns() / hour_ns)
		return false;
	return take_entry(arg, e);
}

/* "YYYY/MM/DD/HH", or the first characters of it. */
static struct span put_hour(struct buf *b, const char *folder, uint64_t ns, size_t chars)
{
	struct time_civil t = time_civil(ns);
	size_t from;
	buf_str(b, folder);
	from = b->len;
	text_u64_pad(b, t.year, 4);
	buf_u8(b, '/');
	text_u64_pad(b, t.month, 2);
	buf_u8(b, '/');
	text_u64_pad(b, t.day, 2);
	buf_u8(b, '/');
	text_u64_pad(b, t.hour, 2);
	return span_first(buf_span(b), from + chars);
}

/* Objects: from the window's first hour on. */
static enum exit_status list_from(const char *folder)
{
	char text[FOLDER_MAX + 16];
	struct buf after = BUF_OF(text);
	uint64_t from_ns = reach_ns(g.filter->from_ns);
	struct span hour = from_ns ? put_hour(&after, folder, from_ns, 13) : SPAN("");
	return bucket_list_from(false, span_str(folder), hour, take_entry_in_time, NULL);
}

/* Versions: day by day. (From a key marker on, which is no key, not all that play S3 list alike.) */
static enum exit_status list_versions(const char *folder)
{
	uint64_t now_ns = clock_real_ns(), from_ns = reach_ns(g.filter->from_ns), to_ns = latest_ns();
	if (to_ns > now_ns + DAY_NS)
		to_ns = now_ns + DAY_NS;
	if (from_ns > to_ns || to_ns - from_ns > DAYS_MAX * DAY_NS)
		return bucket_list_from(true, span_str(folder), SPAN(""), take_entry, NULL);
	enum exit_status s = EXIT_DONE;
	for (uint64_t day = from_ns / DAY_NS; !s && day <= to_ns / DAY_NS && !g.full; day++) {
		char text[FOLDER_MAX + 16];
		struct buf b = BUF_OF(text);
		struct span prefix = put_hour(&b, folder, day * DAY_NS, 11);
		s = bucket_list_from(true, prefix, SPAN(""), take_entry, NULL);
	}
	return s;
}

static bool take_folder(void *arg, const struct bucket_entry *e)
{
	bool *last = arg;
	struct span name = span_first(e->key, e->key.len - 1);
	for (size_t i = name.len; i; i--) {
		if (name.p[i - 1] == '/') {
			name = span_from(name, i);
			break;
		}
	}
	if (*last && g.only.len && !span_eq(name, g.only))
		return true;
	if (g.folders == APPLIANCES || e->key.len >= FOLDER_MAX) {
		g.too_many = true;
		return false;
	}
	char *to = g.folder[g.folders++];
	memcpy(to, e->key.p, e->key.len);
	to[e->key.len] = 0;
	return true;
}

/* The folders two levels of which are accounts and regions, the third appliances. */
static enum exit_status find_appliances(void)
{
	const struct session_names *n = session_names();
	struct buf top = BUF_OF(g.folder[0]);
	buf_str(&top, n->prefix);
	if (top.len)
		buf_u8(&top, '/');
	(void)buf_cstr(&top);
	uint32_t from = 0;
	g.folders = 1;
	g.only = span_str(n->appliance);
	for (unsigned level = 0; level < 3; level++) {
		uint32_t to = g.folders;
		bool last = level == 2;
		for (; from < to; from++) {
			enum exit_status s = bucket_list_folders(g.filter->versions, span_str(g.folder[from]),
								 take_folder, &last);
			if (s)
				return s;
		}
	}
	memmove(g.folder[0], g.folder[from], (size_t)(g.folders - from) * FOLDER_MAX);
	g.folders -= from;
	return g.too_many ? say(EXIT_UNAVAILABLE,
				"there are more than %d folders of accounts, regions and appliances: give a "
				"longer prefix, --bucket BUCKET/PREFIX",
				APPLIANCES)
			  : EXIT_DONE;
}

static enum exit_status list_bucket(void)
{
	enum exit_status s = find_appliances();
	for (uint32_t i = 0; i < g.folders && !s && !g.full; i++)
		s = g.filter->versions ? list_versions(g.folder[i]) : list_from(g.folder[i]);
	return s;
}

/* ---- operands */

/* What stands beside an object (cli/metafile.h). */
static bool is_metafile(struct span name)
{
	struct catalog_object o;
	struct span end = SPAN(".json");
	return span_ends(name, end) && !catalog_name(span_first(name, name.len - end.len), &o);
}

static void take_file(const char *path, const struct stat *st, bool any_name)
{
	struct catalog_object o;
	const char *slash = strrchr(path, '/');
	struct span name = span_str(slash ? slash + 1 : path);
	if (is_metafile(name))
		return;
	bool stranger = catalog_name(name, &o);
	if (stranger && !any_name) {
		g.strangers++;
		return;
	}
	if (stranger) /* what was taken of its name means nothing */
		o = (struct catalog_object){.kind = OBJECT_PACKETS, .end_ns = UINT64_MAX};
	o.version = "";
	o.size_bytes = (uint64_t)st->st_size;
	o.modified_ns = (uint64_t)st->st_mtime * NS_PER_S;
	o.local = o.is_latest = true;
	add(&o, span_str(path));
}

/* A file of a folder. */
static int take_found(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)place;
	if (type == FTW_F)
		take_file(path, st, false);
	return g.full;
}

static enum exit_status take_path(const char *path)
{
	struct stat st;
	bool failed = stat(path, &st) != 0;
	if (!failed && S_ISDIR(st.st_mode))
		failed = nftw(path, take_found, DEPTH_MAX, FTW_PHYS) < 0;
	else if (!failed && !S_ISREG(st.st_mode))
		return say(
			EXIT_NO_INPUT,
			"%s is neither file nor folder: it is read by parts; `sealtap decrypt` reads pipes",
			say_text(span_str(path)));
	else if (!failed)
		take_file(path, &st, g.filter->any_name);
	return failed ? say(EXIT_NO_INPUT, "can't read %s: %s", path, strerror(errno)) : EXIT_DONE;
}

static enum exit_status take_keys(struct span prefix, const char *operand)
{
	uint32_t before = g.count;
	enum exit_status s = bucket_list_from(g.filter->versions, prefix, SPAN(""), take_entry, NULL);
	if (!s && g.count == before && !catalog_strangers())
		return say(EXIT_NO_INPUT, "there is no %s, neither here nor in the bucket",
			   say_text(span_str(operand)));
	return s;
}

static enum exit_status take_operand(const char *operand)
{
	struct span rest = span_str(operand);
	struct stat st;
	if (!span_starts(rest, SPAN("s3://"))) {
		bool here = !stat(operand, &st) || bucket_name().len == 0;
		return here ? take_path(operand) : take_keys(rest, operand);
	}
	rest = span_from(rest, 5);
	enum exit_status s = bucket_use(span_cut(&rest, '/'));
	return s ? s : take_keys(rest, operand);
}

/* ---- order and time */

static int by_place(const void *left, const void *right)
{
	const struct catalog_object *a = left, *b = right;
	int order = span_cmp(a->appliance, b->appliance);
	if (!order)
		order = (a->boot > b->boot) - (a->boot < b->boot);
	if (!order)
		order = strcmp(a->stream, b->stream);
	if (!order)
		order = (a->seq > b->seq) - (a->seq < b->seq);
	if (!order)
		order = strcmp(a->key, b->key);
	if (!order)
		order = (b->modified_ns > a->modified_ns) - (b->modified_ns < a->modified_ns);
	return order ? order : b->is_latest - a->is_latest;
}

static bool same_stream(const struct catalog_object *a, const struct catalog_object *b)
{
	return a->boot == b->boot && !strcmp(a->stream, b->stream) && span_eq(a->appliance, b->appliance);
}

/* By names an object ends where the next of its stream begins. */
static void set_ends(void)
{
	const struct catalog_object *next = NULL, *last = NULL;
	for (uint32_t i = g.count; i--;) {
		struct catalog_object *o = &g.object[i];
		if (!last || !same_stream(o, last))
			next = NULL;
		else if (last->seq != o->seq)
			next = last;
		o->end_ns = next && next->start_ns >= o->start_ns ? next->start_ns : UINT64_MAX;
		last = o;
	}
}

/* Names prove nothing: a next object may have been put there to hide this one. What S3 got before holds
 * nothing of later; of files nobody vouches for a time, they reach as far as any object does. */
static bool reaches(const struct catalog_object *o, uint64_t from_ns)
{
	return o->local || o->modified_ns + SKEW_NS > from_ns;
}

static void drop_what_ends_before(uint64_t from_ns)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < g.count; i++) {
		const struct catalog_object *o = &g.object[i];
		bool before = g.filter->one_before && i + 1 < g.count && same_stream(o, o + 1) &&
			      reaches(o + 1, from_ns);
		if (before || reaches(o, from_ns))
			g.object[kept++] = *o;
	}
	g.count = kept;
}

enum exit_status catalog_read(const struct catalog_filter *f, char **operands)
{
	enum exit_status s = EXIT_DONE;
	g.filter = f;
	g.count = 0;
	g.full = g.too_many = false;
	g.strangers = 0;
	g.text_used = 0;
	g.appliance = NULL;
	if (!operands || !*operands)
		s = list_bucket();
	for (; operands && *operands && !s; operands++)
		s = take_operand(*operands);
	if (s)
		return s;
	if (g.full)
		return say(EXIT_UNAVAILABLE, "more than %u objects: narrow it by --from, --to or --appliance",
			   g.count);
	qsort(g.object, g.count, sizeof(g.object[0]), by_place);
	set_ends();
	drop_what_ends_before(f->from_ns);
	return EXIT_DONE;
}

uint32_t catalog_count(void)
{
	return g.count;
}

const struct catalog_object *catalog_at(uint32_t i)
{
	return &g.object[i];
}

uint64_t catalog_strangers(void)
{
	return g.strangers;
}

enum exit_status catalog_nothing(void)
{
	const struct session_names *n = session_names();
	if (bucket_name().len == 0)
		return say(EXIT_NO_INPUT, "no object of an appliance is there");
	return say(EXIT_NO_INPUT, "no object of an appliance%s%s is there in that time: %s%s",
		   n->appliance[0] ? " named " : "", n->appliance, bucket_url(span_str(n->prefix)),
		   g.strangers ? "; what has other names was left out" : "");
}

enum exit_status catalog_choose(struct catalog_filter *f, const char *kinds, char **operands)
{
	enum exit_status s = session_begin();
	if (!s)
		s = catalog_kinds(kinds, &f->kinds);
	if (!s)
		s = catalog_read(f, operands);
	return s || catalog_count() ? s : catalog_nothing();
}
