/* vec_esdk FILE-OR-DIR: runs known answers of the AWS Encryption SDK, laid out in one of two ways:
 *
 *   {"tests": [{ciphertext, decrypted-dek, status, exception, plaintext-frames, and the parts of the
 * message}]}
 *   {"decryption-scenario": {ciphertext, result, decryptKeyDescription}}, the message, plaintext and
 * NAME.key.json (a raw AES key) beside it
 *
 * A directory is searched for *.json, its own directories, too. Each message is opened whole, byte by byte
 * and in parts. A line a case; exit status 1 when one fails or there is none, 2 when the path can't be read.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "esdk_open.h"
#include "json_pull.h"
#include "record/esdk_raw_aes.h"

#define FILE_MAX_BYTES (16u * 1024 * 1024)
#define MESSAGE_MAX_BYTES (8u * 1024 * 1024)

static unsigned passed, failed;
static uint8_t json_bytes[FILE_MAX_BYTES], other_bytes[65536], message_bytes[MESSAGE_MAX_BYTES],
	want_bytes[MESSAGE_MAX_BYTES], part_bytes[MESSAGE_MAX_BYTES], got_bytes[MESSAGE_MAX_BYTES],
	frame_bytes[MESSAGE_MAX_BYTES];
static struct esdk_reader reader;

/* Why the case under way failed; empty: it did not. */
static char why[256];

static void fail(const char *what)
{
	if (!why[0])
		snprintf(why, sizeof(why), "%s", what);
}

static void report(const char *file, const char *name)
{
	if (why[0])
		printf("not ok %s: %s: %s\n", file, name, why);
	else
		printf("ok %s: %s\n", file, name);
	*(why[0] ? &failed : &passed) += 1;
	why[0] = '\0';
}

static bool read_file(const char *path, uint8_t *to, size_t cap, struct span *out)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	size_t n = fread(to, 1, cap, f);
	bool whole = !ferror(f) && n < cap;
	fclose(f);
	*out = span_of(to, n);
	return whole;
}

/* ---- opening */

/* The data key: given, or wrapped in the header by a raw AES key. */
struct opener {
	struct span data_key, wrapping_key; /* one is empty */
};

static enum err give_key(struct esdk_reader *r, const void *arg)
{
	const struct opener *o = arg;
	uint8_t data_key[ESDK_KEY_BYTES];
	struct esdk_edk edk;
	size_t at = 0;
	if (o->data_key.len)
		return esdk_read_key(r, o->data_key.p);
	while (!esdk_header_edk(r->header.edks, &at, &edk))
		if (!esdk_raw_aes_unwrap(&edk, o->wrapping_key, r->header.aad, data_key))
			return esdk_read_key(r, data_key);
	return ERR_NOT_FOUND;
}

static enum err open_every_way(const struct opener *o, struct span message, struct buf *out)
{
	static const size_t parts[] = {1, 7, 4099, SIZE_MAX};
	enum err first = ERR_OK;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
		buf_reset(out);
		enum err e = esdk_open(&reader, message, parts[i], give_key, o, out);
		if (i == 0)
			first = e;
		else if (e != first)
			fail("whole and in parts it opens differently");
	}
	return first;
}

/* ---- first layout: fields in base64 */

/* A string's token, unescaped, then decoded; an official case has a blank before its base64. */
static enum err decode(struct span token, struct buf *out)
{
	struct buf text = buf_over(part_bytes, sizeof(part_bytes));
	TRY(pull_unescape(token, &text));
	return text_read_base64(span_trim(buf_span(&text)), out);
}

static bool field(struct span json, const char *name, uint8_t *to, size_t cap, struct span *out)
{
	struct buf bytes = buf_over(to, cap);
	enum pull_event event;
	struct span token;
	enum err e = pull_find(json, name, &event, &token);
	if (e == ERR_MISSING)
		return false;
	if (e || event != PULL_STRING || decode(token, &bytes))
		fail(name);
	*out = buf_span(&bytes);
	return why[0] == '\0';
}

static void check_field(struct span json, const char *name, struct span got)
{
	uint8_t bytes[256];
	struct span want;
	if (field(json, name, bytes, sizeof(bytes), &want) && !span_eq(got, want))
		fail(name);
}

/* The strings of an array, decoded when `base64`, one after the other; false: no such array, or an empty one.
 */
