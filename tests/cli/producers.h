/* producers: the streams of an appliance and what stands around them, in one process under one clock: a
 * signing key, data keys from whoever reads standard output, a disk in the place of S3. For make_objects.c.
 */
#ifndef SEALTAP_TESTS_CLI_PRODUCERS_H
#define SEALTAP_TESTS_CLI_PRODUCERS_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/ecdsa.h"
#include "lib/sha.h"
#include "os/chan.h"
#include "os/clock.h"
#include "record/pcapng.h"
#include "role/keys/logstream.h"

#define WORKERS_MAX 4
#define SLOTS 2
#define SLOT_BYTES (68ull * 1024 * 1024)
#define SMALL_SLOT_BYTES (8ull * 1024 * 1024)
#define UP_NS (7 * NS_PER_S) /* from the kernel's start to the program's */
#define FLOWS_STREAM WORKERS_MAX
#define LOG_STREAM (WORKERS_MAX + 1)
#define STREAMS (WORKERS_MAX + 2)

/* One producer: its recorder, and what the world owes it. */
struct stream {
	struct recorder *recorder;
	const char *name;
	uint32_t keyseq;
	bool wants_key, has_sealed;
	struct msg_segment sealed;
	uint64_t packet_id, recorded[2], drops, drops_untold;
};

static uint64_t now_ns, start_ns;
static struct loop loop;
static struct settings settings;
static struct object_identity identity;
static struct ecdsa_key signing_key;
static const char *folder, *key_arn;
static struct stream streams[STREAMS];
static struct logstream journal;
static uint64_t shipped_count, line_count;
static int log_ends[2]; /* what the product logs here comes out of the first */

/* ---- the clock: these stand in front of os/clock's */

uint64_t clock_real_ns(void)
{
	return now_ns;
}

uint64_t clock_mono_ns(void)
{
	return now_ns - start_ns + UP_NS;
}

uint64_t clock_boot_ns(void)
{
	return clock_mono_ns();
}

uint64_t clock_raw_ns(void)
{
	return clock_mono_ns();
}

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "make_objects: %s: %s: %s\n", what, which, errno ? strerror(errno) : "");
	exit(1);
}

/* ---- objects out, keys in */

static void write_file(const char *name, struct span bytes)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			fail("folder", path);
		*slash = '/';
	}
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(bytes.p, 1, bytes.len, f) != bytes.len || fclose(f))
		fail("object", path);
}

static void put_out(const struct object_meta *m)
{
	uint8_t text[256];
	struct buf value = BUF_OF(text);
	const char *name;
	printf("{\"object\": \"%s\", \"stream\": \"%s\", \"seq\": %u, \"meta\": {", m->name, m->stream,
	       m->seq);
	for (unsigned i = 0; object_meta_field(m, i, true, &name, &value); i++) {
		printf("%s\"%s\": \"%.*s\"", i ? ", " : "", name, (int)value.len, (const char *)value.p);
		buf_reset(&value);
	}
	printf("}}\n");
}

