/* fetch: objects as they are stored, into files. Parts of the objects to come are read ahead of the one
 * that is being written, across objects, so that neither a long one nor many small ones wait for the
 * network. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/fetched.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/source.h"

#define PARTS 12
#define PART_BYTES 4194304u
#define JOBS 24 /* objects that were begun */

/* An object on its way. */
struct job {
	const struct catalog_object *o;
	struct bucket_ask ask; /* its HEAD */
	struct fetched file;
	uint64_t asked, planned; /* offsets: parts were asked for up to here; to be asked for up to here */
	bool again;
};

struct part {
	struct source_read read;
	uint64_t len;
	uint8_t bytes[PART_BYTES];
};

static struct {
	uint64_t from_ns, to_ns;
	const char *kind, *folder;
} asked = {.to_ns = UINT64_MAX, .folder = "."};

/* Apart from what has values at the start: all of it would stand in the program's file. */
static struct {
	struct job job[JOBS];
	struct part part[PARTS];
	uint32_t next, begun, ended; /* objects of the catalog: to be begun; and how many jobs */
	uint32_t asking;             /* job whose parts are asked for */
	uint64_t parts_begun, parts_ended;
	enum exit_status status; /* of what was left out */
	uint64_t bytes, fetched, there, failed;
} g;

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "what reaches behind this time", &asked.from_ns},
	{"--to", OPTION_TIME, "TIME", "what begins before it", &asked.to_ns},
	{"--kind", OPTION_TEXT, "KINDS", "of packets, log, flows; with commas between", &asked.kind},
	{"-d", OPTION_FILE, "DIR", "the folder to put them in (else this one)", &asked.folder},
	{NULL},
};

/* ---- ahead */

/* False: no more of them, or no room. */
static bool begin_job(enum exit_status *s)
{
	while (g.next < catalog_count() && (catalog_at(g.next)->local || catalog_at(g.next)->is_marker))
		g.next++;
	if (g.next == catalog_count() || g.begun - g.ended == JOBS)
		return false;
	struct job *j = &g.job[g.begun % JOBS];
	j->o = catalog_at(g.next++);
	j->again = false;
	*s = fetched_plan(&j->file, asked.folder, j->o->key, j->o->size_bytes);
	if (*s)
		return false;
	bool wanted = j->file.kind == FETCHED_NEW;
	j->asked = wanted ? j->file.from : 0;
	j->planned = wanted ? j->o->size_bytes : 0;
	bucket_head_start(&j->ask, span_str(j->o->key), span_str(j->o->version));
	g.begun++;
	return true;
}

static void begin_part(struct job *j)
{
	struct part *p = &g.part[g.parts_begun++ % PARTS];
	uint64_t left = j->planned - j->asked;
	p->len = left < PART_BYTES ? left : PART_BYTES;
	source_start(&p->read, j->o, j->asked, p->len, p->bytes);
	j->asked += p->len;
}

static enum exit_status look_ahead(void)
{
	enum exit_status s = EXIT_DONE;
	while (!s && g.parts_begun - g.parts_ended < PARTS) {
		if (g.asking == g.begun && !begin_job(&s))
			break;
		struct job *j = &g.job[g.asking % JOBS];
		if (j->asked < j->planned)
			begin_part(j);
		else
			g.asking++;
	}
	return s;
}

/* ---- one object */

static struct part *oldest_part(const struct job *j)
{
	struct part *p = &g.part[g.parts_ended % PARTS];
	return g.parts_ended < g.parts_begun && p->read.object == j->o ? p : NULL;
}

/* What was asked for ahead, and no more will be. */
static void drop_parts(struct job *j)
{
	j->planned = j->asked;
	for (struct part *p; (p = oldest_part(j)); g.parts_ended++)
		call_abort(&p->read.call);
}

/* One that is denied or gone leaves the others: the failure is remembered. */
static enum exit_status left_out(enum err e, enum exit_status s)
{
	g.failed++;
	if (e != ERR_DENIED && e != ERR_NOT_FOUND && e != ERR_UNSUPPORTED && e != ERR_CONFLICT)
		return s;
	g.status = !g.status || g.status == s ? s : EXIT_INCOMPLETE;
	return EXIT_DONE;
}