static bool join(struct span json, const char *name, bool base64, struct buf *out)
{
	enum pull_event event;
	struct span token;
	struct pull_reader r;
	bool any = false;
	pull_begin(&r, json);
	while (!pull_next(&r, &event) && event != PULL_END) {
		token = r.token;
		if (event != PULL_KEY || r.depth != 1 || !span_eq(token, span_str(name)))
			continue;
		if (pull_next(&r, &event) || event != PULL_ARRAY)
			return false;
		while (!pull_next(&r, &event) && event == PULL_STRING) {
			any = true;
			if (base64 ? decode(r.token, out) : pull_unescape(r.token, out))
				fail(name);
		}
		return any;
	}
	return false;
}

static void check_context(struct span json)
{
	struct pull_reader r;
	enum pull_event event;
	size_t at = 0, want = 0, got = 0;
	struct span key, value, token;
	while (!esdk_header_context(reader.header.aad, &at, &key, &value)) {
		char path[512];
		snprintf(path, sizeof(path), "encryption-context/%.*s", (int)key.len, (const char *)key.p);
		struct buf text = buf_over(part_bytes, sizeof(part_bytes));
		if (pull_find_string(json, path, &text) || !span_eq(buf_span(&text), value))
			fail("encryption-context");
		got++;
	}
	if (pull_find(json, "encryption-context", &event, &token))
		return;
	pull_begin(&r, json);
	bool inside = false;
	while (!pull_next(&r, &event) && event != PULL_END) {
		if (event == PULL_KEY && r.depth == 1)
			inside = span_eq(r.token, SPAN("encryption-context"));
		else if (event == PULL_KEY && inside)
			want++;
	}
	if (want != got)
		fail("encryption-context has other pairs");
}

/* header | frames | footer is the message. */
static void check_parts(struct span json, struct span message)
{
	struct buf joined = buf_over(want_bytes, sizeof(want_bytes));
	struct span part;
	if (!field(json, "header", other_bytes, sizeof(other_bytes), &part))
		return;
	buf_put(&joined, part);
	if (part.len != reader.header.body_bytes + AEAD_TAG_BYTES || !span_starts(message, part))
		fail("header");
	if (!join(json, "frames", true, &joined))
		return;
	if (field(json, "footer", other_bytes, sizeof(other_bytes), &part))
		buf_put(&joined, part);
	if (!span_eq(buf_span(&joined), message))
		fail("frames");
}

static void check_opened(struct span json, struct span message, struct span plain)
{
	struct buf want = buf_over(want_bytes, sizeof(want_bytes));
	join(json, "plaintext-frames", false, &want);
	if (!span_eq(plain, buf_span(&want)))
		fail("plaintext-frames");
	check_context(json);
	check_parts(json, message);
}

/* What went wrong must be what the case says, where it says so in our words. */
static void check_refused(struct span json, enum err e)
{
	struct buf text = buf_over(part_bytes, sizeof(part_bytes));
	if (!e)
		fail("it opened, but must not");
	else if (pull_find_string(json, "exception", &text))
		return;
	if (span_eq(buf_span(&text), SPAN("EXCEPTION: Invalid commitment")) && e != ERR_COMMITMENT)
		fail(err_text(e));
	for (enum err other = ERR_OK; other < ERR_COUNT; other++)
		if (span_ends(buf_span(&text), span_str(err_text(other))) && e != other)
			fail(err_text(e));
}

static void run_answer(const char *file, struct span json)
{
	uint8_t key[64], name[256];
	struct span message, data_key, token;
	struct esdk_derived derived;
	struct buf plain = buf_over(got_bytes, sizeof(got_bytes)), title = buf_over(name, sizeof(name) - 1);
	enum pull_event event;
	if (pull_find_string(json, "comment", &title))
		buf_str(&title, "(no comment)");
	name[title.len] = '\0';
	if (!field(json, "ciphertext", message_bytes, sizeof(message_bytes), &message) ||
	    !field(json, "decrypted-dek", key, sizeof(key), &data_key) || data_key.len != ESDK_KEY_BYTES ||
	    pull_find(json, "status", &event, &token)) {
		fail("the case lacks ciphertext, decrypted-dek or status");
		report(file, (char *)name);
		return;
	}
	struct opener o = {.data_key = data_key};
	enum err e = open_every_way(&o, message, &plain);
	if (event == PULL_FALSE)
		check_refused(json, e);
	else if (e)
		fail(err_text(e));
	else
		check_opened(json, message, buf_span(&plain));
	check_field(json, "message-id", span_of(reader.header.id, ESDK_ID_BYTES));
	if (event != PULL_FALSE) {
		check_field(json, "commitment", span_of(reader.header.commitment, ESDK_COMMITMENT_BYTES));
		esdk_derive(reader.header.suite, data_key.p, reader.header.id, &derived);
		check_field(json, "commitment", span_of(derived.commitment, ESDK_COMMITMENT_BYTES));
		check_field(json, "content-encryption-key", span_of(derived.content_key, ESDK_KEY_BYTES));
	}
	report(file, (char *)name);
}

