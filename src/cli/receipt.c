#include "cli/receipt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/pcapout.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

static struct {
	uint32_t count;
	const struct catalog_object *object[CATALOG_MAX];
	char etag[CATALOG_MAX][96]; /* as it was read */
	FILE *out;
	uint8_t piece[65536];
} g;

bool receipt_is_case(const char *id)
{
	size_t len = strlen(id);
	return len && len <= 64 && text_is_unreserved(span_str(id)) && !strchr(id, '~');
}

void receipt_add(const struct sealed *s)
{
	if (g.count == CATALOG_MAX)
		return;
	memcpy(g.etag[g.count], s->head_read.etag, sizeof(g.etag[0]));
	g.object[g.count++] = s->object;
}

/* ---- JSON */

static void put_text(const char *name, struct span s, const char *after)
{
	fprintf(g.out, "\"%s\": \"", name);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			fprintf(g.out, "\\%c", s.p[i]);
		else if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			fprintf(g.out, "\\u%04x", s.p[i]);
		else
			fputc(s.p[i], g.out);
	}
	fprintf(g.out, "\"%s", after);
}

static void put_hash(const char *name, const uint8_t sha256[SHA256_BYTES], const char *after)
{
	uint8_t hex[2 * SHA256_BYTES];
	struct buf b = BUF_OF(hex);
	text_hex(&b, span_of(sha256, SHA256_BYTES));
	put_text(name, buf_span(&b), after);
}

static void put_time(const char *name, uint64_t ns, const char *after)
{
	uint8_t text[40];
	struct buf b = BUF_OF(text);
	if (ns == 0 || ns == UINT64_MAX) {
		fprintf(g.out, "\"%s\": null%s", name, after);
		return;
	}
	time_rfc3339(&b, ns);
	put_text(name, buf_span(&b), after);
}

/* ---- objects */

static bool hash_file(const char *path, uint8_t sha256[SHA256_BYTES])
{
	struct sha256 sha;
	size_t n;
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	sha256_init(&sha);
	while ((n = fread(g.piece, 1, sizeof(g.piece), f)) > 0)
		sha256_update(&sha, span_of(g.piece, n));
	bool good = !ferror(f);
	fclose(f);
	sha256_final(&sha, sha256);
	return good;
}

/* Of a file its hash is made anew; of an object it is the one that its metadata tells, which its
 * signature covers: if it is still the object that was read. */
static void put_object(const struct catalog_object *o, const char *etag, const char *after)
{
	static struct bucket_head head;
	static struct call failed;
	uint8_t sha256[SHA256_BYTES];
	fprintf(g.out, "    {");
	put_text(o->local ? "file" : "key", span_str(o->key), ", ");
	if (o->local) {
		if (hash_file(o->key, sha256))
			put_hash("sha256", sha256, ", ");
	} else if (bucket_head(span_str(o->key), span_str(o->version), &head, &failed)) {
		put_text("version", span_str(o->version), ", ");
		put_text("etag", span_str(etag), ", ");
		put_text("metadata", SPAN("can't be read"), ", ");
	} else if (strcmp(head.etag, etag) != 0) {
		put_text("etag", span_str(etag), ", ");
		put_text("metadata", SPAN("of another object, which has taken its name since"), ", ");
	} else {
		put_text("version", span_str(head.version), ", ");
		put_text("etag", span_str(head.etag), ", ");
		if (head.has_meta)
			put_hash("sha256", head.meta.sha256, ", ");
	}
	fprintf(g.out, "\"bytes\": %llu}%s\n", (unsigned long long)o->size_bytes, after);
}

static void put_caller(void)
{
	const char *arn, *account;
	bool all_local = true;
	for (uint32_t i = 0; i < g.count; i++)
		all_local = all_local && g.object[i]->local;
	if (!all_local && !session_caller(&arn, &account))
		put_text("caller", span_str(arn), ",\n  ");
	else
		fprintf(g.out, "\"caller\": null,\n  ");
}

static void put_all(const struct receipt *r)
{
	uint8_t sha256[SHA256_BYTES];
	fprintf(g.out, "{\n  ");
	put_text("case", span_str(r->case_id), ",\n  ");
	put_time("written", clock_real_ns(), ",\n  ");
	put_text("tool", SPAN("sealtap"), ",\n  ");
	put_text("version", span_str(version_text), ",\n  ");
	put_caller();
	put_time("from", r->window->from_ns, ",\n  ");
	put_time("to", r->window->to_ns, ",\n  ");
	if (r->window->filter)
		put_text("filter", span_str(r->window->filter), ",\n  ");
	fprintf(g.out, "\"redacted\": %s,\n  ", r->redacted ? "\"headers\"" : "null");
	fprintf(g.out, "\"complete\": %s,\n  ", r->complete ? "true" : "false");
	put_text("file", span_str(r->file), ",\n  ");
	put_text("format", span_str(r->format), ",\n  ");
	pcapout_hash(sha256);
	put_hash("sha256", sha256, ",\n  ");
	fprintf(g.out, "\"bytes\": %llu,\n  \"packets\": %llu,\n", (unsigned long long)pcapout_bytes(),
		(unsigned long long)pcapout_packets());
	fprintf(g.out, "  \"objects\": [\n");
	for (uint32_t i = 0; i < g.count; i++)
		put_object(g.object[i], g.etag[i], i + 1 < g.count ? "," : "");
	fprintf(g.out, "  ]\n}\n");
}

enum exit_status receipt_write(const struct receipt *r)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s.receipt.json", r->file);
	g.out = n < (int)sizeof(path) ? fopen(path, "w") : NULL;
	if (!g.out)
		return say(EXIT_OUTPUT, "%s: can't write: %s", path, strerror(errno));
	put_all(r);
	bool failed = ferror(g.out);
	if (fclose(g.out) || failed)
		return say(EXIT_OUTPUT, "%s: can't write: %s", path, strerror(errno));
	return EXIT_DONE;
}
