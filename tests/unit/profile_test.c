#include "aws/profile.h"

#include "aws/words.h"

#include "check.h"

static char memory[512];
static unsigned line;

static const char *get(const char *text, enum profile_kind kind, const char *name, const char *path)
{
	struct buf out = buf_over(memory, sizeof(memory) - 1);
	enum err e = profile_find(span_str(text), kind, span_str(name), path, &out, &line);
	memory[out.len] = 0;
	return e ? err_text(e) : memory;
}

#define IS(text, kind, name, path, want) CHECK(!strcmp(get(text, kind, name, path), want))

static const char config[] = "# mine\n"
			     "[default]\n"
			     "region = eu-west-1\n"
			     "\n"
			     "[profile work]\n"
			     "Region: us-east-1 ; no comment\n"
			     "; a comment\n"
			     "empty =\n"
			     "output=json = yes\n"
			     "credential_process = /bin/a \"b c\"\n"
			     "    --more\n"
			     "  # a comment within\n"
			     "\n"
			     "\t--end\n"
			     "s3 =\n"
			     "  max_concurrent_requests = 2\n"
			     "  endpoint_url = http://one\n"
			     "  endpoint_url = http://two = 2\n"
			     "[profile \"two words\"] # behind it\n"
			     "region=x\n"
			     "[services local]\n"
			     "s3 =\n"
			     "  endpoint_url = http://s\n"
			     "[sso-session corp]\n"
			     "sso_region = y\n"
			     "[plain]\n"
			     "region = z\n";

static void reads_config(void)
{
	IS(config, PROFILE_CONFIG, "default", "region", "eu-west-1");
	IS(config, PROFILE_CONFIG, "work", "region", "us-east-1 ; no comment");
	IS(config, PROFILE_CONFIG, "work", "empty", "");
	IS(config, PROFILE_CONFIG, "work", "OUTPUT", "json = yes");
	IS(config, PROFILE_CONFIG, "work", "credential_process", "/bin/a \"b c\"\n--more\n\n--end");
	IS(config, PROFILE_CONFIG, "work", "s3/endpoint_url", "http://two = 2");
	IS(config, PROFILE_CONFIG, "work", "s3/none", err_text(ERR_NOT_FOUND));
	IS(config, PROFILE_CONFIG, "work", "region/none", err_text(ERR_NOT_FOUND));
	IS(config, PROFILE_CONFIG, "two words", "region", "x");
	IS(config, PROFILE_SERVICES, "local", "s3/endpoint_url", "http://s");
	IS(config, PROFILE_SSO_SESSION, "corp", "sso_region", "y");
	IS(config, PROFILE_CONFIG, "plain", "region", err_text(ERR_NOT_FOUND));
	IS(config, PROFILE_CREDENTIALS, "plain", "region", "z");
	IS(config, PROFILE_CREDENTIALS, "profile work", "empty", "");
	CHECK(profile_find_section(span_str(config), PROFILE_CONFIG, SPAN("work"), &line) == ERR_OK);
	CHECK(profile_find_section(span_str(config), PROFILE_CONFIG, SPAN("local"), &line) == ERR_NOT_FOUND);
}

static void knows_common_values(void)
{
	static const char text[] = "[a]\nx = 1\n[DEFAULT]\nx = 2\ny = 3\n[b]\nz = 4\n";
	IS(text, PROFILE_CREDENTIALS, "a", "x", "1");
	IS(text, PROFILE_CREDENTIALS, "a", "y", "3");
	IS(text, PROFILE_CREDENTIALS, "b", "x", "2");
	IS(text, PROFILE_CREDENTIALS, "c", "x", err_text(ERR_NOT_FOUND));
}

static void the_last_spelling_counts(void)
{
	static const char text[] = "[default]\nx = 1\ny = 1\n[profile default]\nx = 2\n";
	IS(text, PROFILE_CONFIG, "default", "x", "2");
	IS(text, PROFILE_CONFIG, "default", "y", err_text(ERR_NOT_FOUND));
}