static enum exit_status write_parts(struct job *j)
{
	enum exit_status s = look_ahead();
	for (struct part *p; !s && (p = oldest_part(j));) {
		enum err e = source_wait(&p->read);
		if (!e && j->ask.head.etag[0] && strcmp(p->read.etag, j->ask.head.etag) != 0)
			e = p->read.error = ERR_CONFLICT;
		if (e) {
			s = source_say(&p->read, "fetch");
			drop_parts(j);
			fetched_abandon(&j->file, false);
			enum exit_status after = left_out(e, s);
			return after ? after : EXIT_INCOMPLETE;
		}
		s = fetched_write(&j->file, p->read.bytes);
		g.parts_ended++;
		g.bytes += p->len;
		progress_add(p->len);
		if (!s)
			s = look_ahead();
	}
	return s;
}

/* What the bytes must hash to; false: nobody says. */
static bool wanted_hash(const struct bucket_head *h, uint8_t sha[SHA256_BYTES])
{
	struct buf b = buf_over(sha, SHA256_BYTES);
	if (h->has_meta)
		memcpy(sha, h->meta.sha256, SHA256_BYTES);
	return h->has_meta || (h->checksum_sha256[0] && !text_read_base64(span_str(h->checksum_sha256), &b) &&
			       b.len == SHA256_BYTES);
}

static enum exit_status say_damaged(const struct job *j, const char *path)
{
	g.failed++;
	g.status = EXIT_DAMAGED;
	(void)say(EXIT_DAMAGED, "%s is not what its metadata says: another SHA-256; see %s",
		  bucket_url(span_str(j->o->key)), path);
	return EXIT_DONE;
}

static enum exit_status finish_file(struct job *j)
{
	uint8_t is[SHA256_BYTES], wanted[SHA256_BYTES];
	enum exit_status s = fetched_close(&j->file, is);
	if (s)
		return s;
	bool damaged = wanted_hash(&j->ask.head, wanted) && memcmp(is, wanted, sizeof(is)) != 0;
	if (damaged && j->file.from && !j->again) { /* what was there was of something else */
		j->again = true;
		return EXIT_DONE;
	}
	s = fetched_rename(&j->file, damaged);
	if (s)
		return s;
	if (damaged) {
		char path[FETCHED_PATH_MAX + 16];
		struct buf b = BUF_OF(path);
		buf_str(&b, j->file.path);
		buf_str(&b, ".damaged");
		return say_damaged(j, buf_cstr(&b));
	}
	g.fetched++;
	return fetched_meta(&j->file, span_str(j->o->key), &j->ask.head);
}

static enum exit_status check_what_is_there(struct job *j)
{
	uint8_t is[SHA256_BYTES], wanted[SHA256_BYTES];
	bool other = j->file.kind == FETCHED_OTHER;
	if (!other) {
		enum exit_status s = fetched_hash(&j->file, is);
		if (s)
			return s;
		other = wanted_hash(&j->ask.head, wanted) && memcmp(is, wanted, sizeof(is)) != 0;
	}
	if (other) {
		g.failed++;
		g.status = EXIT_OUTPUT;
		(void)say(EXIT_OUTPUT,
			  "%s: %s is there and is something else: it was left as it is; choose another "
			  "folder, -d DIR",
			  bucket_url(span_str(j->o->key)), j->file.path);
		return EXIT_DONE;
	}
	g.there++;
	return fetched_meta(&j->file, span_str(j->o->key), &j->ask.head);
}

