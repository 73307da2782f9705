#include <errno.h>
#include <string.h>

#include "base/crc.h"
#include "cli/catalog.h"
#include "cli/fetched.h"
#include "cli/progress.h"
#include "cli/salvage.h"
#include "cli/say.h"
#include "record/commit.h"

#define PIECE_BYTES (1024u * 1024)

static struct {
	FILE *in;
	const char *name, *folder;
	const struct volume_header *h;
	uint32_t written, there, torn, broken;
	uint8_t piece[PIECE_BYTES];
} g;

static enum err read_at(uint64_t at, uint8_t *to, size_t len)
{
	if (fseeko(g.in, (off_t)at, SEEK_SET))
		return ERR_SYSTEM;
	return fread(to, 1, len, g.in) == len ? ERR_OK : ferror(g.in) ? ERR_DEVICE : ERR_TRUNCATED;
}

/* ---- the bytes of an object: the message, then what completes an open one */

static enum err for_each_piece(uint64_t at, uint64_t len, uint32_t want_crc, bool has_crc, struct fetched *f,
			       enum exit_status *failed)
{
	uint32_t crc = 0;
	for (uint64_t done = 0; done < len;) {
		size_t n = len - done < sizeof(g.piece) ? (size_t)(len - done) : sizeof(g.piece);
		TRY(read_at(at + done, g.piece, n));
		crc = crc32c_more(crc, span_of(g.piece, n));
		if (f && (*failed = fetched_write(f, span_of(g.piece, n))))
			return ERR_SYSTEM;
		done += n;
	}
	return !has_crc || crc == want_crc ? ERR_OK : ERR_CHECKSUM;
}

/* All that a record speaks of; to a file, or NULL: looked at alone. *failed: the file could not be written.
 * */
static enum err read_object(uint64_t slot, const struct commit *c, struct fetched *f,
			    enum exit_status *failed)
{
	bool open = c->state == COMMIT_OPEN;
	if (c->data_bytes + (open ? c->side_bytes : 0) > g.h->slot_bytes - COMMIT_DATA_OFFSET)
		return ERR_RANGE;
	TRY(for_each_piece(slot + COMMIT_DATA_OFFSET, c->data_bytes, c->data_crc, true, f, failed));
	return open ? for_each_piece(slot + commit_side_offset(c->generation), c->side_bytes, c->side_crc,
				     true, f, failed)
		    : ERR_OK;
}

/* The newest record whose object is there: the last one may speak of what did not reach the disk. */
static enum err find_object(uint64_t slot, struct commit *c)
{
	uint8_t records[2 * COMMIT_RECORD_BYTES];
	enum exit_status unused;
	TRY(read_at(slot, records, sizeof(records)));
	for (;;) {
		TRY(commit_read_newest(records, c));
		if (c->state == COMMIT_FREE || (c->state == COMMIT_OPEN && c->side_bytes == 0))
			return ERR_NOT_FOUND;
		enum err e = read_object(slot, c, NULL, &unused);
		if (!e)
			return ERR_OK;
		size_t at = commit_record_offset(c->generation);
		memset(records + at, 0, COMMIT_RECORD_BYTES);
		if (commit_read_newest(records, c))
			return e;
	}
}

/* ---- files */

static enum exit_status keep(struct fetched *f, struct commit *c, bool wrong)
{
	struct bucket_head h = {.size_bytes = c->meta.size_bytes, .has_meta = true, .meta = c->meta};
	enum exit_status s = fetched_rename(f, wrong);
	if (!s && !wrong)
		s = fetched_meta(f, span_str(c->meta.name), &h);
	if (s)
		return s;
	g.written += !wrong;
	g.broken += wrong;
	if (wrong)
		say_note("%s: its bytes are not those of its hash", f->path);
	return EXIT_DONE;
}

static enum exit_status write_object(uint32_t i, uint64_t slot, struct commit *c)
{
	struct catalog_object known;
	static struct fetched f;
	uint8_t sha256[SHA256_BYTES];
	enum exit_status s, failed = EXIT_DONE;
	bool open = c->state == COMMIT_OPEN;
	uint64_t bytes = c->data_bytes + (open ? c->side_bytes : 0);
	if (catalog_name(span_str(c->meta.name), &known) || (open && object_torn(&c->meta))) {
		say_note("%s: the object in slot %u has no name of the format: %s", g.name, i,
			 say_text(span_str(c->meta.name)));
		return g.broken++, EXIT_DONE;
	}
	if ((s = fetched_plan(&f, g.folder, c->meta.name, bytes)))
		return s;
	if (f.kind != FETCHED_NEW) {
		say_note("%s is there already", f.path);
		g.there++;
		return EXIT_DONE;
	}
	f.from = 0;
	if ((s = fetched_open(&f)))
		return s;
	enum err e = read_object(slot, c, &f, &failed);
	if (e || failed) {
		fetched_abandon(&f, true);
		return failed ? failed : say(EXIT_NO_INPUT, "can't read %s: %s", g.name, err_text(e));
	}
	if ((s = fetched_close(&f, sha256)))
		return s;
	bool wrong = !open && memcmp(sha256, c->meta.sha256, sizeof(sha256)) != 0;
	c->meta.size_bytes = bytes;
	memcpy(c->meta.sha256, sha256, sizeof(sha256));
	if (c->state != COMMIT_SEALED)
		c->meta.sig_len = 0;
	g.torn += open;
	return keep(&f, c, wrong);
}

static enum exit_status take_slot(uint32_t i)
{
	struct commit c;
	uint64_t slot = volume_slot_offset(g.h, i);
	enum err e = find_object(slot, &c);
	progress_add(g.h->slot_bytes);
	if (e == ERR_NOT_FOUND)
		return EXIT_DONE;
	if (!e)
		return write_object(i, slot, &c);
	g.broken++;
	say_note("%s: slot %u can't be used: %s", g.name, i, err_text(e));
	return EXIT_DONE;
}

enum exit_status salvage_volume(FILE *in, const char *name, const struct volume_header *h, const char *folder)
{
	enum exit_status s = EXIT_DONE;
	g.in = in;
	g.name = name;
	g.h = h;
	g.folder = folder;
	g.written = g.there = g.torn = g.broken = 0;
	progress_begin("reading the volume", (uint64_t)h->slots * h->slot_bytes);
	for (uint32_t i = 0; i < h->slots && !s; i++)
		s = take_slot(i);
	progress_end();
	if (s)
		return s;
	say_note("%s: %u objects were written (%u of them torn, complete up to what was committed), %u were "
		 "there already, %u slots can't be used; boot %016llx %s",
		 name, g.written, g.torn, g.there, g.broken, (unsigned long long)h->boot,
		 h->ended ? "ended in order" : "did not end in order");
	if (g.broken)
		return g.written || g.there ? EXIT_INCOMPLETE : EXIT_DAMAGED;
	return EXIT_DONE;
}