/* The stream's next data key, as KMS gives it to whoever reads our output. */
static void give_key(struct stream *s)
{
	static struct msg_key key;
	static char line[9000];
	key = (struct msg_key){.signer = 1, .made_ns = clock_mono_ns(), .keyseq = s->keyseq};
	struct buf aad = BUF_OF(key.aad);
	enum err e = object_context(&identity, s->name, s->keyseq++, &aad);
	ASSERT(!e);
	key.aad_len = (uint32_t)aad.len;
	printf("{\"key\": {");
	size_t at = 2;
	for (unsigned i = load_be16(key.aad) * 2u, odd = 0; i; i--, odd = !odd) {
		uint16_t len = load_be16(key.aad + at);
		printf("\"%.*s\"%s", len, (const char *)key.aad + at + 2, odd ? i > 1 ? ", " : "" : ": ");
		at += 2u + len;
	}
	printf("}}\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		fail("no data key came", s->name);
	line[strcspn(line, "\n")] = '\0';
	struct span blob = span_str(line), text = span_cut(&blob, ' ');
	struct buf data_key = BUF_OF(key.data_key), edk = BUF_OF(key.edk);
	if (text_read_base64(text, &data_key) || text_read_base64(blob, &edk) || data_key.len != 32)
		fail("no data key", line);
	key.edk_len = (uint32_t)edk.len;
	key.provider_info_len = (uint32_t)strlen(key_arn);
	memcpy(key.provider_info, key_arn, key.provider_info_len);
	recorder_key(s->recorder, &key);
}

static void sign_it(struct object_meta *m)
{
	uint8_t text[2048], hash[SHA256_BYTES];
	struct buf b = BUF_OF(text);
	struct sha256 sha;
	size_t len;
	enum err e = object_signed_text(m, &b);
	ASSERT(!e);
	sha256_init(&sha);
	sha256_update(&sha, buf_span(&b));
	sha256_final(&sha, hash);
	ecdsa_sign(&signing_key, hash, m->sig, &len);
	m->sig_len = (uint32_t)len;
}

static void want_key(void *arg, bool any)
{
	(void)any;
	((struct stream *)arg)->wants_key = true;
}

static void sign(void *arg, const struct object_meta *meta)
{
	struct stream *s = arg;
	struct object_meta m = *meta;
	sign_it(&m);
	recorder_signed(s->recorder, &m);
}

static void sealed(void *arg, const struct msg_segment *segment)
{
	struct stream *s = arg;
	ASSERT(!s->has_sealed);
	s->sealed = *segment;
	s->has_sealed = true;
}

static void nothing(void *arg)
{
	(void)arg;
}

/* What keys and upload do for a stream: true: it was something. */
static bool serve(struct stream *s)
{
	struct commit c;
	if (s->wants_key) {
		s->wants_key = false;
		give_key(s);
		return true;
	}
	if (!s->has_sealed)
		return false;
	s->has_sealed = false;
	const uint8_t *slot = pool_slot(&s->recorder->slots.pool, s->sealed.index);
	enum err e = commit_read(slot, &c);
	ASSERT(!e && c.state == COMMIT_SEALED);
	write_file(c.meta.name, span_of(slot + COMMIT_DATA_OFFSET, c.meta.size_bytes));
	put_out(&c.meta);
	struct msg_shipped told = {++shipped_count, c.meta};
	if (s->recorder == &journal.recorder)
		logstream_free(&journal, &s->sealed);
	else
		recorder_free(s->recorder, &s->sealed);
	logstream_shipped(&journal, &told);
	return true;
}

static void serve_all(void)
{
	bool busy = true;
	while (busy) {
		busy = false;
		for (unsigned i = 0; i < STREAMS; i++)
			busy |= streams[i].recorder && serve(&streams[i]);
	}
}

/* Time passes: timers fire at their own. */
static void until(uint64_t then_ns)
{
	while (loop.timers && loop.timers->at_ns <= then_ns - start_ns + UP_NS) {
		uint64_t at_ns = loop.timers->at_ns + start_ns - UP_NS;
		now_ns = at_ns > now_ns ? at_ns : now_ns;
		loop_turn(&loop, 0);
		serve_all();
	}
	now_ns = then_ns;
}

/* ---- log lines */

/* What the product's own code logged here. */
static void take_log(void)
{
	static struct chan_msg m;
	while (!chan_recv(log_ends[0], &m)) {
		struct msg_log log = {.number = ++line_count};
		ASSERT(m.len == sizeof(log.line));
		memcpy(&log.line, m.payload, sizeof(log.line));
		logstream_line(&journal, &log);
	}
}

static __attribute__((format(printf, 1, 2))) void say_line(const char *format, ...)
{
	static struct msg_log log;
	va_list args;
	va_start(args, format);
	log = (struct msg_log){.number = ++line_count, .line.real_ns = now_ns};
	vsnprintf(log.line.line, sizeof(log.line.line), format, args);
	va_end(args);
	logstream_line(&journal, &log);
	serve_all();
}

#endif