/* Every object in the array "tests" is a case. */
static void run_answers(const char *file, struct span json)
{
	struct pull_reader r;
	enum pull_event event;
	size_t start = 0;
	bool inside = false;
	pull_begin(&r, json);
	while (!pull_next(&r, &event) && event != PULL_END) {
		if (event == PULL_KEY && r.depth == 1)
			inside = span_eq(r.token, SPAN("tests"));
		if (inside && event == PULL_OBJECT && r.depth == 3)
			start = r.at - 1;
		if (inside && event == PULL_OBJECT_END && r.depth == 2)
			run_answer(file, span_first(span_from(json, start), r.at - start));
	}
}

/* ---- second layout: files */

/* DIR/<name's last part><suffix>. */
static bool read_beside(const char *file, const char *name, const char *suffix, uint8_t *to, size_t cap,
			struct span *out)
{
	char path[4096];
	const char *slash = strrchr(file, '/'), *last = strrchr(name, '/');
	snprintf(path, sizeof(path), "%.*s%s%s", slash ? (int)(slash - file + 1) : 0, file,
		 last ? last + 1 : name, suffix);
	return read_file(path, to, cap, out);
}

static bool read_scenario(const char *file, struct span json, struct span *message, struct span *want,
			  struct buf *key)
{
	char name[512];
	uint8_t base64[128];
	struct buf text = BUF_OF(base64);
	struct span key_json;
	if (pull_find_text(json, "decryption-scenario/ciphertext", name, sizeof(name)) ||
	    !read_beside(file, name, "", message_bytes, sizeof(message_bytes), message))
		return false;
	if (pull_find_text(json, "decryption-scenario/result", name, sizeof(name)) ||
	    !(read_beside(file, name, ".plaintext", want_bytes, sizeof(want_bytes), want) ||
	      read_beside(file, name, "", want_bytes, sizeof(want_bytes), want)))
		return false;
	if (pull_find_text(json, "decryption-scenario/decryptKeyDescription/key", name, sizeof(name)) ||
	    !read_beside(file, name, ".key.json", other_bytes, sizeof(other_bytes), &key_json))
		return false;
	return !pull_find_string(key_json, "material", &text) && !text_read_base64(buf_span(&text), key);
}

static void run_scenario(const char *file, struct span json)
{
	char name[512] = "(no description)";
	uint8_t key[64];
	struct buf wrapping = BUF_OF(key), plain = buf_over(got_bytes, sizeof(got_bytes));
	struct span message, want;
	if (pull_find_text(json, "decryption-scenario/description", name, sizeof(name)))
		fail("it has no description");
	if (!read_scenario(file, json, &message, &want, &wrapping)) {
		fail("the message, its plaintext or its key is not there");
	} else {
		struct opener o = {.wrapping_key = buf_span(&wrapping)};
		enum err e = open_every_way(&o, message, &plain);
		if (e)
			fail(err_text(e));
		else if (!span_eq(buf_span(&plain), want))
			fail("it opens to another plaintext");
	}
	report(file, name);
}

/* ---- files and directories */

static void run_file(const char *path)
{
	struct span json, token;
	enum pull_event event;
	if (!read_file(path, json_bytes, sizeof(json_bytes), &json))
		fail("can't be read");
	else if (!pull_find(json, "tests", &event, &token) && event == PULL_ARRAY)
		run_answers(path, json);
	else if (!pull_find(json, "decryption-scenario", &event, &token))
		run_scenario(path, json);
	else
		fail("is not laid out as a case");
	if (why[0])
		report(path, "the file");
}

static bool run_path(const char *path, bool searched);

static bool run_directory(const char *path)
{
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		return false;
	for (int i = 0; i < count; i++) {
		char below[4096];
		snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run_path(below, true);
		free(names[i]);
	}
	free(names);
	return true;
}

/* searched: found in a directory, where other files stand, too. */
static bool run_path(const char *path, bool searched)
{
	struct stat st;
	struct span name = span_str(path);
	if (stat(path, &st))
		return false;
	if (S_ISDIR(st.st_mode))
		return run_directory(path);
	if (!searched || (span_ends(name, SPAN(".json")) && !span_ends(name, SPAN(".key.json"))))
		run_file(path);
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: vec_esdk FILE-OR-DIR\n");
		return 2;
	}
	if (!run_path(argv[1], false)) {
		fprintf(stderr, "vec_esdk: can't read %s\n", argv[1]);
		return 2;
	}
	printf("# %u passed, %u failed\n", passed, failed);
	return failed || !passed;
}