static void ends_lines_as_any_system(void)
{
	static const char text[] = "[a]\r\nk = v\r\n  w\r\n[b]\rk = 2\rl = 3";
	IS(text, PROFILE_CREDENTIALS, "a", "k", "v\nw");
	IS(text, PROFILE_CREDENTIALS, "b", "k", "2");
	IS(text, PROFILE_CREDENTIALS, "b", "l", "3");
}

static void names_the_bad_line(void)
{
	static const struct {
		const char *text;
		enum err e;
		unsigned line;
	} bad[] = {
		{"k = v\n[a]\n", ERR_SYNTAX, 1},
		{"[a]\n\nnothing\n", ERR_SYNTAX, 3},
		{"[a]\n= v\n", ERR_SYNTAX, 2},
		{"[]\n", ERR_SYNTAX, 1},
		{"[a]\ns3 =\n  x = 1\n  nothing\n", ERR_SYNTAX, 2},
		{"[a]\nk = 1\nK: 2\n", ERR_DUPLICATE, 3},
		{"[a]\nk = 1\n[b]\n[a]\n", ERR_DUPLICATE, 4},
		{"[a]\nk = \xff\n", ERR_SYNTAX, 1},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = BUF_OF(memory);
		CHECK(profile_find(span_str(bad[i].text), PROFILE_CREDENTIALS, SPAN("a"), "k", &out, &line) ==
		      bad[i].e);
		CHECK(line == bad[i].line);
	}
}

/* Cut anywhere, it is read without a trap, and what is before the cut is as it was. */
static void any_beginning_is_read(void)
{
	struct span whole = span_str(config);
	for (size_t n = 0; n < whole.len; n++) {
		struct buf out = BUF_OF(memory);
		enum err e = profile_find(span_first(whole, n), PROFILE_CONFIG, SPAN("default"), "region",
					  &out, &line);
		CHECK(e == ERR_OK || e == ERR_NOT_FOUND || e == ERR_SYNTAX);
		CHECK(n < 36 || e == ERR_SYNTAX || span_eq(buf_span(&out), SPAN("eu-west-1")));
	}
}

static void splits_words(void)
{
	static const struct {
		const char *line, *words[5];
		enum err end;
	} rows[] = {
		{"  a  b\tc ", {"a", "b", "c"}, ERR_NOT_FOUND},
		{"'a b' \"c d\" e\\ f", {"a b", "c d", "e f"}, ERR_NOT_FOUND},
		{"a'b'\"c\"d '' \"\"", {"abcd", "", ""}, ERR_NOT_FOUND},
		{"\"a\\\"b\\\\c\\d\" 'e\\f' #g $h *", {"a\"b\\c\\d", "e\\f", "#g", "$h", "*"}, ERR_NOT_FOUND},
		{"a 'b", {"a"}, ERR_SYNTAX},
		{"a \"b\\", {"a"}, ERR_SYNTAX},
		{"a b\\", {"a"}, ERR_SYNTAX},
		{"", {NULL}, ERR_NOT_FOUND},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span rest = span_str(rows[i].line);
		for (size_t w = 0; w < 5 && rows[i].words[w]; w++) {
			struct buf word = BUF_OF(memory);
			CHECK(words_next(&rest, &word) == ERR_OK);
			CHECK_SPAN(buf_span(&word), span_str(rows[i].words[w]));
		}
		struct buf word = BUF_OF(memory);
		CHECK(words_next(&rest, &word) == rows[i].end);
	}
}

int main(void)
{
	RUN(reads_config, "profiles, services and values of many lines are read as botocore reads them");
	RUN(knows_common_values, "what stands in [DEFAULT] holds for each section that does not say it");
	RUN(the_last_spelling_counts, "of [default] and [profile default] the last one counts alone");
	RUN(ends_lines_as_any_system, "lines may end as any system ends them");
	RUN(names_the_bad_line, "a line that is no setting, or stands twice, is named");
	RUN(any_beginning_is_read, "a file that breaks off anywhere is read up to there, or refused");
	RUN(splits_words, "words are split as a shell splits them, and nothing is expanded");
	return check_done();
}
