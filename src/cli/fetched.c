#include "cli/fetched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/metafile.h"
#include "cli/say.h"

#define READ_BYTES 1048576

static uint8_t scratch[READ_BYTES];

static enum exit_status cant(const char *what, const char *path)
{
	int why = errno;
	return say(EXIT_OUTPUT, "can't %s %s: %s%s", what, path, strerror(why),
		   why == ENOSPC || why == EDQUOT
			   ? "; make room, then run the command again: it goes on from there"
			   : "");
}

static bool join(char *to, const char *first, const char *between, const char *last)
{
	struct buf b = buf_over(to, FETCHED_PATH_MAX);
	buf_str(&b, first);
	buf_str(&b, between);
	buf_str(&b, last);
	return buf_cstr(&b) != NULL;
}

enum exit_status fetched_plan(struct fetched *f, const char *folder, const char *key, uint64_t size_bytes)
{
	struct stat st;
	const char *slash = strrchr(key, '/');
	f->fd = -1;
	f->from = 0;
	/* room for the longest of the endings */
	if (!join(f->part, folder, "/", slash ? slash + 1 : key) || !join(f->path, f->part, "", "") ||
	    !join(f->part, f->path, "", ".damaged") || !join(f->part, f->path, "", ".part"))
		return say(EXIT_WRONG_USAGE, "the name of the folder is too long: %s", folder);
	fetched_look(f, key, size_bytes);
	if (f->kind == FETCHED_NEW && !stat(f->part, &st) && (uint64_t)st.st_size <= size_bytes)
		f->from = (uint64_t)st.st_size;
	return EXIT_DONE;
}

/* The metadata beside it tell whose it is: objects in several folders of a bucket may have one file name. */
static bool is_of_another(const struct fetched *f, const char *key)
{
	static struct bucket_head h;
	char of[BUCKET_KEY_MAX];
	enum err e = metafile_load(f->path, &h, of);
	return e != ERR_NOT_FOUND && (e || strcmp(of, key) != 0);
}

void fetched_look(struct fetched *f, const char *key, uint64_t size_bytes)
{
	struct stat st;
	bool there = !stat(f->path, &st);
	if (is_of_another(f, key) || (there && (uint64_t)st.st_size != size_bytes))
		f->kind = FETCHED_OTHER;
	else
		f->kind = there ? FETCHED_WHOLE : FETCHED_NEW;
}

bool fetched_goes_on(const struct fetched *f)
{
	struct stat st;
	return f->from == 0 || (!stat(f->part, &st) && (uint64_t)st.st_size == f->from);
}

/* What is in it, from the beginning on, at most `left`. */
static enum exit_status hash(int fd, uint64_t left, struct sha256 *sha, const char *path)
{
	sha256_init(sha);
	while (left) {
		ssize_t n = read(fd, scratch, left < sizeof(scratch) ? (size_t)left : sizeof(scratch));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return cant("read", path);
		sha256_update(sha, span_of(scratch, (size_t)n));
		left -= (uint64_t)n;
	}
	return EXIT_DONE;
}

enum exit_status fetched_open(struct fetched *f)
{
	f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return cant("write", f->part);
	enum exit_status s = hash(f->fd, f->from, &f->sha, f->part);
	if (!s && ftruncate(f->fd, (off_t)f->from))
		s = cant("write", f->part);
	return s;
}

enum exit_status fetched_write(struct fetched *f, struct span bytes)
{
	sha256_update(&f->sha, bytes);
	while (bytes.len) {
		ssize_t n = write(f->fd, bytes.p, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cant("write", f->part);
		bytes = span_from(bytes, (size_t)n);
	}
	return EXIT_DONE;
}

enum exit_status fetched_close(struct fetched *f, uint8_t sha[SHA256_BYTES])
{
	sha256_final(&f->sha, sha);
	int failed = fsync(f->fd);
	failed |= close(f->fd);
	f->fd = -1;
	return failed ? cant("write", f->part) : EXIT_DONE;
}

void fetched_abandon(struct fetched *f, bool drop)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (drop)
		unlink(f->part);
}

enum exit_status fetched_rename(struct fetched *f, bool damaged)
{
	char to[FETCHED_PATH_MAX];
	(void)join(to, f->path, "", damaged ? ".damaged" : "");
	return rename(f->part, to) ? cant("rename", f->part) : EXIT_DONE;
}

enum exit_status fetched_hash(const struct fetched *f, uint8_t sha[SHA256_BYTES])
{
	struct stat st;
	struct sha256 state;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		return cant("read", f->path);
	}
	enum exit_status s = hash(fd, (uint64_t)st.st_size, &state, f->path);
	close(fd);
	sha256_final(&state, sha);
	return s;
}

enum exit_status fetched_meta(const struct fetched *f, struct span key, const struct bucket_head *h)
{
	static uint8_t text[METAFILE_MAX_BYTES];
	struct buf b = BUF_OF(text);
	char path[FETCHED_PATH_MAX + 16], temporary[FETCHED_PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s.json", f->path);
	snprintf(temporary, sizeof(temporary), "%s.json.part", f->path);
	if (metafile_put(&b, key, h))
		return say(EXIT_OUTPUT, "can't write %s: the key is no text", path);
	FILE *out = fopen(temporary, "wb");
	if (!out)
		return cant("write", temporary);
	bool failed = fwrite(text, 1, b.len, out) != b.len;
	failed = fclose(out) || failed;
	return failed || rename(temporary, path) ? cant("write", path) : EXIT_DONE;
}
