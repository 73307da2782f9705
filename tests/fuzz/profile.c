/* profile: what a walk through the file gives lies in it; a value that is found is found again in a file
 * that says it plainly; words and addresses of services. Input: a kind, then the text. */
#include "aws/profile.h"

#include "aws/url.h"
#include "aws/words.h"
#include "base/text.h"
#include "fuzz.h"

static void walk(struct span in)
{
	struct profile_reader r;
	struct profile_entry e;
	unsigned before = 0;
	profile_begin(&r, in);
	for (;;) {
		enum err error = profile_next(&r, &e);
		MUST(error == ERR_OK || error == ERR_NOT_FOUND || error == ERR_SYNTAX);
		MUST(r.line >= before);
		before = r.line;
		if (error)
			return;
		MUST(fuzz_within(e.section, in) && e.section.len);
		MUST(!e.key.len || (fuzz_within(e.key, in) && fuzz_within(e.value, in)));
	}
}

/* The value once more, in a file of its own: its lines stand further in. */
static void again(struct span value)
{
	char text[600], back[256];
	struct buf file = BUF_OF(text), out = BUF_OF(back);
	unsigned line;
	buf_str(&file, "[profile a]\nk =");
	while (value.len) {
		struct span l = span_cut(&value, '\n');
		buf_str(&file, " ");
		buf_put(&file, l);
		buf_str(&file, "\n");
	}
	if (!file.overflow)
		MUST(profile_find(buf_span(&file), PROFILE_CONFIG, SPAN("a"), "k", &out, &line) != ERR_FULL);
}

static void questions(struct span in)
{
	static const char *const paths[] = {"k", "region", "s3/endpoint_url"};
	char memory[256];
	unsigned line;
	walk(in);
	for (enum profile_kind kind = PROFILE_CREDENTIALS; kind <= PROFILE_SSO_SESSION; kind++) {
		enum err there = profile_find_section(in, kind, SPAN("a"), &line);
		for (size_t i = 0; i < 3; i++) {
			struct buf out = BUF_OF(memory);
			enum err e = profile_find(in, kind, SPAN("a"), paths[i], &out, &line);
			MUST(e || !there);
			MUST(line >= 1);
			if (!e)
				again(buf_span(&out));
		}
	}
}

static void words(struct span in)
{
	char memory[256], quoted[600], back[256];
	for (;;) {
		struct buf word = BUF_OF(memory), q = BUF_OF(quoted), b = BUF_OF(back);
		size_t before = in.len;
		if (words_next(&in, &word))
			return;
		MUST(in.len < before);
		buf_u8(&q, '"');
		for (size_t i = 0; i < word.len; i++) {
			if (word.p[i] == '"' || word.p[i] == '\\')
				buf_u8(&q, '\\');
			buf_u8(&q, word.p[i]);
		}
		buf_u8(&q, '"');
		struct span line = buf_span(&q);
		MUST(words_next(&line, &b) == ERR_OK && span_eq(buf_span(&b), buf_span(&word)) && !line.len);
	}
}

static void url(struct span in)
{
	struct url u;
	if (url_read(in, in.len & 1, &u))
		return;
	MUST_END(u.at.host);
	MUST(u.at.host[0] && u.at.port && fuzz_printable(u.at.host) && text_is_printable(u.path));
	MUST(u.path.len && u.path.p[0] == '/' && (u.path.len == 1 || fuzz_within(u.path, in)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct span) = {questions, words, url};
	struct span in = span_of(data, size);
	kinds[fuzz_byte(&in) % 3](in);
	return 0;
}