static enum exit_status fetch_one(struct job *j)
{
	enum err e = bucket_head_end(&j->ask);
	if (e) {
		drop_parts(j);
		enum exit_status s = call_say(&j->ask.call, "fetch",
					      span_str(bucket_url(span_str(j->o->key))), "s3:GetObject");
		return left_out(e, s);
	}
	fetched_look(&j->file, j->o->key, j->o->size_bytes);
	j->again = j->file.kind == FETCHED_NEW && !fetched_goes_on(&j->file);
	if (j->file.kind != FETCHED_NEW || j->again) {
		drop_parts(j);
		return j->again ? EXIT_DONE : check_what_is_there(j);
	}
	enum exit_status s = fetched_open(&j->file);
	if (!s)
		s = write_parts(j);
	if (s == EXIT_INCOMPLETE && j->file.fd < 0)
		return EXIT_DONE; /* said; the others go on */
	return s ? s : finish_file(j);
}

/* Once more, from its beginning: the jobs after it have been asked for already, so its parts come first. */
static enum exit_status fetch_again(struct job *j)
{
	static struct part p;
	enum exit_status s;
	j->file.from = 0;
	s = fetched_open(&j->file);
	for (uint64_t at = 0; !s && at < j->o->size_bytes; at += p.len) {
		p.len = j->o->size_bytes - at < PART_BYTES ? j->o->size_bytes - at : PART_BYTES;
		source_start(&p.read, j->o, at, p.len, p.bytes);
		if (source_wait(&p.read))
			s = source_say(&p.read, "fetch");
		else
			s = fetched_write(&j->file, p.read.bytes);
	}
	return s ? s : finish_file(j);
}

/* ---- all of them */

static enum exit_status fetch_all(void)
{
	enum exit_status s = look_ahead();
	while (!s && g.ended < g.begun) {
		struct job *j = &g.job[g.ended % JOBS];
		s = fetch_one(j);
		if (!s && j->again)
			s = fetch_again(j);
		g.ended++;
		if (!s)
			s = look_ahead();
	}
	return s;
}

static uint64_t total_bytes(void)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < catalog_count(); i++)
		sum += catalog_at(i)->is_marker ? 0 : catalog_at(i)->size_bytes;
	return sum;
}

static enum exit_status run(char **operands)
{
	struct catalog_filter f = {.from_ns = asked.from_ns, .to_ns = asked.to_ns};
	if (!operands[0] && asked.from_ns == 0 && asked.to_ns == UINT64_MAX)
		return say(EXIT_WRONG_USAGE,
			   "which objects? name some, or a time: --from, --to (--from 1970-01-02 "
			   "is all there are)");
	enum exit_status s = catalog_choose(&f, asked.kind, operands);
	if (s)
		return s;
	if (mkdir(asked.folder, 0777) && errno != EEXIST)
		return say(EXIT_OUTPUT, "can't make the folder %s: %s", asked.folder, strerror(errno));
	progress_begin("fetching", total_bytes());
	s = fetch_all();
	progress_end();
	if (s)
		say_note(
			"stopped: %llu objects fetched, %llu were there; the same command goes on from there",
			(unsigned long long)g.fetched, (unsigned long long)g.there);
	else
		say_note("%llu objects fetched, %llu were there already, %llu failed",
			 (unsigned long long)g.fetched, (unsigned long long)g.there,
			 (unsigned long long)g.failed);
	if (s)
		return s;
	return g.status && g.status != EXIT_DAMAGED && g.fetched + g.there ? EXIT_INCOMPLETE : g.status;
}

const struct command cmd_fetch = {
	.name = "fetch",
	.operands = "[OBJECT...]",
	.summary = "copy objects as they are stored, with their metadata, into files",
	.text = "FILE gets the ciphertext, FILE.json what S3 tells of it: sealtap verify and\n"
		"open take such files without S3. While it grows it is FILE.part: after an\n"
		"interruption the same command goes on from there. Its SHA-256 must be the one\n"
		"in the metadata, else it is kept as FILE.damaged. Nothing else that is there\n"
		"is overwritten; of objects with one file name in several folders of the\n"
		"bucket the first is fetched, and the others are said.\n"
		"\n"
		"  sealtap fetch --from '2026-11-22 10:00' --to '2026-11-22 11:00' -d case-17\n"
		"  sealtap fetch s3://BUCKET/KEY\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
